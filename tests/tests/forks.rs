//! A child of `fork` begins empty and has its own segment, the parent's figures stay the parent's,
//! and neither hangs.

use profile_core::Snapshot;
use tests::{Program, Run, calls, row};

fn forks(scene: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_forks"), scene)
}

/// Calls of `work` in each report, in the order in which the processes ended.
fn work(snapshots: &[Snapshot]) -> Vec<u64> {
    snapshots.iter().map(|snapshot| calls(snapshot, "work")).collect()
}

fn ended_well(run: Run) -> Run {
    assert!(run.status().success(), "{} {} {}", run.status(), run.stdout(), run.stderr());
    run
}

#[test]
fn a_child_reports_its_own_calls_and_the_parent_all_of_its() {
    let run = ended_well(forks("two").recording_into_files().run());
    assert_eq!(work(&run.reports), [3, 7]);
    let [child, parent] = &run.reports[..] else { panic!("two reports") };
    assert_ne!(child.process.process_id, parent.process.process_id);
    let mut segments = work(&run.folder.segments());
    segments.sort_unstable();
    assert_eq!(segments, [3, 7]);
}

#[test]
fn a_child_that_calls_nothing_says_nothing() {
    let run = ended_well(forks("silent").run());
    assert_eq!(work(&run.reports), [5]);
}

#[test]
fn a_call_in_which_the_process_forks_belongs_to_the_parent() {
    let run = ended_well(forks("inside_a_call").run());
    assert_eq!(work(&run.reports), [3, 3]);
    assert_eq!(calls(&run.reports[0], "split"), 0);
    assert_eq!(row(&run.reports[1], "split").open, 0);
}

#[test]
fn a_poll_in_which_the_process_forks_belongs_to_the_parent() {
    let run = ended_well(forks("inside_a_poll").run());
    assert_eq!(work(&run.reports), [3, 3]);
    assert_eq!(calls(&run.reports[1], "split_in_a_poll"), 1);
}

#[test]
fn a_call_in_which_the_process_forks_is_left_alone_under_every_clock_and_budget() {
    for (name, value) in [("PROFILE_CLOCK", "monotonic"), ("PROFILE_OVERHEAD", "1/4")] {
        let run = ended_well(forks("inside_a_call").env(name, value).run());
        assert_eq!(work(&run.reports), [3, 3], "{name}={value}");
    }
}

#[test]
fn no_child_of_a_program_with_eight_threads_hangs_and_each_has_its_own_file() {
    let program = forks("storm").env("PROFILE_REPORT", "json:/dev/null").recording_into_files();
    let mut work = work(&ended_well(program.run()).folder.segments());
    work.sort_unstable();
    let (parent, children) = work.split_last().expect("segments");
    assert_eq!(*parent, 200);
    assert_eq!(children, [10; 200]);
}

#[test]
fn no_child_hangs_though_other_threads_were_capturing_when_the_process_forked() {
    ended_well(forks("storm_of_captures").env("PROFILE_REPORT", "json:/dev/null").run());
}

#[test]
fn calls_between_fork_and_exec_are_the_childs() {
    let run = ended_well(forks("before_exec").recording_into_files().run());
    assert_eq!(work(&run.reports), [100]);
    let mut work = work(&run.folder.segments());
    work.sort_unstable();
    let (parent, children) = work.split_last().expect("segments");
    assert_eq!(*parent, 100);
    assert_eq!(children, [2; 100]);
}
