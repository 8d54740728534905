//! How many calls of a function a thread may leave out before it looks at one again: the one thing of the recorder that is
//! inlined into functions.
//!
//! A function of a few nanoseconds pays for every instruction that is put into it, and most of all if it is no longer
//! inlined. So what stands in the function itself is a load of this thread's count-down, a test and a store; all else is a
//! call. The count lies in the segment, so calls that were left out are counted exactly, whatever ends the process.

use std::cell::Cell;

use super::thread;
use crate::segment::layout::{Tally, ThreadBlock, Word, turns};

/// What stands in place of a count-down that was not begun: no call may be left out.
static NOT_BEGUN: Word = Word::ZERO;

/// This thread's count-down of one function. Const-initialised and without `Drop`: reading it never allocates and
/// works in every destructor.
#[derive(Debug)]
pub struct Turns(Cell<*const Word>);

impl Turns {
    /// Not begun.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "made by the attribute alone")]
    pub const fn new() -> Turns {
        Turns(Cell::new(&raw const NOT_BEGUN))
    }

    /// Whether the next call is left out; if so, it is counted.
    #[inline(always)]
    pub(super) fn leave_out(&self) -> bool {
        // SAFETY: `NOT_BEGUN`, or a word of this thread's block, which is never unmapped.
        let word = unsafe { &*self.0.get() };
        let left = word.get();
        if left & turns::LEFT == 0 {
            return false;
        }
        word.set(left - 1);
        true
    }

    /// From now on it counts in the function's tally. It is reset when the thread ends, before another has the block.
    pub(super) fn begin(&self, block: &ThreadBlock, tally: &Tally) {
        let Some(pacing) = thread::made(&tally.pacing, block) else { return };
        if pacing.turns.get() != 0 {
            return;
        }
        pacing.turns.set(std::ptr::from_ref(self) as u64);
        pacing.next_begun.set(block.first_begun.get());
        block.first_begun.publish(std::ptr::from_ref(tally).cast_mut());
        self.begin_at(&tally.turns);
    }

    /// From now on it counts there, until [`end`](Turns::end).
    pub(super) fn begin_at(&self, word: &Word) {
        self.0.set(std::ptr::from_ref(word));
    }

    /// No call is left out any more.
    pub(super) fn end(&self) {
        self.0.set(&raw const NOT_BEGUN);
    }
}

/// Lets so many calls pass. Says how many will have been left out then, in all.
pub(super) fn let_pass(tally: &Tally, calls: u64) -> u64 {
    let counted = (tally.turns.get() >> turns::COUNTED_SHIFT) + calls;
    tally.turns.set(counted << turns::COUNTED_SHIFT | calls);
    counted
}

/// How many calls were ever left out.
pub(super) fn left_out(tally: &Tally) -> u64 {
    turns::left_out(tally.turns.get())
}

/// Looks at the function's next call again, with what was left out counted.
pub(crate) fn reset(tally: &Tally) {
    if tally.turns.get() != 0 {
        tally.turns.set(left_out(tally) << turns::COUNTED_SHIFT);
    }
}

/// At the end of a thread, or in a forked child: no count-down of this thread leads to the block any more.
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
