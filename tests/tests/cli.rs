//! The tool on snapshots of real programs.

use std::path::PathBuf;
use std::process::{Command, Output};

use profile_core::Snapshot;
use tests::{Folder, Program, printed};

/// Built with the tests; cargo provides no path to a binary of another package.
fn tool() -> Command {
    let built =
        Command::new(env!("CARGO")).args(["build", "--quiet", "-p", "profile-cli"]).status();
    assert!(built.expect("cargo").success());
    let beside: PathBuf = env!("CARGO_BIN_EXE_lined").into();
    let mut command = Command::new(beside.with_file_name("profile"));
    command.env("PROFILE_REPORT", "none");
    command
}

fn run(arguments: &[&str], folder: &Folder) -> Output {
    tool().args(arguments).current_dir(folder.path()).output().expect("start the tool")
}

/// Snapshots of runs of a real program, once as JSON and once in the binary form.
fn runs() -> Folder {
    let folder = Folder::new();
    for number in 0..4 {
        let [json, binary] = ["json", "binary"].map(|form| {
            let file = folder.join(&format!("{number}.{form}"));
            format!("{form}:{}", file.display())
        });
        let program = Program::new(env!("CARGO_BIN_EXE_lined"), "work");
        program.env("PROFILE_REPORT", format!("{json},{binary}")).run().successful();
    }
    folder
}

#[test]
fn runs_of_one_program_are_no_regression_and_more_allocations_are() {
    let folder = runs();
    let same = run(&["compare", "0.json", "1.json", "--with", "2.binary", "3.binary"], &folder);
    let text = printed(&same);
    assert!(text.starts_with("comparison of 2 runs with 2 runs\n"), "{text}");
    assert!(text.contains("allocations") && text.contains("verdict"), "{text}");
    let mut more = Snapshot::load(folder.join("0.json")).expect("a snapshot");
    more.functions
        .iter_mut()
        .for_each(|row| row.allocations = row.allocations.map(|n| n + row.calls));
    std::fs::write(folder.join("more"), more.to_bytes()).expect("written");
    let worse = run(&["compare", "0.json", "--with", "more", "--json"], &folder);
    assert_eq!(worse.status.code(), Some(1), "{worse:?}");
    let found: serde_json::Value = serde_json::from_slice(&worse.stdout).expect("JSON");
    assert_eq!(found["runs"], serde_json::json!([1, 1]));
    assert!(found["functions"][0]["allocations"]["candidate"][0].is_f64());
    let equal = run(&["compare", "0.json", "--with", "0.binary"], &folder);
    assert_eq!(equal.status.code(), Some(0), "{}", printed(&equal));
}

#[test]
fn several_runs_are_shown_as_one_in_any_format() {
    let folder = runs();
    let one = Snapshot::load(folder.join("0.binary")).expect("a snapshot");
    let shown = run(&["show", "0.json", "1.json", "2.binary", "--format", "json"], &folder);
    let merged = Snapshot::from_bytes(&shown.stdout).expect("a snapshot");
    let calls = |snapshot: &Snapshot| snapshot.functions.iter().map(|row| row.calls).sum::<u64>();
    assert_eq!(calls(&merged), 3 * calls(&one));
    for (format, begins) in
        [("table", "profile of several"), ("csv", "path,"), ("hlog", "#[Histogram")]
    {
        let shown = run(&["show", "0.json", "1.json", "--format", format], &folder);
        let text = printed(&shown);
        assert!(text.starts_with(begins) || format == "table", "{format}: {text}");
        assert!(shown.status.success(), "{text}");
    }
}

#[test]
fn filters_of_the_command_line_hide_warnings_or_make_them_errors() {
    let folder = Folder::new();
    let program = Program::new(env!("CARGO_BIN_EXE_limited"), "time");
    program.env("PROFILE_REPORT", format!("json:{}", folder.join("r.json").display())).run();
    let show = |filters: &[&str], format| {
        let arguments = [filters, &["show", "r.json", "--format", format]].concat();
        run(&arguments, &folder)
    };
    let warned = "TimeLimitWarning: limited::slow: warn_above: 11.0 ms";
    let plain = show(&[], "table");
    assert!(String::from_utf8_lossy(&plain.stdout).contains(warned), "{plain:?}");
    let hidden = show(&["-W", "error", "-W", "ignore::PerformanceWarning"], "table");
    let text = String::from_utf8_lossy(&hidden.stdout).into_owned();
    assert!(
        !text.contains(warned)
            && text.ends_with("warnings hidden by filters: 3 TimeLimitWarning\n"),
        "{text}"
    );
    assert!(hidden.status.success());
    let failed = show(&["-W", "error::TimeLimitWarning"], "github");
    assert_eq!(failed.status.code(), Some(1));
    assert!(failed.stdout.starts_with(b"::error file=tests/src/bin/limited.rs,line="));
    let compared = run(&["compare", "r.json", "--with", "r.json", "-W", "error"], &folder);
    assert_eq!(compared.status.code(), Some(1), "{compared:?}");
    let wrong = show(&["-W", "nonsense"], "json");
    let stderr = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        stderr.starts_with("profile: invalid -W option ignored: invalid action: \"nonsense\""),
        "{stderr}"
    );
    assert_eq!(wrong.status.code(), Some(2));
    let several = show(&["-W", "error::TimeLimitWarning,ignore"], "table");
    assert!(several.status.success(), "{several:?}");
}

