//! What the allocator wrapper calls: each allocation is charged to the innermost open frame of its thread.
//!
//! Charging the frame, rather than taking differences of thread counters at enter and exit, costs a span
//! that allocates nothing no more than one test.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{NOWHERE, TOP, thread};
use crate::segment::layout::Frame;

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
pub(crate) fn allocated(bytes: usize) {
    let Some(frame) = top() else { return };
    frame.allocations.add(1);
    let allocated = frame.allocated_bytes.get().wrapping_add(bytes as u64);
    frame.allocated_bytes.set(allocated);
    let live = allocated.wrapping_sub(frame.freed_bytes.get()) as i64;
    if live > frame.peak_bytes.get() as i64 {
        frame.peak_bytes.set(live as u64);
    }
}

/// `bytes` have been given back.
#[inline(always)]
pub(crate) fn freed(bytes: usize) {
    let Some(frame) = top() else { return };
    frame.frees.add(1);
    frame.freed_bytes.add(bytes as u64);
}

/// A block has changed its size: one allocation of the new and one free of the old size, as the heap
/// profiler DHAT counts it, but for the peak, which sees only the difference.
#[inline(always)]
pub(crate) fn reallocated(before: usize, after: usize) {
    let Some(frame) = top() else { return };
    frame.allocations.add(1);
    frame.frees.add(1);
    let freed = frame.freed_bytes.get().wrapping_add(before as u64);
    let allocated = frame.allocated_bytes.get().wrapping_add(after as u64);
    frame.freed_bytes.set(freed);
    frame.allocated_bytes.set(allocated);
    let live = allocated.wrapping_sub(freed) as i64;
    if live > frame.peak_bytes.get() as i64 {
        frame.peak_bytes.set(live as u64);
    }
}

/// A thread without a block allocated or freed.
#[cold]
pub(crate) fn unattributed() {
    UNATTRIBUTED.fetch_add(1, Relaxed);
}
