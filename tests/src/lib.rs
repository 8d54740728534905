//! Helpers that several tests share: runs a fixture program in a folder of its own and hands back
//! all it left behind (status, streams, reports, segments), and reads a few figures of a process
//! from `/proc`.

#![allow(unsafe_code, reason = "asks the system what programs left behind")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::Duration;

use profile_core::{Function, Snapshot};

/// Far beyond what any fixture takes: a program that still runs then hangs.
const PATIENCE: Duration = Duration::from_secs(100);

/// A folder that goes when this is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Default for Folder {
    fn default() -> Folder {
        Folder::new()
    }
}

impl Folder {
    /// A new one, empty.
    pub fn new() -> Folder {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let name = format!("profile-tests-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("create a folder");
        Folder(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Every segment in it.
    ///
    /// # Panics
    /// One of them cannot be read.
    pub fn segments(&self) -> Vec<Snapshot> {
        let read = |path: &PathBuf| {
            profile_core::read_segment(path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        self.segment_files().iter().map(read).collect()
    }

    /// The files that hold segments.
    pub fn segment_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).expect("read the folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter(|path| path.extension().is_some_and(|it| it == "segment")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A pipe with a name: whatever a program writes into it, in however many pieces, is read
/// afterwards. A report that is written twice is therefore seen twice.
#[derive(Debug)]
struct Fifo {
    path: PathBuf,
    end: File,
}

impl Fifo {
    /// More than all the reports of one fixture.
    const ROOM: libc::c_int = 1 << 20;

    fn new(path: PathBuf) -> Fifo {
        let name = std::ffi::CString::new(path.as_os_str().as_bytes()).expect("no NUL in a path");
        // SAFETY: a path that ends in NUL.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0, "make a FIFO");
        let mut options = File::options();
        options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
        let end = options.open(&path).expect("open the FIFO");
        // SAFETY: a descriptor of ours.
        let room = unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETPIPE_SZ, Fifo::ROOM) };
        assert!(room >= Fifo::ROOM, "a pipe of {} bytes", Fifo::ROOM);
        Fifo { path, end }
    }

    fn drain(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Both ends are ours, so it ends in "would block", not in an end of file.
        let _ = self.end.read_to_end(&mut bytes);
        bytes
    }
}

/// A program to be run: a [`Command`] that writes its report where the test finds it.
#[derive(Debug)]
pub struct Program {
    command: Command,
    folder: Folder,
    fifo: Option<Fifo>,
}

impl Program {
    /// The program at `path`, in the mode (its first argument) `mode`.
    pub fn new(path: &str, mode: &str) -> Program {
        let mut command = Command::new(path);
        command.arg(mode);
        Program::from(command)
    }

    /// The same, started by a shell after `preparation`, such as `ulimit -n 8`.
    pub fn after(preparation: &str, path: &str, mode: &str) -> Program {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{preparation}; exec \"$0\" \"$@\""), path, mode]);
        Program::from(command)
    }

    /// With an argument more.
    pub fn arg(mut self, argument: impl ToString) -> Program {
        self.command.arg(argument.to_string());
        self
    }

    /// With a variable set.
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Program {
        self.command.env(name, value);
        self
    }

    /// Recording into files in a folder of its own.
    pub fn recording_into_files(self) -> Program {
        let folder = self.folder.path().to_owned();
        self.env("PROFILE_RUN_DIR", folder)
    }

    /// The report in its usual form at its usual place.
    pub fn reporting_as_usual(mut self) -> Program {
        self.fifo = None;
        self.command.env_remove("PROFILE_REPORT");
        self
    }

    /// With its standard output going elsewhere.
    pub fn stdout(mut self, stream: impl Into<Stdio>) -> Program {
        self.command.stdout(stream);
        self
    }

    /// With its standard error going elsewhere.
    pub fn stderr(mut self, stream: impl Into<Stdio>) -> Program {
        self.command.stderr(stream);
        self
    }

    /// The folder that goes when the run is dropped.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it, for tests that have something to do with it while it runs.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(mut self) -> Running {
        let child = self.command.spawn().expect("start the fixture");
        Running { child, folder: self.folder, fifo: self.fifo }
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// It cannot be started, or hangs.
    pub fn run(self) -> Run {
        self.stdout(Stdio::piped()).stderr(Stdio::piped()).start().wait()
    }

    /// Runs it to its end, with the streams it was given.
    ///
    /// # Panics
    /// It cannot be started, or hangs.
    pub fn run_with_streams(self) -> Run {
        self.start().wait()
    }
}

impl From<Command> for Program {
    /// Any command.
    fn from(mut command: Command) -> Program {
        let inherited = std::env::vars_os().map(|(name, _)| name);
        let ours = inherited.filter(|name| name.as_bytes().starts_with(b"PROFILE_"));
        ours.for_each(|name| {
            command.env_remove(name);
        });
        let folder = Folder::new();
        let fifo = Fifo::new(folder.join("reports"));
        command.env("PROFILE_REPORT", format!("json:{}", fifo.path.display()));
        command.env_remove("RUST_BACKTRACE").env_remove("GITHUB_ACTIONS").stdin(Stdio::null());
        Program { command, folder, fifo: Some(fifo) }
    }
}

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    /// The process.
    pub child: Child,
    folder: Folder,
    fifo: Option<Fifo>,
}

