//! The row of allocation-counter, which makes its allocator the global one of every program that has it.

mod measure;

use std::alloc::{GlobalAlloc, Layout};

/// Whatever is installed as the global allocator, called as programs call it.
struct Global;

// SAFETY: every method is the global allocator's.
unsafe impl GlobalAlloc for Global {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are its conditions.
        unsafe { std::alloc::alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { std::alloc::dealloc(block, layout) };
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { std::alloc::alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { std::alloc::realloc(block, layout, size) }
    }
}

fn main() {
    let counted = allocation_counter::measure(|| {
        measure::row("allocation-counter 0.8, in `measure`", &Global);
    });
    assert!(counted.count_total > 1_000_000, "it counts");
}
