//! Where programs record by default: what is left of those that end without a report, and that
//! nothing is left of the others.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use profile_core::read_segment;
use profile_core::runs::{self, Keep, Run};
use tests::{Folder, calls, kill, row, with_default_actions};

const ENDINGS: &str = env!("CARGO_BIN_EXE_endings");
const HOSTILE: &str = env!("CARGO_BIN_EXE_hostile");

/// A runtime folder, and the folder in it that programs record into.
struct Place {
    folder: Folder,
}

impl Place {
    fn new() -> Place {
        Place { folder: Folder::new() }
    }

    fn runs_folder(&self) -> PathBuf {
        self.folder.join("profile")
    }

    fn command(&self, program: &str, scene: &str) -> Command {
        let mut command = Command::new(program);
        command.arg(scene).env("XDG_RUNTIME_DIR", self.folder.path());
        command.env_remove("PROFILE_RUN_DIR").env("PROFILE_REPORT", "none");
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        with_default_actions(&mut command);
        command
    }

    fn status_of(&self, scene: &str) -> ExitStatus {
        self.command(ENDINGS, scene).status().expect("it starts")
    }

    fn runs(&self) -> Vec<Run> {
        runs::list(self.runs_folder()).expect("the folder is there")
    }

    /// A program that waits, past its start.
    fn waiting(&self, variables: &[(&str, &str)]) -> Child {
        let mut command = self.command(HOSTILE, "waits");
        let mut child = command.envs(variables.iter().copied()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        child
    }
}

#[test]
fn a_run_that_ends_without_a_report_is_left_without_any_setting() {
    let place = Place::new();
    for (turn, scene) in ["kill", "abort", "overflow", "_exit", "terminate"].iter().enumerate() {
        place.status_of(scene);
        let runs = place.runs();
        assert_eq!(runs.len(), turn + 1, "{scene}");
        let run = runs.last().expect("one");
        assert!(!run.is_running && run.program == ENDINGS, "{run:?}");
        let segment = read_segment(&run.path).expect("a whole segment");
        assert_eq!(calls(&segment, "work"), 20, "{scene}");
        assert_eq!(segment.process.process_id, run.process_id);
    }
    let about = fs::metadata(place.runs_folder()).expect("the folder is there");
    assert_eq!(about.permissions().mode() & 0o777, 0o700);
    let removed = runs::prune(place.runs_folder(), Keep::new(2, u64::MAX, Keep::DEFAULT.age));
    assert_eq!(removed.expect("the folder is there").len(), 3);
    assert_eq!(place.runs().len(), 2);
}

#[test]
fn nothing_is_left_of_a_run_whose_report_was_written() {
    let place = Place::new();
    for scene in ["return", "exit", "panic", "detached", "exit_race"] {
        place.status_of(scene);
        assert!(place.runs().is_empty(), "{scene}");
    }
    // A report that a signal started.
    let mut child = place.waiting(&[("PROFILE_SIGNALS", "1")]);
    kill(child.id(), libc::SIGTERM);
    assert_eq!(child.wait().expect("it ends").signal(), Some(libc::SIGTERM));
    assert!(place.runs().is_empty());
}

#[test]
fn a_process_that_runs_is_found_and_read_and_its_run_stays() {
    let place = Place::new();
    let mut child = place.waiting(&[]);
    let run = runs::of_process(child.id()).expect("it records into a file");
    assert!(run.is_running && run.path.starts_with(place.runs_folder()), "{run:?}");
    let (first, second) = (read_segment(&run.path), read_segment(&run.path));
    let [first, second] = [first, second].map(|it| it.expect("a whole segment"));
    let open = [&first, &second].map(|it| row(it, "waits").inclusive_ns);
    // The open call lasts until it is read, not until its last record.
    assert!(open[0] < open[1], "{open:?}");
    let removed = runs::prune(place.runs_folder(), Keep::NONE).expect("the folder is there");
    assert!(removed.is_empty() && run.path.exists());
    kill(child.id(), libc::SIGKILL);
    child.wait().expect("it ends");
    assert!(runs::of_process(child.id()).is_none());
    let removed = runs::prune(place.runs_folder(), Keep::NONE).expect("the folder is there");
    assert_eq!(removed.len(), 1);
    assert!(!run.path.exists());
}

#[test]
fn a_folder_that_others_can_use_or_that_is_a_link_is_not_used() {
    let place = Place::new();
    fs::create_dir(place.runs_folder()).expect("created");
    fs::set_permissions(place.runs_folder(), PermissionsExt::from_mode(0o755)).expect("set");
    place.status_of("kill");
    assert!(place.runs().is_empty());

    // Only root can give a folder away.
    let foreign = Place::new();
    if std::os::unix::fs::chown(foreign.folder.path(), Some(65_534), None).is_ok() {
        foreign.status_of("kill");
        assert!(!foreign.runs_folder().exists());
    }

    let linked = Place::new();
    let elsewhere = Folder::new();
    std::os::unix::fs::symlink(elsewhere.path(), linked.runs_folder()).expect("linked");
    linked.status_of("kill");
    assert!(elsewhere.segment_files().is_empty());
}

#[test]
fn none_means_memory_and_a_named_folder_is_private_whatever_the_umask() {
    let place = Place::new();
    let mut command = place.command(ENDINGS, "kill");
    command.env("PROFILE_RUN_DIR", "none").status().expect("it starts");
    assert!(!place.runs_folder().exists());

    let named = place.folder.join("a/b");
    let script = "umask 0; exec \"$0\" return";
    let mut shell = place.command("bash", "-c");
    shell.args([script, ENDINGS]).env("PROFILE_RUN_DIR", &named).status().expect("it starts");
    assert_eq!(fs::metadata(&named).expect("created").mode() & 0o777, 0o700);
    assert_eq!(runs::list(&named).expect("the folder is there").len(), 1);
}

#[test]
fn the_path_of_a_run_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::new();
    let named = place.folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    let mut command = place.command(ENDINGS, "return");
    command.env("PROFILE_RUN_DIR", &named).status().expect("it starts");
    assert_eq!(runs::list(&named).expect("the folder is there").len(), 1);
}
