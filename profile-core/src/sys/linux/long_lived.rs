//! Files that stay open between uses.
//!
//! A program may close descriptors that it did not open: a daemon closes all of them, and the next
//! file it opens gets the number of one of ours. So each use first checks that the descriptor is
//! still the same file. A program that replaces it between check and use is not noticed. High
//! numbers make that unlikely, since the system assigns the lowest free one.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering::*};

use super::super::lock;
use super::{BlockedSignal, map_file};

/// The identity of an open file: its device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(libc::dev_t, libc::ino_t);

impl Identity {
    /// `None` if the descriptor is closed.
    fn of(descriptor: RawFd) -> Option<Identity> {
        // SAFETY: plain numbers, filled in by the call.
        let mut about: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: room for the answer; any number may be asked about.
        let failed = unsafe { libc::fstat(descriptor, &raw mut about) };
        (failed == 0).then_some(Identity(about.st_dev, about.st_ino))
    }
}

/// Moves a file to a high number, out of the program's way, if the limit on descriptors allows it.
fn moved_up(file: File) -> RawFd {
    const OUT_OF_THE_WAY: [RawFd; 2] = [900, libc::STDERR_FILENO + 1];
    let low = file.into_raw_fd();
    for least in OUT_OF_THE_WAY {
        // SAFETY: duplicates the descriptor that is owned here.
        let moved = unsafe { libc::fcntl(low, libc::F_DUPFD_CLOEXEC, least) };
        if moved >= 0 {
            // SAFETY: owned here, and replaced by the other one.
            unsafe { libc::close(low) };
            return moved;
        }
    }
    low
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the program closed the descriptor")
}

/// A file that stays open between readings.
#[derive(Debug)]
pub(super) struct LongLivedFile {
    file: ManuallyDrop<File>,
    identity: Identity,
}

impl LongLivedFile {
    /// # Errors
    /// Another thread closed the descriptor meanwhile.
    pub(super) fn new(file: File) -> io::Result<LongLivedFile> {
        let descriptor = moved_up(file);
        let identity = Identity::of(descriptor).ok_or_else(closed)?;
        // SAFETY: owned here. It is closed in `drop` alone, and only while it is the same file.
        let file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
        Ok(LongLivedFile { file, identity })
    }

    /// # Errors
    /// The program closed it.
    pub(super) fn get(&self) -> io::Result<&File> {
        let is_same = Identity::of(self.file.as_raw_fd()) == Some(self.identity);
        if is_same { Ok(&self.file) } else { Err(closed()) }
    }
}

impl Drop for LongLivedFile {
    fn drop(&mut self) {
        if self.get().is_ok() {
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}

/// The file behind a segment.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    descriptor: AtomicI32,
    identity: Identity,
    path: CString,
}

impl SegmentFile {
    /// # Errors
    /// The file exists, or cannot be created.
    pub(crate) fn create(path: &Path) -> io::Result<SegmentFile> {
        let mut options = File::options();
        options.read(true).write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let file = options.open(path)?;
        // Tells readers that the process still runs. Recording works without it.
        let _ = lock::try_lock(&file);
        let descriptor = moved_up(file);
        let identity = Identity::of(descriptor).ok_or_else(closed)?;
        let path = CString::new(path.as_os_str().as_bytes())?;
        Ok(SegmentFile { descriptor: AtomicI32::new(descriptor), identity, path })
    }

    /// Reserves room in the file, then maps it over a part of a reservation. Reserving first turns
    /// a full disk into `false` here instead of a SIGBUS at some later store.
    ///
    /// # Safety
    /// The range is in a live reservation and is either unused or already this very mapping.
    pub(crate) unsafe fn commit(&self, start: *mut u8, length: usize, offset: usize) -> bool {
        let (Some(descriptor), Ok(offset)) = (self.open(), libc::off_t::try_from(offset)) else {
            return false;
        };
        // SIGXFSZ (a file size limit) goes to this thread only, and its default action kills the
        // program: it is blocked for the call, which then returns EFBIG.
        let blocked = BlockedSignal::new(libc::SIGXFSZ);
        // SAFETY: plain system call on a descriptor of ours.
        let failed = unsafe { libc::posix_fallocate(descriptor, offset, length as libc::off_t) };
        drop(blocked);
        // SAFETY: by the contract the range is ours.
        failed == 0 && unsafe { map_file(descriptor, start, length, offset) }
    }

    /// The descriptor; opened again if the program closed it. Allocates nothing, since a segment
    /// grows during the program's calls.
    fn open(&self) -> Option<RawFd> {
        let descriptor = self.descriptor.load(Acquire);
        if Identity::of(descriptor) == Some(self.identity) {
            return Some(descriptor);
        }
        let flags = libc::O_RDWR | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
        // SAFETY: a path that ends in NUL.
        let opened = unsafe { libc::open(self.path.as_ptr(), flags) };
        if opened < 0 {
            return None;
        }
        // SAFETY: just opened.
        let opened = moved_up(unsafe { File::from_raw_fd(opened) });
        if Identity::of(opened) != Some(self.identity) {
            // SAFETY: of another file, opened here and known to nobody.
            unsafe { libc::close(opened) };
            return None;
        }
        // The program closed the previous one. Two threads that get here at the same time leave one
        // descriptor open.
        self.descriptor.store(opened, Release);
        Some(opened)
    }

    /// Removes the file, unless there is another one by that name now.
    pub(crate) fn remove(&self) {
        // SAFETY: plain numbers, filled in by the call; a path that ends in NUL.
        unsafe {
            let mut about: libc::stat = std::mem::zeroed();
            let found = libc::lstat(self.path.as_ptr(), &raw mut about) == 0;
            if found && Identity(about.st_dev, about.st_ino) == self.identity {
                libc::unlink(self.path.as_ptr());
            }
        }
    }

    /// Closes it. Mappings remain.
    pub(crate) fn close(&self) {
        let descriptor = self.descriptor.swap(-1, AcqRel);
        if Identity::of(descriptor) == Some(self.identity) {
            // SAFETY: a descriptor of this file, which nobody uses any more.
            unsafe { libc::close(descriptor) };
        }
    }
}
