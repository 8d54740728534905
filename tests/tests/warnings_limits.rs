//! Exceeded limits are warnings: filters decide whether they are shown, hidden, or an error, and
//! the report counts them all.

use profile_core::WarningRecord;
use tests::{Folder, Program, Run, calls, row};

fn run(filters: &str) -> Run {
    let program = Program::new(env!("CARGO_BIN_EXE_limited"), "all");
    program.env("PROFILE_WARNINGS", filters).run().successful()
}

/// How often each function was named, and how often each category was counted.
fn counts(run: &Run) -> ([usize; 2], [u64; 2]) {
    let shown = ["::allocates: max_allocations", "::takes_time: max_time"];
    let counted = ["AllocationLimitWarning", "TimeLimitWarning"];
    let count = |category: &str| {
        let warnings = run.report().warnings.iter();
        warnings.filter(|warning| warning.category == category).map(|warning| warning.count).sum()
    };
    (shown.map(|words| run.stderr().matches(words).count()), counted.map(count))
}

#[test]
fn a_limit_is_spoken_of_once_for_each_function_and_counted_each_time() {
    assert_eq!(counts(&run("")), ([1, 1], [3, 3]));
}

#[test]
fn filters_decide_by_category_text_and_module_what_is_shown() {
    assert_eq!(counts(&run("ignore")), ([0, 0], [3, 3]));
    assert_eq!(counts(&run("ignore::MemoryWarning")), ([0, 1], [3, 3]));
    assert_eq!(counts(&run("always::PerformanceWarning")), ([1, 3], [3, 3]));
    assert_eq!(counts(&run("always,ignore::TimeLimitWarning")), ([3, 0], [3, 3]));
    assert_eq!(counts(&run("ignore:limited..allocates")), ([1, 1], [3, 3]), "no expression");
    assert_eq!(counts(&run("ignore:limited:::")), ([0, 0], [3, 3]));
    assert_eq!(counts(&run("ignore:::elsewhere")), ([1, 1], [3, 3]));
}

#[test]
fn an_error_is_a_panic_with_the_warning_as_its_payload() {
    let run = run("error::AllocationLimitWarning");
    let printed = run.stdout();
    assert!(printed.starts_with("true\n"), "{printed}");
    assert!(
        printed.contains("AllocationLimitWarning: limited::allocates: max_allocations: 1 "),
        "{printed}"
    );
    assert_eq!(counts(&run), ([1, 0], [1, 0]));
}

/// For the scenes with the mock clock.
fn scene(name: &str, filters: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_limited"), name).env("PROFILE_WARNINGS", filters)
}

fn warning<'a>(run: &'a Run, category: &str, path: &str) -> &'a WarningRecord {
    let is_it = |it: &&WarningRecord| it.category == category && it.path.as_deref() == Some(path);
    let found = run.report().warnings.iter().find(is_it);
    found.unwrap_or_else(|| panic!("{category} {path}: {:?}", run.report().warnings))
}

fn warning_of<'a>(run: &'a Run, category: &str) -> &'a WarningRecord {
    let found = run.report().warnings.iter().find(|it| it.category == category);
    found.unwrap_or_else(|| panic!("{category}: {:?}", run.report().warnings))
}

fn worst(warning: &WarningRecord) -> (u64, &str) {
    let worst = warning.worst.as_ref().expect("a figure");
    (worst.value, &worst.unit)
}

#[test]
fn a_slow_call_is_shown_once_and_counted_with_the_worst_and_the_location() {
    let run = scene("time", "").run().successful();
    let diagnostics = run.diagnostics();
    let slow = warning(&run, "TimeLimitWarning", "limited::slow");
    let shown = format!(
        "profile: tests/src/bin/limited.rs:{}: TimeLimitWarning: limited::slow: warn_above: 11.0 ms, at most 10.0 ms allowed",
        slow.line
    );
    assert_eq!(diagnostics, [shown], "{}", run.stderr());
    assert_eq!((slow.count, slow.hidden, worst(slow)), (3, 0, (30_000_000, "ns")));
    assert_eq!(slow.file, "tests/src/bin/limited.rs");
    assert_eq!(slow.line, row(run.report(), "slow").line);
    assert_eq!(run.report().warnings.len(), 1);
    assert_eq!(calls(run.report(), "slow"), 5);
}