impl Running {
    /// The folder that goes when the run is dropped.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It hangs.
    pub fn wait(self) -> Run {
        let Running { child, folder, fifo } = self;
        let output = output_of(child);
        let written = fifo.map(Fifo::drain).unwrap_or_default();
        let reports = serde_json::Deserializer::from_slice(&written).into_iter();
        let reports = reports.map(|report| report.expect("a report in JSON")).collect();
        Run { output, reports, folder }
    }
}

/// What a process printed and how it ended. One that hangs is killed, and the test fails.
fn output_of(child: Child) -> Output {
    let id = child.id();
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(child.wait_with_output()));
    if let Ok(output) = receive.recv_timeout(PATIENCE) {
        return output.expect("wait for the fixture");
    }
    kill(id, libc::SIGKILL);
    panic!("process {id} hangs");
}

/// What other tools did, recorded: in this repository, or where `REFERENCE_DIR` says.
pub fn reference() -> PathBuf {
    let ours = || Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
    std::env::var_os("REFERENCE_DIR").map_or_else(ours, PathBuf::from)
}

/// Lets so many nanoseconds pass in this thread, of the clock that is set by hand.
pub fn pass(ns: u64) {
    thread_local!(static NOW: Cell<u64> = const { Cell::new(1_000) });
    NOW.set(NOW.get() + ns);
    profile_core::__private::set_mock_ticks(NOW.get());
}

/// Recorded vectors: a file of `tests/reference`, or of `REFERENCE_DIR`.
pub fn vectors(file: &str) -> serde_json::Value {
    let path = reference().join(file);
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("vectors in JSON")
}

/// A number of vectors, or the name of one that JSON does not have.
pub fn number(value: &serde_json::Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// A real Python with packages in it: the one of this machine if it has them, or one of its own.
#[derive(Debug)]
pub struct Python {
    /// The interpreter.
    pub program: PathBuf,
    /// Where it was installed for this test.
    _folder: Folder,
}

impl Python {
    /// Finds or installs it; `imports` shows that the packages are there.
    ///
    /// # Errors
    /// Why it cannot be had here.
    pub fn with(packages: &[&str], imports: &str) -> Result<Python, String> {
        let folder = Folder::new();
        let installed = PathBuf::from("python3");
        if run(&installed, &["-c", &format!("import {imports}")]).is_ok() {
            return Ok(Python { program: installed, _folder: folder });
        }
        let environment = folder.join("environment");
        run(&installed, &["-m", "venv", &environment.display().to_string()])?;
        let program = environment.join("bin/python");
        let install = ["-m", "pip", "install", "--quiet", "--retries", "0", "--timeout", "20"];
        run(&program, &[&install[..], packages].concat())?;
        Ok(Python { program, _folder: folder })
    }
}

/// # Errors
/// What it said, if it did not end well.
fn run(program: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let last = || said(&output).lines().last().unwrap_or("it says nothing").to_owned();
    if output.status.success() { Ok(()) } else { Err(last()) }
}

/// What a program printed, to both.
pub fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}

