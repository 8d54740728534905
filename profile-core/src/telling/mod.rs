//! What a person is told while the program runs: one line on standard error, unless the filters of
//! [`warnings`](crate::warnings) say otherwise, and counted for the report.

pub(crate) mod end;

use std::cell::Cell;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::callsite::CallSite;
use crate::record::thread::Suspended;
use crate::settings;
use crate::snapshot::{WarningRecord, Worst};
use crate::sys;
use crate::warnings::{Action, Category, RaisedWarning, ShownBy, Warning, verdict};

/// Sentences of which more are only counted.
const MOST: usize = 100;

/// Something to be told.
pub(crate) struct Complaint {
    pub(crate) category: &'static Category,
    /// The module that filters look at.
    pub(crate) module: String,
    /// What it is about, a function's path or another name: of each it is told once, since figures differ from time to time.
    pub(crate) subject: String,
    pub(crate) file: String,
    pub(crate) line: u32,
    /// Its first line is the warning's text.
    pub(crate) sentence: String,
    /// The figure that is too large.
    pub(crate) worst: Option<Worst>,
}

impl Complaint {
    pub(crate) fn about(
        site: &CallSite,
        category: &'static Category,
        sentence: String,
        worst: Option<Worst>,
    ) -> Complaint {
        let (module, subject) = (site.module().to_owned(), site.path());
        let (file, line) = (site.file().to_owned(), site.line());
        Complaint { category, module, subject, file, line, sentence, worst }
    }

    /// About the profiler itself.
    pub(crate) fn own(category: &'static Category, subject: &str, sentence: String) -> Complaint {
        let (module, subject) = ("profile".to_owned(), subject.to_owned());
        Complaint { category, module, subject, file: String::new(), line: 0, sentence, worst: None }
    }

    fn message(&self) -> &str {
        self.sentence.lines().next().unwrap_or_default()
    }

    fn warning(&self) -> Warning {
        let (message, file) = (self.message().to_owned(), self.file.clone());
        Warning::new(message, self.category, file, u64::from(self.line))
    }
}

/// What becomes of a complaint that the filters make an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// It is only told: nobody can take it.
    Tell,
    /// It is told, and given back to be thrown as a panic.
    Throw,
    /// It is given back, to be the error of a function.
    Return,
}

/// What was to be told so far: of each category and subject the first message, how often, the worst figure. Only ever tried: in a
/// forked child it might be locked for ever.
static TOLD: Mutex<Vec<WarningRecord>> = Mutex::new(Vec::new());
/// Whether something was an error that nobody could take, or that shall be known at the end of the run.
static FAILED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// What shows a warning may break a limit itself.
    static IS_TELLING: Cell<bool> = const { Cell::new(false) };
}

/// Tells something: the first time for its category and subject, always, or never, as the filters say of its category, its first line
/// and its module. Gives it back if they make it an error and somebody takes that.
pub(crate) fn tell(complaint: &Complaint, on_error: OnError) -> Option<RaisedWarning> {
    let _own = Suspended::new();
    let found = verdict(complaint.message(), complaint.category, &complaint.module);
    let (action, shown_by) = found.unwrap_or((Action::Default, ShownBy::StandardError));
    let is_first = count(complaint, action == Action::Ignore);
    let is_error = action == Action::Error;
    let waits = is_error && (on_error == OnError::Tell || settings::current().exit_code.is_some());
    if waits {
        FAILED.store(true, Relaxed);
    }
    let shows = match action {
        Action::Ignore => false,
        Action::Always => true,
        Action::Error => on_error != OnError::Return || waits,
        Action::Default | Action::Module | Action::Once => is_first,
    };
    if shows {
        show(&shown_by, complaint);
    }
    (is_error && !waits).then(|| RaisedWarning(complaint.warning()))
}

/// Whether the run has failed by a warning.
pub(crate) fn has_failed() -> bool {
    FAILED.load(Relaxed)
}

fn show(by: &ShownBy, complaint: &Complaint) {
    if IS_TELLING.replace(true) {
        return;
    }
    let shown = catch_unwind(AssertUnwindSafe(|| by.show(|| complaint.warning())));
    if !matches!(shown, Ok(true)) {
        let line = format!("profile: {}\n", complaint.sentence);
        let _ = sys::raw_stderr().write_all(line.as_bytes());
    }
    IS_TELLING.set(false);
}

/// Whether it is the first of its kind.
fn count(complaint: &Complaint, is_hidden: bool) -> bool {
    let Ok(mut told) = TOLD.try_lock() else { return false };
    let hidden = u64::from(is_hidden);
    let category = complaint.category.name();
    let same = |known: &&mut WarningRecord| {
        known.category == category && known.path.as_deref() == Some(&complaint.subject)
    };
    if let Some(known) = told.iter_mut().find(same) {
        known.count += 1;
        known.hidden += hidden;
        Worst::raise(&mut known.worst, complaint.worst.as_ref());
        // What was only hidden so far has not been told.
        return known.count - known.hidden == 1;
    }
    let has_room = told.len() < MOST;
    if has_room {
        told.push(WarningRecord {
            category: category.to_owned(),
            message: complaint.message().to_owned(),
            path: Some(complaint.subject.clone()),
            file: complaint.file.clone(),
            line: complaint.line,
            count: 1,
            hidden,
            worst: complaint.worst.clone(),
        });
    }
    has_room
}

/// What was to be told so far, whether it was or a filter hid it.
pub(crate) fn told() -> Vec<WarningRecord> {
    TOLD.try_lock().map(|told| told.clone()).unwrap_or_default()
}