#[test]
fn what_a_filter_hides_is_counted_as_hidden() {
    let run = scene("time", "ignore::TimeLimitWarning").run().successful();
    assert_eq!(run.stderr(), "");
    let slow = warning(&run, "TimeLimitWarning", "limited::slow");
    assert_eq!((slow.count, slow.hidden), (3, 3));
    let table = scene("time", "ignore::TimeLimitWarning").env("PROFILE_REPORT", "table").run();
    assert!(
        table.stderr().ends_with("\nwarnings hidden by filters: 3 TimeLimitWarning\n"),
        "{}",
        table.stderr()
    );
}

#[test]
fn the_report_shows_what_was_raised_how_often_and_where_first() {
    let run = scene("time", "").reporting_as_usual().run().successful();
    let line = "\nwarnings (1)\n  TimeLimitWarning: limited::slow: warn_above: 11.0 ms, at most 10.0 ms allowed (3 times; worst 30.0 ms; \
                first at tests/src/bin/limited.rs:";
    let text = run.stderr().replace("\n  ", " ").replace("\nwarnings (1) ", "\nwarnings (1)\n  ");
    assert!(text.contains(line), "{}", run.stderr());
}

#[test]
fn on_github_a_warning_is_an_annotation_too() {
    let run = scene("time", "").env("GITHUB_ACTIONS", "true").run().successful();
    let annotation = "::warning file=tests/src/bin/limited.rs,line=";
    let annotations: Vec<String> =
        run.stderr().lines().filter(|line| line.starts_with("::")).map(str::to_owned).collect();
    let [line] = &annotations[..] else { panic!("{}", run.stderr()) };
    assert!(line.starts_with(annotation), "{line}");
    assert!(
        line.contains(",title=TimeLimitWarning::limited::slow: warn_above: 11.0 ms,"),
        "{line}"
    );
}

/// The output of a scene, without panic messages.
fn printed(run: &Run) -> Vec<String> {
    run.stdout().lines().map(str::to_owned).collect()
}

#[test]
fn an_error_is_thrown_where_the_call_ends_and_never_while_unwinding() {
    let run = scene("throw", "error::TimeLimitWarning").run();
    let slow = "limited::slow: warn_above: 11.0 ms, at most 10.0 ms allowed";
    let expected = ["nothing", slow, "another payload", "nothing", "nothing", "nothing"];
    assert_eq!(printed(&run), expected, "{}", run.stderr());
    // Every call is recorded, also the one that panicked.
    assert_eq!(calls(run.report(), "slow"), 4);
    assert_eq!(row(run.report(), "slow").panicked, 0);
    assert_eq!(row(run.report(), "calls_slow").panicked, 1);
    assert_eq!(row(run.report(), "calls_slow").open, 0);
    assert_eq!(row(run.report(), "inner").calls, 1);
    // Nobody could catch the one in a destructor, so it fails the run.
    assert_eq!(run.status().code(), Some(101));
    assert_eq!(worst(warning(&run, "TimeLimitWarning", "limited::slow")).0, 50_000_000);
}

#[test]
fn with_an_exit_code_nothing_is_thrown_and_the_run_ends_with_that() {
    let scene = |filters| scene("throw", filters).env("PROFILE_EXIT_CODE", "7").run();
    let run = scene("error::TimeLimitWarning");
    let expected = ["nothing", "nothing", "another payload", "nothing", "nothing", "nothing"];
    assert_eq!(printed(&run), expected);
    assert_eq!(run.status().code(), Some(7));
    assert_eq!(warning(&run, "TimeLimitWarning", "limited::slow").count, 2);
    // No error, no failure.
    assert!(scene("").status().success());
}

