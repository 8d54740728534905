//! What the allocator wrapper calls: each allocation is charged to the innermost open frame of its
//! thread.
//!
//! Charging the frame, rather than taking differences of thread counters at enter and exit, costs a
//! span that allocates nothing no more than one test. The functions that are inlined into the
//! allocator handle the common case alone: a thread with a block and an allowance ([`live`]) that
//! is not used up, and no block that anybody looks at ([`held`]). Whether the thread has a block is
//! no test of its own, since without one it is granted nothing.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::frame::{NOWHERE, TOP, live_bytes};
use super::{handed, held, live, sizes, thread};
use crate::segment::layout::{Frame, heap};

/// Allocations of threads that could not be given a block.
pub(crate) static UNATTRIBUTED: AtomicU64 = AtomicU64::new(0);
/// Whether allocations are counted at all. Before recording begins, and for ever in a program that
/// annotates nothing, the wrapper only forwards.
#[inline(always)]
pub(crate) fn are_counted() -> bool {
    held::SEEN.is_counting.load(Relaxed)
}

/// From now on allocations are counted.
pub(super) fn begin() {
    held::SEEN.is_counting.store(true, Relaxed);
}

/// The innermost frame of a thread that has been granted an allowance.
#[inline(always)]
fn top() -> &'static Frame {
    // SAFETY: TOP is NOWHERE or a frame of this thread's block, which is never unmapped.
    unsafe { &*TOP.get() }
}

/// Takes `bytes` that are about to be allocated off the allowance. Whether the slow way is to be
/// taken, with [`slowly_allocated`].
#[inline(always)]
#[must_use]
pub(crate) fn spend_allocated(bytes: usize) -> bool {
    live::spend_allocated(bytes as u64)
}

/// As [`spend_allocated`], of `bytes` that are about to be returned.
#[inline(always)]
#[must_use]
pub(crate) fn spend_freed(bytes: usize) -> bool {
    live::spend_freed(bytes as u64)
}

/// As [`spend_allocated`], of a block that is about to change its size.
#[inline(always)]
#[must_use]
pub(crate) fn spend_reallocated(before: usize, after: usize) -> bool {
    live::spend_allocated(after as u64) | live::spend_freed(before as u64)
}

/// `bytes` were allocated, or were not if the block is null.
#[inline(always)]
pub(crate) fn allocated(block: *mut u8, bytes: usize) {
    if block.is_null() {
        return live::refund(bytes as u64, 0);
    }
    count_allocation(top(), bytes);
}

/// `bytes` are about to be returned.
#[inline(always)]
pub(crate) fn freed(bytes: usize) {
    count_free(top(), bytes);
}

/// A block has changed its size, or has not if `moved` is null: one allocation of the new and one
/// free of the old size, as the heap profiler DHAT counts it, but for the peak, which sees only the
/// difference.
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

/// The innermost frame, with the thread given a block if it has none. `None`, and the allocation is
/// nobody's: there is no room for one. What was spent before is forgotten then, but for these
/// bytes.
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

/// As [`allocated`], in the slow way.
pub(crate) fn slowly_allocated(block: *mut u8, bytes: usize) {
    let Some(frame) = attached(bytes, 0) else { return };
    if block.is_null() {
        return live::refund(bytes as u64, 0);
    }
    count_allocation(frame, bytes);
    let is_drawn = held::is_due(live::sum_up());
    sizes::allocated(frame, block, bytes);
    held::allocated(frame, block, bytes, is_drawn);
    held::grant();
}

/// As [`freed`], in the slow way.
pub(crate) fn slowly_freed(block: *mut u8, bytes: usize) {
    let Some(frame) = attached(0, bytes) else { return };
    count_free(frame, bytes);
    held::passed(live::sum_up());
    sizes::freed(block);
    held::freed(block);
    held::grant();
}

/// As [`reallocated`], in the slow way, where `known` was found of the block before.
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
    let is_drawn = held::is_due(live::sum_up());
    sizes::freed(block);
    sizes::allocated(frame, moved, after);
    held::reallocated(frame, moved, (before, after), is_drawn, known);
    held::grant();
}

#[inline(always)]
fn raise_peak(frame: &Frame) {
    let live = live_bytes(frame);
    if live > frame.peak_bytes.get() as i64 {
        frame.peak_bytes.set(live as u64);
    }
}

/// What a span has counted of the heap, see [`heap`], and its peak in bytes.
pub(crate) type HeapCounts = ([u64; heap::COUNTS], u64);

/// What an open span has counted so far.
pub(crate) fn of_frame(frame: &Frame) -> HeapCounts {
    let counts = std::array::from_fn(|index| {
        frame.heap[index].get().wrapping_add(frame.carried[index].get())
    });
    let own = frame.peak_bytes.get() as i64;
    let peak = handed::peak_with_others(frame).map_or(own, |others| own.max(others));
    (counts, peak.max(0) as u64)
}
