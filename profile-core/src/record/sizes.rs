//! Sizes of a function's blocks, and how many blocks are temporary. Only on request, because every
//! allocation has to be examined.
//!
//! A block is temporary, as defined by heaptrack, if its thread frees it before allocating another
//! one: a sign that a buffer could be reused, or a value borrowed. This needs the address of one
//! block only, not a table of all.

use std::cell::Cell;

use super::frame::tally_of;
use super::{held, live, thread};
use crate::segment::layout::{Frame, SIZE_CLASSES, SizeTally};

thread_local! {
    /// The block that this thread allocated last, and its function's counters; 0 once it is freed.
    /// Const-initialized and without `Drop`, like `TOP`.
    static LAST: Cell<(usize, Option<&'static SizeTally>)> = const { Cell::new((0, None)) };
}

/// Enables or disables the counting of sizes. Other threads that have already allocated notice the
/// change when they next update the live bytes of the process; this thread notices it at once.
pub(crate) fn want(enabled: bool) {
    live::set_every_block(enabled);
    held::regrant();
}

/// In the child of a `fork`: the block in `LAST` is gone.
pub(super) fn forget() {
    LAST.set((0, None));
}

/// Counts a block allocated in `frame`.
pub(super) fn allocated(frame: &Frame, block: *mut u8, bytes: usize) {
    if live::is_every_block() {
        count(frame, block, bytes);
    }
}

/// Counts a freed block.
pub(super) fn freed(block: *mut u8) {
    if live::is_every_block() {
        forget_if_last(block);
    }
}

fn count(frame: &Frame, block: *mut u8, bytes: usize) {
    let sizes = sizes_of(frame);
    if let Some(sizes) = sizes {
        sizes.classes[class(bytes)].add(1);
    }
    LAST.set((block.addr(), sizes));
}

fn forget_if_last(block: *mut u8) {
    let (last, sizes) = LAST.get();
    if last == block.addr() {
        LAST.set((0, None));
        if let Some(sizes) = sizes {
            sizes.temporary.add(1);
        }
    }
}

/// `None` outside of all functions, or if memory is exhausted.
fn sizes_of(frame: &Frame) -> Option<&'static SizeTally> {
    // SAFETY: null, or an edge of this thread's block, which is never unmapped.
    let tally = tally_of(unsafe { frame.edge.get().as_ref() }?);
    let block = thread::own_block()?;
    thread::get_or_create(&thread::get_or_create(&tally.extras, block)?.sizes, block)
}

/// Class n holds the sizes above 2^(n-1) up to and including 2^n bytes.
fn class(bytes: usize) -> usize {
    let rounded_up = bytes.checked_next_power_of_two().unwrap_or(1 << (usize::BITS - 1));
    (rounded_up.trailing_zeros() as usize).min(SIZE_CLASSES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_ends_with_a_power_of_two() {
        let sizes = [0, 1, 2, 3, 4, 5, 64, 65, 1 << 20, usize::MAX];
        assert_eq!(sizes.map(class), [0, 0, 1, 2, 2, 3, 6, 7, 20, SIZE_CLASSES - 1]);
    }
}
