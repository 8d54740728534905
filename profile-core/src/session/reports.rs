//! The end of the run: reports, what nobody was told yet, and the exit code.

use std::io::{self, IsTerminal, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
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
use crate::settings;
use crate::snapshot::{Snapshot, WarningRecord};
use crate::sys;
use crate::warnings;

/// Writes the reports. Whether the filters make an error of something that only shows at the end.
pub(super) fn reported() -> bool {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        let _own = Suspended::new();
        let outputs = asked_for();
        if outputs.is_empty() && !has_more_to_tell() {
            recorder_warnings().for_each(|warning| print_diagnostic(&warning));
            return false;
        }
        sampler::read_now();
        let (snapshot, errors) = captured();
        tell_warnings(&outputs, &snapshot);
        for output in &outputs {
            write_output(output, &snapshot);
        }
        if settings::is_on_github() && !outputs.iter().any(|it| is(it, report::GITHUB)) {
            write_output(&Output { format: report::GITHUB, file: None }, &snapshot);
        }
        !errors.is_empty()
    }));
    outcome.unwrap_or_else(|_| {
        complain("the report failed; this is a mistake in profile-core");
        false
    })
}

/// The reports that the variable asks for, or else the settings in code.
fn asked_for() -> Vec<Output> {
    let by_variable = settings::reports_asked_for().and_then(|it| outputs::parse_variable(it).0);
    let in_code = || outputs::parse(&settings::current().reports).unwrap_or_default();
    by_variable.unwrap_or_else(in_code)
}

fn is(output: &Output, format: &dyn Format) -> bool {
    output.format.name() == format.name()
}

/// After `main`, or in `exit`: once, whatever the number of threads that exit at the same time.
pub(super) extern "C" fn report_at_exit() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.swap(true, AcqRel) || has_nothing_to_say() || is_silent_child() {
        return;
    }
    if !startup::is_forked_child() {
        ledger::emit_decreases();
    }
    let has_errors = reported();
    // In a plugin this is the moment before its code goes, and threads that called it may end later.
    sys::forget_thread_exit();
    if has_errors || diagnostics::has_failed() {
        sys::fail_at_exit(settings::current().exit_code.unwrap_or(PANICKED));
    }
}

/// Whether the end of the run may bring up what a person wants to know without a report, too.
fn has_more_to_tell() -> bool {
    warnings::may_raise() || limits::any_at_the_end()
}

/// The exit code of a run that has failed by a warning, unless another was asked for: that of a panic.
const PANICKED: u8 = 101;

/// Nothing is annotated, and no memory was asked for.
fn has_nothing_to_say() -> bool {
    let has_window = View::live().is_some_and(|view| view.header(header::first_window) != 0);
    !has_window && callsite::linked().next().is_none()
}

/// A child of `fork` that recorded nothing of its own has nothing to say.
fn is_silent_child() -> bool {
    startup::is_forked_child()
        && View::live().is_none_or(|view| view.header(header::first_site) == 0)
}

/// A report in the form of data has no room for diagnostics; a person must see them all the same.
fn tell_warnings(outputs: &[Output], snapshot: &Snapshot) {
    let shown = |output: &Output| output.file.is_none() && is(output, report::DEFAULT);
    if outputs.iter().any(shown) {
        return;
    }
    // These have been told when they came up.
    let (told, raised) = (diagnostics::emitted(), end::raised());
    let known: Vec<WarningRecord> = told.into_iter().chain(raised).collect();
    let is_known = |warning: &&WarningRecord| known.iter().any(|it| it.message == warning.message);
    warned::visible(snapshot).filter(|warning| !is_known(warning)).for_each(print_diagnostic);
}

fn print_diagnostic(warning: &WarningRecord) {
    complain(&warning.to_string());
}

/// Writes one report, or says in a line why it is not there or not whole.
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
            complain(&format!("the report in {} lacks {missing}", place()));
        }
        Err(error) => {
            complain(&format!("the report could not be written to {}: {error}", place()));
        }
    }
}

/// Asked before the file is made.
///
/// # Errors
/// It would go to a terminal, to which its bytes are commands, or overflow the stack.
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
    let plain = Style { sort: sort(), ..Style::default() };
    sys::without_file_size_signal(|| {
        let mut file = sys::create_report_file(path)?;
        report::render(output.format, snapshot, &plain, &mut file)
    })
}

fn write_stderr(output: &Output, snapshot: &Snapshot) -> io::Result<Option<Incomplete>> {
    let mut stderr = sys::raw_stderr();
    let style = Style { columns: sys::terminal_columns(), color: wants_color(), sort: sort() };
    let mut whole = Vec::new();
    let missing = report::render(output.format, snapshot, &style, &mut whole)?;
    // One write: lines of other threads do not come between.
    stderr.write_all(&whole)?;
    Ok(missing)
}

fn sort() -> settings::Sort {
    settings::current().sort
}

/// Colour only for a person at a terminal who has not refused it.
fn wants_color() -> bool {
    io::stderr().is_terminal() && settings::color_allowed()
}

/// One line on standard error; if that is gone too, nothing.
pub(super) fn complain(sentence: &str) {
    let _ = sys::raw_stderr().write_all(format!("profile: {sentence}\n").as_bytes());
}
