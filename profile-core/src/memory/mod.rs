//! The heap: a wrapper around any global allocator that tells the recorder what goes through it.

pub(crate) mod allocator;
