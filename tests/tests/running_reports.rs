//! Reports of a running process, requested by SIGUSR1 or a timer, and recording switched off and on
//! by SIGUSR2: the program notices nothing of either.

#![allow(unsafe_code, reason = "system calls between fork and exec, and a named pipe")]

use std::fs::{self, File};
use std::io::{BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use profile_core::Snapshot;
use tests::{Dialog, Folder, calls};

fn obedient(signals: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_obedient"));
    command.env("PROFILE_SIGNALS", signals).env("PROFILE_REPORT", "json").stderr(Stdio::piped());
    command
}

/// What the program prints to standard error, report after report.
fn reports(dialog: &mut Dialog) -> impl Iterator<Item = Snapshot> + use<> {
    let stderr = BufReader::new(dialog.child.stderr.take().expect("its errors"));
    let reports = serde_json::Deserializer::from_reader(stderr).into_iter();
    reports.map(|report| report.expect("a report"))
}

/// Requests a report when no other is being written: such a request would start none.
fn request(dialog: &Dialog) {
    let process = dialog.child.id();
    let children = format!("/proc/{process}/task/{process}/children");
    let has_ended = |child: &str| {
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('Z'))
    };
    while !fs::read_to_string(&children).expect("it runs").split(' ').all(has_ended) {
        std::thread::yield_now();
    }
    dialog.signal(libc::SIGUSR1);
}

/// What is in a report file, once there is one for which `is_it` holds.
fn report_in(path: &Path, mut is_it: impl FnMut(&Snapshot) -> bool) -> Snapshot {
    loop {
        let Ok(text) = fs::read_to_string(path) else { continue };
        let report = serde_json::from_str(&text).expect("a whole report, whenever it is read");
        if is_it(&report) {
            return report;
        }
    }
}

#[test]
fn sigusr1_has_a_report_written_and_the_program_goes_on() {
    let mut dialog = Dialog::start(&mut obedient("1"));
    let mut reports = reports(&mut dialog);
    dialog.ask("work 20");
    request(&dialog);
    let first = reports.next().expect("a report");
    assert_eq!(calls(&first, "work"), 20);
    assert_eq!(first.process.process_id, dialog.child.id());
    assert!(first.process.resident_bytes > Some(0), "{:?}", first.process);
    assert!(first.never_called.iter().any(|it| it.path == "obedient::other"));
    dialog.ask("work 1");
    request(&dialog);
    assert_eq!(calls(&reports.next().expect("another"), "work"), 21);
    assert!(dialog.end().success());
    assert_eq!(calls(&reports.next().expect("the one at exit"), "work"), 21);
    assert!(reports.next().is_none());
}

#[test]
fn the_process_that_reports_is_no_child_that_the_program_sees() {
    let mut dialog = Dialog::start(&mut obedient("1"));
    let mut reports = reports(&mut dialog);
    for _ in 0..3 {
        request(&dialog);
        reports.next().expect("a report");
        assert_eq!(dialog.ask("children"), "0 SIGCHLD, no child");
    }
}

#[test]
fn a_report_file_is_replaced_as_a_whole() {
    let folder = Folder::new();
    let path = folder.join("report.json");
    fs::write(&path, "{}").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("changed");
    // Stays open, or one of the files after it could get its number.
    let first = File::open(&path).expect("it is there");
    let mut command = obedient("1");
    command.env("PROFILE_REPORT", "json:report.json").current_dir(folder.path());
    let mut dialog = Dialog::start(&mut command);
    for calls_so_far in 1..=20 {
        dialog.ask("work 1");
        // Until it is there: a signal that arrives while a report is written starts none.
        report_in(&path, |report| {
            dialog.signal(libc::SIGUSR1);
            calls(report, "work") == calls_so_far
        });
    }
    assert!(dialog.end().success());
    let after = fs::metadata(&path).expect("it is there");
    assert_ne!(first.metadata().expect("it is open").ino(), after.ino());
    assert_eq!(after.mode() & 0o777, 0o640);
    let files = fs::read_dir(folder.path()).expect("readable").count();
    assert_eq!(files, 1, "nothing is left beside it");
}

