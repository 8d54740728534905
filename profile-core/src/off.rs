//! The feature `profile` is off: the names exist, so that programs compile, and do nothing.

use std::alloc::{GlobalAlloc, Layout, System};

use crate::Snapshot;

/// Forwards to the allocator in it.
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
    /// Around an allocator of your choice.
    #[must_use]
    pub const fn new(inner: A) -> ProfilingAllocator<A> {
        ProfilingAllocator { inner }
    }
}

// SAFETY: every method is the inner allocator's.
unsafe impl<A: GlobalAlloc> GlobalAlloc for ProfilingAllocator<A> {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the inner allocator's conditions.
        unsafe { self.inner.alloc(layout) }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.inner.dealloc(block, layout) };
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    #[inline(always)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { self.inner.realloc(block, layout, new_size) }
    }
}

/// An empty snapshot.
#[must_use]
pub fn capture() -> Snapshot {
    Snapshot::default()
}

/// Nothing to write.
pub fn write_reports() {}

/// Nothing: `span!` opens no span.
#[derive(Debug)]
#[must_use]
pub struct SpanGuard;

/// Opens no span.
#[macro_export]
macro_rules! span {
    ($name:literal) => {
        $crate::SpanGuard
    };
}

/// The call path of a moment: here it is none.
#[derive(Clone, Debug, Default)]
pub struct Context;

/// An entered [`Context`].
#[derive(Debug)]
#[must_use]
pub struct ContextGuard;

/// A path of nowhere.
#[must_use]
pub fn context() -> Context {
    Context
}

impl Context {
    /// Enters nothing.
    pub fn enter(&self) -> ContextGuard {
        ContextGuard
    }

    /// Runs the work.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        work()
    }

    /// The work itself.
    pub fn wrap<T, F: FnOnce() -> T>(&self, work: F) -> F {
        work
    }

    /// The future itself.
    pub fn follow<F: Future>(&self, future: F) -> F {
        future
    }
}
