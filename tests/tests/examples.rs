//! The programs in `examples/`, built and run as a user does: their output, their status, and the
//! report at exit, as data and as a table.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use tests::{Program, Run};

/// The folder of the programs. They are built once, with the profile and target folder of this
/// test.
static PROGRAMS: LazyLock<Vec<(String, PathBuf)>> = LazyLock::new(|| {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command.args(["build", "--package", "examples", "--message-format", "json-render-diagnostics"]);
    command.current_dir(workspace()).arg("--target-dir").arg(target());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().expect("start cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    messages.filter_map(|message| program(&message.expect("a message of cargo"))).collect()
});

/// The name and the path of a program in cargo's message.
fn program(message: &Value) -> Option<(String, PathBuf)> {
    let path = message["executable"].as_str()?;
    Some((message["target"]["name"].as_str()?.to_owned(), path.into()))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The target folder: this test is `PROFILE/deps/NAME` in it.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    test.ancestors().nth(3).expect("a folder three above it").to_owned()
}

/// A program that writes its report twice: as JSON into its folder, and as a table.
fn example(name: &str) -> Program {
    let found = PROGRAMS.iter().find(|(known, _)| known == name);
    let (_, path) = found.unwrap_or_else(|| panic!("no program {name} among {PROGRAMS:?}"));
    let mut command = Command::new(path);
    command.current_dir(workspace());
    let program = Program::from(command);
    let reports = format!("table,json:{}", program.folder().join("report.json").display());
    program.env("PROFILE_REPORT", reports)
}

fn report(run: &Run) -> Value {
    let text = std::fs::read_to_string(run.folder.join("report.json")).expect("a report");
    serde_json::from_str(&text).expect("a report in JSON")
}

/// The row of the function whose path ends so.
fn row<'a>(report: &'a Value, path: &str) -> &'a Value {
    let rows = report["functions"].as_array().expect("functions");
    let is_it = |row: &&Value| row["path"].as_str().is_some_and(|it| it.ends_with(path));
    rows.iter().find(is_it).unwrap_or_else(|| panic!("{path} is not in {report:#}"))
}

/// Checks that apply to the report of every example.
fn check(run: &Run, report: &Value) {
    assert_eq!(report["schema_version"], 2);
    assert_eq!(report["process"]["allocator"], true);
    // Apart from advice on recording cost and retained memory, there is no warning.
    let advised =
        |it: &&Value| matches!(it["category"].as_str(), Some("LeakWarning" | "OverheadWarning"));
    let wrong = report["warnings"].as_array().expect("a list").iter().find(|it| !advised(it));
    assert_eq!(wrong, None);
    assert_eq!(report["overhead"]["lost_calls"], 0);
    let rows = report["functions"].as_array().expect("functions");
    assert!(!rows.is_empty());
    for row in rows {
        let name = row["name"].as_str().expect("a name");
        assert!(row["calls"].as_u64().is_some_and(|calls| calls > 0), "{row:#}");
        assert!(row["allocations"].is_u64(), "{row:#}");
        assert!(row["exclusive_ns"].as_u64() <= row["inclusive_ns"].as_u64(), "{row:#}");
        assert!(row["exclusive_allocations"].as_u64() <= row["allocations"].as_u64(), "{row:#}");
        assert!(run.stderr().contains(name), "{name} is not in {}", run.stderr());
    }
}

/// The number after a name on the survey's page.
fn counted(page: &str, name: &str) -> u64 {
    let values = page.lines().filter_map(|line| line.strip_prefix(name));
    let number = |rest: &str| rest.split_whitespace().next()?.replace(',', "").parse().ok();
    values.filter_map(number).next().unwrap_or_else(|| panic!("no {name} in {page}"))
}

/// Rust files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("read a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    paths.flat_map(below).filter(|path| path.extension().is_some_and(|it| it == "rs")).collect()
}

#[test]
fn the_survey_counts_what_is_in_a_folder_and_reports_each_stage_once_for_each_file() {
    let files = files(&workspace().join("profile-core/src"));
    let texts = files.iter().map(|file| std::fs::read_to_string(file).expect("a source"));
    let lines: usize = texts.map(|text| text.lines().count()).sum();
    let run = example("survey").arg("profile-core/src").run().successful();
    let page = run.stdout();
    assert_eq!(counted(&page, "files "), files.len() as u64);
    assert_eq!(counted(&page, "lines "), lines as u64);
    assert_eq!(counted(&page, "could not be parsed "), 0);
    assert!(counted(&page, "functions ") > 100, "{page}");
    assert!(counted(&page, "unsafe blocks ") > 10, "{page}");
    assert!(page.contains("\nattributes          "), "{page}");

    let report = report(&run);
    check(&run, &report);
    for stage in ["survey_file", "read", "lex", "parse", "count", "discard", "forget places"] {
        assert_eq!(row(&report, &format!("::{stage}"))["calls"], files.len(), "{stage}");
    }
    assert_eq!(row(&report, "survey::main")["calls"], 1);
    assert_eq!(row(&report, "print")["kind"], "span");
    assert!(row(&report, "::parse")["allocations"].as_u64() > Some(1_000));
}

