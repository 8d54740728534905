//! What a person is told while the program runs: one line on standard error, unless a filter says otherwise, and counted
//! for the report.

use std::io::Write as _;
use std::sync::Mutex;

use crate::record::thread::Suspended;
use crate::sys;
use crate::warnings::{Action, Category, action_for};

/// Sentences of which more are only counted.
const MOST: usize = 100;

/// What was to be told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) category: &'static Category,
    /// What it is about: a function's path, or what else it was.
    pub(crate) subject: String,
    /// The first line of the first.
    pub(crate) message: String,
    /// How often.
    pub(crate) count: u64,
}

/// Only ever tried: a forked child might wait for ever.
static TOLD: Mutex<Vec<Told>> = Mutex::new(Vec::new());

/// Tells a sentence: the first time for its category and subject (figures differ from time to time), always, or never, as
/// the filters say of its category, its first line and the module it is about. Gives what they say.
pub(crate) fn tell(
    category: &'static Category,
    module: &str,
    subject: &str,
    sentence: &str,
) -> Action {
    let _own = Suspended::new();
    let message = sentence.lines().next().unwrap_or_default();
    let action = action_for(message, category, module).unwrap_or(Action::Default);
    let is_first = count(category, subject, message);
    let shows = match action {
        Action::Ignore => false,
        Action::Always | Action::Error => true,
        Action::Default | Action::Module | Action::Once => is_first,
    };
    if shows {
        let _ = sys::raw_stderr().write_all(format!("profile: {sentence}\n").as_bytes());
    }
    action
}

/// Whether it is the first of its kind.
fn count(category: &'static Category, subject: &str, message: &str) -> bool {
    let Ok(mut told) = TOLD.try_lock() else { return false };
    let same =
        |known: &&mut Told| std::ptr::eq(known.category, category) && known.subject == subject;
    if let Some(known) = told.iter_mut().find(same) {
        known.count += 1;
        return false;
    }
    let has_room = told.len() < MOST;
    if has_room {
        let (subject, message) = (subject.to_owned(), message.to_owned());
        told.push(Told { category, subject, message, count: 1 });
    }
    has_room
}

/// What was to be told so far, whether it was or a filter hid it.
pub(crate) fn told() -> Vec<Told> {
    TOLD.try_lock().map(|told| told.clone()).unwrap_or_default()
}
