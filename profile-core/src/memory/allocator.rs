//! The allocator wrapper. It forwards every method, also `realloc` and `alloc_zeroed` (the defaults would
//! lose `mremap` and the kernel's zero pages), counts after success only, and never panics: unwinding out
//! of an allocator is undefined behaviour.

use std::alloc::{GlobalAlloc, Layout, System};

use crate::record::{counters, held};

/// A global allocator that counts, around the allocator that works.
///
/// ```
/// use profile_core::ProfilingAllocator;
/// use std::alloc::System;
///
/// #[global_allocator]
/// static ALLOCATOR: ProfilingAllocator<System> = ProfilingAllocator::system();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ProfilingAllocator<A = System> {
    inner: A,
}

impl ProfilingAllocator<System> {
    /// Around the system's allocator.
    #[must_use]
    pub const fn system() -> ProfilingAllocator<System> {
        ProfilingAllocator::new(System)
    }
}

impl<A> ProfilingAllocator<A> {
    /// Around an allocator of your choice, such as jemalloc's or mimalloc's.
    #[must_use]
    pub const fn new(inner: A) -> ProfilingAllocator<A> {
        ProfilingAllocator { inner }
    }
}

// SAFETY: every method hands its arguments to the inner allocator unchanged and returns what that returned;
// `counters` neither allocates through this allocator nor panics.
unsafe impl<A: GlobalAlloc> GlobalAlloc for ProfilingAllocator<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !counters::are_counted() {
            // SAFETY: the caller's promises are the inner allocator's conditions.
            return unsafe { self.inner.alloc(layout) };
        }
        // SAFETY: as above.
        let block = unsafe { self.inner.alloc(layout) };
        if block.is_null() {
            return block;
        }
        counters::allocated(block, layout.size())
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !counters::are_counted() || counters::freed(block, layout.size()) {
            // SAFETY: as above.
            unsafe { self.inner.dealloc(block, layout) };
        } else {
            // SAFETY: as above.
            unsafe { self.dealloc_slowly(block, layout) };
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !counters::are_counted() {
            // SAFETY: as above.
            return unsafe { self.inner.alloc_zeroed(layout) };
        }
        // SAFETY: as above.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        if block.is_null() {
            return block;
        }
        counters::allocated(block, layout.size())
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if !counters::are_counted() {
            // SAFETY: as above.
            return unsafe { self.inner.realloc(block, layout, new_size) };
        }
        if held::may_know(block) {
            // SAFETY: as above.
            return unsafe { self.realloc_known(block, layout, new_size) };
        }
        // SAFETY: as above.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        if moved.is_null() {
            return moved;
        }
        counters::reallocated(block, layout.size(), moved, new_size)
    }
}

/// The rare ways are functions that end with what the common ones end with: a call in the middle of these would make them save registers.
impl<A: GlobalAlloc> ProfilingAllocator<A> {
    #[cold]
    #[inline(never)]
    unsafe fn dealloc_slowly(&self, block: *mut u8, layout: Layout) {
        counters::slowly_freed(block, layout.size());
        // SAFETY: the caller's promises are the inner allocator's conditions.
        unsafe { self.inner.dealloc(block, layout) };
    }

    /// What is known of the block is taken first: as soon as it has moved, another thread may be given its address.
    #[cold]
    #[inline(never)]
    unsafe fn realloc_known(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let known = held::take(block);
        // SAFETY: as above.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        if !moved.is_null() {
            return counters::reallocated_known(block, layout.size(), moved, new_size, known);
        }
        if let Some(known) = &known {
            held::put_back(block, known);
        }
        moved
    }
}

/// The allocator that the feature `global-allocator` installs.
#[cfg(feature = "global-allocator")]
#[global_allocator]
static INSTALLED: ProfilingAllocator = ProfilingAllocator::system();
