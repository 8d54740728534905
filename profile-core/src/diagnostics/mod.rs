//! Diagnostics emitted while the program runs: one line on standard error, unless the filters of
//! [`warnings`](crate::warnings) decide otherwise, and counted for the report.

pub(crate) mod end;
pub(crate) mod limits;
pub(crate) mod raise;

use std::cell::Cell;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::callsite::CallSite;
use crate::escape::safe_and_short;
use crate::record::thread::Suspended;
use crate::settings;
use crate::snapshot::{WarningRecord, Worst};
use crate::sys;
use crate::warnings::{
    Action, Category, RaisedWarning, ShownBy, Verdict, Warning, exclusively, locked, verdict,
};

/// Subjects that are counted separately, such as functions with limits. Any beyond that share one
/// count per category.
const MOST: usize = 1_000;
const OTHERS: &str = "other functions";

/// A diagnostic to emit.
pub(crate) struct Diagnostic {
    pub(crate) category: &'static Category,
    /// The module that filters match.
    pub(crate) module: String,
    /// What it is about: a function's path or another name. It is emitted once per subject, since
    /// figures differ each time. `None`: the message is the subject.
    pub(crate) subject: Option<String>,
    pub(crate) file: String,
    pub(crate) line: u32,
    /// The warning's text.
    pub(crate) message: String,
    /// The figure that exceeds the limit.
    pub(crate) worst: Option<Worst>,
    /// Returns lines to print below the message, for the subject. Called only if it is shown, since
    /// finding them is slow.
    pub(crate) details: Option<fn(&str) -> Vec<String>>,
}

impl Diagnostic {
    pub(crate) fn about(
        site: &CallSite,
        category: &'static Category,
        message: String,
        worst: Option<Worst>,
    ) -> Diagnostic {
        let (module, subject) = (site.module().to_owned(), Some(site.path()));
        let (file, line) = (site.file().to_owned(), site.line());
        Diagnostic { category, module, subject, file, line, message, worst, details: None }
    }

    /// A diagnostic about the profiler itself.
    pub(crate) fn own(
        category: &'static Category,
        subject: Option<&str>,
        message: String,
    ) -> Diagnostic {
        let (module, subject) = ("profile".to_owned(), subject.map(str::to_owned));
        let (file, line) = (String::new(), 0);
        Diagnostic { category, module, subject, file, line, message, worst: None, details: None }
    }

    /// The message, and the details below it.
    pub(crate) fn sentence(&self) -> String {
        let details = self.details.zip(self.subject.as_deref());
        let details = details.map(|(details, subject)| details(subject)).unwrap_or_default();
        let lines = details.iter().map(|line| format!("\n    {}", safe_and_short(line)));
        // Each detail on one line: on GitHub a new line could be a workflow command.
        std::iter::once(safe_and_short(&self.message).into_owned()).chain(lines).collect()
    }

    fn warning(&self) -> Warning {
        let (message, file) = (self.message.clone(), self.file.clone());
        Warning::new(message, self.category, file, u64::from(self.line))
    }

    /// The diagnostic as an error. It belongs to the program, and so do its allocations.
    pub(crate) fn raised(&self) -> RaisedWarning {
        RaisedWarning(self.warning())
    }

    /// Whether `known` has the same subject, or the same message where there is none.
    fn is_of(&self, known: &WarningRecord) -> bool {
        let is_text = self.subject.is_some() || known.message == self.message;
        known.category == self.category.name() && known.path == self.subject && is_text
    }

    fn record(&self) -> WarningRecord {
        WarningRecord {
            category: self.category.name().to_owned(),
            message: self.message.clone(),
            path: self.subject.clone(),
            module: self.module.clone(),
            file: self.file.clone(),
            line: self.line,
            ..WarningRecord::default()
        }
    }
}

/// What happens to a diagnostic that the filters turn into an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// It is only emitted: no caller can receive it.
    Emit,
    /// It is emitted and thrown; or only emitted, if the run should end with an exit code instead.
    Throw,
    /// It becomes the error of a function, and is not emitted.
    Return,
}

/// What was to be emitted so far: for each category and subject the first message, the count and
/// the worst figure. Locked within [`exclusively`].
static EMITTED: Mutex<Vec<WarningRecord>> = Mutex::new(Vec::new());
/// Whether the run has failed: there was an error that no caller received.
static FAILED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Showing a warning may itself exceed a limit.
    static IS_SHOWING: Cell<bool> = const { Cell::new(false) };
}

/// The emitted diagnostics, with exclusive access. `None`: this thread already has access.
fn with_emitted<T>(work: impl FnOnce(&mut Vec<WarningRecord>) -> T) -> Option<T> {
    exclusively(|| work(&mut locked(&EMITTED)))
}

/// In a forked child: the diagnostics and the failure are the parent's.
pub(crate) fn forget() {
    FAILED.store(false, Relaxed);
    with_emitted(Vec::clear);
}

