//! From the ring of an edge into its sum and its function's histogram, 16 durations at a time.
//!
//! A thread killed in the middle has lost nothing: the histogram's total tells how many of the ring are in
//! it already, since `recorded` moves only when all are.

use std::sync::atomic::Ordering::{Relaxed, Release};

use super::thread;
use crate::segment::layout::{
    Carry, Edge, HistogramLeaf, HistogramNode, HistogramRoot, Link, RING, Tally, ThreadBlock,
    buckets,
};

/// A 32-bit counter is emptied into a [`Carry`] when it gets here.
const CARRY_AT: u32 = 1 << 31;
/// The clock is looked at for a new anchor after so many calls of one path, or after slow ones.
const ANCHOR_EVERY: u64 = 1 << 14;

/// Adds what the ring holds to the edge's sum and to the function's extremes and histogram.
#[inline(never)]
pub(crate) fn fold(edge: &Edge) {
    let Some(block) = thread::own_block() else { return };
    // SAFETY: every edge has a tally, and tallies are never freed.
    let tally = unsafe { &*edge.tally.get() };
    let (from, to) = (edge.folded.get(), edge.pushed.get());
    if from == to {
        return;
    }
    let mut ticks = [0; RING];
    let batch = Batch::read(block, edge, &mut ticks, from, to);
    let ticks = &ticks[..(to.wrapping_sub(from) as usize).min(RING)];
    match one_leaf(&tally.histogram, &batch) {
        Some(leaf) => count_in_leaf(block, &tally.histogram, leaf, ticks),
        None => ticks.iter().for_each(|ticks| count_one(block, &tally.histogram, *ticks)),
    }
    batch.into_tally(tally);
    // Released, as every word a reader combines with others: whoever sees the new sum also sees that the ring
    // was full, and reads again.
    edge.ticks.publish(edge.ticks.get().saturating_add(batch.sum));
    tally.recorded.add(to.wrapping_sub(from));
    edge.folded.publish(to);
    if to % ANCHOR_EVERY == 0 || batch.sum > thread::ANCHOR_AFTER {
        thread::refresh_anchor(block);
    }
}

/// The leaf that holds all of a batch, if one does and exists: usual where a function's time is steady.
#[inline(always)]
fn one_leaf<'a>(
    histogram: &Link<HistogramRoot>,
    batch: &Batch,
) -> Option<(usize, &'a HistogramLeaf)> {
    let number = buckets::of(batch.least) / buckets::LEAF;
    if number != buckets::of(batch.most) / buckets::LEAF {
        return None;
    }
    known_leaf(histogram, number).map(|leaf| (number, leaf))
}

/// Counts a batch in the sixteen bytes of one register first. Adding to the same few words of memory sixteen times
/// waits each time for the addition before, and a branch on "same bucket again" is mispredicted: this took a
/// third off the fold.
#[inline(always)]
fn count_in_leaf(
    block: &ThreadBlock,
    histogram: &Link<HistogramRoot>,
    (number, leaf): (usize, &HistogramLeaf),
    ticks: &[u64],
) {
    const BYTE: usize = 8;
    let mut counts = [0_u64; 2];
    for ticks in ticks {
        let bucket = buckets::of(*ticks) % buckets::LEAF;
        let one = 1 << (bucket % BYTE * BYTE);
        counts[0] += if bucket < BYTE { one } else { 0 };
        counts[1] += if bucket < BYTE { 0 } else { one };
    }
    for (place, counter) in leaf.counts.iter().enumerate() {
        let calls = counts[place / BYTE].to_le_bytes()[place % BYTE];
        let counted = counter.load(Relaxed) + u32::from(calls);
        counter.store(counted, Relaxed);
        if counted >= CARRY_AT {
            carry(block, histogram, number * buckets::LEAF + place);
        }
    }
}

/// One duration straight into the tally: calls of async functions.
pub(crate) fn record(block: &ThreadBlock, tally: &Tally, ticks: u64) {
    let ticks = forward_only(block, ticks);
    Batch { sum: ticks, least: ticks, most: ticks }.into_tally(tally);
    count_one(block, &tally.histogram, ticks);
    tally.recorded.add(1);
}

/// A duration of more than half the range is a clock that stepped back: counted, and taken as 0.
pub(crate) fn forward_only(block: &ThreadBlock, ticks: u64) -> u64 {
    if (ticks as i64) < 0 {
        block.anomalies.add(1);
        return 0;
    }
    ticks
}

struct Batch {
    sum: u64,
    least: u64,
    most: u64,
}

