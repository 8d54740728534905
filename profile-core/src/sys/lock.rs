//! Locks on files. A lock belongs to an open file, and is released with the last descriptor and
//! mapping of it.

use std::fs::File;
use std::io;

#[cfg(unix)]
use libc::{LOCK_EX, LOCK_NB, LOCK_SH};
#[cfg(not(unix))]
const LOCK_EX: i32 = 0;
#[cfg(not(unix))]
const LOCK_NB: i32 = 0;
#[cfg(not(unix))]
const LOCK_SH: i32 = 0;

pub(crate) fn lock(file: &File) -> io::Result<()> {
    flock(file, LOCK_EX)
}

/// Locks a file unless it is locked already.
#[cfg(all(target_os = "linux", not(profile_fallback)))]
pub(super) fn try_lock(file: &File) -> io::Result<()> {
    flock(file, LOCK_EX | LOCK_NB)
}

/// Asks with a shared lock, so that several processes may ask at once.
pub(crate) fn is_locked(file: &File) -> bool {
    let locked = flock(file, LOCK_SH | LOCK_NB);
    locked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

#[cfg(unix)]
fn flock(file: &File, operation: i32) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the descriptor is open as long as the file is borrowed.
    match unsafe { libc::flock(file.as_raw_fd(), operation) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(unix))]
fn flock(_: &File, _: i32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
