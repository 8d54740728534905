//! How many calls of a function a thread may leave out before it looks at one again: the one thing
//! of the recorder that is inlined into functions.
//!
//! A function of a few nanoseconds pays for every instruction that is put into it, and most of all
//! if it is no longer inlined. So what is in the function itself is a load of this thread's
//! count-down, a test and a store; all else is a call. The count is in the segment, so calls that
//! were left out are counted exactly, whatever ends the process.

use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;

use super::frame::NOWHERE_EDGE;
use super::thread;
use crate::callsite::CallSite;
use crate::segment::layout::{Edge, Tally, ThreadBlock, Word, turns};
use crate::sys;

/// What is in place of a count-down that was not begun: no call may be left out.
static NOT_BEGUN: Word = Word::ZERO;

/// What a thread knows of one function: its count-down, and the path of its last call.
/// Const-initialised and without `Drop`: reading it never allocates and works in every destructor.
#[derive(Debug)]
pub struct Turns {
    left: Cell<*const Word>,
    path: Cell<*const Edge>,
}

impl Turns {
    /// Not begun.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "made by the attribute alone")]
    pub const fn new() -> Turns {
        Turns { left: Cell::new(&raw const NOT_BEGUN), path: Cell::new(&raw const NOWHERE_EDGE) }
    }

    /// Whether the next call is left out; if so, it is counted.
    #[inline(always)]
    pub(super) fn leave_out(&self) -> bool {
        // SAFETY: `NOT_BEGUN`, or a word of this thread's block, which is never unmapped.
        let word = unsafe { &*self.left.get() };
        if turns::left_shifted(word.get()) <= 0 {
            return false;
        }
        // In one step: a signal handler may call the same function just now.
        sys::decrement(word.shared());
        true
    }

    /// The path of the last call of `site`, if it was from there. Most functions have one caller,
    /// and a caller many functions: who is called was guessed wrong four times as often by what the
    /// caller called last.
    #[inline(always)]
    pub(super) fn path_from(&self, from: &Edge, site: &CallSite) -> Option<&'static Edge> {
        // SAFETY: `NOWHERE_EDGE`, or memory of a segment, which is never unmapped. In a forked
        // child it may hold another path by now: so the site is asked, too.
        let path = unsafe { &*self.path.get() };
        let is_it = std::ptr::eq(path.parent.get(), from) && std::ptr::eq(path.site.get(), site);
        is_it.then_some(path)
    }

    /// The path of the last call.
    #[inline(always)]
    pub(super) fn set_path(&self, path: &'static Edge) {
        self.path.set(path);
    }

    /// From now on it counts in the function's tally. It is reset when the thread ends, before
    /// another has the block.
    pub(super) fn begin(&self, block: &ThreadBlock, tally: &Tally) {
        let Some(pacing) = thread::made(&tally.pacing, block) else { return };
        if pacing.turns.get() == 0 {
            pacing.turns.set(std::ptr::from_ref(self) as u64);
            pacing.next_begun.set(block.first_begun.get());
            block.first_begun.publish(std::ptr::from_ref(tally).cast_mut());
        }
        // Each time: a signal handler may have pointed it at its own block.
        self.begin_at(&tally.turns);
    }

    /// From now on it counts there, until [`end`](Turns::end).
    pub(super) fn begin_at(&self, word: &Word) {
        self.left.set(std::ptr::from_ref(word));
    }

    /// No call is left out any more.
    pub(super) fn end(&self) {
        self.left.set(&raw const NOT_BEGUN);
    }
}

/// Lets so many calls pass, in place of those that were still to come. Returns how many will have
/// been left out then, in total.
pub(super) fn let_pass(tally: &Tally, calls: u64) -> u64 {
    let next = |word| Some(turns::word(turns::left_out(word) + calls, calls));
    // Compared, since a signal handler may count down meanwhile.
    let before = tally.turns.shared().fetch_update(Relaxed, Relaxed, next);
    let before = before.unwrap_or_else(|before| before);
    turns::left_out(before) + calls
}

/// How many calls were ever left out.
pub(super) fn left_out(tally: &Tally) -> u64 {
    turns::left_out(tally.turns.get())
}

/// Looks at the function's next call again, with what was left out counted.
pub(crate) fn reset(tally: &Tally) {
    if tally.turns.get() != 0 {
        let_pass(tally, 0);
    }
}

/// At the end of a thread, or in a forked child: no count-down of this thread leads to the block
/// any more.
pub(super) fn end_all(block: &ThreadBlock) {
    let mut link = block.first_begun.get();
    // SAFETY: null, or a tally of this block, which is never freed.
    while let Some(tally) = unsafe { link.as_ref() } {
        // SAFETY: in the list are tallies with a pacing alone.
        let pacing = unsafe { &*tally.pacing.get() };
        // SAFETY: a thread-local of this thread without `Drop`: it is there as long as the thread.
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
    fn calls_that_were_still_to_come_are_not_counted_when_others_take_their_place() {
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
        // As if a handler came between the look and the decrement.
        sys::decrement(tally.turns.shared());
        assert!(!turns.leave_out());
        assert_eq!(left_out(tally), 9);
        assert_eq!(let_pass(tally, 1), 10);
    }
}