/// Emits a diagnostic: the first time for its category and subject, always, or never, as the
/// filters decide by its category, message and module. Returns whether it is an error that the
/// caller must throw or return.
pub(crate) fn emit(diagnostic: &Diagnostic, on_error: OnError) -> bool {
    let _own = Suspended::new();
    let Diagnostic { category, module, subject, message, .. } = diagnostic;
    let none =
        Verdict { action: Action::Default, is_first: true, shown_by: ShownBy::StandardError };
    let emits_errors = on_error != OnError::Return;
    let subject = subject.as_ref().unwrap_or(message);
    let location = (&**module, diagnostic.line);
    let found = verdict(message, category, location, subject, emits_errors).unwrap_or(none);
    let is_error = found.action == Action::Error;
    count(diagnostic, found.action);
    let fails_run = is_error
        && match on_error {
            OnError::Emit => true,
            OnError::Throw => settings::current().exit_code.is_some(),
            OnError::Return => false,
        };
    if fails_run {
        FAILED.store(true, Relaxed);
    }
    match found.action {
        Action::Ignore => {}
        Action::Error if on_error == OnError::Return => {}
        // Handlers that show warnings do not show errors. A panic is printed each time, like any
        // other.
        Action::Error => {
            if found.is_first || !fails_run {
                print(diagnostic);
            }
        }
        Action::Always => show(&found.shown_by, diagnostic),
        Action::Default | Action::Module | Action::Once => {
            if found.is_first {
                show(&found.shown_by, diagnostic);
            }
        }
    }
    is_error && !fails_run
}

/// Emits a diagnostic regardless of the filters: one about an invalid filter.
pub(crate) fn emit_always(diagnostic: &Diagnostic) {
    let _own = Suspended::new();
    count(diagnostic, Action::Always);
    print(diagnostic);
}

/// Whether a warning has made the run fail.
pub(crate) fn has_failed() -> bool {
    FAILED.load(Relaxed)
}

/// Ends the call by unwinding with an error that has already been emitted. The panic hook is not
/// called, since it would print `Box<dyn Any>`; but with `panic = "abort"` it is, because it writes
/// the report.
pub(crate) fn throw(raised: RaisedWarning) -> ! {
    if cfg!(panic = "abort") {
        std::panic::panic_any(raised);
    }
    std::panic::resume_unwind(Box::new(raised))
}

fn show(by: &ShownBy, diagnostic: &Diagnostic) {
    if IS_SHOWING.replace(true) {
        return;
    }
    let shown = catch_unwind(AssertUnwindSafe(|| by.show(|| diagnostic.warning())));
    let is_shown = shown.unwrap_or_else(|payload| {
        // Even its drop might panic.
        std::mem::forget(payload);
        false
    });
    if !is_shown {
        print(diagnostic);
    }
    IS_SHOWING.set(false);
}

fn print(diagnostic: &Diagnostic) {
    let Diagnostic { category, file, line, .. } = diagnostic;
    let location = if file.is_empty() { String::new() } else { format!("{file}:{line}: ") };
    let line = format!("profile: {location}{}: {}\n", category.name(), diagnostic.sentence());
    let _ = sys::raw_stderr().write_all(line.as_bytes());
}

fn count(diagnostic: &Diagnostic, action: Action) {
    with_emitted(|emitted| add(emitted, diagnostic, action));
}

fn add(emitted: &mut Vec<WarningRecord>, diagnostic: &Diagnostic, action: Action) {
    let index = emitted.iter().position(|known| diagnostic.is_of(known));
    let known = match index {
        Some(index) => &mut emitted[index],
        None if emitted.len() < MOST => {
            let index = emitted.len();
            emitted.push(diagnostic.record());
            &mut emitted[index]
        }
        None => others(emitted, diagnostic.category),
    };
    known.count += 1;
    known.hidden += u64::from(action == Action::Ignore);
    known.is_error |= action == Action::Error;
    Worst::raise(&mut known.worst, diagnostic.worst.as_ref());
}

/// The shared count of a category, for diagnostics beyond [`MOST`].
fn others<'a>(emitted: &'a mut Vec<WarningRecord>, category: &Category) -> &'a mut WarningRecord {
    let is_it = |it: &WarningRecord| it.category == category.name() && it.message == OTHERS;
    let index = emitted.iter().position(is_it).unwrap_or_else(|| {
        let (category, message) = (category.name().to_owned(), OTHERS.to_owned());
        emitted.push(WarningRecord { category, message, ..WarningRecord::default() });
        emitted.len() - 1
    });
    &mut emitted[index]
}

/// The diagnostics so far, whether they were emitted or hidden by a filter.
pub(crate) fn emitted() -> Vec<WarningRecord> {
    with_emitted(|emitted| emitted.clone()).unwrap_or_default()
}