#[test]
fn a_function_with_raise_returns_the_error_and_keeps_its_own() {
    let functions = ["raises", "raises_later", "raises_by_memory", "raises_by_memory_later"];
    let limits = [
        "warn_above: 11.0 ms, at most 10.0 ms allowed",
        "warn_above: 11.0 ms, at most 10.0 ms allowed",
        "max_allocations: 2 allocations, at most 1 allowed",
        "max_allocations: 3 allocations, at most 1 allowed",
    ];
    let own = functions.map(|name| format!("{name}: its own"));
    let broken: Vec<String> = std::iter::zip(functions, limits)
        .map(|(name, limit)| format!("{name}: limited::{name}: {limit}"))
        .collect();
    let run = scene("raise", "error::PerformanceWarning,error::MemoryWarning").run();
    let printed = printed(&run);
    let calls: Vec<&[String]> = printed.chunks(4).collect();
    assert_eq!(calls.len(), 5, "{}", run.stderr());
    assert_eq!([calls[1], calls[3], calls[4]], [&own[..], &broken[..], &own[..]]);
    // A returned error is not shown; a limit exceeded by a call with its own error is.
    assert_eq!(run.diagnostics().iter().filter(|line| line.contains("warn_above")).count(), 2);
    for name in functions {
        let path = format!("limited::{name}");
        let shown = run.report().warnings.iter().find(|it| it.path.as_deref() == Some(&path));
        assert_eq!(shown.map(|it| it.count), Some(2), "{name}");
        assert_eq!(row(run.report(), name).panicked, 0);
    }
    // Without such a filter they return their own values.
    let run = scene("raise", "").run().successful();
    assert!(
        printed_contains(&run, "raises: 11") && printed_contains(&run, "raises_by_memory_later: 2")
    );
}

#[test]
fn a_returned_error_is_not_shown_again_whatever_locals_do_when_dropped() {
    let run = scene("locals", "error").run();
    let broken = "raises_with_slow_local: limited::raises_with_slow_local: warn_above: 11.0 ms, at most 10.0 ms allowed";
    assert_eq!(printed(&run), [broken, "keeps_nothing: 1"], "{}", run.stderr());
    assert_eq!((run.diagnostics().len(), run.status().code()), (0, Some(0)), "{}", run.stderr());
    let shown = warning(&run, "TimeLimitWarning", "limited::raises_with_slow_local");
    assert_eq!((shown.count, shown.is_error), (1, true));
    assert_eq!(run.report().warnings.len(), 1);
}

#[test]
fn what_shows_warnings_may_call_functions_with_limits() {
    let run = scene("hooks", "").run().successful();
    // The function that the hook calls exceeds its own limit when the program itself warns.
    let expected = ["TimeLimitWarning: true", "TimeLimitWarning: true", "UserWarning: true"];
    assert_eq!(printed(&run), expected, "{}", run.stderr());
    assert_eq!(calls(run.report(), "raises"), 1);
    assert_eq!(calls(run.report(), "slow"), 2);
}

#[test]
fn the_call_that_is_checked_is_that_which_returns() {
    let run = scene("contexts", "error").run().successful();
    let broken = |name: &str| {
        format!("{name}: limited::{name}: warn_above: 11.0 ms, at most 10.0 ms allowed")
    };
    let expected =
        [broken("raises_within_a_context"), "within: 1".to_owned(), broken("calls_itself")];
    assert_eq!(printed(&run), expected, "{}", run.stderr());
    let counts = run.report().warnings.iter().map(|it| it.count).collect::<Vec<_>>();
    assert_eq!((counts, run.diagnostics().len()), (vec![1, 1], 0));
}