impl Batch {
    /// Reads the ring. A duration above 2^59 ticks is years, or a clock that stepped back: looked at apart, so that
    /// the common sum needs no overflow check.
    #[inline(always)]
    fn read(
        block: &ThreadBlock,
        edge: &Edge,
        ticks: &mut [u64; RING],
        from: u64,
        to: u64,
    ) -> Batch {
        const SUSPECT: u64 = 1 << 59;
        let mut batch = Batch::EMPTY;
        let mut all_bits = 0;
        for (ticks, turn) in ticks.iter_mut().zip(from..to) {
            *ticks = edge.ring[turn as usize % RING].get();
            all_bits |= *ticks;
            batch.sum = batch.sum.wrapping_add(*ticks);
            batch.least = batch.least.min(*ticks);
            batch.most = batch.most.max(*ticks);
        }
        if all_bits < SUSPECT {
            return batch;
        }
        batch = Batch::EMPTY;
        for (ticks, _) in ticks.iter_mut().zip(from..to) {
            *ticks = forward_only(block, *ticks);
            batch.add(*ticks);
        }
        batch
    }

    const EMPTY: Batch = Batch { sum: 0, least: u64::MAX, most: 0 };

    fn add(&mut self, ticks: u64) {
        self.sum = self.sum.saturating_add(ticks);
        self.least = self.least.min(ticks);
        self.most = self.most.max(ticks);
    }

    /// The least is kept plus one, so that a zeroed tally has none.
    fn into_tally(&self, tally: &Tally) {
        let (least, known) = (self.least.saturating_add(1), tally.min_ticks.get());
        if known == 0 || least < known {
            tally.min_ticks.set(least);
        }
        tally.max_ticks.raise_to(self.most);
    }
}

/// Adds one call to the bucket of `ticks`.
pub(crate) fn count_one(block: &ThreadBlock, histogram: &Link<HistogramRoot>, ticks: u64) {
    count(block, histogram, buckets::of(ticks), 1);
}

/// Adds calls to a bucket.
#[inline(always)]
fn count(block: &ThreadBlock, histogram: &Link<HistogramRoot>, bucket: usize, calls: u32) {
    let Some(leaf) = leaf(block, histogram, bucket / buckets::LEAF) else {
        return block.lost_calls.add(u64::from(calls));
    };
    let counter = &leaf.counts[bucket % buckets::LEAF];
    let counted = counter.load(Relaxed) + calls;
    counter.store(counted, Relaxed);
    if counted >= CARRY_AT {
        carry(block, histogram, bucket);
    }
}

#[inline(always)]
fn leaf<'a>(
    block: &ThreadBlock,
    histogram: &Link<HistogramRoot>,
    number: usize,
) -> Option<&'a HistogramLeaf> {
    known_leaf(histogram, number).or_else(|| grow(block, histogram, number))
}

#[inline(always)]
fn known_leaf<'a>(histogram: &Link<HistogramRoot>, number: usize) -> Option<&'a HistogramLeaf> {
    // SAFETY: links are null or lead to records that are never freed.
    unsafe {
        let root = histogram.get().as_ref()?;
        let node = root.nodes.get(number / buckets::LEAVES)?.get().as_ref()?;
        node.leaves[number % buckets::LEAVES].get().as_ref()
    }
}

/// Makes the leaf and what leads to it.
#[cold]
fn grow<'a>(
    block: &ThreadBlock,
    histogram: &Link<HistogramRoot>,
    number: usize,
) -> Option<&'a HistogramLeaf> {
    let root = behind(block, histogram)?;
    let node: &HistogramNode = behind(block, root.nodes.get(number / buckets::LEAVES)?)?;
    behind(block, &node.leaves[number % buckets::LEAVES])
}

/// The record behind a link, made if there is none.
fn behind<'a, T>(block: &ThreadBlock, link: &Link<T>) -> Option<&'a T> {
    if link.get().is_null() {
        link.publish(thread::take(block)?);
    }
    // SAFETY: not null any more; records are never freed.
    unsafe { link.get().as_ref() }
}

/// Moves 2^31 calls out of a counter, into the record that holds this bucket's surplus.
#[cold]
fn carry(block: &ThreadBlock, histogram: &Link<HistogramRoot>, bucket: usize) {
    // SAFETY: called only after the leaf of `bucket` was found, so the root exists; carries are never freed.
    let Some(root) = (unsafe { histogram.get().as_ref() }) else { return };
    let Some(carry) = carry_of(block, root, bucket) else { return };
    let Some(leaf) = leaf(block, histogram, bucket / buckets::LEAF) else { return };
    leaf.counts[bucket % buckets::LEAF].store(0, Release);
    carry.count.add(u64::from(CARRY_AT));
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
    // SAFETY: just made, ours.
    let made = unsafe { &*carry };
    made.bucket.set(bucket as u64);
    made.next.set(root.carries.get());
    root.carries.publish(carry);
    Some(made)
}
