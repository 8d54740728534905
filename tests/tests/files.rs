//! Failures of files, streams and limits: the program runs as it would without the profiler, and
//! prints at most one line.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tests::{Program, Run, calls};

const ENDINGS: &str = env!("CARGO_BIN_EXE_endings");
const PLAIN: &str = env!("CARGO_BIN_EXE_endings_plain");
const HEAP: &str = env!("CARGO_BIN_EXE_heap");

/// Endings with the statuses 0, 7 and 101.
const SCENES: [&str; 3] = ["return", "exit", "panic"];

/// Runs a scene in both programs and compares their statuses.
fn as_the_plain_one(scene: &str, what: &str, change: impl Fn(Program) -> Program) -> Run {
    let plain = change(Program::new(PLAIN, scene)).run_with_streams();
    let ours = change(Program::new(ENDINGS, scene)).run_with_streams();
    assert_eq!(ours.status(), plain.status(), "{scene}, {what}: {}", ours.stderr());
    ours
}

/// The same, in a shell after `preparation`.
fn after(preparation: &str, path: &str, scene: &str) -> Program {
    Program::after(preparation, path, scene)
}

/// A pipe that nobody reads.
fn dead_pipe() -> Stdio {
    let (_, write) = std::io::pipe().expect("a pipe");
    write.into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").expect("open /dev/full").into()
}

#[test]
fn an_unwritable_standard_error_changes_no_status() {
    type Streams = fn() -> [Stdio; 2];
    let streams: [(&str, Streams); 3] = [
        ("a full disk", || [Stdio::null(), full()]),
        ("both on a full disk", || [full(), full()]),
        ("a dead pipe", || [Stdio::null(), dead_pipe()]),
    ];
    for scene in SCENES {
        for (what, streams) in streams {
            as_the_plain_one(scene, what, |program| {
                let [out, err] = streams();
                program.reporting_as_usual().stdout(out).stderr(err)
            });
        }
    }
}

#[test]
fn closed_streams_change_no_status_and_no_file_takes_their_place() {
    for scene in SCENES {
        for closed in ["2>&-", ">&- 2>&-", "<&- >&- 2>&-", "<&-"] {
            let ours = |path| {
                let program = after(&format!("exec {closed}"), path, scene);
                program.recording_into_files().run()
            };
            let (plain, ours) = (ours(PLAIN), ours(ENDINGS));
            assert_eq!(ours.status(), plain.status(), "{scene} {closed}");
            assert_eq!(calls(ours.report(), "work"), 20, "{scene} {closed}");
            assert_eq!(calls(&ours.segment(), "work"), 20, "{scene} {closed}");
        }
    }
}

#[test]
fn standard_output_is_the_programs_alone() {
    for report in
        ["table", "tree", "json", "csv", "folded", "mprof", "svg", "png", "none", "table,json,tree"]
    {
        let plain = Program::new(PLAIN, "output").run().successful();
        let ours = Program::new(ENDINGS, "output").env("PROFILE_REPORT", report).run().successful();
        assert_eq!(ours.output.stdout, plain.output.stdout, "{report}");
    }
}

#[test]
fn a_report_goes_to_standard_error_if_no_file_is_named_and_to_its_file_if_one_is() {
    let program = Program::new(ENDINGS, "return");
    let file = program.folder().join("report.json");
    let report = format!("table,json:{}", file.display());
    let run = program.env("PROFILE_REPORT", report).run().successful();
    assert!(run.stderr().contains("scenes::work"), "{}", run.stderr());
    let text = fs::read(file).expect("the report");
    let report: profile_core::Snapshot = serde_json::from_slice(&text).expect("a report in JSON");
    assert_eq!(calls(&report, "work"), 20);
}

#[test]
fn a_report_that_cannot_be_written_costs_one_line_and_no_status() {
    let folder = tests::Folder::new();
    let missing = folder.join("no/such/folder/report");
    let a_folder = folder.path().to_owned();
    let files = [Path::new("/dev/full"), &missing, &a_folder, Path::new("/proc/version")];
    for scene in SCENES {
        for file in files {
            let report = |path| {
                let program = Program::new(path, scene);
                program.env("PROFILE_REPORT", format!("json:{}", file.display())).run()
            };
            let (plain, ours) = (report(PLAIN), report(ENDINGS));
            assert_eq!(ours.status(), plain.status(), "{scene} {}", file.display());
            let [diagnostic] = &ours.diagnostics()[..] else {
                panic!("{}: {}", file.display(), ours.stderr())
            };
            assert!(diagnostic.contains(&*file.to_string_lossy()), "{diagnostic}");
        }
    }
}

#[test]
fn a_report_to_a_pipe_that_nobody_reads_does_not_keep_the_program_from_ending() {
    let folder = tests::Folder::new();
    let pipe = folder.join("pipe");
    let time_limit = "exec timeout -s KILL 10 \"$0\" \"$@\"";
    let program = after(&format!("mkfifo {}; {time_limit}", pipe.display()), ENDINGS, "exit");
    let run = program.env("PROFILE_REPORT", format!("json:{}", pipe.display())).run();
    assert_eq!(run.status().code(), Some(7), "{}", run.stderr());
    assert_eq!(run.diagnostics().len(), 1, "{}", run.stderr());
}

