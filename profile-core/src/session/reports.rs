//! The end of the run: reports, warnings not shown yet, and the exit code.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::*};

use super::capture::{captured, recorder_warnings};
use super::limits;
use crate::callsite;
use crate::diagnostics::{self, end};
use crate::memory::{ledger, sampler};
use crate::record::startup;
use crate::record::thread::Suspended;
use crate::report::outputs::{self, Output};
use crate::report::{self, Format, Incomplete, Style, warned};
use crate::segment::layout::header;
use crate::segment::reader::View;
use crate::settings::{self, Settings, Top};
use crate::snapshot::{Snapshot, WarningRecord};
use crate::sys;
use crate::warnings;

/// Writes the reports. Returns whether a filter turned a warning that only arises at the end into
/// an error.
pub(super) fn reported() -> bool {
    let outcome =
        sys::without_running_report(|| panic::catch_unwind(AssertUnwindSafe(capture_and_write)));
    outcome.unwrap_or_else(|_| {
        print_line("the report failed; this is a mistake in profile-core");
        false
    })
}

fn capture_and_write() -> bool {
    let _own = Suspended::new();
    let outputs = asked_for();
    if outputs.is_empty() && !has_more_to_report() {
        recorder_warnings().for_each(|warning| print_diagnostic(&warning));
        return false;
    }
    sampler::read_now();
    let (snapshot, errors) = captured();
    write(&outputs, &snapshot);
    !errors.is_empty()
}

/// Writes the reports of another process.
pub(super) fn write_all(snapshot: &Snapshot) {
    write(&asked_for(), snapshot);
}

fn write(outputs: &[Output], snapshot: &Snapshot) {
    print_warnings(outputs, snapshot);
    outputs.iter().for_each(|output| write_output(output, snapshot));
    if settings::is_on_github() && !outputs.iter().any(|it| is(it, report::GITHUB)) {
        write_output(&Output { format: report::GITHUB, file: None }, snapshot);
    }
}

/// The reports requested by the variable, else by code. The default is a table; under `cargo test`
/// it is nothing, since every test binary would print one.
fn asked_for() -> Vec<Output> {
    let variable = settings::reports_asked_for();
    let by_variable = variable.and_then(|it| outputs::parse_variable(it).0);
    let default = || if variable.is_none() && is_test() { "none" } else { report::DEFAULT.name() };
    let in_code = || {
        let reports = settings::current().reports.as_deref();
        outputs::parse(reports.unwrap_or_else(default)).unwrap_or_default()
    };
    by_variable.unwrap_or_else(in_code)
}

/// Whether this program is a test: cargo builds tests in a folder `deps` with a hash of 16 digits
/// in their names, and rustdoc calls its tests `rust_out`. Benchmarks are built the same way, but
/// run with `--bench`.
fn is_test() -> bool {
    let Ok(program) = std::env::current_exe() else { return false };
    let name = program.file_stem().map_or_else(Default::default, |it| it.to_string_lossy());
    let is_hash = |it: &str| it.len() == 16 && it.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_in_deps = program.parent().is_some_and(|folder| folder.ends_with("deps"));
    let is_hashed = name.rsplit_once('-').is_some_and(|(_, hash)| is_hash(hash));
    let is_benchmark = std::env::args_os().any(|argument| argument == "--bench");
    (is_in_deps && is_hashed || name == "rust_out") && !is_benchmark
}

fn is(output: &Output, format: &dyn Format) -> bool {
    output.format.name() == format.name()
}

/// Runs after `main` or in `exit`: once, even if several threads exit at the same time.
pub(super) extern "C" fn report_at_exit() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.swap(true, AcqRel) || is_unnoticed_child() {
        return;
    }
    if !has_nothing_to_report() && !is_silent_child() {
        report();
    }
    startup::discard_run();
}

fn report() {
    if !has_memory_for_reports() {
        let _ = sys::raw_stderr().write_all(b"profile: no memory is left for a report\n");
        return;
    }
    if !startup::is_forked_child() {
        ledger::emit_decreases();
    }
    let has_errors = reported();
    // A plugin is unloaded after this, and threads that called it may end later.
    sys::forget_thread_exit();
    if has_errors || diagnostics::has_failed() {
        sys::fail_at_exit(settings::current().exit_code.unwrap_or(PANICKED));
    }
}

/// A report aborts if it gets no memory, which must not happen to a program that handles that
/// itself.
fn has_memory_for_reports() -> bool {
    const ENOUGH: usize = 1 << 20;
    let _own = Suspended::new();
    Vec::<u8>::new().try_reserve_exact(ENOUGH).is_ok()
}

/// Whether this is a child created without the handlers of `fork`, by `_Fork` or the system call.
/// It records into its parent's segment, which the parent reports.
fn is_unnoticed_child() -> bool {
    View::live()
        .is_some_and(|view| view.header(header::process_id) != u64::from(std::process::id()))
}

