//! Settings: environment variables, which override code, and settings in code; inspection and
//! switching at run time.

use std::hint::black_box;

use profile_core::{Kind, Settings, Snapshot, capture, find, find_all, functions, profile};
use tests::{Program, calls, row};

fn settings(scene: &str, argument: &str) -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_settings"), scene).arg(argument);
    // Its functions are too short to be worth recording, which would be advice.
    program.env("PROFILE_ADVICE", "none")
}

mod variables {
    use super::*;

    /// Every variable, invalid values, and a word that the warning must contain.
    const BAD: [(&str, &[&str], &str); 8] = [
        ("PROFILE_SORT", &["Total", "totl", "1", "\u{1b}[2J"], "allocations"),
        ("PROFILE_PERCENTILES", &["0", "101", "50,,99", "NaN", "fifty", "-1"], "100"),
        ("PROFILE_TRIM", &["0.5", "-0.1", "NaN", "10%"], "0.5"),
        ("PROFILE_OVERHEAD", &["0%", "2", "101%", "1/0", "1/5000", "inf%", "lots"], "1/64"),
        ("PROFILE_CLOCK", &["sundial", "TSC"], "monotonic"),
        ("PROFILE_REPORT", &["tabel", "json:", "table;json"], "folded"),
        ("PROFILE_CPU", &["5", "often", "1us"], "100ms"),
        ("PROFILE_ADVICE", &["all", "speed=3", "regrowth=-1", "regrowth=NaN"], "heavy_tail"),
    ];

    fn shown(value: &str) -> String {
        value.escape_debug().to_string()
    }

    #[test]
    fn an_invalid_value_is_reported_at_the_start_and_in_the_table_with_what_is_allowed() {
        for (name, values, allowed) in BAD {
            for value in values {
                let program = settings("none", "").reporting_as_usual().env(name, value);
                let run = program.run().successful();
                let stderr = run.stderr();
                let lines: Vec<_> = stderr.lines().filter(|line| line.contains(name)).collect();
                let text = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
                assert_eq!(lines.len(), 2, "{name}={value}: {stderr}");
                let start = "profile: ConfigurationWarning: ";
                assert!(stderr.starts_with(start) && !lines[1].starts_with(start), "{stderr}");
                let words = [format!("`{}`", shown(value)), allowed.to_owned()];
                assert!(words.iter().all(|word| text.contains(word)), "{name}={value}: {stderr}");
                assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
            }
        }
    }

    #[test]
    fn under_a_report_for_programs_the_warning_is_a_line_of_its_own_and_in_the_report() {
        for (name, values, allowed) in &BAD[..5] {
            let run = settings("none", "").env(name, values[0]).run().successful();
            let [diagnostic] = &run.diagnostics()[..] else { panic!("{}", run.stderr()) };
            let [warning] = &run.report().warnings[..] else {
                panic!("{:?}", run.report().warnings)
            };
            assert_eq!(warning.category, "ConfigurationWarning");
            for text in [diagnostic, &warning.message] {
                let words =
                    [(*name).to_owned(), format!("`{}`", shown(values[0])), (*allowed).to_owned()];
                assert!(words.iter().all(|word| text.contains(&**word)), "{text}");
            }
            assert_eq!(calls(run.report(), "work"), 10_000);
        }
    }

    #[test]
    fn each_invalid_value_is_a_warning_and_the_run_continues() {
        let mut program = settings("none", "");
        for (name, values, _) in &BAD[..5] {
            program = program.env(name, values[0]);
        }
        let run = program.run().successful();
        assert_eq!(run.diagnostics().len(), 5, "{}", run.stderr());
        assert_eq!(calls(run.report(), "work"), 10_000);
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let program = BAD[..5].iter().fold(settings("none", ""), |it, (name, ..)| it.env(name, ""));
        let run = program.run().successful();
        assert_eq!(run.stderr(), "");
        assert_eq!(run.report().warnings, []);
    }

    #[test]
    fn a_variable_that_is_not_unicode_is_a_bad_value() {
        use std::os::unix::ffi::OsStrExt;
        let value = std::ffi::OsStr::from_bytes(b"tot\xffal");
        let run = settings("none", "").env("PROFILE_SORT", value).run().successful();
        assert_eq!(run.diagnostics().len(), 1, "{}", run.stderr());
    }

