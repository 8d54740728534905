//! From the ring of an edge into its sum and its function's histogram, 16 durations at a time.
//!
//! A thread killed in the middle has lost nothing: the histogram's total tells how many of the ring are in
//! it already, since `recorded` moves only when all are.

use std::sync::atomic::AtomicU32;
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
    match to.wrapping_sub(from) as usize {
        RING => count_batch(block, &tally.histogram, &ticks),
        part => {
            ticks.iter().take(part).for_each(|ticks| count_one(block, &tally.histogram, *ticks))
        }
    }
    batch.add_to(tally);
    // Released, as every word a reader combines with others: whoever sees the new sum also sees that the ring
    // was full, and reads again.
    edge.ticks.publish(edge.ticks.get().saturating_add(batch.sum));
    tally.recorded.add(to.wrapping_sub(from));
    edge.folded.publish(to);
    if to % ANCHOR_EVERY == 0 || batch.sum > thread::ANCHOR_AFTER {
        thread::refresh_anchor(block);
    }
}

/// Counts a batch: first every counter is read, then every sum is written, equal buckets the same one.
///
/// Adding one at a time, to the same few words again and again, makes the processor guess each time whether a load
/// depends on the store before; where neighbouring buckets alternate it guesses wrong, and a fold took four times as
/// long as this.
#[inline(always)]
fn count_batch(block: &ThreadBlock, histogram: &Link<HistogramRoot>, ticks: &[u64; RING]) {
    let buckets = ticks.map(|ticks| buckets::of(ticks) as u16);
    let mut alike = [0_u16; RING];
    for bucket in buckets {
        // Without a branch, and vertical: eight comparisons in one instruction.
        for (alike, other) in alike.iter_mut().zip(buckets) {
            *alike += u16::from(other == bucket);
        }
    }
    let counters = buckets.map(|bucket| counter(block, histogram, usize::from(bucket)));
    let counted = counters.map(|counter| counter.map_or(0, |counter| counter.load(Relaxed)));
    let mut highest = 0;
    for place in 0..RING {
        let sum = counted[place] + u32::from(alike[place]);
        highest |= sum;
        match counters[place] {
            Some(counter) => counter.store(sum, Relaxed),
            None => block.lost_calls.add(1),
        }
    }
    if highest >= CARRY_AT {
        buckets.iter().for_each(|bucket| carry(block, histogram, usize::from(*bucket)));
    }
}

/// One duration straight into the tally: calls of async functions.
pub(crate) fn record(block: &ThreadBlock, tally: &Tally, ticks: u64) {
    let ticks = forward_only(block, ticks);
    Batch { sum: ticks, least: ticks, most: ticks }.add_to(tally);
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
    fn add_to(&self, tally: &Tally) {
        let (least, known) = (self.least.saturating_add(1), tally.min_ticks.get());
        if known == 0 || least < known {
            tally.min_ticks.set(least);
        }
        tally.max_ticks.raise_to(self.most);
    }
}

/// Adds one call to the bucket of `ticks`.
#[inline(never)]
pub(crate) fn count_one(block: &ThreadBlock, histogram: &Link<HistogramRoot>, ticks: u64) {
    let bucket = buckets::of(ticks);
    let Some(counter) = counter(block, histogram, bucket) else {
        return block.lost_calls.add(1);
    };
    counter.store(counter.load(Relaxed) + 1, Relaxed);
    carry(block, histogram, bucket);
}

/// The counter of a bucket, made if it is the first use.
#[inline(always)]
fn counter<'a>(
    block: &ThreadBlock,
    histogram: &Link<HistogramRoot>,
    bucket: usize,
) -> Option<&'a AtomicU32> {
    let leaf = leaf(block, histogram, bucket / buckets::LEAF)?;
    Some(&leaf.counts[bucket % buckets::LEAF])
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

/// Moves the calls of a counter that nears its end into the record that holds this bucket's surplus.
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
    // SAFETY: just made, ours.
    let made = unsafe { &*carry };
    made.bucket.set(bucket as u64);
    made.next.set(root.carries.get());
    root.carries.publish(carry);
    Some(made)
}
