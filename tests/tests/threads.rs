//! Many threads, their starts and ends, and their memory.

use tests::{Program, calls, row};

fn threads(scene: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_threads"), scene)
}

#[test]
fn no_call_of_sixty_four_detached_threads_is_lost() {
    for _ in 0..20 {
        let run = threads("detached").run().successful();
        let (reported, announced) = (calls(run.report(), "work"), run.figure("announced"));
        assert!(reported >= announced.cast_unsigned(), "{reported} of {announced}");
        // And that of `main`, in which a function was called before `main` began.
        assert_eq!(run.report().process.threads, 65);
    }
}

#[test]
fn a_hundred_thousand_short_threads_leave_exact_counts_and_no_memory_behind() {
    let run = threads("short").run().successful();
    assert_eq!(calls(run.report(), "work"), 100_000);
    let growth = run.figure("growth");
    println!("99,000 short threads: {} KiB", growth >> 10);
    assert!(growth < 4 << 20, "{growth} bytes");
}

#[test]
fn calls_from_destructors_of_thread_locals_are_counted() {
    let run = threads("destructors").run().successful();
    assert_eq!(calls(run.report(), "work"), 20 * 4 + 1);
    assert_eq!(row(run.report(), "work").open, 0);
}

#[test]
fn calls_before_main_are_counted() {
    let run = threads("before_main").recording_into_files().run().successful();
    assert_eq!(calls(run.report(), "early"), 3);
    assert_eq!(calls(&run.segment(), "work"), 1);
}

#[test]
fn a_thread_with_the_smallest_stack_can_record() {
    let run = threads("small_stack").run().successful();
    assert_eq!(calls(run.report(), "work"), 1);
}

#[test]
fn a_recursion_of_a_hundred_thousand_calls_is_counted_once() {
    let run = threads("deep").run().successful();
    let row = row(run.report(), "descend");
    assert_eq!((row.calls, row.open), (100_000, 0));
    let duration = run.report().process.duration_ns;
    assert!(row.inclusive_ns <= duration, "{} of {duration} ns", row.inclusive_ns);
    let mut paths: Vec<u64> = run.report().call_tree.iter().map(|node| node.calls).collect();
    paths.sort_unstable();
    // Before main, `early` was called three times.
    assert_eq!(paths, [3, 100_000]);
}

#[test]
fn a_million_call_paths_are_capped_and_the_report_says_so() {
    let file = tests::Folder::new();
    let report = file.join("report.json");
    let run = threads("paths").env("PROFILE_REPORT", format!("json:{}", report.display()));
    let run = run.run().successful();
    let text = std::fs::read(&report).expect("the report");
    let report: profile_core::Snapshot = serde_json::from_slice(&text).expect("a report in JSON");
    let total: u64 = report.functions.iter().map(|function| function.calls).sum();
    assert_eq!(total, run.figure("leaves").cast_unsigned() * 5 + 3);
    assert!(report.overhead.capped_paths);
    let capped = report.warnings.iter().find(|warning| warning.category == "DataLossWarning");
    assert!(capped.is_some_and(|it| it.message.contains("paths")), "{:?}", report.warnings);
    assert_eq!(report.overhead.lost_calls, 0);
    assert!(report.call_tree.len() <= (1 << 16) + 100, "{} paths", report.call_tree.len());
    assert!(report.call_tree.iter().any(|node| node.path == "<other>"), "no row <other>");
}

#[test]
fn a_thousand_functions_in_sixty_four_threads_take_less_than_80_mib() {
    let program = Program::new(env!("CARGO_BIN_EXE_crowd"), "").env("PROFILE_REPORT", "none");
    let run = program.run().successful();
    assert_eq!(run.figure("functions"), 1000);
    assert_eq!(run.figure("called"), 64 * 20 * 1000);
    assert_eq!(run.figure("recorded"), 64 * 20 * 1000);
    let (growth, resident) = (run.figure("growth"), run.figure("resident"));
    println!("1,000 functions, 64 threads: +{} KiB, resident {} KiB", growth >> 10, resident >> 10);
    // 53 to 58 MiB on a quiet machine. Where durations vary more, histograms have more leaves: up
    // to 69.
    assert!(growth < 80 << 20, "{growth} bytes");
}

#[test]
fn a_thread_that_called_nothing_is_not_among_those_that_recorded() {
    let program = Program::new(env!("CARGO_BIN_EXE_forks"), "threads");
    let run = program.run().successful();
    assert_eq!(calls(run.report(), "work"), 10);
    assert_eq!(run.report().process.threads, 10);
}