/// Sends a signal.
pub fn kill(process: u32, signal: libc::c_int) {
    // SAFETY: plain system call.
    unsafe { libc::kill(process.cast_signed(), signal) };
}

/// A program that has ended.
#[derive(Debug)]
pub struct Run {
    /// Its status and streams.
    pub output: Output,
    /// All the reports it wrote, in the order of their writing.
    pub reports: Vec<Snapshot>,
    /// Where it ran.
    pub folder: Folder,
}

impl Run {
    /// How it ended.
    pub fn status(&self) -> ExitStatus {
        self.output.status
    }

    /// The same run, if it ended well.
    ///
    /// # Panics
    /// It did not.
    pub fn successful(self) -> Run {
        assert!(self.status().success(), "{:?}: {}", self.status(), self.stderr());
        self
    }

    /// Its one report.
    ///
    /// # Panics
    /// It wrote none, or several.
    pub fn report(&self) -> &Snapshot {
        let [report] = &self.reports[..] else {
            panic!("{} reports; standard error: {}", self.reports.len(), self.stderr());
        };
        report
    }

    /// The one segment it left.
    ///
    /// # Panics
    /// It left none, or several, or one that cannot be read.
    pub fn segment(&self) -> Snapshot {
        let mut segments = self.folder.segments();
        assert_eq!(segments.len(), 1, "segments of {:?}", self.output);
        segments.remove(0)
    }

    /// What it wrote to standard output.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// What it wrote to standard error.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// The lines that the instrument, not the program, wrote to standard error.
    pub fn diagnostics(&self) -> Vec<String> {
        let stderr = self.stderr();
        stderr.lines().filter(|line| line.starts_with("profile: ")).map(str::to_owned).collect()
    }

    /// A number that the fixture printed as a line `name number`.
    ///
    /// # Panics
    /// It did not.
    pub fn figure(&self, name: &str) -> i64 {
        let stdout = self.stdout();
        let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
        let found = stdout.lines().find_map(value);
        found.unwrap_or_else(|| panic!("no figure {name} in {stdout:?}; {}", self.stderr()))
    }
}

/// Calls of a function; 0 if it is not in the snapshot.
pub fn calls(snapshot: &Snapshot, function: &str) -> u64 {
    snapshot.function(function).map_or(0, |row| row.calls)
}

/// A function's row.
///
/// # Panics
/// There is none.
pub fn row<'a>(snapshot: &'a Snapshot, function: &str) -> &'a Function {
    snapshot.function(function).unwrap_or_else(|| panic!("{function} was not called"))
}

/// Memory of this process that is resident, in bytes.
///
/// # Panics
/// There is no `/proc`.
pub fn resident_bytes() -> i64 {
    kilobytes("VmRSS:") << 10
}

/// The most that ever was, in bytes.
///
/// # Panics
/// There is no `/proc`.
pub fn peak_resident_bytes() -> i64 {
    kilobytes("VmHWM:") << 10
}

fn kilobytes(key: &str) -> i64 {
    let status = fs::read_to_string("/proc/self/status").expect("read /proc/self/status");
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.expect("a number of kilobytes")
}

