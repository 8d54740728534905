//! Folds the ring of an edge into its sum and its function's histogram: each call folds the
//! previous one.
//!
//! The previous call, not the current one: the address of a store then never depends on the clock
//! value just read, and the processor can do all of this while it reads the clock. So a span costs
//! hardly more than its two readings. Folding the duration just read cost 1.4 times as much as the
//! readings; collecting sixteen and folding them at once cost 1.24 times, because one reading
//! cannot hide that much work.
//!
//! If a thread is killed in the middle, nothing is lost: the histogram's total shows whether it
//! includes the call in question, because `recorded` changes only afterwards.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, Release};

use super::frame::tally_of;
use super::{checks, thread};
use crate::segment::layout::{
    Carry, Edge, Frame, HistogramLeaf, HistogramNode, HistogramRoot, Link, RING, Tally,
    ThreadBlock, buckets, closing,
};

/// A 32-bit counter that reaches this value is emptied into a [`Carry`].
const CARRY_AT: u32 = 1 << 31;
/// A new clock anchor is considered after this many calls of one path, and after slow calls.
const ANCHOR_EVERY: u64 = 1 << 14;

/// Ends a call by moving it from its frame into the ring of its path, or into the path's count if
/// it was not timed. Returns whether the call was long; [`after_long`] must follow then, once the
/// frame is no longer on top.
///
/// The process may be killed between any two stores, and another process may read at any moment. So
/// the frame first states which count will include the call, then the count is incremented, then
/// the frame is emptied: a reader never sees the call as both ended and open, nor as neither.
/// `vacated` is the edge of an empty frame: null, or the one that means that frames above it are
/// still open.
#[inline(always)]
#[must_use]
pub(super) fn end(frame: &Frame, edge: &Edge, elapsed: Option<u64>, vacated: *mut Edge) -> bool {
    let Some(elapsed) = elapsed else {
        let untimed = edge.untimed.get().wrapping_add(1);
        frame.started.publish(closing::UNTIMED | untimed);
        edge.untimed.publish(untimed);
        frame.edge.publish(vacated);
        return false;
    };
    let pushed = edge.pushed.get();
    // The compiler proves that the index is in range, so neither a check nor a panic remains.
    edge.ring[pushed as usize % RING].publish(elapsed);
    let pushed = pushed.wrapping_add(1);
    frame.started.publish(closing::TIMED | pushed);
    edge.pushed.publish(pushed);
    frame.edge.publish(vacated);
    fold_before(edge, pushed);
    elapsed > tally_of(edge).slow_above.get()
}

/// Handles a long call: the clock may need a new anchor, and the call may have exceeded a limit. A
/// single comparison with `slow_above` covers both, so a limit that is not exceeded adds no cost.
/// The limits come last, because the check may panic.
#[cold]
#[inline(never)]
pub(crate) fn after_long(edge: &Edge, newest: Option<u64>) {
    if newest.is_some_and(|ticks| ticks > thread::ANCHOR_AFTER) {
        refresh_anchor();
    }
    checks::ended(edge, newest);
}

/// Adds the call before the newest of `pushed` to the edge's sum, and to the function's extremes
/// and histogram.
#[inline(always)]
pub(crate) fn fold_before(edge: &Edge, pushed: u64) {
    let folded = edge.folded.get();
    if pushed.wrapping_sub(folded) < RING as u64 {
        return;
    }
    // The compiler proves that the index is in range, so neither a check nor a panic remains.
    let ticks = edge.ring[folded as usize % RING].get();
    let tally = tally_of(edge);
    let Some(counter) = known_counter(&tally.histogram, buckets::of(ticks)) else {
        return fold_slowly(edge, tally, ticks);
    };
    let counted = counter.load(Relaxed);
    // A clock that went backwards results in more ticks than any call ever took.
    let rare = ticks < tally.min_ticks.get().wrapping_sub(1)
        || ticks > tally.max_ticks.get()
        || ticks > thread::ANCHOR_AFTER
        || counted >= CARRY_AT
        || folded.is_multiple_of(ANCHOR_EVERY);
    if rare {
        return fold_slowly(edge, tally, ticks);
    }
    counter.store(counted + 1, Relaxed);
    finish(edge, tally, ticks);
}

/// The end of a fold. A release store, as for every word that a reader combines with others: a
/// reader that sees the new sum also sees that the call is not folded yet, and reads again. 2^64
/// ticks are 200 years of one thread.
#[inline(always)]
fn finish(edge: &Edge, tally: &Tally, ticks: u64) {
    edge.ticks.publish(edge.ticks.get().wrapping_add(ticks));
    tally.recorded.add(1);
    edge.folded.publish(edge.folded.get().wrapping_add(1));
}

/// Folds a first call, a shortest or longest call, a long one, one whose counter is new or full,
/// one with a clock that went backwards, and those after which a new anchor is due.
#[cold]
#[inline(never)]
fn fold_slowly(edge: &Edge, tally: &Tally, ticks: u64) {
    let Some(block) = thread::own_block() else { return };
    let ticks = forward_only(block, ticks);
    extremes(tally, ticks);
    count(block, &tally.histogram, ticks, 1);
    finish(edge, tally, ticks);
    thread::refresh_anchor(block);
}

/// After a long call, which may be the last one.
#[cold]
#[inline(never)]
fn refresh_anchor() {
    if let Some(block) = thread::own_block() {
        thread::refresh_anchor(block);
    }
}

