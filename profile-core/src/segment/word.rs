//! The two kinds of words in a segment: numbers, and links to records.

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::*};

/// A 64-bit number that one thread writes and any thread may read.
#[repr(transparent)]
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

impl Word {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "the start of statics, copied on purpose"
    )]
    pub(crate) const ZERO: Word = Word(AtomicU64::new(0));

    #[inline(always)]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// Load, add, store: the owner is the only writer, so no atomic read-modify-write is needed.
    #[inline(always)]
    pub(crate) fn add(&self, value: u64) {
        self.set(self.get().wrapping_add(value));
    }

    #[inline(always)]
    pub(crate) fn raise_to(&self, value: u64) {
        if value > self.get() {
            self.set(value);
        }
    }

    /// Publishes everything written before.
    #[inline(always)]
    pub(crate) fn publish(&self, value: u64) {
        self.0.store(value, Release);
    }

    /// For words that several threads write.
    pub(crate) fn shared(&self) -> &AtomicU64 {
        &self.0
    }
}

/// A link to a record.
#[repr(transparent)]
#[derive(Debug)]
pub(crate) struct Link<T>(AtomicPtr<T>);

impl<T> Link<T> {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "the start of statics, copied on purpose"
    )]
    pub(crate) const NONE: Link<T> = Link(AtomicPtr::new(std::ptr::null_mut()));

    pub(crate) const fn to(target: *mut T) -> Link<T> {
        Link(AtomicPtr::new(target))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> *mut T {
        self.0.load(Relaxed)
    }

    #[inline(always)]
    pub(crate) fn set(&self, target: *mut T) {
        self.0.store(target, Relaxed);
    }

    /// Publishes the record that the link leads to.
    pub(crate) fn publish(&self, target: *mut T) {
        self.0.store(target, Release);
    }

    pub(crate) fn shared(&self) -> &AtomicPtr<T> {
        &self.0
    }
}
