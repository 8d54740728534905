//! Helpers shared by several tests: run a fixture program in its own folder and return its results
//! (status, streams, reports, segments), and read figures of a process from `/proc`.

#![allow(unsafe_code, reason = "system calls")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::Duration;

use profile_core::{Function, Snapshot};

/// Far longer than any fixture takes: a program that still runs then hangs.
const PATIENCE: Duration = Duration::from_secs(100);

/// A folder that is removed when this is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Default for Folder {
    fn default() -> Folder {
        Folder::new()
    }
}

impl Folder {
    /// Creates an empty one.
    pub fn new() -> Folder {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let name = format!("profile-tests-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("create a folder");
        Folder(path)
    }

    /// Its path.
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

    /// The segment files.
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

/// A named pipe: everything that a program writes into it is read afterwards. So a report that is
/// written twice is seen twice.
#[derive(Debug)]
struct Fifo {
    path: PathBuf,
    end: File,
}

impl Fifo {
    /// Larger than all reports of one fixture.
    const ROOM: libc::c_int = 1 << 20;

    fn new(path: PathBuf) -> Fifo {
        let name = std::ffi::CString::new(path.as_os_str().as_bytes()).expect("no NUL in a path");
        // SAFETY: a path terminated by NUL.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0, "make a FIFO");
        let mut options = File::options();
        options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
        let end = options.open(&path).expect("open the FIFO");
        // SAFETY: an open descriptor.
        let room = unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETPIPE_SZ, Fifo::ROOM) };
        assert!(room >= Fifo::ROOM, "a pipe of {} bytes", Fifo::ROOM);
        Fifo { path, end }
    }

    fn drain(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Both ends are open here, so it ends with "would block", not with an end of file.
        let _ = self.end.read_to_end(&mut bytes);
        bytes
    }
}

