//! Programs that take away what the profiler stands on: their files, their status and their memory
//! are what they would be without it.

#![allow(unsafe_code, reason = "asks for the smallest pipe")]

use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::process::{Command, Stdio};

use profile_core::Snapshot;
use tests::{Folder, Program, calls};

fn hostile(scene: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_hostile"), scene)
}

#[test]
fn a_program_that_closes_all_descriptors_keeps_its_files_and_its_profile() {
    let folder = Folder::new();
    let program = hostile("closes_descriptors").arg(folder.join("data").display());
    let run = program.env("PROFILE_RUN_DIR", folder.path()).run().successful();
    assert_eq!(calls(run.report(), "work"), 120);
    assert_eq!(run.stderr(), "");
    let [segment] = &folder.segments()[..] else { panic!("one segment") };
    assert_eq!(calls(segment, "work"), 120);
    assert_eq!(segment.overhead.lost_calls, 0);
}

#[test]
fn a_window_closes_only_its_own_descriptors() {
    let folder = Folder::new();
    let program = hostile("closes_descriptors_in_a_window");
    program.arg(folder.join("data").display()).run().successful();
}

#[test]
fn a_pipe_that_nobody_reads_kills_no_program_that_would_die_of_its_own_writes() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let run = hostile("default_sigpipe").reporting_as_usual().stderr(Stdio::from(writer));
    assert_eq!(run.run_with_streams().status().code(), Some(0));
}

/// A parent that waits for its child before it reads what that has written.
#[test]
fn a_full_pipe_does_not_keep_the_program_from_ending() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // SAFETY: a descriptor of ours.
    let room = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 1) };
    writer.write_all(&vec![b'x'; room as usize]).expect("as much as it holds");
    let program = hostile("default_sigpipe").reporting_as_usual().stderr(Stdio::from(writer));
    assert_eq!(program.run_with_streams().status().code(), Some(0));
    drop(reader);
}

#[test]
fn a_slow_reader_of_standard_error_gets_all() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostile"));
    command.arg("leaves_its_folder").env("PROFILE_REPORT", "json,json,json,json,json,json");
    let output = command.stderr(Stdio::piped()).output().expect("it runs");
    let reports = serde_json::Deserializer::from_slice(&output.stderr).into_iter::<Snapshot>();
    let reports: Vec<Snapshot> = reports.map(|report| report.expect("a whole report")).collect();
    assert_eq!(reports.len(), 6);
}

#[test]
fn a_lack_of_memory_that_the_program_handles_is_no_end_of_it() {
    hostile("no_memory_in_a_first_call").run().successful();
    let run = hostile("no_memory_at_the_end").reporting_as_usual().run().successful();
    assert_eq!(run.stderr(), "profile: no memory is left for a report\n");
}

#[test]
fn a_relative_path_of_a_report_means_the_folder_of_the_start() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostile"));
    command.arg("leaves_its_folder").env("PROFILE_REPORT", "json:out.json");
    let status = command.current_dir(folder.path()).status().expect("it runs");
    assert!(status.success());
    let about = std::fs::metadata(folder.join("out.json")).expect("the report");
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_child_that_no_handler_of_fork_saw_reports_nothing() {
    let run = hostile("unnoticed_fork").reporting_as_usual().run().successful();
    assert_eq!(run.stderr().matches("profile of ").count(), 1, "{}", run.stderr());
}

#[test]
fn a_warning_begins_no_command_on_the_console_of_a_ci_run() {
    let run = hostile("warns_of_commands").env("PROFILE_WARNINGS", "always").run().successful();
    assert!(run.stderr().contains("\n| ::error file=a.rs"), "{}", run.stderr());
}

#[test]
fn only_regular_files_are_read_as_segments() {
    for path in ["/dev/zero", "/"] {
        let error = profile_core::read_segment(path).expect_err("no segment");
        assert_eq!(error.to_string(), "not a regular file", "{path}");
    }
}