/// Whether something may arise at the end that must be shown even without a report.
fn has_more_to_report() -> bool {
    warnings::may_raise() || limits::any_at_the_end()
}

/// Exit code of a run that failed because of a warning, if no other is set: that of a panic.
const PANICKED: u8 = 101;

/// Whether nothing is annotated, and no memory was measured.
fn has_nothing_to_report() -> bool {
    let has_window = View::live().is_some_and(|view| view.header(header::first_window) != 0);
    !has_window && callsite::linked().next().is_none()
}

/// Whether this is a child of `fork` that recorded nothing itself.
fn is_silent_child() -> bool {
    startup::is_forked_child()
        && View::live().is_none_or(|view| view.header(header::first_site) == 0)
}

/// Prints the warnings to standard error, unless the table there has them.
fn print_warnings(outputs: &[Output], snapshot: &Snapshot) {
    let shown = |output: &Output| output.file.is_none() && is(output, report::DEFAULT);
    if outputs.iter().any(shown) {
        return;
    }
    // These were reported when they occurred.
    let (told, raised) = (diagnostics::emitted(), end::raised());
    let known: Vec<WarningRecord> = told.into_iter().chain(raised).collect();
    let is_known = |warning: &&WarningRecord| known.iter().any(|it| it.message == warning.message);
    warned::visible(snapshot).filter(|warning| !is_known(warning)).for_each(print_diagnostic);
}

fn print_diagnostic(warning: &WarningRecord) {
    print_line(&warning.to_string());
}

/// Writes one report; prints a line if that failed or the report is incomplete.
fn write_output(output: &Output, snapshot: &Snapshot) {
    let written = check(output).and_then(|()| match &output.file {
        Some(path) => write_file(path, output, snapshot),
        None => write_stderr(output, snapshot),
    });
    let place = || match &output.file {
        Some(path) => path.display().to_string(),
        None => "standard error".to_owned(),
    };
    match written {
        Ok(None) => {}
        Ok(Some(Incomplete(missing))) => {
            print_line(&format!("the report in {} lacks {missing}", place()));
        }
        Err(error) => {
            print_line(&format!("the report could not be written to {}: {error}", place()));
        }
    }
}

/// Checks a report before its file is created.
///
/// # Errors
/// It is binary and would go to a terminal, or writing it could overflow the stack.
fn check(Output { format, file }: &Output) -> io::Result<()> {
    let name = format.name();
    if format.is_binary() && file.is_none() && io::stderr().is_terminal() {
        let why = format!("a terminal shows no {name}; name a file, as in {name}:FILE");
        return Err(io::Error::other(why));
    }
    let stack = format.stack_bytes();
    if stack > 0 && sys::stack_left().is_some_and(|left| left < stack) {
        let why =
            format!("{name} takes {} KiB of stack, which this thread does not have", stack >> 10);
        return Err(io::Error::other(why));
    }
    Ok(())
}

fn write_file(path: &Path, output: &Output, snapshot: &Snapshot) -> io::Result<Option<Incomplete>> {
    let settings = settings::current();
    let top = settings.top.unwrap_or(Top::All);
    let plain = Style { sort: settings.sort, top, ..Style::default() };
    sys::without_file_size_signal(|| {
        sys::write_report_file(&from_start(path), |file| {
            report::render(output.format, snapshot, &plain, file)
        })
    })
}

/// The folder in which the program started. Relative report paths refer to it, even if the program
/// has changed its folder.
static START: OnceLock<PathBuf> = OnceLock::new();

pub(super) fn note_start_folder() {
    if let Ok(folder) = std::env::current_dir() {
        let _ = START.set(folder);
    }
}

/// That folder; `None` if it is unknown.
pub(super) fn start_folder() -> Option<&'static Path> {
    START.get().map(PathBuf::as_path)
}

fn from_start(path: &Path) -> Cow<'_, Path> {
    start_folder().map_or(Cow::Borrowed(path), |folder| Cow::Owned(folder.join(path)))
}

fn write_stderr(output: &Output, snapshot: &Snapshot) -> io::Result<Option<Incomplete>> {
    let mut stderr = sys::raw_stderr();
    let settings = settings::current();
    let style = Style {
        columns: sys::terminal_columns(),
        color: is_colored(),
        sort: settings.sort,
        top: settings.top.unwrap_or(Settings::SCREEN),
    };
    let mut whole = Vec::new();
    let missing = report::render(output.format, snapshot, &style, &mut whole)?;
    // A single write, so that lines of other threads do not come in between.
    stderr.write_all(&whole)?;
    Ok(missing)
}

/// Color only on a terminal, and only if the environment allows it.
fn is_colored() -> bool {
    io::stderr().is_terminal() && settings::color_allowed()
}

/// Prints one line to standard error, ignoring errors.
pub(super) fn print_line(sentence: &str) {
    let _ = sys::raw_stderr().write_all(format!("profile: {sentence}\n").as_bytes());
}