/// What the pages share: all but the time and the number of workers, and of several longest
/// functions the one found first.
fn findings(page: &str) -> Vec<&str> {
    page.lines()
        .skip(1)
        .filter(|line| !line.starts_with("longest ") && !line.starts_with("deepest "))
        .collect()
}

#[test]
fn processes_count_what_threads_count_and_report_it_themselves() {
    let threads = example("survey").arg("profile-core/src/stats").run().successful();
    let program = example("survey").arg("--processes").arg("profile-core/src/stats");
    let run = program.env("PROFILE_REPORT", "table").run().successful();
    assert_eq!(findings(&run.stdout()), findings(&threads.stdout()));
    assert!(run.stderr().contains("file::survey_file"), "{}", run.stderr());
    assert!(run.stderr().contains("survey_by_processes"), "{}", run.stderr());
}

#[test]
fn the_survey_lists_what_it_cannot_read_or_parse_and_ends_well() {
    let folder = tests::Folder::new();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).expect("write a source");
    };
    write(
        "good.rs",
        b"\xef\xbb\xbf#!/usr/bin/env run\nasync unsafe fn a<T>() { unsafe { b().await } }\n",
    );
    write("inner.rs", b"#![allow(dead_code)]\n");
    write("bad.rs", b"fn a() {}\n\nfn fn\n");
    write("unclosed.rs", b"fn a() {\n");
    write("latin.rs", b"// caf\xe9\n");
    write(
        "deep.rs",
        format!("fn a() {{ {}1{}; }}", "(".repeat(2_000), ")".repeat(2_000)).as_bytes(),
    );
    std::os::unix::fs::symlink(".", folder.join("loop")).expect("make a link");
    let run = example("survey").arg(folder.path().display()).run().successful();
    let page = run.stdout();
    assert_eq!(counted(&page, "files "), 3, "{page}");
    for name in ["  generic ", "  async ", "  unsafe ", "unsafe blocks ", ".await "] {
        assert_eq!(counted(&page, name), 1, "{name} in {page}");
    }
    assert_eq!(counted(&page, "could not be parsed "), 2, "{page}");
    assert!(page.contains("\n  bad.rs: line 3: "), "{page}");
    assert_eq!(counted(&page, "not UTF-8 "), 1, "{page}");
}

#[test]
fn a_missing_folder_is_a_one_line_error() {
    let run = example("survey").arg("no/such/folder").run();
    assert_eq!(run.status().code(), Some(1));
    assert_eq!(run.stdout(), "");
    assert!(run.stderr().starts_with("survey: no/such/folder: "), "{}", run.stderr());
}

#[test]
fn the_service_shows_waiting_polls_and_cancelled_calls() {
    let run = example("service").run().successful();
    assert_eq!(
        run.stdout(),
        "16 clients, 2560 requests: 1920 answered, 624 late, 16 not understood\n"
    );
    let report = report(&run);
    check(&run, &report);
    let times = |path: &str| row(&report, path)["async"].clone();
    let archive = times("::archive");
    assert_eq!((&archive["cancelled"], &archive["finished"]), (&624.into(), &0.into()));
    assert_eq!(times("::serve")["cancelled"], 1);
    assert_eq!(times("::answer")["finished"], 2_560);
    assert_eq!(times("service::main")["finished"], 1);
    let set = times("::set");
    // It waits once per call, unless the timeout expires before it is polled.
    assert!(set["polls"].as_u64() > set["finished"].as_u64(), "{set}");
    assert!(set["waiting_ns"].as_u64() > set["busy_ns"].as_u64(), "{set}");
    assert_eq!(times("::digest"), Value::Null);
}