    #[test]
    fn every_clock_counts_exactly() {
        for clock in ["tsc", "fenced", "monotonic"] {
            let exact = settings("none", "").env("PROFILE_OVERHEAD", "exact");
            let run = exact.env("PROFILE_CLOCK", clock).run().successful();
            assert_eq!(run.report().process.clock, clock);
            let row = row(run.report(), "work");
            assert_eq!((row.calls, row.timed_calls), (10_000, 10_000), "{clock}");
        }
    }

    #[test]
    fn percentiles_are_those_requested() {
        let run =
            settings("none", "").env("PROFILE_PERCENTILES", "50, p99.9,100").run().successful();
        let names: Vec<_> = row(run.report(), "work").quantiles.keys().cloned().collect();
        assert_eq!(names, ["p100", "p50", "p99.9"]);
    }

    #[test]
    fn no_report_is_no_output_at_all() {
        let run = settings("none", "").env("PROFILE_REPORT", "none").run().successful();
        assert_eq!((run.stderr(), run.stdout()), (String::new(), String::new()));
    }
}

mod in_code {
    use super::*;

    #[test]
    fn a_report_chosen_in_code_is_written_unless_a_variable_chooses_another() {
        let program = settings("report", "json");
        let run = program.reporting_as_usual().run().successful();
        let report: Snapshot = serde_json::from_str(&run.stderr()).expect("a report in JSON");
        assert_eq!(calls(&report, "work"), 10_000);
        let run = settings("report", "json").run().successful();
        assert_eq!(run.stderr(), "");
        assert_eq!(calls(run.report(), "work"), 10_000);
    }

    #[test]
    fn a_budget_from_code_a_variable_or_the_attribute_counts_every_call_and_times_some() {
        let runs = [
            settings("overhead", "1/64").run(),
            settings("none", "").env("PROFILE_OVERHEAD", "1/64").run(),
            settings("overhead", "1/1024").env("PROFILE_OVERHEAD", "1/64").run(),
        ];
        for run in runs.map(tests::Run::successful) {
            let work = row(run.report(), "work");
            assert_eq!(work.calls, 10_000);
            // One in 64 at random: 156 on average.
            assert!((60..400).contains(&work.timed_calls), "{}", work.timed_calls);
            assert!(work.inclusive_interval_ns.is_some());
        }
        let exact =
            settings("overhead", "1/64").env("PROFILE_OVERHEAD", "exact").run().successful();
        assert_eq!(row(exact.report(), "work").timed_calls, 10_000);
        // The attribute's budget of 2 % may stop recording, which is then reported.
        let own_budget = row(exact.report(), "own_budget");
        assert!(own_budget.calls == 10_000 || own_budget.stopped_ns.is_some(), "{own_budget:?}");
    }

    #[test]
    fn percentiles_from_code_are_those_of_the_report() {
        let run = settings("percentiles", "").run().successful();
        let names: Vec<_> = row(run.report(), "work").quantiles.keys().cloned().collect();
        assert_eq!(names, ["p10", "p99.9"]);
    }

    #[test]
    fn an_invalid_setting_is_an_error_that_names_valid_ones() {
        let errors = [
            Settings::new().report("tabel").expect_err("a misprint").to_string(),
            Settings::new().overhead("much").expect_err("no number").to_string(),
            Settings::new().percentiles(&[0.0]).expect_err("too small").to_string(),
        ];
        for (error, word) in errors.iter().zip(["`tabel`", "`much`", "`0`"]) {
            assert!(error.contains(word) && error.contains("expected"), "{error}");
        }
    }

    #[test]
    fn a_report_written_on_demand_is_written_again_at_exit_with_all() {
        let folder = tests::Folder::new();
        let file = folder.join("report.json");
        let report = format!("json:{}", file.display());
        let program = settings("late", &file.display().to_string());
        program.env("PROFILE_REPORT", report).run().successful();
        let read = |path: &std::path::Path| -> Snapshot {
            serde_json::from_slice(&std::fs::read(path).expect("a report")).expect("JSON")
        };
        assert_eq!(calls(&read(&file.with_extension("first")), "work"), 5);
        assert_eq!(calls(&read(&file), "work"), 10_005);
    }
}

mod at_run_time {
    use super::*;

    /// Adds one.
    /// And nothing else.
    #[profile]
    fn documented(number: u32) -> u32 {
        number + 1
    }

    #[profile]
    fn never() {
        black_box(0);
    }

    #[profile]
    async fn later() {}

    struct Parser;
    struct Lexer;

    impl Parser {
        #[profile]
        fn run(&self) {}
    }

