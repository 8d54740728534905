//! What the allocator wrapper calls: each allocation is charged to the innermost open frame of its thread.
//!
//! Charging the frame, rather than taking differences of thread counters at enter and exit, costs a span
//! that allocates nothing no more than one test.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{NOWHERE, TOP, context, live, sizes, thread};
use crate::segment::layout::{Frame, heap};

/// Allocations of threads that could not be given a block, and those before the session began.
pub(crate) static UNATTRIBUTED: AtomicU64 = AtomicU64::new(0);

#[inline(always)]
fn top() -> Option<&'static Frame> {
    let top = TOP.get();
    if std::ptr::eq(top, &raw const NOWHERE) {
        return thread::attach_for_allocation();
    }
    // SAFETY: TOP is a frame of this thread's block, which is never unmapped.
    Some(unsafe { &*top })
}

/// An allocation of `bytes` has succeeded.
#[inline(always)]
pub(crate) fn allocated(block: *mut u8, bytes: usize) {
    let Some(frame) = top() else { return };
    frame.heap[heap::ALLOCATIONS].add(1);
    frame.heap[heap::ALLOCATED_BYTES].add(bytes as u64);
    raise_peak(frame);
    if live::add(bytes as i64) {
        slowly_allocated(frame, block, bytes);
    }
}

/// `bytes` are given back.
#[inline(always)]
pub(crate) fn freed(block: *mut u8, bytes: usize) {
    let Some(frame) = top() else { return };
    frame.heap[heap::FREES].add(1);
    frame.heap[heap::FREED_BYTES].add(bytes as u64);
    if live::add((bytes as i64).wrapping_neg()) {
        slowly_freed(block);
    }
}

/// A block has changed its size: one allocation of the new and one free of the old size, as the heap
/// profiler DHAT counts it, but for the peak, which sees only the difference.
#[inline(always)]
pub(crate) fn reallocated(block: *mut u8, before: usize, moved: *mut u8, after: usize) {
    let Some(frame) = top() else { return };
    frame.heap[heap::ALLOCATIONS].add(1);
    frame.heap[heap::FREES].add(1);
    frame.heap[if after > before { heap::GROWN } else { heap::SHRUNK }].add(1);
    frame.heap[heap::FREED_BYTES].add(before as u64);
    frame.heap[heap::ALLOCATED_BYTES].add(after as u64);
    raise_peak(frame);
    if live::add((after as i64).wrapping_sub(before as i64)) {
        slowly_freed(block);
        slowly_allocated(frame, moved, after);
    }
}

#[cold]
#[inline(never)]
fn slowly_allocated(frame: &Frame, block: *mut u8, bytes: usize) {
    live::publish_if_due();
    sizes::allocated(frame, block, bytes);
}

#[cold]
#[inline(never)]
fn slowly_freed(block: *mut u8) {
    live::publish_if_due();
    sizes::freed(block);
}

#[inline(always)]
fn raise_peak(frame: &Frame) {
    let live = live_bytes(frame);
    if live > frame.peak_bytes.get() as i64 {
        frame.peak_bytes.set(live as u64);
    }
}

/// What was allocated in the frame less what was freed in it.
#[inline(always)]
pub(crate) fn live_bytes(frame: &Frame) -> i64 {
    let allocated = frame.heap[heap::ALLOCATED_BYTES].get();
    allocated.wrapping_sub(frame.heap[heap::FREED_BYTES].get()) as i64
}

/// A thread without a block allocated or freed.
#[cold]
pub(crate) fn unattributed() {
    UNATTRIBUTED.fetch_add(1, Relaxed);
}

/// What a span has counted of the heap, see [`heap`], and its peak in bytes.
pub(crate) type HeapCounts = ([u64; heap::COUNTS], u64);

/// What an open span has counted so far.
pub(crate) fn of_frame(frame: &Frame) -> HeapCounts {
    let counts = std::array::from_fn(|place| {
        frame.heap[place].get().wrapping_add(frame.carried[place].get())
    });
    let own = frame.peak_bytes.get() as i64;
    let peak = context::peak_with_others(frame).map_or(own, |others| own.max(others));
    (counts, peak.max(0) as u64)
}
