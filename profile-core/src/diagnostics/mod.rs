//! What is reported to the user while the program runs: one line on standard error, unless the
//! filters of [`warnings`](crate::warnings) say otherwise, and counted for the report.

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
    Action, Category, RaisedWarning, ShownBy, Verdict, Warning, alone, locked, verdict,
};

/// Subjects that are kept apart, of which there are as many as functions with limits; of more there
/// is one count a category.
const MOST: usize = 1_000;
const OTHERS: &str = "of further functions";

/// Something to be reported.
pub(crate) struct Diagnostic {
    pub(crate) category: &'static Category,
    /// The module that filters look at.
    pub(crate) module: String,
    /// What it is about, a function's path or another name: of each it is reported once, since
    /// figures differ from time to time. `None`: the text itself.
    pub(crate) subject: Option<String>,
    pub(crate) file: String,
    pub(crate) line: u32,
    /// The warning's text.
    pub(crate) message: String,
    /// The figure that is too large.
    pub(crate) worst: Option<Worst>,
    /// Makes lines below the text, of the subject. Only where it is shown, since finding them takes
    /// long.
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

    /// About the profiler itself.
    pub(crate) fn own(
        category: &'static Category,
        subject: Option<&str>,
        message: String,
    ) -> Diagnostic {
        let (module, subject) = ("profile".to_owned(), subject.map(str::to_owned));
        let (file, line) = (String::new(), 0);
        Diagnostic { category, module, subject, file, line, message, worst: None, details: None }
    }

    /// The text, and below it the details.
    pub(crate) fn sentence(&self) -> String {
        let details = self.details.zip(self.subject.as_deref());
        let details = details.map(|(details, subject)| details(subject)).unwrap_or_default();
        let lines = details.iter().map(|line| format!("\n    {}", safe_and_short(line)));
        // One line each: on GitHub another one could be a command.
        std::iter::once(safe_and_short(&self.message).into_owned()).chain(lines).collect()
    }

    fn warning(&self) -> Warning {
        let (message, file) = (self.message.clone(), self.file.clone());
        Warning::new(message, self.category, file, u64::from(self.line))
    }

    /// As an error: this is the program's, and so are its allocations.
    pub(crate) fn raised(&self) -> RaisedWarning {
        RaisedWarning(self.warning())
    }

    /// Of one subject, or of one text where there is none.
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

/// What becomes of a diagnostic that the filters make an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// It is only told: nobody can take it.
    Report,
    /// It is reported, and to be thrown; or only reported, where the run shall end with an exit
    /// code.
    Throw,
    /// It is the error of a function, and not told.
    Return,
}

/// What was to be reported so far: of each category and subject the first message, how often, the
/// worst figure. Locked [`alone`].
static TOLD: Mutex<Vec<WarningRecord>> = Mutex::new(Vec::new());
/// Whether something was an error that nobody could take, or that shall be known at the end of the
/// run.
static FAILED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// What shows a warning may exceed a limit itself.
    static IS_TELLING: Cell<bool> = const { Cell::new(false) };
}

/// What was reported, while no other thread reports anything. `None`: this one does.
fn with_told<T>(work: impl FnOnce(&mut Vec<WarningRecord>) -> T) -> Option<T> {
    alone(|| work(&mut locked(&TOLD)))
}

/// In a forked child: what was reported, and has failed, was the parent.
pub(crate) fn forget() {
    FAILED.store(false, Relaxed);
    with_told(Vec::clear);
}

/// Tells something: the first time for its category and subject, always, or never, as the filters
/// say of its category, its text and its module. Whether they make it an error that somebody takes.
pub(crate) fn emit(diagnostic: &Diagnostic, on_error: OnError) -> bool {
    let _own = Suspended::new();
    let Diagnostic { category, module, subject, message, .. } = diagnostic;
    let none =
        Verdict { action: Action::Default, is_first: true, shown_by: ShownBy::StandardError };
    let tells_errors = on_error != OnError::Return;
    let subject = subject.as_ref().unwrap_or(message);
    let place = (&**module, diagnostic.line);
    let found = verdict(message, category, place, subject, tells_errors).unwrap_or(none);
    let is_error = found.action == Action::Error;
    count(diagnostic, found.action);
    let waits = is_error
        && match on_error {
            OnError::Report => true,
            OnError::Throw => settings::current().exit_code.is_some(),
            OnError::Return => false,
        };
    if waits {
        FAILED.store(true, Relaxed);
    }
    match found.action {
        Action::Ignore => {}
        Action::Error if on_error == OnError::Return => {}
        // Whoever shows warnings does not show errors. A panic is reported each time, as every
        // other is.
        Action::Error => {
            if found.is_first || !waits {
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
    is_error && !waits
}

/// Tells something whatever the filters say: that one of them is none.
pub(crate) fn emit_always(diagnostic: &Diagnostic) {
    let _own = Suspended::new();
    count(diagnostic, Action::Always);
    print(diagnostic);
}

/// Whether the run has failed by a warning.
pub(crate) fn has_failed() -> bool {
    FAILED.load(Relaxed)
}

/// Ends the call by an error that has been reported. The hook of panics is not asked, since it
/// would say `Box<dyn Any>`, but where every panic is the end, and the hook writes the report.
pub(crate) fn throw(raised: RaisedWarning) -> ! {
    if cfg!(panic = "abort") {
        std::panic::panic_any(raised);
    }
    std::panic::resume_unwind(Box::new(raised))
}

fn show(by: &ShownBy, diagnostic: &Diagnostic) {
    if IS_TELLING.replace(true) {
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
    IS_TELLING.set(false);
}

fn print(diagnostic: &Diagnostic) {
    let Diagnostic { category, file, line, .. } = diagnostic;
    let place = if file.is_empty() { String::new() } else { format!("{file}:{line}: ") };
    let line = format!("profile: {place}{}: {}\n", category.name(), diagnostic.sentence());
    let _ = sys::raw_stderr().write_all(line.as_bytes());
}

fn count(diagnostic: &Diagnostic, action: Action) {
    with_told(|told| add(told, diagnostic, action));
}

fn add(told: &mut Vec<WarningRecord>, diagnostic: &Diagnostic, action: Action) {
    let place = told.iter().position(|known| diagnostic.is_of(known));
    let known = match place {
        Some(place) => &mut told[place],
        None if told.len() < MOST => {
            let place = told.len();
            told.push(diagnostic.record());
            &mut told[place]
        }
        None => others(told, diagnostic.category),
    };
    known.count += 1;
    known.hidden += u64::from(action == Action::Ignore);
    known.is_error |= action == Action::Error;
    Worst::raise(&mut known.worst, diagnostic.worst.as_ref());
}

/// The count of those of a category for which there is no room.
fn others<'a>(told: &'a mut Vec<WarningRecord>, category: &Category) -> &'a mut WarningRecord {
    let is_it = |it: &WarningRecord| it.category == category.name() && it.message == OTHERS;
    let place = told.iter().position(is_it).unwrap_or_else(|| {
        let (category, message) = (category.name().to_owned(), OTHERS.to_owned());
        told.push(WarningRecord { category, message, ..WarningRecord::default() });
        told.len() - 1
    });
    &mut told[place]
}

/// What was to be reported so far, whether it was or a filter hid it.
pub(crate) fn emitted() -> Vec<WarningRecord> {
    with_told(|told| told.clone()).unwrap_or_default()
}