#[test]
fn links_and_files_with_two_names_are_written_in_place() {
    let folder = Folder::new();
    let [target, link, second] = ["target", "link", "second"].map(|name| folder.join(name));
    fs::write(&target, "").expect("written");
    std::os::unix::fs::symlink(&target, &link).expect("a link");
    fs::hard_link(&target, &second).expect("a second name");
    let inode = || fs::metadata(&target).expect("it is there").ino();
    let before = inode();
    for name in ["link", "second"] {
        let mut command = obedient("1");
        command.env("PROFILE_REPORT", format!("json:{name}")).current_dir(folder.path());
        let mut dialog = Dialog::start(&mut command);
        dialog.ask("work 7");
        assert!(dialog.end().success());
        assert_eq!(calls(&report_in(&target, |_| true), "work"), 7);
        assert_eq!(inode(), before);
        assert!(link.is_symlink());
    }
}

#[test]
fn a_timer_has_reports_written_and_leaves_the_alarm_to_the_program() {
    let mut dialog = Dialog::start(&mut obedient("every:100ms"));
    let mut reports = reports(&mut dialog);
    dialog.ask("alarm");
    for _ in 0..2 {
        reports.next().expect("a report");
    }
    dialog.ask("work 3");
    let later = reports.find(|report| calls(report, "work") == 3);
    assert!(later.is_some());
    assert_eq!(dialog.ask("alarm_left"), "own");
    // Of the signals that end a process, only the timer's is handled.
    dialog.signal(libc::SIGTERM);
    assert_eq!(dialog.child.wait().expect("it ends").signal(), Some(libc::SIGTERM));
}

#[test]
fn sigusr2_switches_recording_off_and_on() {
    let mut dialog = Dialog::start(&mut obedient("1"));
    let mut reports = reports(&mut dialog);
    // Enough for calls that are left out by a countdown.
    dialog.ask("work 100000");
    dialog.signal(libc::SIGUSR2);
    dialog.ask("work 100000");
    request(&dialog);
    let off = reports.next().expect("a report");
    assert_eq!(calls(&off, "work"), 100_000);
    assert!(off.overhead.switched_off_ns > 0, "it is off");
    assert_eq!(off.never_called, [], "it is not known what was called");
    dialog.signal(libc::SIGUSR2);
    dialog.ask("work 10");
    dialog.ask("other");
    request(&dialog);
    let on = reports.next().expect("a report");
    assert_eq!((calls(&on, "work"), calls(&on, "other")), (100_010, 1));
    let off_ns = on.overhead.switched_off_ns;
    assert!(off_ns > off.overhead.switched_off_ns, "its end is later than that report");
    assert!(dialog.end().success());
    let at_exit = reports.next().expect("a report");
    assert_eq!(at_exit.overhead.switched_off_ns, off_ns);
    assert_eq!(calls(&at_exit, "work"), 100_010);
}

#[test]
fn a_forked_child_has_the_handlers_and_its_own_figures() {
    let mut dialog = Dialog::start(&mut obedient("1"));
    let mut reports = reports(&mut dialog);
    dialog.ask("work 20");
    // Its report is ended by that at exit if it takes longer than the rest of the child.
    assert_eq!(dialog.ask(&format!("fork {}", libc::SIGUSR1)), "status 0");
    let at_exit = reports.find(|report| calls(report, "work") == 2).expect("the child's report");
    assert_ne!(at_exit.process.process_id, dialog.child.id());
    // Off is off in the child, too, and on again from its own signal on.
    dialog.signal(libc::SIGUSR2);
    assert_eq!(dialog.ask(&format!("fork {}", libc::SIGUSR2)), "status 0");
    let half = reports.next().expect("the child's report");
    assert_eq!(calls(&half, "work"), 1);
    assert!(half.overhead.switched_off_ns > 0);
}

#[test]
fn signals_that_are_ignored_or_handled_are_left_alone() {
    let mut command = obedient("1");
    let mut dialog = Dialog::start(&mut command);
    let usual = caught(&dialog.ask("signals"));
    for signal in [libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2] {
        assert!(usual & bit(signal) != 0, "{signal} is handled");
    }
    let mut command = obedient("1");
    // SAFETY: one system call between fork and exec; it comes after those of `Dialog`.
    let ignoring = |command: &mut Command| unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGUSR1, libc::SIG_IGN);
            libc::signal(libc::SIGINT, libc::SIG_IGN);
            Ok(())
        });
    };
    tests::with_default_actions(&mut command);
    ignoring(&mut command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut dialog = Dialog::of(command.spawn().expect("it starts"));
    assert_eq!(caught(&dialog.ask("signals")), usual & !bit(libc::SIGUSR1) & !bit(libc::SIGINT));
    dialog.signal(libc::SIGUSR1);
    dialog.signal(libc::SIGINT);
    assert_eq!(dialog.ask("work 1"), "done");
}

