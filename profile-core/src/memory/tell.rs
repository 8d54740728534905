//! What a person is told while the program runs: one line on standard error, once, and counted for the report.

use std::io::Write as _;
use std::sync::Mutex;

use crate::record::thread::Suspended;
use crate::sys;

/// Sentences of which more are only counted.
const MOST: usize = 100;

/// Sentences with how often each was to be told. Only ever tried: a forked child might wait for ever.
static TOLD: Mutex<Vec<(String, u64)>> = Mutex::new(Vec::new());

/// Tells a sentence, the first time.
pub(crate) fn tell_once(sentence: &str) {
    let _own = Suspended::new();
    let Ok(mut told) = TOLD.try_lock() else { return };
    // The first line says what; what follows may differ from time to time.
    let key = sentence.lines().next().unwrap_or_default();
    if let Some((_, count)) = told.iter_mut().find(|(known, _)| known == key) {
        *count += 1;
        return;
    }
    if told.len() < MOST {
        told.push((key.to_owned(), 1));
        let _ = sys::raw_stderr().write_all(format!("profile: {sentence}\n").as_bytes());
    }
}

/// What was told so far, and how often it would have been.
pub(crate) fn told() -> Vec<(String, u64)> {
    TOLD.try_lock().map(|told| told.clone()).unwrap_or_default()
}
