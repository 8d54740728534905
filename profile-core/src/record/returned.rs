//! Counts how calls return, for `#[profile(returns)]`: with `Ok` or `Some`, or with `Err` or
//! `None`.
//!
//! The function's own return values pass through [`returned`], which marks the frame. A call that
//! ends unmarked returned through `?`. A call that unwinds has returned nothing.

use super::frame::tally_of;
use super::thread::{self, own_span};
use crate::callsite::CallSite;
use crate::segment::layout::{Edge, Frame, ReturnTally, flags};

/// A type with two outcomes.
#[diagnostic::on_unimplemented(
    message = "`returns` is for functions that return a `Result` or an `Option`, and `{Self}` is neither",
    label = "neither a `Result` nor an `Option`"
)]
pub trait Outcome {
    /// Whether it is `Ok` or `Some`.
    fn is_ok(&self) -> bool;
    /// 1: a `Result`; 2: an `Option`.
    const KIND: u64;
}

impl<T, E> Outcome for Result<T, E> {
    const KIND: u64 = 1;

    fn is_ok(&self) -> bool {
        self.is_ok()
    }
}

impl<T> Outcome for Option<T> {
    const KIND: u64 = 2;

    fn is_ok(&self) -> bool {
        self.is_some()
    }
}

/// Marks the call that has just begun, so that its outcome is counted.
pub fn ask_return(site: &'static CallSite) {
    if let Some((frame, _)) = own_span(site) {
        frame.flags.set(frame.flags.get() | flags::OUTCOME);
    }
}

/// Records the outcome of a call's return value, and returns the value.
pub fn returned<T: Outcome>(site: &'static CallSite, value: T) -> T {
    if let Some((frame, edge)) = own_span(site) {
        let ok = if value.is_ok() { flags::OK } else { 0 };
        frame.flags.set(frame.flags.get() & !flags::OK | ok);
        if let Some(tally) = tally_for(edge) {
            tally.kind.set(T::KIND);
        }
    }
    value
}

/// Counts a call at its end. `ticks`: its time, if it was timed; `stands_for`: how many calls it
/// represents.
pub(super) fn ended(frame: &Frame, edge: &Edge, ticks: Option<u64>, stands_for: u64) {
    if std::thread::panicking() && frame.flags.get() & flags::WHILE_PANICKING == 0 {
        return;
    }
    let Some(tally) = tally_for(edge) else { return };
    let outcome = usize::from(frame.flags.get() & flags::OK == 0);
    let [calls, timed, sum] =
        [&tally.calls, &tally.timed, &tally.ticks].map(|words| &words[outcome]);
    calls.add(1);
    if let Some(ticks) = ticks {
        timed.add(stands_for);
        sum.add(ticks.saturating_mul(stands_for));
    }
}

/// Created at the first call whose outcome is counted.
fn tally_for(edge: &Edge) -> Option<&'static ReturnTally> {
    let block = thread::own_block()?;
    thread::get_or_create(&thread::get_or_create(&tally_of(edge).extras, block)?.returns, block)
}
