//! Worker processes, with real processes: results, errors, kills, and how everything ends.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tests::{Program, calls};

fn workers(scene: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_workers"), scene)
}

fn does(scene: &str) {
    let run = workers(scene).run().successful();
    assert!(run.stdout().ends_with("done\n"), "{} {}", run.stdout(), run.stderr());
}

#[test]
fn results_are_those_of_the_function_in_the_order_of_the_inputs() {
    does("results");
}

#[test]
fn a_panic_or_a_crash_fails_one_item_and_the_others_have_results() {
    does("errors");
}

#[test]
fn values_larger_than_every_buffer_pass_in_both_directions() {
    does("large");
}

#[test]
fn inputs_are_taken_while_results_are() {
    does("few_in_flight");
}

#[test]
fn a_closed_pool_finishes_its_work_and_its_processes_end() {
    does("closing");
}

#[test]
fn a_terminated_pool_kills_its_processes_and_fails_their_calls() {
    does("terminating");
}

#[test]
fn a_child_has_a_name_and_no_input_and_may_have_a_pool_of_its_own() {
    does("child");
}

#[test]
fn tasks_run_with_the_stack_that_was_asked_for() {
    does("stack");
}

#[test]
fn exit_codes_are_those_that_python_gives() {
    does("exit_codes");
}

#[test]
fn a_process_talks_through_a_queue_and_a_pipe() {
    does("messages");
}

#[test]
fn no_message_of_a_queue_is_lost_doubled_or_torn() {
    does("many_messages");
}

#[test]
fn the_processes_of_a_pool_share_numbers_and_queues() {
    does("shared_numbers");
}

#[test]
fn a_process_killed_while_idle_fails_no_call() {
    does("killed_while_idle");
}

#[test]
fn each_process_records_and_reports_its_own_calls() {
    let run = workers("recorded").run().successful();
    // The parent's own report has no such call.
    assert_eq!(run.reports.iter().map(|it| calls(it, "measured")).sum::<u64>(), 100);
    assert_eq!(run.reports.len(), 3);
}

#[test]
fn a_program_that_does_not_call_init_gets_an_error() {
    let run = workers("without_init").run().successful();
    assert_eq!(run.stdout(), "child: 3\n");
    let run = workers("hangs_before_init").run().successful();
    let said = "the worker process did not reach `workers::init` in 200ms; \
                call `profile_core::workers::init()` first in `main`\n";
    assert_eq!(run.stdout(), said);
}

/// Whether the process exists and is not only waiting for its status to be asked for.
fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

#[test]
fn the_processes_of_a_killed_parent_end_though_they_are_working() {
    let mut running = workers("orphans").stdout(Stdio::piped()).start();
    let mut line = String::new();
    let stdout = running.child.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let pids: Vec<u32> = serde_json::from_str(&line).expect("a list of numbers");
    assert!(pids.len() == 2 && pids.iter().all(|&pid| is_alive(pid)), "{line}");
    running.child.kill().expect("killed");
    running.wait();
    let start = Instant::now();
    while pids.iter().any(|&pid| is_alive(pid)) {
        assert!(start.elapsed() < Duration::from_secs(100), "{pids:?} are alive");
        std::thread::yield_now();
    }
}

/// Every item has one outcome: its own result, or that its process was killed. No function was
/// called twice, those with a result once.
#[test]
fn killing_a_process_every_100_ms_loses_and_doubles_no_item() {
    let folder = tests::Folder::new();
    let notes = folder.join("notes");
    let run = workers("killed").arg(notes.display()).run().successful();
    let stdout = run.stdout();
    let notes = std::fs::read_to_string(notes).expect("the notes");
    let mut called: BTreeMap<&str, u32> = BTreeMap::new();
    for number in notes.lines() {
        *called.entry(number).or_default() += 1;
    }
    let of = |kind: &'static str| {
        stdout.lines().filter_map(move |line| line.strip_prefix(kind)?.strip_prefix(' '))
    };
    assert_eq!(of("wrong").next(), None);
    assert!(called.values().all(|&calls| calls == 1), "called twice");
    assert!(of("returned").all(|number| called.contains_key(number)), "not called");
    let crashed: Vec<&str> = of("crashed").collect();
    assert!(of("kills").eq(["1 12", "50 12", "1000 12"]) && crashed.len() <= 36, "{crashed:?}");
    // A process may be killed between the beginning of an item and its note.
    let noted = crashed.iter().filter(|number| called.contains_key(*number)).count();
    assert_eq!(called.len(), of("returned").count() + noted);
    assert!(of("returned").count() > 1_000);
}
