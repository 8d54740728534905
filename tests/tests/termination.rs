//! Signals that end a process: its report is printed, and its status is that of a process without
//! one.

#![allow(unsafe_code, reason = "system calls between fork and exec")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};

use profile_core::Snapshot;
use tests::{Folder, calls, kill, row, with_default_actions};

const SIGNALS: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];

fn program(scene: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostile"));
    command.arg(scene).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("PROFILE_SIGNALS", "1");
    with_default_actions(&mut command);
    command
}

/// Started, and past its start.
fn started(mut command: Command) -> Child {
    let mut child = command.spawn().expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("its output");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    child
}

fn ended_by(signal: i32, command: Command) -> (ExitStatus, String) {
    let mut child = started(command);
    kill(child.id(), signal);
    let mut printed = String::new();
    child.stderr.take().expect("its errors").read_to_string(&mut printed).expect("text");
    (child.wait().expect("it ends"), printed)
}

#[test]
fn a_signal_that_ends_the_process_has_its_report_printed() {
    for signal in SIGNALS {
        let mut command = program("waits");
        command.env("PROFILE_REPORT", "json");
        let (status, printed) = ended_by(signal, command);
        assert_eq!(status.signal(), Some(signal), "{printed}");
        let report: Snapshot = serde_json::from_str(&printed).expect("one report");
        assert_eq!(calls(&report, "work"), 20);
        assert_eq!(row(&report, "waits").open, 1);
        assert!(report.never_called.iter().any(|it| it.path == "hostile::reserves"));
        assert!(report.process.resident_bytes > Some(0), "{:?}", report.process);
    }
}

#[test]
fn the_report_goes_where_the_settings_say() {
    let folder = Folder::new();
    let mut command = program("waits");
    command.env("PROFILE_REPORT", "csv:out.csv").current_dir(folder.path());
    let (_, printed) = ended_by(libc::SIGTERM, command);
    assert_eq!(printed, "");
    let report = std::fs::read_to_string(folder.join("out.csv")).expect("a report");
    assert!(report.contains("hostile::waits"), "{report}");
}

#[test]
fn handlers_are_installed_only_if_enabled() {
    let mut command = program("waits");
    command.env_remove("PROFILE_SIGNALS");
    let (status, printed) = ended_by(libc::SIGTERM, command);
    assert_eq!((status.signal(), &*printed), (Some(libc::SIGTERM), ""));
}

#[test]
fn handlers_can_be_enabled_in_code() {
    let mut command = program("enables_signals");
    command.env_remove("PROFILE_SIGNALS").env_remove("PROFILE_REPORT");
    let (status, printed) = ended_by(libc::SIGTERM, command);
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    // The format, too, is set in code.
    assert!(printed.starts_with("path,") && printed.contains("hostile::waits"), "{printed}");
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let mut command = program("waits");
    // SAFETY: one system call between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            Ok(())
        });
    }
    let mut child = started(command);
    kill(child.id(), libc::SIGHUP);
    kill(child.id(), libc::SIGTERM);
    assert_eq!(child.wait().expect("it ends").signal(), Some(libc::SIGTERM));
}

#[test]
fn a_handler_of_the_program_that_calls_its_predecessor_ends_nothing() {
    let mut command = program("calls_the_handler_before");
    let output = command.env("PROFILE_REPORT", "json").output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let report: Snapshot = serde_json::from_slice(&output.stderr).expect("one report, at exit");
    assert_eq!(calls(&report, "work"), 21);
}

/// Nobody is fooled into printing what is not there, and the program runs.
#[test]
fn a_variable_alone_prints_nothing() {
    let mut command = program("unnoticed_fork");
    let output = command.env("PROFILE_PRINT_SEGMENT", "/").output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("profile of "), "{output:?}");
}
