//! The allocator wrapper. It forwards every method, also `realloc` and `alloc_zeroed` (the defaults would
//! lose `mremap` and the kernel's zero pages), counts after success only, and never panics: unwinding out
//! of an allocator is undefined behaviour.

use std::alloc::{GlobalAlloc, Layout, System};

use crate::record::counters;

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
        // SAFETY: the caller's promises are the inner allocator's conditions.
        let block = unsafe { self.inner.alloc(layout) };
        if !block.is_null() {
            counters::allocated(block, layout.size());
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        counters::freed(block, layout.size());
        // SAFETY: as above.
        unsafe { self.inner.dealloc(block, layout) };
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        if !block.is_null() {
            counters::allocated(block, layout.size());
        }
        block
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        if !moved.is_null() {
            counters::reallocated(block, layout.size(), moved, new_size);
        }
        moved
    }
}

/// The allocator that the feature `global-allocator` installs.
#[cfg(feature = "global-allocator")]
#[global_allocator]
static INSTALLED: ProfilingAllocator = ProfilingAllocator::system();
