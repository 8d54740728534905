//! Memory that processes share, seen only as atomic words: another process may write at any moment,
//! so a plain reference to it would be undefined behaviour.

#![allow(unsafe_code, reason = "maps memory")]

use std::io;
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

use rustix::mm::{MapFlags, ProtFlags};

use super::{Descriptor, memory_file};

/// A mapping of a memory file that is sealed against shrinking.
///
/// Invariant: `start` points to `count` words that stay mapped, readable and writable, until this
/// is dropped; the file has at least that size for ever.
#[derive(Debug)]
pub(in super::super::super) struct Words {
    start: NonNull<AtomicU64>,
    count: usize,
    descriptor: Descriptor,
}

// SAFETY: it only gives access to atomics, and owns its mapping.
unsafe impl Send for Words {}
// SAFETY: as above.
unsafe impl Sync for Words {}

const WORD: usize = size_of::<AtomicU64>();

impl Words {
    /// All 0.
    pub(in super::super::super) fn new(count: usize) -> io::Result<Words> {
        let count = count.max(1);
        let bytes = count.checked_mul(WORD).ok_or(io::ErrorKind::OutOfMemory)?;
        Words::map(memory_file(bytes as u64)?, count)
    }

    /// Those of another process.
    pub(in super::super::super) fn from_descriptor(descriptor: Descriptor) -> io::Result<Words> {
        let seals = rustix::fs::fcntl_get_seals(&descriptor)?;
        if !seals.contains(rustix::fs::SealFlags::SHRINK) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let bytes = rustix::fs::fstat(&descriptor)?.st_size;
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        Words::map(descriptor, bytes / WORD)
    }

    /// `descriptor` is a sealed memory file of at least this size.
    fn map(descriptor: Descriptor, count: usize) -> io::Result<Words> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses an unused range.
        let start = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                count * WORD,
                access,
                MapFlags::SHARED,
                descriptor.as_fd(),
                0,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Words { start, count, descriptor })
    }

    pub(in super::super::super) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    pub(in super::super::super) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the invariant of the type. Every value is a valid word, and a mapping is aligned
        // to a page.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        // SAFETY: mapped here, with this size; nobody has a reference any more.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.count * WORD) };
    }
}
