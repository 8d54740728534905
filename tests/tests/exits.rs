//! The ends of a process: its status is that of the same program without the instrument, the report
//! is written once wherever code can run, and the segment holds every call also where none can.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use tests::{Program, calls, kill, row};

const ENDINGS: &str = env!("CARGO_BIN_EXE_endings");
const PLAIN: &str = env!("CARGO_BIN_EXE_endings_plain");

/// Whether code can run at the end of the scene.
const SCENES: [(&str, bool); 16] = [
    ("return", true),
    ("output", true),
    ("exit", true),
    ("exit_in_thread", true),
    ("panic", true),
    ("caught_panic", true),
    ("detached", true),
    ("double_panic", true),
    ("panic_in_extern", true),
    ("atexit", true),
    ("abort", false),
    ("_exit", false),
    ("kill", false),
    ("terminate", false),
    ("overflow", false),
    ("exec", false),
];

#[test]
fn the_status_and_the_output_are_those_of_the_plain_program() {
    for (scene, _) in SCENES {
        let plain = Program::new(PLAIN, scene).run();
        let ours = Program::new(ENDINGS, scene).run();
        assert_eq!(ours.status(), plain.status(), "{scene}: {}", ours.stderr());
        assert_eq!(ours.output.stdout, plain.output.stdout, "{scene}");
    }
}

#[test]
fn one_report_is_written_wherever_code_can_run_and_its_calls_are_exact() {
    for (scene, reports) in SCENES {
        let run = Program::new(ENDINGS, scene).run();
        assert_eq!(run.reports.len(), usize::from(reports), "{scene}: {}", run.stderr());
        for report in &run.reports {
            assert_eq!(calls(report, "work"), 20, "{scene}");
        }
    }
}

#[test]
fn the_segment_holds_every_call_however_the_process_ends() {
    for (scene, _) in SCENES {
        let segment = Program::new(ENDINGS, scene).recording_into_files().run().segment();
        assert_eq!(calls(&segment, "work"), 20, "{scene}");
    }
}

#[test]
fn panics_are_counted_where_they_unwind_and_open_where_they_abort() {
    let counts = |scene: &str, function: &str| {
        let run = Program::new(ENDINGS, scene).run();
        let row = row(run.report(), function);
        (row.open, row.panicked)
    };
    assert_eq!(counts("panic", "fails"), (0, 1));
    assert_eq!(counts("caught_panic", "fails"), (0, 1));
    // Both have unwound, the second as far as the destructor that it began in. A call that begins
    // while a thread unwinds is never counted as panicked, since the standard library does not
    // report it.
    assert_eq!(counts("double_panic", "fails"), (0, 1));
    // This one unwinds as far as its own boundary.
    assert_eq!(counts("panic_in_extern", "must_not_unwind"), (0, 1));
}

#[test]
fn calls_in_atexit_handlers_are_in_the_segment_and_those_before_the_report_in_it() {
    let run = Program::new(ENDINGS, "atexit").recording_into_files().run().successful();
    assert_eq!(calls(run.report(), "late"), 1);
    assert_eq!(calls(&run.segment(), "late"), 2);
}

#[test]
fn what_detached_threads_did_before_main_returned_is_reported() {
    for _ in 0..20 {
        let run = Program::new(ENDINGS, "detached").run().successful();
        assert!(calls(run.report(), "background") >= 4);
    }
}

#[test]
fn eight_threads_that_exit_at_once_give_one_report_and_one_of_their_statuses() {
    for _ in 0..40 {
        let run = Program::new(ENDINGS, "exit_race").run();
        let code = run.status().code();
        assert!(code.is_some_and(|code| code < 8), "{:?}: {}", run.status(), run.stderr());
        assert_eq!(calls(run.report(), "work"), 20);
    }
}

#[test]
fn a_stack_overflow_leaves_the_calls_that_were_open() {
    let run = Program::new(ENDINGS, "overflow").recording_into_files().run();
    assert_eq!(run.status().signal(), Some(libc::SIGABRT), "{}", run.stderr());
    let segment = run.segment();
    let sink = row(&segment, "sink");
    assert_eq!(sink.calls, sink.open);
    assert!(sink.calls > 1000, "{}", sink.calls);
}

