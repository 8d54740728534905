//! The allocator wrapper. It forwards every method, including `realloc` and `alloc_zeroed` (their
//! default implementations would lose `mremap` and the kernel's zero pages), counts only after
//! success, and never panics: unwinding out of an allocator is undefined behavior.

#![allow(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};

use crate::record::{counters, held};

/// A global allocator that counts allocations and forwards them to another allocator.
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
    /// Wraps the system's allocator.
    #[must_use]
    pub const fn system() -> ProfilingAllocator<System> {
        ProfilingAllocator::new(System)
    }
}

impl<A> ProfilingAllocator<A> {
    /// Wraps an allocator of your choice, such as jemalloc or mimalloc.
    #[must_use]
    pub const fn new(inner: A) -> ProfilingAllocator<A> {
        ProfilingAllocator { inner }
    }
}

// SAFETY: every method passes its arguments to the inner allocator unchanged and returns its
// result; `counters` neither allocates through this allocator nor panics.
unsafe impl<A: GlobalAlloc> GlobalAlloc for ProfilingAllocator<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if counters::spend_allocated(layout.size()) {
            // SAFETY: the caller's promises are the inner allocator's conditions.
            return unsafe { self.alloc_slowly::<false>(layout) };
        }
        if is_unusual(layout) {
            // SAFETY: as above.
            return unsafe { self.alloc_counted::<false>(layout) };
        }
        // SAFETY: as above.
        let block = unsafe { self.inner.alloc(layout) };
        counters::allocated(block, layout.size());
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !counters::are_counted() {
            // SAFETY: as above.
            return unsafe { self.inner.dealloc(block, layout) };
        }
        // SAFETY: as above.
        unsafe { self.dealloc_and_count(block, layout) };
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if counters::spend_allocated(layout.size()) {
            // SAFETY: as above.
            return unsafe { self.alloc_slowly::<true>(layout) };
        }
        if is_unusual(layout) {
            // SAFETY: as above.
            return unsafe { self.alloc_counted::<true>(layout) };
        }
        // SAFETY: as above.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        counters::allocated(block, layout.size());
        block
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if counters::spend_reallocated(layout.size(), new_size) || held::may_know(block) {
            // SAFETY: as above.
            return unsafe { self.realloc_slowly(block, layout, new_size) };
        }
        // SAFETY: as above.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        counters::reallocated(moved, layout.size(), new_size);
        moved
    }
}

/// Whether an allocator may use a separate path for this layout, for which the common path would
/// have to save registers.
#[inline(always)]
fn is_unusual(layout: Layout) -> bool {
    const USUAL: usize = if cfg!(target_pointer_width = "64") { 16 } else { 8 };
    layout.align() > USUAL || layout.align() > layout.size()
}

/// The rare paths do everything that the common ones do, so that the common ones end where they
/// branch off. The allowance has been spent already. In a program that annotates nothing, every
/// allocation takes this path and is only forwarded.
impl<A: GlobalAlloc> ProfilingAllocator<A> {
    /// Does not pass `self` for an allocator without state, which saves an instruction.
    #[inline(always)]
    unsafe fn alloc_slowly<const ZEROED: bool>(&self, layout: Layout) -> *mut u8 {
        if size_of::<Self>() == 0 {
            // SAFETY: as above.
            return unsafe { Self::alloc_without_state::<ZEROED>(layout) };
        }
        // SAFETY: as above.
        unsafe { self.alloc_with_state::<ZEROED>(layout) }
    }

    #[cold]
    #[inline(never)]
    unsafe fn alloc_without_state<const ZEROED: bool>(layout: Layout) -> *mut u8 {
        // SAFETY: a value of size 0 is valid at any aligned address, and the caller had a
        // reference to one.
        let this = unsafe { std::ptr::NonNull::<Self>::dangling().as_ref() };
        // SAFETY: as above.
        unsafe { this.count_or_forward::<ZEROED>(layout) }
    }

    #[cold]
    #[inline(never)]
    unsafe fn alloc_with_state<const ZEROED: bool>(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { self.count_or_forward::<ZEROED>(layout) }
    }

    #[inline(always)]
    unsafe fn count_or_forward<const ZEROED: bool>(&self, layout: Layout) -> *mut u8 {
        if counters::are_counted() {
            // SAFETY: as above.
            return unsafe { self.alloc_counted::<ZEROED>(layout) };
        }
        // SAFETY: as above.
        unsafe { self.forward_alloc::<ZEROED>(layout) }
    }

    #[cold]
    #[inline(never)]
    unsafe fn alloc_counted<const ZEROED: bool>(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { self.forward_alloc::<ZEROED>(layout) };
        counters::slowly_allocated(block, layout.size());
        block
    }

    #[inline(always)]
    unsafe fn forward_alloc<const ZEROED: bool>(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { if ZEROED { self.inner.alloc_zeroed(layout) } else { self.inner.alloc(layout) } }
    }

    /// Not inlined: in the program's code it would call functions to find its thread-locals.
    #[inline(never)]
    unsafe fn dealloc_and_count(&self, block: *mut u8, layout: Layout) {
        if counters::spend_freed(layout.size()) || held::may_know(block) {
            // SAFETY: as above.
            return unsafe { self.dealloc_counted(block, layout) };
        }
        counters::freed(layout.size());
        // SAFETY: as above.
        unsafe { self.inner.dealloc(block, layout) };
    }

    #[cold]
    #[inline(never)]
    unsafe fn dealloc_counted(&self, block: *mut u8, layout: Layout) {
        counters::slowly_freed(block, layout.size());
        // SAFETY: as above.
        unsafe { self.inner.dealloc(block, layout) };
    }

    /// Takes the known data of the block first: as soon as the block has moved, another thread may
    /// be given its address.
    #[cold]
    #[inline(never)]
    unsafe fn realloc_slowly(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let known = if counters::are_counted() { held::take(block) } else { None };
        // SAFETY: as above.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        if counters::are_counted() {
            counters::slowly_reallocated(block, layout.size(), moved, new_size, known);
        }
        moved
    }
}

/// The allocator that the feature `global-allocator` installs.
#[cfg(feature = "global-allocator")]
#[global_allocator]
static INSTALLED: ProfilingAllocator = ProfilingAllocator::system();