#[test]
fn bad_arguments_and_files_are_a_sentence_each() {
    let folder = runs();
    std::fs::write(folder.join("cut"), b"{\"schema_version\": 1, \"functions\": [")
        .expect("written");
    for (arguments, sentence) in [
        (
            &["show", "absent"][..],
            "profile: absent: no such file, and no run of a program by that name",
        ),
        (&["show", "cut"], "profile: cut: invalid snapshot: byte 35: EOF"),
        (&["show", "0.json", "--format", "pdf"], "table, tree, json, csv"),
        (&["compare", "0.json"], "--with"),
    ] {
        let output = run(arguments, &folder);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(printed(&output).contains(sentence), "{arguments:?}: {}", printed(&output));
    }
}

#[test]
fn the_help_lists_the_formats_that_there_are() {
    let folder = Folder::new();
    let help = printed(&run(&["show", "--help"], &folder));
    for format in profile_core::report::formats() {
        // The tool is built without the feature `png`.
        let line = format!("- {}: {}\n", format.name(), format.description());
        let is_listed = help.lines().any(|it| it.trim() == line.trim());
        assert_eq!(is_listed, format.name() != "png", "{line}: {help}");
    }
}

#[test]
fn a_segment_is_shown_as_a_snapshot_is() {
    let folder = Folder::new();
    let program = Program::new(env!("CARGO_BIN_EXE_lined"), "work");
    program.env("PROFILE_RUN_DIR", folder.path()).run().successful();
    let segment = folder.segment_files().swap_remove(0).display().to_string();
    let shown = run(&["show", &segment, "--format", "csv"], &folder);
    assert!(shown.status.success() && printed(&shown).starts_with("path,"), "{shown:?}");
    assert!(printed(&shown).contains("lined::"), "{shown:?}");
    std::fs::write(folder.join("cut.segment"), b"PROFSEG1").expect("written");
    let cut = run(&["show", "cut.segment"], &folder);
    assert_eq!(cut.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&cut.stderr).contains("cut.segment: "), "{cut:?}");
}

#[test]
fn a_running_program_is_listed_shown_and_watched_and_stays_when_runs_are_cleaned() {
    let folder = Folder::new();
    let runtime = folder.path().display().to_string();
    let mut program = Command::new(env!("CARGO_BIN_EXE_endings"));
    program.args(["announce", "1000"]).env("XDG_RUNTIME_DIR", &runtime);
    program.env_remove("PROFILE_RUN_DIR").stdout(std::process::Stdio::piped());
    let mut child = program.spawn().expect("it starts");
    let mut pipe = child.stdout.take().expect("its output");
    std::io::Read::read_exact(&mut pipe, &mut [0; 8]).expect("it runs");
    // Goes on calling only as long as somebody reads.
    let reader = std::thread::spawn(move || std::io::copy(&mut pipe, &mut std::io::sink()));
    let process = child.id().to_string();
    let ask = |arguments: &[&str]| {
        let mut command = tool();
        command.args(arguments).env("XDG_RUNTIME_DIR", &runtime).env_remove("PROFILE_RUN_DIR");
        command.output().expect("it starts")
    };

    let runs = folder.join("profile").display().to_string();
    let listed = printed(&ask(&["list", &runs]));
    let line = listed.lines().nth(1).expect("a run");
    assert!(line.contains(&process) && line.contains("running"), "{listed}");
    let shown = ask(&["show", &process, "--format", "csv"]);
    assert!(printed(&shown).contains("endings::scenes::work"), "{shown:?}");
    let watched = ask(&["watch", &process, "--interval", "0.05", "--count", "2"]);
    let tables = printed(&watched);
    assert_eq!(tables.matches("CALLS/s").count(), 2, "{tables}");
    assert!(tables.contains("endings::scenes::work"), "{tables}");
    assert!(printed(&ask(&["clean", &runs])).is_empty());
    assert_eq!(ask(&["last", &runs]).status.code(), Some(2));

    child.kill().expect("it runs");
    child.wait().expect("it ends");
    reader.join().expect("no panic").expect("it reads");
    assert!(printed(&ask(&["last", &runs])).contains("scenes::work"));
    assert!(printed(&ask(&["clean", &runs])).starts_with("removed "));
    assert!(printed(&ask(&["list", &runs])).is_empty());
    let gone = ask(&["show", &process]);
    assert_eq!(gone.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&gone.stderr).into_owned();
    assert!(stderr.contains("does not record into a file"), "{stderr}");
}
