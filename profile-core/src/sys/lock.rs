//! Exclusive locks on files.

use std::fs::File;
use std::io;

#[cfg(unix)]
pub(crate) fn lock(file: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the descriptor is open as long as the file is borrowed.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether another open file has it locked. Only readers of this kind lock it meanwhile, together.
#[cfg(unix)]
pub(crate) fn is_locked(file: &File) -> bool {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the descriptor is open as long as the file is borrowed.
    let locked = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_SH | libc::LOCK_NB) };
    locked != 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock
}

#[cfg(not(unix))]
pub(crate) fn is_locked(_: &File) -> bool {
    false
}

#[cfg(not(unix))]
pub(crate) fn lock(_: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