#[test]
fn of_several_reports_one_that_cannot_be_written_spoils_no_other() {
    let program = Program::new(ENDINGS, "return");
    let file = program.folder().join("report.json");
    let report = format!("json:/dev/full,json:{}", file.display());
    let run = program.env("PROFILE_REPORT", report).run().successful();
    assert_eq!(run.diagnostics().len(), 1);
    assert!(fs::metadata(file).is_ok_and(|file| file.len() > 100));
}

#[test]
fn limits_change_no_status() {
    let limits = [
        "ulimit -f 0",
        "ulimit -f 4",
        "ulimit -v 4000000",
        "ulimit -v 1000000",
        "ulimit -v 200000",
        "ulimit -n 8",
        "ulimit -n 3",
        "ulimit -s 256",
        "unset HOME USER LANG PATH TMPDIR",
        "cd /proc",
        "d=$(mktemp -d); cd $d; rmdir $d",
    ];
    for scene in SCENES {
        for limit in limits {
            let run = |path| after(limit, path, scene).recording_into_files().run();
            let (plain, ours) = (run(PLAIN), run(ENDINGS));
            assert_eq!(ours.status(), plain.status(), "{scene} {limit}: {}", ours.stderr());
            assert!(ours.diagnostics().len() <= 1, "{scene} {limit}: {}", ours.stderr());
        }
    }
}

#[test]
fn under_a_limit_the_calls_are_recorded_all_the_same() {
    let limits =
        ["ulimit -v 4000000", "ulimit -v 1000000", "ulimit -n 8", "cd /proc", "ulimit -f 4"];
    for limit in limits {
        let run = after(limit, ENDINGS, "return").run().successful();
        assert_eq!(calls(run.report(), "work"), 20, "{limit}");
        assert_eq!(run.diagnostics(), [""; 0], "{limit}");
    }
}

#[test]
fn a_limit_on_file_sizes_costs_the_segment_and_one_line() {
    let run = after("ulimit -f 4", ENDINGS, "return").recording_into_files().run().successful();
    assert_eq!(calls(run.report(), "work"), 20);
    assert_eq!(run.diagnostics().len(), 1, "{}", run.stderr());
    assert!(run.diagnostics()[0].contains("PROFILE_RUN_DIR"), "{}", run.stderr());
}

const CROWD: &str = env!("CARGO_BIN_EXE_crowd");
/// 64 threads, each of which calls a thousand functions twenty times.
const CROWDS_CALLS: i64 = 64 * 1000 * 20;

fn crowd(program: Program) -> Run {
    let run = program.env("PROFILE_REPORT", "none").run().successful();
    assert_eq!(run.figure("called"), CROWDS_CALLS);
    run
}

#[test]
fn a_file_that_cannot_grow_holds_a_part_and_memory_the_rest() {
    let run = crowd(after("ulimit -f 32768", CROWD, "").recording_into_files());
    assert_eq!((run.figure("recorded"), run.figure("lost")), (CROWDS_CALLS, 0));
    let [diagnostic] = &run.diagnostics()[..] else { panic!("{}", run.stderr()) };
    assert!(diagnostic.contains("PROFILE_RUN_DIR") && diagnostic.contains("part"), "{diagnostic}");
    let segment = run.segment();
    let held: u64 = segment.functions.iter().map(|function| function.calls).sum();
    assert!(held > 0 && held < CROWDS_CALLS.cast_unsigned(), "{held} calls");
    let partial = segment.warnings.iter().find(|it| it.message.contains("only part of the run"));
    assert!(partial.is_some(), "{:?}", segment.warnings);
}

/// The same on a full disk, which needs permission to mount one.
#[test]
fn a_full_disk_costs_no_call() {
    let mount = "mount -t tmpfs -o size=3m none \"$PROFILE_RUN_DIR\"";
    let on_disk = |path: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "bash", "-c", &format!("{mount} && exec \"$0\""), path]);
        let program = Program::from(command);
        let folder = program.folder().join("disk");
        fs::create_dir(&folder).expect("a folder");
        program.env("PROFILE_RUN_DIR", folder)
    };
    let probe = on_disk("true").run();
    if !probe.status().success() {
        return println!("skipped: no disk can be mounted here: {}", probe.stderr());
    }
    let run = crowd(on_disk(CROWD));
    assert_eq!((run.figure("recorded"), run.figure("lost")), (CROWDS_CALLS, 0));
    assert!(run.diagnostics().iter().any(|it| it.contains("PROFILE_RUN_DIR")), "{}", run.stderr());
}

/// With a limit on the address space, the recorder gets a small part of it.
#[test]
fn a_call_that_cannot_be_recorded_is_counted_as_lost() {
    let program = after("ulimit -v 400000", CROWD, "");
    let run = crowd(program.env("RUST_MIN_STACK", "262144").env("MALLOC_ARENA_MAX", "1"));
    assert!(run.figure("lost") > 0, "{}", run.stdout());
    assert_eq!(run.figure("recorded") + run.figure("lost"), CROWDS_CALLS);
}

