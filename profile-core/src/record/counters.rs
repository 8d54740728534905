//! Called by the allocator wrapper: attributes each allocation to the innermost open frame of its
//! thread.
//!
//! A span that allocates nothing then needs only one test, which is cheaper than differences of
//! thread counters at enter and exit. The functions inlined into the allocator handle only the
//! common case: a thread with a block and an allowance ([`live`]) that is not used up, and a block
//! that nothing tracks ([`held`]). Whether the thread has a block needs no test of its own, because
//! without one it has no allowance.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::frame::{NOWHERE, TOP, live_bytes};
use super::{handed, held, live, sizes, thread};
use crate::segment::layout::{Frame, heap};

/// Allocations of threads for which there was no memory for a block.
pub(crate) static UNATTRIBUTED: AtomicU64 = AtomicU64::new(0);
/// Whether allocations are counted at all. Before recording begins, and in a program without
/// annotations always, the wrapper only forwards.
#[inline(always)]
pub(crate) fn are_counted() -> bool {
    held::SEEN.is_counting.load(Relaxed)
}

/// Starts counting allocations.
pub(super) fn begin() {
    held::SEEN.is_counting.store(true, Relaxed);
}

/// The innermost frame of a thread that has an allowance.
#[inline(always)]
fn top() -> &'static Frame {
    // SAFETY: TOP is NOWHERE or a frame of this thread's block, which is never unmapped.
    unsafe { &*TOP.get() }
}

/// Subtracts `bytes` that are about to be allocated from the allowance. Returns whether to take the
/// slow path, with [`slowly_allocated`].
#[inline(always)]
#[must_use]
pub(crate) fn spend_allocated(bytes: usize) -> bool {
    live::spend_allocated(bytes as u64)
}

/// Like [`spend_allocated`], for `bytes` that are about to be freed.
#[inline(always)]
#[must_use]
pub(crate) fn spend_freed(bytes: usize) -> bool {
    live::spend_freed(bytes as u64)
}

/// Like [`spend_allocated`], for a block that is about to be resized.
#[inline(always)]
#[must_use]
pub(crate) fn spend_reallocated(before: usize, after: usize) -> bool {
    live::spend_allocated(after as u64) | live::spend_freed(before as u64)
}

/// Counts an allocation, or refunds it if the block is null.
#[inline(always)]
pub(crate) fn allocated(block: *mut u8, bytes: usize) {
    if block.is_null() {
        return live::refund(bytes as u64, 0);
    }
    count_allocation(top(), bytes);
}

/// Counts `bytes` that are about to be freed.
#[inline(always)]
pub(crate) fn freed(bytes: usize) {
    count_free(top(), bytes);
}

/// Counts a resized block, or refunds it if `moved` is null. A resize counts as one allocation of
/// the new size and one free of the old size, like in the heap profiler DHAT; the peak only sees
/// the difference.
#[inline(always)]
pub(crate) fn reallocated(moved: *mut u8, before: usize, after: usize) {
    if moved.is_null() {
        return live::refund(after as u64, before as u64);
    }
    count_reallocation(top(), before, after);
}

#[inline(always)]
fn count_allocation(frame: &Frame, bytes: usize) {
    frame.heap[heap::ALLOCATIONS].add(1);
    frame.heap[heap::ALLOCATED_BYTES].add(bytes as u64);
    raise_peak(frame);
}

#[inline(always)]
fn count_free(frame: &Frame, bytes: usize) {
    frame.heap[heap::FREES].add(1);
    frame.heap[heap::FREED_BYTES].add(bytes as u64);
}

#[inline(always)]
fn count_reallocation(frame: &Frame, before: usize, after: usize) {
    frame.heap[heap::ALLOCATIONS].add(1);
    frame.heap[heap::FREES].add(1);
    frame.heap[if after > before { heap::GROWN } else { heap::SHRUNK }].add(1);
    frame.heap[heap::FREED_BYTES].add(before as u64);
    frame.heap[heap::ALLOCATED_BYTES].add(after as u64);
    raise_peak(frame);
}

/// The innermost frame. Gives the thread a block if it has none. `None` if there is no memory for
/// one; the allocation is then not attributed. What was spent before is discarded then, except for
/// these bytes.
#[inline(never)]
fn attached(allocated: usize, freed: usize) -> Option<&'static Frame> {
    let top = TOP.get();
    if !std::ptr::eq(top, &raw const NOWHERE) {
        // SAFETY: a frame of this thread's block, which is never unmapped.
        return Some(unsafe { &*top });
    }
    let attached = thread::here().map(|(_, frame)| frame);
    live::grant_nothing();
    if attached.is_some() {
        let _ = live::spend_allocated(allocated as u64) | live::spend_freed(freed as u64);
    } else {
        UNATTRIBUTED.fetch_add(1, Relaxed);
    }
    attached
}

/// Like [`allocated`], on the slow path.
pub(crate) fn slowly_allocated(block: *mut u8, bytes: usize) {
    let Some(frame) = attached(bytes, 0) else { return };
    if block.is_null() {
        return live::refund(bytes as u64, 0);
    }
    count_allocation(frame, bytes);
    let is_sampled = held::is_due(live::account_used());
    sizes::allocated(frame, block, bytes);
    held::allocated(frame, block, bytes, is_sampled);
    held::grant();
}

/// Like [`freed`], on the slow path.
pub(crate) fn slowly_freed(block: *mut u8, bytes: usize) {
    let Some(frame) = attached(0, bytes) else { return };
    count_free(frame, bytes);
    held::passed(live::account_used());
    sizes::freed(block);
    held::freed(block);
    held::grant();
}

/// Like [`reallocated`], on the slow path; `known` is what was known about the block before.
pub(crate) fn slowly_reallocated(
    block: *mut u8,
    before: usize,
    moved: *mut u8,
    after: usize,
    known: Option<held::Known>,
) {
    let Some(frame) = attached(after, before) else { return };
    if moved.is_null() {
        known.iter().for_each(|known| held::put_back(block, known));
        return live::refund(after as u64, before as u64);
    }
    count_reallocation(frame, before, after);
    let is_sampled = held::is_due(live::account_used());
    sizes::freed(block);
    sizes::allocated(frame, moved, after);
    held::reallocated(frame, moved, (before, after), is_sampled, known);
    held::grant();
}

#[inline(always)]
fn raise_peak(frame: &Frame) {
    let live = live_bytes(frame);
    if live > frame.peak_bytes.get() as i64 {
        frame.peak_bytes.set(live as u64);
    }
}

/// The heap counters of a span, see [`heap`], and its peak in bytes.
pub(crate) type HeapCounts = ([u64; heap::COUNTS], u64);

/// The counters of an open span so far.
pub(crate) fn of_frame(frame: &Frame) -> HeapCounts {
    let counts = std::array::from_fn(|index| {
        frame.heap[index].get().wrapping_add(frame.carried[index].get())
    });
    let own = frame.peak_bytes.get() as i64;
    let peak = handed::peak_with_others(frame).map_or(own, |others| own.max(others));
    (counts, peak.max(0) as u64)
}