#[test]
fn limits_of_the_attribute_and_of_a_file_are_one_error() {
    let folder = Folder::new();
    let limits = "[[limit]]\nfunctions = \"*::raises_by_memory*\"\nwarn_above = \"1 ns\"\n\
                  [[limit]]\nfunctions = \"*::raises_by_memory\"\nmax_allocations = 3\n";
    std::fs::write(folder.join("limits.toml"), limits).expect("a file");
    let run = scene("all_raise", "error").env("PROFILE_LIMITS", folder.join("limits.toml")).run();
    let by = |name: &str| {
        format!("{name}: limited::{name}: max_allocations: 2 allocations, at most 1 allowed")
    };
    let expected = [by("raises_by_memory"), by("raises_by_memory_later")];
    assert_eq!(printed(&run), expected, "{}", run.stderr());
    assert_eq!((run.diagnostics().len(), run.status().code()), (0, Some(0)), "{}", run.stderr());
}

#[test]
fn a_limit_exceeded_after_the_value_exists_is_shown_and_fails_the_run() {
    let run = scene("late", "error").run();
    assert_eq!(printed(&run), ["raises_with_slow_local: 1"]);
    let [slow, exit] = &run.diagnostics()[..] else { panic!("{}", run.stderr()) };
    assert!(
        slow.contains("TimeLimitWarning: limited::raises_with_slow_local: warn_above: 31.0 ms"),
        "{slow}"
    );
    assert_eq!(exit, "profile: the exit code is 101, since a filter makes a warning an error");
    assert_eq!(run.status().code(), Some(101));
}

#[test]
fn no_panic_goes_through_a_foreign_calling_convention() {
    let run = scene("foreign", "error").run();
    assert_eq!(printed(&run), ["12"]);
    assert_eq!(run.status().code(), Some(101), "{}", run.stderr());
    assert!(
        run.diagnostics()[0].contains("TimeLimitWarning: limited::foreign: "),
        "{}",
        run.stderr()
    );
}

#[test]
fn a_call_that_exceeds_limits_of_two_kinds_is_a_warning_of_each() {
    let run = scene("two", "").run().successful();
    assert_eq!(worst(warning(&run, "AllocationLimitWarning", "limited::both")).1, "allocations");
    assert_eq!(worst(warning(&run, "TimeLimitWarning", "limited::both")).1, "ns");
    let run = scene("two", "ignore,error::TimeLimitWarning").env("PROFILE_EXIT_CODE", "9").run();
    assert_eq!(run.status().code(), Some(9));
}

#[test]
fn a_warning_costs_the_functions_that_exceed_a_limit_no_allocation() {
    for filters in ["", "ignore", "always"] {
        let run = scene("throw", filters).run().successful();
        for name in ["slow", "calls_slow"] {
            let row = row(run.report(), name);
            assert_eq!((row.allocations, row.freed_bytes), (Some(0), Some(0)), "{name} {filters}");
        }
        let run = scene("two", filters).run().successful();
        for name in ["both", "calls_both"] {
            let row = row(run.report(), name);
            let figures = (row.allocations, row.allocated_bytes, row.freed_bytes);
            assert_eq!(figures, (Some(5), Some(50), Some(50)), "{name} {filters}");
        }
    }
}

#[test]
fn within_catch_warnings_and_after_it_what_was_shown_is_shown_again() {
    let run = scene("catch", "").run().successful();
    assert_eq!(printed(&run), ["recorded 1", "recorded 1"]);
    assert_eq!(run.diagnostics().len(), 1, "{}", run.stderr());
    assert_eq!(warning(&run, "TimeLimitWarning", "limited::slow").count, 6);
}

#[test]
fn filters_decide_whatever_other_threads_do_with_them() {
    let run = scene("busy", "error::PerformanceWarning").run();
    assert_eq!(printed(&run), ["100 threw"], "{}", run.stderr());
    assert_eq!(run.status().code(), Some(101));
    let shown = warning(&run, "TimeLimitWarning", "limited::slow");
    assert_eq!((shown.count, shown.hidden), (100, 0));
    let hidden = scene("busy", "ignore").run().successful();
    let shown = warning(&hidden, "TimeLimitWarning", "limited::slow");
    assert_eq!((shown.count, shown.hidden, hidden.diagnostics().len()), (100, 100, 0));
}