#[test]
fn the_lines_of_a_word_count_are_those_of_its_source_and_its_files() {
    let folder = tests::Folder::new();
    std::fs::write(folder.join("a.rs"), "fn a() {} // not this\nlet b = a;\n").expect("write");
    std::fs::write(folder.join("b.txt"), "a a a a").expect("write");
    let html = folder.join("lines.html");
    let program = example("lines").arg(folder.path().display());
    let reports =
        format!("html:{},json:{}", html.display(), program.folder().join("report.json").display());
    let run = program.env("PROFILE_REPORT", reports).run().successful();
    assert_eq!(run.stdout().lines().next(), Some("        2  a"), "{}", run.stdout());
    let report = report(&run);
    let lines = report["lines"].as_array().expect("lines");
    let line = |text: &str| {
        let found =
            lines.iter().find(|line| line["source"].as_str().is_some_and(|it| it.contains(text)));
        found.unwrap_or_else(|| panic!("no line {text}"))
    };
    assert_eq!(line("for line in text.lines()")["hits"], 3);
    assert_eq!(line("let key = word.to_owned();")["hits"], 5);
    assert_eq!(line("let key = word.to_owned();")["allocated_bytes"], 8);
    assert_eq!(line("// Allocates a key")["hits"], Value::Null);
    let page = std::fs::read_to_string(html).expect("the page");
    assert!(page.contains("let key = word.to_owned();"), "{page}");
}

#[test]
fn inspecting_prints_what_it_finds_and_its_own_assertions_hold() {
    let run = example("inspect").run().successful();
    let page = run.stdout();
    assert!(page.contains("inspect::shop::Cart::total"), "{page}");
    assert!(page.contains("pub fn add(&mut self, cents: u64)"), "{page}");
    let report = report(&run);
    check(&run, &report);
    assert_eq!(row(&report, "Cart::total")["calls"], 1_001);
    assert_eq!(row(&report, "mix")["calls"], 2_000_000);
    assert_eq!(report["never_called"][0]["path"], "inspect::shop::Cart::empty");
}

#[test]
fn each_action_shows_a_warning_as_often_as_it_says_and_the_variable_adds_filters() {
    let plain = example("warnings").run().successful();
    for shown in ["always: 10", "default: 4", "module: 3", "once: 2", "ignore: 0", "error: 0"] {
        assert!(plain.stdout().contains(&format!("{shown} shown\n")), "{}", plain.stdout());
    }
    assert_eq!(plain.stdout().matches("returned: ").count(), 3);
    // The path of the category, a truncated name, and an unknown name.
    let list = "ign,error::warnings.EmptyRowWarning,error::NoWarning,sometimes";
    let run = example("warnings").env("PROFILE_WARNINGS", list).run().successful();
    assert!(run.stdout().contains("with the 7 filters of this run:\n"), "{}", run.stdout());
    assert_eq!(run.stdout().matches("returned: ").count(), 5);
    for diagnostic in [
        "\"NoWarning\"; expected one of Warning, ",
        "invalid action: \"sometimes\"; expected error",
    ] {
        assert!(run.stderr().contains(diagnostic), "{}", run.stderr());
    }
}

#[test]
fn limits_on_real_files_warn_or_reject_a_file_or_fail_the_run() {
    let program = example("word_limits");
    let words: Vec<String> = (0..60_000).map(|number| format!("word{number}")).collect();
    let many = program.folder().join("many.rs");
    std::fs::write(&many, words.join(" ")).expect("a file");
    let few = program.folder().join("few.rs");
    std::fs::write(&few, "a b a").expect("a file");
    let none = program.folder().join("none.rs");
    std::fs::write(&none, [0xff, 0xfe]).expect("a file");
    let run = program
        .arg(many.display())
        .arg(few.display())
        .arg(none.display())
        .env("PROFILE_WARNINGS", "ignore,error::AllocationLimitWarning")
        .env("PROFILE_EXIT_CODE", "3")
        .run();
    assert_eq!(run.status().code(), Some(3));
    let printed = run.stdout();
    assert!(printed.starts_with("2 files; 60000 different words at most, in "), "{printed}");
    assert!(printed.contains("\n1 refused, 0 of them by the limit\n"), "{printed}");
    let report = report(&run);
    let warnings = report["warnings"].as_array().expect("a list");
    let exceeded = warnings.iter().find(|it| it["category"] == "AllocationLimitWarning");
    let exceeded = exceeded.expect("an exceeded limit");
    assert_eq!((&exceeded["count"], &exceeded["hidden"]), (&Value::from(1), &Value::from(0)));
    assert!(
        exceeded["worst"]["value"].as_u64().is_some_and(|bytes| bytes > 256 << 10),
        "{exceeded}"
    );
    assert_eq!(exceeded["path"], "word_limits::different_words");
}