    impl Lexer {
        #[profile]
        fn run(&self) {}
    }

    #[test]
    fn a_function_has_its_name_location_documentation_and_signature() {
        assert_eq!(documented(1), 2);
        let site = find("at_run_time::documented").expect("it is linked");
        assert_eq!(site.name(), "documented");
        assert_eq!(site.path(), "settings::at_run_time::documented");
        assert_eq!(site.module(), "settings::at_run_time");
        assert!(site.file().ends_with("tests/settings.rs"), "{}", site.file());
        assert_eq!(site.documentation(), "Adds one.\nAnd nothing else.");
        assert_eq!(site.signature(), "fn documented(number: u32) -> u32");
        assert_eq!(site.kind(), Kind::Function);
        assert_eq!(find("at_run_time::later").map(profile_core::CallSite::kind), Some(Kind::Async));
    }

    #[test]
    fn a_function_is_listed_whether_it_was_called_or_not() {
        let paths: Vec<_> = functions().iter().map(|site| site.path()).collect();
        assert!(paths.is_sorted());
        assert!(paths.contains(&"settings::at_run_time::never".to_owned()));
        let never = find("at_run_time::never").expect("it is linked");
        assert_eq!(never.statistics(), None);
        let listed = capture().never_called;
        assert!(listed.iter().any(|it| it.path == never.path() && it.line == never.line()));
        // Called only in unreachable code.
        if functions().is_empty() {
            never_called();
        }
    }

    fn never_called() {
        never();
        drop(later());
    }

    #[test]
    fn methods_of_one_name_are_two_functions() {
        Parser.run();
        Parser.run();
        Lexer.run();
        let statistics =
            |path| find(path).and_then(profile_core::CallSite::statistics).map(|row| row.calls);
        assert_eq!(statistics("Parser::run"), Some(2));
        assert_eq!(statistics("Lexer::run"), Some(1));
        assert!(find_all("settings::at_run_time::*::run").len() == 2);
        // `find` matches whole segments.
        assert!(find("arser::run").is_none());
        assert!(find_all("no such *").is_empty());
    }

    #[profile]
    fn statistics() {
        black_box(0);
    }

    #[test]
    fn statistics_are_those_of_the_moment() {
        let site = find("at_run_time::statistics").expect("it is linked");
        assert_eq!(site.statistics(), None);
        for calls in 1..40 {
            statistics();
            assert_eq!(site.statistics().map(|row| row.calls), Some(calls));
        }
    }

    mod switched {
        use super::*;

        #[profile]
        fn off_and_on() {
            black_box(0);
        }

        #[profile]
        fn other() {
            off_and_on();
        }

        #[profile]
        fn before_its_first_call() {
            black_box(0);
        }

        #[profile]
        fn in_its_own_call() {
            find("switched::in_its_own_call").expect("it is linked").set_enabled(false);
        }

        #[profile]
        async fn between_polls() {
            let mut polled = false;
            std::future::poll_fn(|_| {
                if std::mem::replace(&mut polled, true) {
                    return std::task::Poll::Ready(());
                }
                std::task::Poll::Pending
            })
            .await;
        }

        fn calls_of(path: &str) -> u64 {
            calls(&capture(), path)
        }

        #[test]
        fn a_function_is_counted_only_while_it_is_switched_on() {
            let site = find("switched::off_and_on").expect("it is linked");
            assert!(site.is_enabled());
            (0..10).for_each(|_| other());
            site.set_enabled(false);
            assert!(!site.is_enabled());
            (0..10).for_each(|_| other());
            assert_eq!(calls_of("switched::off_and_on"), 10);
            site.set_enabled(true);
            (0..10).for_each(|_| other());
            assert_eq!(calls_of("switched::off_and_on"), 20);
            assert_eq!(calls_of("switched::other"), 30);
        }

        #[test]
        fn a_function_can_be_switched_off_before_its_first_call() {
            let sites = find_all("*::before_its_first_call");
            sites.iter().for_each(|site| site.set_enabled(false));
            before_its_first_call();
            assert_eq!(calls_of("before_its_first_call"), 0);
            // Whether it was called is not known, so it is not among those never called either.
            assert!(!capture().never_called.iter().any(|it| it.path.ends_with("its_first_call")));
            sites.iter().for_each(|site| site.set_enabled(true));
            before_its_first_call();
            assert_eq!(calls_of("before_its_first_call"), 1);
        }