#[test]
fn an_unwritable_standard_error_is_no_reason_to_fail() {
    for gone in ["exec 2> /dev/full", "exec 2>&-"] {
        let program = Program::after(gone, env!("CARGO_BIN_EXE_limited"), "warns");
        let run = program.run().successful();
        assert_eq!(printed(&run), ["went on"], "{gone}");
    }
}

#[test]
fn the_exit_code_of_a_program_that_fails_by_itself_is_its_own() {
    for (filters, code) in [("error", 7), ("", 7)] {
        let run = scene("exits", filters).env("PROFILE_EXIT_CODE", "9").run();
        assert_eq!(run.status().code(), Some(code), "{}", run.stderr());
    }
}

#[test]
fn a_forked_child_does_not_fail_by_its_parents_errors() {
    let run = scene("forks", "error").env("PROFILE_EXIT_CODE", "3").run();
    assert_eq!(printed(&run), ["the child ended with 0"], "{}", run.stderr());
    assert_eq!(run.status().code(), Some(3));
    // And it shows what its parent has shown.
    let run = scene("forks", "").run().successful();
    let shown: Vec<String> = run.diagnostics();
    let [parents, childs] = &shown[..] else { panic!("{shown:?}") };
    assert!(parents.contains("warn_above: 11.0 ms") && childs.contains("warn_above: 12.0 ms"));
}

#[test]
fn without_a_report_an_exceeded_limit_on_the_run_is_still_shown() {
    let quiet = |filters: &str| scene("runs", filters).env("PROFILE_REPORT", "none").run();
    let shown = quiet("").diagnostics();
    assert_eq!(shown.len(), 4, "{shown:?}");
    assert_eq!(quiet("ignore").stderr(), "");
    let failed = quiet("error::PerformanceWarning,ignore::TimeLimitWarning,ignore::MemoryWarning");
    assert_eq!(failed.status().code(), Some(101));
    let [calls, deep, exit] = &failed.diagnostics()[..] else { panic!("{}", failed.stderr()) };
    assert!(calls.contains("run(max_calls): 27 calls") && deep.contains("run(max_depth): 4 deep"));
    assert!(exit.contains("the exit code is 101"));
}

fn printed_contains(run: &Run, line: &str) -> bool {
    printed(run).iter().any(|it| it == line)
}

#[test]
fn limits_on_a_run_are_checked_when_it_is_over() {
    let run = scene("runs", "").run().successful();
    for (category, path, figure) in [
        ("TimeLimitWarning", "limited::often", (35_000_000, "ns")),
        ("AllocationLimitWarning", "limited::often", (3, "allocations")),
    ] {
        assert_eq!(worst(warning(&run, category, path)), figure);
    }
    let of_deep: Vec<_> =
        run.report().warnings.iter().filter(|it| it.category == "PerformanceWarning").collect();
    assert_eq!(
        of_deep.iter().map(|it| worst(it)).collect::<Vec<_>>(),
        [(27, "calls"), (4, "deep")]
    );
    assert_eq!(row(run.report(), "deep").max_depth, 4);
    assert_eq!(row(run.report(), "often").max_depth, 1);
    // An error found only at the end becomes the exit code.
    assert_eq!(scene("runs", "error::PerformanceWarning").run().status().code(), Some(101));
    assert_eq!(scene("runs", "error::ClockWarning").run().status().code(), Some(0));
    let hidden = scene("runs", "ignore").run().successful();
    assert!(hidden.report().warnings.iter().all(|it| it.hidden == it.count));
    assert_eq!(hidden.stderr(), "");
}

/// The scene with a limits file: named, or as `profile.toml` in the working directory.
fn with_limits(text: &str, named: bool) -> Run {
    let folder = Folder::new();
    std::fs::write(folder.join("profile.toml"), text).expect("a file");
    let program = match named {
        true => scene("file", "").env("PROFILE_LIMITS", folder.join("profile.toml")),
        false => {
            let start = format!("cd {}", folder.path().display());
            Program::after(&start, env!("CARGO_BIN_EXE_limited"), "file")
        }
    };
    program.run().successful()
}

