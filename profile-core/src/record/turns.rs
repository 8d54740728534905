//! How many calls of a function a thread may leave out before it looks at one again: the only part
//! of the recorder that is inlined into functions.
//!
//! A function of a few nanoseconds pays for every instruction added to it, most of all if it is
//! then no longer inlined. So the function itself contains only a load of this thread's countdown,
//! a test and a store; everything else is a call. The countdown is in the segment, so that left-out
//! calls are counted exactly however the process ends.

use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;

use super::frame::NOWHERE_EDGE;
use super::thread;
use crate::callsite::CallSite;
use crate::segment::layout::{Edge, Tally, ThreadBlock, Word, turns};
use crate::sys;

/// The countdown before `begin`: no call may be left out.
static NOT_BEGUN: Word = Word::ZERO;

/// State of one function in a thread: its countdown, and the path of its last call.
/// Const-initialized and without `Drop`: reading it never allocates, and works in every destructor.
#[derive(Debug)]
pub struct Turns {
    left: Cell<*const Word>,
    path: Cell<*const Edge>,
}

impl Turns {
    /// Creates the state, with no countdown.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "only the attribute creates it")]
    pub const fn new() -> Turns {
        Turns { left: Cell::new(&raw const NOT_BEGUN), path: Cell::new(&raw const NOWHERE_EDGE) }
    }

    /// Returns whether the next call is left out, and counts it if so.
    #[inline(always)]
    pub(super) fn leave_out(&self) -> bool {
        // SAFETY: `NOT_BEGUN`, or a word of this thread's block, which is never unmapped.
        let word = unsafe { &*self.left.get() };
        if turns::left_shifted(word.get()) <= 0 {
            return false;
        }
        // In one step: a signal handler may call the same function right now.
        sys::decrement(word.shared());
        true
    }

    /// The path of the last call of `site`, if it came from there. Most functions have one caller,
    /// while a caller has many callees: predicting the callee from the caller's last call was wrong
    /// four times as often.
    #[inline(always)]
    pub(super) fn path_from(&self, from: &Edge, site: &CallSite) -> Option<&'static Edge> {
        // SAFETY: `NOWHERE_EDGE`, or memory of a segment, which is never unmapped. In a forked
        // child it may contain another path by now, so the site is compared too.
        let path = unsafe { &*self.path.get() };
        let matches = std::ptr::eq(path.parent.get(), from) && std::ptr::eq(path.site.get(), site);
        matches.then_some(path)
    }

    /// The path of the last call.
    #[inline(always)]
    pub(super) fn set_path(&self, path: &'static Edge) {
        self.path.set(path);
    }

    /// Starts counting in the function's tally. Reset when the thread ends, before another thread
    /// gets the block.
    pub(super) fn begin(&self, block: &ThreadBlock, tally: &Tally) {
        let Some(pacing) = thread::get_or_create(&tally.pacing, block) else { return };
        if pacing.turns.get() == 0 {
            pacing.turns.set(std::ptr::from_ref(self) as u64);
            pacing.next_begun.set(block.first_begun.get());
            block.first_begun.publish(std::ptr::from_ref(tally).cast_mut());
        }
        // Every time, because a signal handler may have pointed it at its own block.
        self.begin_at(&tally.turns);
    }

    /// Starts counting in `word`, until [`end`](Turns::end).
    pub(super) fn begin_at(&self, word: &Word) {
        self.left.set(std::ptr::from_ref(word));
    }

    /// Stops leaving out calls.
    pub(super) fn end(&self) {
        self.left.set(&raw const NOT_BEGUN);
    }
}

/// Leaves out the next `calls` calls, instead of those remaining. Returns how many will have been
/// left out by then, in total.
pub(super) fn let_pass(tally: &Tally, calls: u64) -> u64 {
    let next = |word| Some(turns::word(turns::left_out(word) + calls, calls));
    // A compare-and-swap, because a signal handler may count down meanwhile.
    let before = tally.turns.shared().fetch_update(Relaxed, Relaxed, next);
    let before = before.unwrap_or_else(|before| before);
    turns::left_out(before) + calls
}

/// How many calls have been left out so far.
pub(super) fn left_out(tally: &Tally) -> u64 {
    turns::left_out(tally.turns.get())
}

/// Forces a review at the function's next call; calls left out so far stay counted.
pub(crate) fn reset(tally: &Tally) {
    if tally.turns.get() != 0 {
        let_pass(tally, 0);
    }
}

/// At the end of a thread, or in a forked child: stops all countdowns of this thread that lead to
/// the block.
pub(super) fn end_all(block: &ThreadBlock) {
    let mut link = block.first_begun.get();
    // SAFETY: null, or a tally of this block, which is never freed.
    while let Some(tally) = unsafe { link.as_ref() } {
        // SAFETY: only tallies with a pacing record are in the list.
        let pacing = unsafe { &*tally.pacing.get() };
        // SAFETY: a thread-local of this thread without `Drop`, which exists as long as the thread.
        let own = unsafe { &*(pacing.turns.get() as *const Turns) };
        own.end();
        pacing.turns.set(0);
        pacing.phase.set(0);
        reset(tally);
        tally.pace.set(0);
        link = pacing.next_begun.get();
    }
    block.first_begun.set(std::ptr::null_mut());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::startup;

    #[test]
    fn remaining_calls_are_not_counted_when_they_are_replaced() {
        startup::begin();
        let (block, _) = thread::here().expect("memory for a block");
        let tally: *mut Tally = thread::take(block).expect("memory for a tally");
        // SAFETY: just taken, and never freed.
        let tally = unsafe { &*tally };
        let turns = Turns::new();
        turns.begin_at(&tally.turns);
        let_pass(tally, 10);
        assert!((0..3).all(|_| turns.leave_out()));
        assert_eq!(let_pass(tally, 5), 8);
        assert_eq!(left_out(tally), 3);
        assert!((0..5).all(|_| turns.leave_out()));
        assert!(!turns.leave_out());
        assert_eq!(left_out(tally), 8);
        // As if a handler ran between the test and the decrement.
        sys::decrement(tally.turns.shared());
        assert!(!turns.leave_out());
        assert_eq!(left_out(tally), 9);
        assert_eq!(let_pass(tally, 1), 10);
    }
}