/// The signals that a process catches, from its answer.
fn caught(answer: &str) -> u64 {
    let (_, caught) = answer.split_once("SigCgt:").expect("a set of signals");
    u64::from_str_radix(caught.trim(), 16).expect("in hexadecimal")
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

#[test]
fn masks_and_actions_are_those_of_the_plain_program_but_for_the_handlers() {
    let mut plain = Dialog::start(&mut obedient("0"));
    let mut handling = Dialog::start(&mut obedient("1,every:10s"));
    assert_eq!(plain.ask("signals_of_child"), handling.ask("signals_of_child"));
    let [plain, handling] = [&mut plain, &mut handling].map(|it| it.ask("signals"));
    let until_caught =
        |answer: &str| answer.split_once("SigCgt").expect("caught ones").0.to_owned();
    assert_eq!(until_caught(&plain), until_caught(&handling));
    let handlers = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
    let handlers = handlers.into_iter().chain([libc::SIGUSR1, libc::SIGUSR2, libc::SIGRTMAX()]);
    assert_eq!(caught(&handling), handlers.map(bit).fold(caught(&plain), |set, bit| set | bit));
}

/// A pipe that a slow report reads from.
struct Pipe(std::path::PathBuf);

impl Pipe {
    fn new(folder: &Folder) -> Pipe {
        let path = folder.join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().expect("it runs").success());
        Pipe(path)
    }

    /// Waits until the report reads; it then waits for a byte.
    fn writer(&self) -> File {
        loop {
            let mut options = File::options();
            if let Ok(file) = options.write(true).custom_flags(libc::O_NONBLOCK).open(&self.0) {
                return file;
            }
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_second_ctrl_c_ends_the_program_while_the_report_is_written() {
    let folder = Folder::new();
    let pipe = Pipe::new(&folder);
    let mut command = obedient("1");
    command.env("PROFILE_REPORT", "slow").env("SLOW_REPORT", &pipe.0);
    let mut dialog = Dialog::start(&mut command);
    dialog.signal(libc::SIGINT);
    let mut writer = pipe.writer();
    assert!(dialog.child.try_wait().expect("a status").is_none(), "it waits for its report");
    dialog.signal(libc::SIGINT);
    assert_eq!(dialog.child.wait().expect("it ends").signal(), Some(libc::SIGINT));
    writer.write_all(b"!").expect("the report is still being written");
}

#[test]
fn a_report_that_is_being_written_does_not_replace_the_one_at_exit() {
    let folder = Folder::new();
    let pipe = Pipe::new(&folder);
    let report = folder.join("report");
    let mut command = obedient("1");
    command.env("PROFILE_REPORT", format!("slow:{}", report.display()));
    let mut dialog = Dialog::start(command.env("SLOW_REPORT", &pipe.0));
    dialog.ask("work 1");
    dialog.signal(libc::SIGUSR1);
    let mut writer = pipe.writer();
    dialog.ask("fast");
    dialog.ask("work 1");
    // One is being written, so this starts none.
    dialog.signal(libc::SIGUSR1);
    assert!(dialog.end().success());
    // The other has ended: nobody reads.
    while writer.write_all(b"!").is_ok() {}
    assert_eq!(fs::read_to_string(&report).expect("a report"), "2 calls\n");
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 2, "report and pipe");
}

#[test]
fn forty_thousand_signals_leave_a_busy_program_alone() {
    const SIGNALS: u32 = 40_000;
    let folder = Folder::new();
    let path = folder.join("report.json");
    let mut command = obedient("1");
    command.env("PROFILE_REPORT", format!("json:{}", path.display())).stderr(Stdio::inherit());
    let mut dialog = Dialog::start(&mut command);
    let mut orders = 0;
    for sent in 0..SIGNALS {
        dialog.signal(libc::SIGUSR1);
        // It allocates, prints, and makes annotated calls.
        if sent % 100 == 0 {
            assert_eq!(dialog.ask("work 10"), "done");
            orders += 1;
            if path.exists() {
                report_in(&path, |_| true);
            }
        }
    }
    assert!(dialog.end().success());
    assert_eq!(calls(&report_in(&path, |_| true), "work"), orders * 10);
}