/// The limited address space belongs to the program: the profiler must not take half of it.
#[test]
fn a_limit_on_the_address_space_leaves_it_to_the_program() {
    let limit = "ulimit -v 1000000";
    let grown = after(limit, HEAP, "grow_to_most").run().successful();
    let plain = after(limit, env!("CARGO_BIN_EXE_heap_plain"), "grow_to_most");
    let plain = plain.env("PROFILE_REPORT", "none").run().successful();
    println!(
        "{} MiB, and without the allocator {} MiB",
        grown.figure("most"),
        plain.figure("most")
    );
    assert!(grown.figure("most") >= 800, "{} MiB of 976 are left", grown.figure("most"));
}

#[test]
fn a_run_folder_that_cannot_be_had_costs_one_line_and_nothing_is_lost() {
    for folder in ["/proc/no/such", "/dev/null", "/dev/null/below"] {
        let run = Program::new(ENDINGS, "exit").env("PROFILE_RUN_DIR", folder).run();
        assert_eq!(run.status().code(), Some(7));
        assert_eq!(calls(run.report(), "work"), 20);
        let [diagnostic] = &run.diagnostics()[..] else { panic!("{folder}: {}", run.stderr()) };
        assert!(
            diagnostic.contains("PROFILE_RUN_DIR") && diagnostic.contains(folder),
            "{diagnostic}"
        );
        let warnings: Vec<_> = run.report().warnings.iter().map(|it| &*it.category).collect();
        assert_eq!(warnings, ["ConfigurationWarning"]);
    }
}

#[test]
fn a_run_folder_is_made_and_its_files_are_the_users_alone() {
    let program = Program::new(ENDINGS, "return");
    let below = program.folder().join("a/b");
    let run = program.env("PROFILE_RUN_DIR", &below).run().successful();
    let files: Vec<_> = fs::read_dir(&below).expect("the folder").collect();
    let [Ok(file)] = &files[..] else { panic!("{files:?}") };
    let mode = file.metadata().expect("its metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(calls(run.report(), "work"), 20);
}

#[test]
fn a_damaged_segment_is_an_error_or_fewer_rows_and_never_a_crash() {
    let run = Program::new(ENDINGS, "return").recording_into_files().run().successful();
    let [file] = &run.folder.segment_files()[..] else { panic!("one segment") };
    let whole = fs::read(file).expect("the segment");
    let damaged = run.folder.join("damaged");
    let read = |bytes: &[u8]| {
        fs::write(&damaged, bytes).expect("write a segment");
        profile_core::read_segment(&damaged)
    };
    assert_eq!(read(&whole).map_or(0, |segment| calls(&segment, "work")), 20);
    for length in [0, 1, 8, 64, 255, 256, 4096, 5000, 20_000, whole.len() / 2] {
        let _ = read(&whole[..length]);
    }
    let mut other_version = whole.clone();
    other_version[8] = 99;
    assert!(read(&other_version).is_err_and(|error| error.to_string().contains("99")));
    assert!(
        read(b"not a segment, but some text that is long enough to be one, were it one").is_err()
    );
    for turn in 0_usize..200 {
        let mut bytes = whole[..1 << 17].to_vec();
        for place in 0..8 {
            let at = (turn * 7919 + place * 104_729) % (1 << 16);
            bytes[at] = (turn * 31 + place * 17) as u8;
        }
        let _ = read(&bytes);
    }
}

/// Words that hold another word's link: lists that run into each other, into themselves, or
/// nowhere.
#[test]
fn reading_a_segment_with_cyclic_lists_terminates() {
    let run = Program::new(ENDINGS, "return").recording_into_files().run().successful();
    let [file] = &run.folder.segment_files()[..] else { panic!("one segment") };
    let whole = fs::read(file).expect("the segment");
    let word = |at: usize| u64::from_ne_bytes(whole[at..at + 8].try_into().expect("eight bytes"));
    // The third word is the address of the segment, the fifth its used size: a link is an address.
    let (base, used) = (word(16), word(32));
    let is_link = |at: &usize| (base + 64..base + used).contains(&word(*at));
    let links: Vec<usize> = (64..used as usize).step_by(8).filter(is_link).collect();
    assert!(links.len() > 20, "{links:?}");
    let damaged = run.folder.join("damaged");
    for (index, &at) in links.iter().enumerate() {
        let itself = base + at as u64;
        let others = (1..8).map(|turn| word(links[(index * 31 + turn * 17) % links.len()]));
        for to in [itself, itself & !255, itself & !8191].into_iter().chain(others) {
            let mut bytes = whole[..used as usize].to_vec();
            bytes[at..at + 8].copy_from_slice(&to.to_ne_bytes());
            fs::write(&damaged, bytes).expect("write a segment");
            let _ = profile_core::read_segment(&damaged);
        }
    }
}

#[test]
fn a_missing_segment_is_an_error_of_the_file() {
    let error = profile_core::read_segment("/no/such/segment").expect_err("it is not there");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}
