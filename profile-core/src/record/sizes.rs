//! Which sizes a function's blocks have, and how many live for a moment only: on request, since
//! every allocation pays for the looking.
//!
//! A block is temporary, as heaptrack has it, if its thread frees it before it allocates another: a
//! sign that a buffer could be kept, or a value borrowed. That needs the address of one block and
//! no table of all.

use std::cell::Cell;

use super::frame::tally_of;
use super::{held, live, thread};
use crate::segment::layout::{Frame, SIZE_CLASSES, SizeTally};

thread_local! {
    /// The block that this thread allocated last, and where its function counts; 0 once it is
    /// freed. Const-initialised and without `Drop`, as `TOP`.
    static LAST: Cell<(usize, Option<&'static SizeTally>)> = const { Cell::new((0, None)) };
}

/// From now on sizes are looked at, or are not. A thread that has allocated already notices when it
/// comes to add to the live bytes of the process; this one does at once.
pub(crate) fn want(wanted: bool) {
    live::look_at_every_block(wanted);
    held::grant_anew();
}

/// In the child of a `fork`: what `LAST` names is gone.
pub(super) fn forget() {
    LAST.set((0, None));
}

/// `block` was allocated in `frame`.
pub(super) fn allocated(frame: &Frame, block: *mut u8, bytes: usize) {
    if live::looks_at_every_block() {
        count(frame, block, bytes);
    }
}

/// `block` was freed.
pub(super) fn freed(block: *mut u8) {
    if live::looks_at_every_block() {
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

/// `None` outside all functions, and without memory for it.
fn sizes_of(frame: &Frame) -> Option<&'static SizeTally> {
    // SAFETY: null, or an edge of this thread's block, which is never unmapped.
    let tally = tally_of(unsafe { frame.edge.get().as_ref() }?);
    let block = thread::own_block()?;
    thread::made(&thread::made(&tally.extras, block)?.sizes, block)
}

/// Class n holds the sizes above 2^(n-1) up to 2^n bytes.
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