/// Crates that a test writes, builds in a way of its own, and runs. What is built stays for the
/// next time.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The crates' folder in `folder`, which is `CARGO_TARGET_TMPDIR`; `profile` is what its
    /// `Cargo.toml` says of the profiles.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn new(folder: &str, name: &str, members: &[&str], profile: &str) -> Workspace {
        let workspace = Workspace { root: Path::new(folder).join(name) };
        let manifest =
            format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n\n{profile}\n");
        workspace.write("Cargo.toml", &manifest);
        // So that cargo needs no network: the versions this workspace was built with.
        if let Ok(lock) = fs::read_to_string(sources().join("../Cargo.lock")) {
            workspace.write("Cargo.lock", &lock);
        }
        workspace
    }

    /// A crate with these dependencies.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn add(&self, package: &str, dependencies: &str, files: &[(&str, &str)]) {
        let manifest = format!(
            "[package]\nname = \"{package}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             publish = false\n\n[dependencies]\n{dependencies}\n"
        );
        self.write(&format!("{package}/Cargo.toml"), &manifest);
        for (path, text) in files {
            self.write(&format!("{package}/{path}"), text);
        }
    }

    /// Keeps the time stamp of a file that is as it should be, or cargo would build it again.
    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        if fs::read_to_string(&path).is_ok_and(|it| it == text) {
            return;
        }
        fs::create_dir_all(path.parent().expect("a folder")).expect("create a folder");
        fs::write(path, text).expect("write a file");
    }

    /// Builds all of it as `cargo build --release` does.
    ///
    /// # Panics
    /// It does not compile.
    pub fn build(&self) {
        self.cargo(&["build"]);
    }

    /// Runs a command of cargo's in it, of a release build. Gives what it writes to standard error.
    ///
    /// # Panics
    /// It fails.
    pub fn cargo(&self, arguments: &[&str]) -> String {
        let output = self.output_of(&[arguments, &["--release"]].concat());
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// The crates that a package and its dependencies are, by name, each once and sorted.
    ///
    /// # Panics
    /// Cargo fails.
    pub fn crates_of(&self, package: &str) -> Vec<String> {
        let tree = ["tree", "-p", package, "-e", "normal", "--prefix", "none", "-f", "{p}"];
        let output = self.output_of(&tree);
        let text = String::from_utf8_lossy(&output.stdout);
        let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        let names: BTreeSet<String> = text.lines().map(name).collect();
        names.into_iter().collect()
    }

    fn output_of(&self, arguments: &[&str]) -> Output {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(arguments).args(["--offline", "--quiet"]).current_dir(&self.root);
        cargo.env("CARGO_TARGET_DIR", self.root.join("target"));
        for inherited in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
            cargo.env_remove(inherited);
        }
        let output = cargo.output().expect("start cargo");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where a program is.
    pub fn program(&self, name: &str) -> String {
        self.root.join("target/release").join(name).display().to_string()
    }
}

/// The dependency on the crate under test, with these words more.
pub fn core_dependency(more: &str) -> String {
    let path = sources().parent().expect("the workspace").join("profile-core");
    format!("profile-core = {{ path = {path:?}{more} }}\n")
}

/// The folder of this crate.
pub fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository that is generated from the code: what is in it is what would be
/// written now. `PROFILE_BLESS=1` writes it.
///
/// # Panics
/// It differs.
pub fn assert_blessed(file: &Path, expected: &str) {
    if std::env::var_os("PROFILE_BLESS").is_some_and(|value| value == "1") {
        fs::write(file, expected).expect("write the file");
    }
    let found = fs::read_to_string(file).unwrap_or_default();
    let lines = found.lines().map(Some).chain(std::iter::repeat(None));
    let differs = expected.lines().zip(lines).find(|(expected, found)| Some(*expected) != *found);
    assert!(
        found == expected,
        "{} is out of date ({differs:?}); PROFILE_BLESS=1 writes it",
        file.display()
    );
}

/// The examples of README and of the pages in `docs`, as documentation tests.
#[cfg(doctest)]
mod documentation {
    macro_rules! pages {
        ($($name:ident $path:literal)*) => {$(
            #[doc = include_str!(concat!("../../", $path))]
            pub mod $name {}
        )*};
    }

    pages! {
        readme "README.md"
        accuracy "docs/accuracy.md"
        r#async "docs/async.md"
        comparing "docs/comparing.md"
        crashes "docs/crashes.md"
        formats "docs/formats.md"
        lines "docs/lines.md"
        memory "docs/memory.md"
        segment_format "docs/segment-format.md"
        settings "docs/settings.md"
        testing "docs/testing.md"
        time "docs/time.md"
        warnings "docs/warnings.md"
    }
}