/// The minimum is stored plus one, so that a zeroed tally has none.
fn extremes(tally: &Tally, ticks: u64) {
    let (least, known) = (ticks.saturating_add(1), tally.min_ticks.get());
    if known == 0 {
        tally.first_ticks.set(least);
    }
    if known == 0 || least < known {
        tally.min_ticks.set(least);
    }
    tally.max_ticks.raise_to(ticks);
}

/// Adds one duration directly to the tally: for calls of async functions.
pub(crate) fn record(block: &ThreadBlock, tally: &Tally, ticks: u64) {
    let ticks = forward_only(block, ticks);
    extremes(tally, ticks);
    count(block, &tally.histogram, ticks, 1);
    tally.recorded.add(1);
}

/// An invalid duration means that the clock went backwards: it is counted, and replaced by 0.
pub(crate) fn forward_only(block: &ThreadBlock, ticks: u64) -> u64 {
    buckets::duration(ticks).unwrap_or_else(|| {
        block.anomalies.add(1);
        0
    })
}

/// Adds this many calls to the bucket of `ticks`. If memory is exhausted they are missing there,
/// but counted all the same.
#[inline(never)]
pub(crate) fn count(block: &ThreadBlock, histogram: &Link<HistogramRoot>, ticks: u64, calls: u32) {
    let bucket = buckets::of(ticks);
    let Some(counter) = counter(block, histogram, bucket) else { return };
    counter.store(counter.load(Relaxed) + calls, Relaxed);
    carry(block, histogram, bucket);
}

/// The counter of a bucket, created at its first use.
fn counter<'a>(
    block: &ThreadBlock,
    histogram: &Link<HistogramRoot>,
    bucket: usize,
) -> Option<&'a AtomicU32> {
    known_counter(histogram, bucket).or_else(|| {
        let leaf = grow(block, histogram, bucket / buckets::LEAF)?;
        Some(&leaf.counts[bucket % buckets::LEAF])
    })
}

#[inline(always)]
fn known_counter<'a>(histogram: &Link<HistogramRoot>, bucket: usize) -> Option<&'a AtomicU32> {
    let leaf = bucket / buckets::LEAF;
    // SAFETY: links are null or lead to records that are never freed.
    let leaf = unsafe {
        let root = histogram.get().as_ref()?;
        let node = root.nodes.get(leaf / buckets::LEAVES)?.get().as_ref()?;
        node.leaves[leaf % buckets::LEAVES].get().as_ref()?
    };
    Some(&leaf.counts[bucket % buckets::LEAF])
}

/// Creates the leaf and the nodes that lead to it.
#[cold]
fn grow<'a>(
    block: &ThreadBlock,
    histogram: &Link<HistogramRoot>,
    number: usize,
) -> Option<&'a HistogramLeaf> {
    let root = thread::get_or_create(histogram, block)?;
    let node: &HistogramNode =
        thread::get_or_create(root.nodes.get(number / buckets::LEAVES)?, block)?;
    thread::get_or_create(&node.leaves[number % buckets::LEAVES], block)
}

/// Moves the calls of a counter that nears its limit into the record for this bucket's surplus.
fn carry(block: &ThreadBlock, histogram: &Link<HistogramRoot>, bucket: usize) {
    let Some(counter) = counter(block, histogram, bucket) else { return };
    let counted = counter.load(Relaxed);
    if counted < CARRY_AT {
        return;
    }
    // SAFETY: the counter was found, so the root exists; it is never freed.
    let carry = unsafe { histogram.get().as_ref() }.and_then(|root| carry_of(block, root, bucket));
    if let Some(carry) = carry {
        counter.store(0, Release);
        carry.count.add(u64::from(counted));
    }
}

fn carry_of<'a>(block: &ThreadBlock, root: &HistogramRoot, bucket: usize) -> Option<&'a Carry> {
    let mut link = root.carries.get();
    // SAFETY: links are null or lead to records that are never freed.
    while let Some(carry) = unsafe { link.as_ref() } {
        if carry.bucket.get() == bucket as u64 {
            return Some(carry);
        }
        link = carry.next.get();
    }
    let carry: *mut Carry = thread::take(block)?;
    // SAFETY: just created, and not shared yet.
    let made = unsafe { &*carry };
    made.bucket.set(bucket as u64);
    made.next.set(root.carries.get());
    root.carries.publish(carry);
    Some(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::startup;

    #[test]
    fn more_calls_of_one_bucket_than_32_bits_hold_are_all_counted() {
        const MANY: u32 = CARRY_AT - 1;
        const TIMES: u64 = 5;
        startup::begin();
        let (block, _) = thread::here().expect("memory for a block");
        let tally: *mut Tally = thread::take(block).expect("memory for a tally");
        // SAFETY: just taken, and never freed.
        let tally = unsafe { &*tally };
        (0..TIMES).for_each(|_| count(block, &tally.histogram, 1_000, MANY));
        let counter = known_counter(&tally.histogram, buckets::of(1_000)).expect("it was counted");
        // SAFETY: the root was created by the first count; records are never freed.
        let root = unsafe { &*tally.histogram.get() };
        // SAFETY: as above.
        let target = |link: &Link<Carry>| unsafe { link.get().as_ref() };
        let carries = std::iter::successors(target(&root.carries), |carry| target(&carry.next));
        let carried: Vec<u64> = carries.map(|carry| carry.count.get()).collect();
        let [carried] = carried[..] else { panic!("one record for one bucket: {carried:?}") };
        assert_eq!(carried + u64::from(counter.load(Relaxed)), TIMES * u64::from(MANY));
    }
}