/// A program to run: a [`Command`] whose report the test reads.
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

    /// Adds an argument.
    pub fn arg(mut self, argument: impl ToString) -> Program {
        self.command.arg(argument.to_string());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Program {
        self.command.env(name, value);
        self
    }

    /// Records into files in its folder.
    pub fn recording_into_files(self) -> Program {
        let folder = self.folder.path().to_owned();
        self.env("PROFILE_RUN_DIR", folder)
    }

    /// Writes the default report to standard error.
    pub fn reporting_as_usual(mut self) -> Program {
        self.fifo = None;
        self.command.env_remove("PROFILE_REPORT");
        self
    }

    /// Redirects its standard output.
    pub fn stdout(mut self, stream: impl Into<Stdio>) -> Program {
        self.command.stdout(stream);
        self
    }

    /// Redirects its standard error.
    pub fn stderr(mut self, stream: impl Into<Stdio>) -> Program {
        self.command.stderr(stream);
        self
    }

    /// The folder that goes when the run is dropped.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it, for tests that interact with it while it runs.
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

    /// Runs it to its end, with its configured streams.
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

/// A running program.
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

/// The output and status of a process. One that hangs is killed, and the test fails.
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

/// Recorded results of other tools: in this repository, or in `REFERENCE_DIR`.
pub fn reference() -> PathBuf {
    let ours = || Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
    std::env::var_os("REFERENCE_DIR").map_or_else(ours, PathBuf::from)
}

/// Advances the mock clock by this many nanoseconds in this thread.
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

/// A number in vectors, or the name of one that JSON does not have.
pub fn number(value: &serde_json::Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// A Python with packages: the installed one if it has them, otherwise a virtual environment.
#[derive(Debug)]
pub struct Python {
    /// The interpreter.
    pub program: PathBuf,
    /// The folder of the virtual environment.
    _folder: Folder,
}

impl Python {
    /// Finds or installs it; `imports` checks that the packages are available.
    ///
    /// # Errors
    /// Why it is not available.
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
/// The last line of its output, if it failed.
fn run(program: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let last = || printed(&output).lines().last().unwrap_or("no output").to_owned();
    if output.status.success() { Ok(()) } else { Err(last()) }
}

/// The output of a program: standard output, then standard error.
pub fn printed(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}

/// Sends a signal.
pub fn kill(process: u32, signal: libc::c_int) {
    // SAFETY: plain system call.
    unsafe { libc::kill(process.cast_signed(), signal) };
}

/// Signals that a shell ignores in what it runs in the background, and those that tests send.
const DEFAULT_ACTIONS: [libc::c_int; 6] =
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2];

/// Starts a program with default actions, however the tests were started: a shell that runs them in
/// the background ignores SIGINT and SIGQUIT, and so would they. No core file for SIGQUIT.
pub fn with_default_actions(command: &mut Command) -> &mut Command {
    // SAFETY: system calls between fork and exec.
    unsafe {
        command.pre_exec(|| {
            for signal in DEFAULT_ACTIONS {
                libc::signal(signal, libc::SIG_DFL);
            }
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
            Ok(())
        })
    }
}

/// A program that answers each line of its input by one line.
#[derive(Debug)]
pub struct Dialog {
    /// The process.
    pub child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Dialog {
    /// Starts it, and waits for its first line.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(command: &mut Command) -> Dialog {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Dialog::of(with_default_actions(command).spawn().expect("start the fixture"))
    }

    /// Waits for its first line.
    ///
    /// # Panics
    /// Its input and output are not piped.
    pub fn of(mut child: Child) -> Dialog {
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut dialog = Dialog { child, input, output };
        dialog.next_line();
        dialog
    }

    /// The next line that it prints, without its end.
    ///
    /// # Panics
    /// It prints none.
    pub fn next_line(&mut self) -> String {
        let mut line = String::new();
        let bytes = self.output.read_line(&mut line).expect("text");
        assert!(bytes > 0, "no more output: {:?}", self.child.try_wait());
        line.trim_end().to_owned()
    }

    /// The answer to an order.
    ///
    /// # Panics
    /// There is none.
    pub fn ask(&mut self, order: &str) -> String {
        writeln!(self.input.as_ref().expect("open"), "{order}").expect("it reads");
        self.next_line()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: libc::c_int) {
        kill(self.child.id(), signal);
    }

    /// Ends its input, and waits for its end.
    ///
    /// # Panics
    /// It cannot be waited for.
    pub fn end(&mut self) -> ExitStatus {
        self.input = None;
        self.child.wait().expect("wait for the fixture")
    }
}

impl Drop for Dialog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A completed program.
#[derive(Debug)]
pub struct Run {
    /// Its status and streams.
    pub output: Output,
    /// All reports that it wrote, in order.
    pub reports: Vec<Snapshot>,
    /// The folder in which it ran.
    pub folder: Folder,
}

impl Run {
    /// Its exit status.
    pub fn status(&self) -> ExitStatus {
        self.output.status
    }

    /// The same run, if it succeeded.
    ///
    /// # Panics
    /// It did not.
    pub fn successful(self) -> Run {
        assert!(self.status().success(), "{:?}: {}", self.status(), self.stderr());
        self
    }

    /// Its only report.
    ///
    /// # Panics
    /// It wrote none, or several.
    pub fn report(&self) -> &Snapshot {
        let [report] = &self.reports[..] else {
            panic!("{} reports; standard error: {}", self.reports.len(), self.stderr());
        };
        report
    }

    /// Its only segment.
    ///
    /// # Panics
    /// There is none, several, or one that cannot be read.
    pub fn segment(&self) -> Snapshot {
        let mut segments = self.folder.segments();
        assert_eq!(segments.len(), 1, "segments of {:?}", self.output);
        segments.remove(0)
    }

    /// Its standard output.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Its standard error.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// The lines that the profiler, not the program, wrote to standard error.
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

/// Resident memory of this process, in bytes.
///
/// # Panics
/// There is no `/proc`.
pub fn resident_bytes() -> i64 {
    kilobytes("VmRSS:") << 10
}

/// Its peak, in bytes.
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

/// Crates that a test writes, builds with its own settings, and runs. Builds are reused by later
/// runs.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Creates the crates' folder in `folder`, which is `CARGO_TARGET_TMPDIR`; `profile` is the
    /// profile section of its `Cargo.toml`.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn new(folder: &str, name: &str, members: &[&str], profile: &str) -> Workspace {
        let workspace = Workspace { root: Path::new(folder).join(name) };
        let manifest =
            format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n\n{profile}\n");
        workspace.write("Cargo.toml", &manifest);
        // The lock file of this workspace, so that cargo needs no network.
        if let Ok(lock) = fs::read_to_string(sources().join("../Cargo.lock")) {
            workspace.write("Cargo.lock", &lock);
        }
        workspace
    }

    /// Adds a crate with these dependencies.
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

    /// Does not rewrite an unchanged file, since cargo would rebuild it.
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

    /// Runs a cargo command in it, with `--release`. Returns its standard error.
    ///
    /// # Panics
    /// It fails.
    pub fn cargo(&self, arguments: &[&str]) -> String {
        let output = self.output_of(&[arguments, &["--release"]].concat());
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// The names of a package and all its dependencies, sorted, without duplicates.
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

    /// The path of a program.
    pub fn program(&self, name: &str) -> String {
        self.root.join("target/release").join(name).display().to_string()
    }
}

/// The dependency on the crate under test, with additional keys.
pub fn core_dependency(more: &str) -> String {
    let path = sources().parent().expect("the workspace").join("profile-core");
    format!("profile-core = {{ path = {path:?}{more} }}\n")
}

/// The folder of this crate.
pub fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Checks that a generated file of the repository is up to date. `PROFILE_BLESS=1` writes it.
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

/// The examples in README and the pages in `docs`, as documentation tests.
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
        signals "docs/signals.md"
        testing "docs/testing.md"
        time "docs/time.md"
        warnings "docs/warnings.md"
        workers "docs/workers.md"
    }
}