#[test]
fn limits_come_from_a_file_by_pattern() {
    let text = "[[limit]]\nfunctions = \"*\"\nwarn_above = \"40 ms\"\n\
                [[limit]]\nfunctions = [\"limited::plain\", \"limited::raises\"]\nmax_allocations = 2\nrun.max_bytes = 60\n\
                [[limit]]\nfunctions = \"*::slow\"\nwarn_above = \"20 ms\"\n";
    for named in [true, false] {
        let run = with_limits(text, named);
        assert_eq!(worst(warning(&run, "TimeLimitWarning", "limited::unlimited")).0, 50_000_000);
        assert_eq!(worst(warning(&run, "TimeLimitWarning", "limited::waits")).0, 50_000_000);
        let of_plain: Vec<_> = run
            .report()
            .warnings
            .iter()
            .filter(|it| it.path.as_deref() == Some("limited::plain"))
            .collect();
        let figures: Vec<_> = of_plain.iter().map(|it| (it.count, worst(it))).collect();
        // Calls with 0, 1, 2 and 3 texts: a vector and the texts, if there are any.
        assert_eq!(figures, [(1, (192, "bytes")), (2, (4, "allocations"))]);
        // The last table overrides the first and the attribute.
        assert!(
            !run.report().warnings.iter().any(|it| it.path.as_deref() == Some("limited::slow"))
        );
        assert_eq!(run.report().warnings.len(), 4, "{:?}", run.report().warnings);
    }
}

#[test]
fn what_is_wrong_in_a_file_is_named_and_the_rest_holds() {
    let text = "[[limit]]\nfunctions = \"*::unlimited\"\nwarn_above = \"40 ms\"\n\
                [[limit]]\nfunctions = \"no::such\"\nmax_peak = 1\n\
                [[limit]]\nfunctions = \"*::waits\"\nmax_peak = 1\n\
                [[limit]]\nfunctions = \"*\"\nmax_peak = \"1 parsec\"\n";
    let run = with_limits(text, true);
    assert_eq!(worst(warning(&run, "TimeLimitWarning", "limited::unlimited")).0, 50_000_000);
    let wrong: Vec<&str> = run
        .report()
        .warnings
        .iter()
        .filter(|it| it.category == "ConfigurationWarning")
        .map(|it| it.message.split_once(": ").map_or(&*it.message, |(_, wrong)| wrong))
        .collect();
    assert_eq!(
        wrong,
        [
            "line 12: `max_peak`: invalid size `1 parsec`; expected e.g. `64 MiB` (units: B, kB, MB, GB, KiB, MiB, GiB); ignored",
            "line 5: no function matches `no::such`; ignored",
            "line 8: `limited::waits` is async; limits on what its calls allocate need #[memory_usage] on it; ignored",
        ]
    );
    let short = with_limits("[[limit]]\nfunctions = \"slow\"\nwarn_above = \"1 s\"\n", true);
    let hint = "line 2: no function matches `slow`; `*::slow` would match `limited::slow`; ignored";
    let message = &warning_of(&short, "ConfigurationWarning").message;
    assert!(message.ends_with(hint), "{message}");
    // Reading a pipe or device could block the start of the program.
    let pipe = scene("file", "").env("PROFILE_LIMITS", "/dev/zero").run().successful();
    let message = &warning_of(&pipe, "ConfigurationWarning").message;
    assert_eq!(message, "PROFILE_LIMITS: cannot read limits from /dev/zero: not a regular file");
    let missing = scene("file", "").env("PROFILE_LIMITS", "/no/such/file").run().successful();
    let diagnostics = missing.diagnostics();
    assert!(
        diagnostics
            .iter()
            .any(|line| line.contains("cannot read limits from /no/such/file: No such file")),
        "{diagnostics:?}"
    );
}