        #[test]
        fn a_call_in_which_its_function_is_switched_off_is_closed() {
            in_its_own_call();
            let row =
                find("switched::in_its_own_call").and_then(profile_core::CallSite::statistics);
            assert_eq!(row.map(|row| (row.calls, row.open)), Some((1, 0)));
        }

        #[test]
        fn an_async_call_that_is_switched_off_between_its_polls_can_still_end() {
            use std::future::Future;
            use std::task::{Context, Waker};
            let site = find("switched::between_polls").expect("it is linked");
            let mut future = Box::pin(between_polls());
            let mut context = Context::from_waker(Waker::noop());
            assert!(future.as_mut().poll(&mut context).is_pending());
            site.set_enabled(false);
            assert!(future.as_mut().poll(&mut context).is_ready());
            drop(future);
            site.set_enabled(true);
            let row = site.statistics().expect("it was called");
            assert_eq!((row.calls, row.open), (1, 0), "{row:?}");
        }

        #[profile]
        fn from_many_threads() {
            black_box(0);
        }

        #[test]
        fn switching_while_other_threads_call_loses_no_call_made_while_it_was_on() {
            let site = find("switched::from_many_threads").expect("it is linked");
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..20_000).for_each(|_| from_many_threads()));
                }
                for turn in 0..1000 {
                    site.set_enabled(turn % 2 == 0);
                }
            });
            site.set_enabled(true);
            let before = site.statistics().map_or(0, |row| row.calls);
            assert!(before <= 80_000);
            (0..100).for_each(|_| from_many_threads());
            let row = site.statistics().expect("it was called");
            assert_eq!((row.calls, row.open), (before + 100, 0));
        }
    }
}

mod what_is_printed {
    use super::*;
    use tests::Folder;

    /// Without its ending, so that nothing but the program's path tells it from a test.
    fn built_as_a_test(folder: &Folder) -> String {
        let deps = folder.join("deps");
        std::fs::create_dir(&deps).expect("a folder");
        let program = deps.join("settings-0123456789abcdef");
        std::fs::copy(env!("CARGO_BIN_EXE_settings"), &program).expect("a copy of the program");
        program.display().to_string()
    }

    #[test]
    fn a_test_prints_no_report_unless_it_is_asked_for() {
        let folder = Folder::new();
        let program = built_as_a_test(&folder);
        let run = |scene: &str, argument: &str| {
            let program = Program::new(&program, scene).arg(argument).env("PROFILE_ADVICE", "none");
            program.reporting_as_usual()
        };
        assert_eq!(run("none", "").run().successful().stderr(), "");
        for asked in [
            run("none", "").env("PROFILE_REPORT", "table"),
            run("report", "table"),
            run("none", "--bench"),
        ] {
            let run = asked.run().successful();
            assert!(
                run.stderr().contains("\nmain") || run.stderr().contains("\nwork "),
                "{}",
                run.stderr()
            );
        }
    }

    #[test]
    fn rows_beyond_the_limit_are_a_line() {
        let report = |top: &str| {
            let run = settings("none", "").reporting_as_usual().env("PROFILE_TOP", top).run();
            run.successful().stderr().to_owned()
        };
        let is_row = |line: &&str| line.starts_with("work ") || line.starts_with("own_budget ");
        for (top, rows) in [("1", 1), ("all", 2), ("40", 2)] {
            let report = report(top);
            assert_eq!(report.lines().filter(is_row).count(), rows, "{report}");
            assert_eq!(report.contains("\nand 1 more function with "), rows == 1, "{report}");
        }
    }

    #[test]
    fn only_the_functions_asked_for_are_recorded() {
        for (patterns, named, unmatched) in [
            ("work", "work", 0),
            ("settings::own_*", "own_budget", 0),
            ("*_budget, nothing", "own_budget", 1),
        ] {
            let run = settings("none", "").env("PROFILE_ONLY", patterns).run().successful();
            let names: Vec<_> = run.report().functions.iter().map(|it| &*it.name).collect();
            assert_eq!(names, [named], "{patterns}");
            assert_eq!(run.report().never_called, [], "{patterns}");
            assert_eq!(run.diagnostics().len(), unmatched, "{}", run.stderr());
        }
        let run = settings("none", "").env("PROFILE_ONLY", "nothing").run().successful();
        assert_eq!(run.report().functions.len(), 2);
        let diagnostic = "PROFILE_ONLY: `nothing` matches no function";
        assert!(run.stderr().contains(diagnostic), "{}", run.stderr());
    }
}