/// The last clock anchor is older than these calls.
#[test]
fn a_call_that_was_open_took_as_long_as_the_calls_that_it_made() {
    let program = Program::new(ENDINGS, "working").recording_into_files();
    let segment = program.env("PROFILE_OVERHEAD", "exact").run().segment();
    let (works, step) = (row(&segment, "works"), row(&segment, "step"));
    assert_eq!((works.open, works.inclusive_ns), (1, 10_000));
    assert_eq!((step.calls, step.inclusive_ns, step.mean_ns), (10, 10_000, Some(1000.0)));
}

/// The child is killed at a random point, but independent of the clock: after a number of words in
/// the pipe.
#[test]
fn a_killed_process_has_lost_nothing_that_it_announced() {
    for turn in 0_u64..100 {
        let batch = if turn % 2 == 0 { 1 } else { 1000 };
        let words = turn * turn % 97;
        let (announced, segment) = killed_after(words, batch);
        let work = calls(&segment, "work");
        let most = announced + batch;
        assert!((announced..=most).contains(&work), "{work} calls, {announced} announced");
        // The last call of `outer` may have been open before it called `work`.
        let outer = calls(&segment, "outer") + 20;
        assert!(outer == work || outer == work + 1, "{outer} around {work}");
    }
}

#[test]
fn the_curve_of_a_killed_process_is_in_its_segment() {
    let program = Program::new(ENDINGS, "announce").arg(1000).recording_into_files();
    let program = program.env("PROFILE_RSS_INTERVAL", "200us").stdout(Stdio::piped());
    let mut running = program.start();
    let mut pipe = running.child.stdout.take().expect("the child's standard output");
    let curve = |folder: &std::path::Path| {
        let entries = std::fs::read_dir(folder).expect("read the folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let mut paths = paths;
        let file = paths.find(|path| path.extension().is_some_and(|it| it == "segment"));
        let segment = profile_core::read_segment(file.expect("a segment")).expect("it is read");
        segment.memory.first().cloned().expect("a window")
    };
    // It also exists while the process runs.
    let mut words = [0; 8 << 10];
    loop {
        pipe.read_exact(&mut words).expect("announcements");
        if curve(running.folder()).readings_taken >= 5 {
            break;
        }
    }
    kill(running.child.id(), libc::SIGKILL);
    drop(pipe);
    let run = running.wait();
    let memory = curve(run.folder.path());
    assert_eq!((&*memory.path, &*memory.backend), ("<process>", "rss"));
    assert!(memory.open && memory.peak_bytes > 0 && memory.readings.len() >= 5, "{memory:?}");
}

/// Kills a child after this many announcements, and returns the last one.
fn killed_after(words: u64, batch: u64) -> (u64, profile_core::Snapshot) {
    let program = Program::new(ENDINGS, "announce").arg(batch).recording_into_files();
    let mut running = program.stdout(Stdio::piped()).start();
    let mut pipe = running.child.stdout.take().expect("the child's standard output");
    let mut word = [0; 8];
    for _ in 0..=words {
        pipe.read_exact(&mut word).expect("an announcement");
    }
    kill(running.child.id(), libc::SIGKILL);
    let mut rest = Vec::new();
    pipe.read_to_end(&mut rest).expect("the last announcements");
    let last = rest.chunks_exact(8).last().map_or(word, |last| last.try_into().expect("8 bytes"));
    (u64::from_le_bytes(last), running.wait().segment())
}

#[test]
fn a_process_killed_while_it_starts_leaves_no_file_that_breaks_the_reader() {
    for _ in 0..100 {
        let program = Program::new(ENDINGS, "announce").arg(1).recording_into_files();
        let running = program.stdout(Stdio::null()).start();
        kill(running.child.id(), libc::SIGKILL);
        let run = running.wait();
        for file in run.folder.segment_files() {
            // An incomplete file is rejected; a complete one is read.
            let _ = profile_core::read_segment(file);
        }
    }
}
