//! The only room that knows an operating system. One file each; `fallback` says what is missing.
//!
//! Nothing here knows what is being measured. No function panics, and none allocates through the
//! program's allocator except where its name says it reads a file.

#[cfg(all(target_os = "linux", not(profile_fallback)))]
mod linux;
#[cfg(all(target_os = "linux", not(profile_fallback)))]
pub(crate) use linux::*;

#[cfg(any(not(target_os = "linux"), profile_fallback))]
mod fallback;
#[cfg(any(not(target_os = "linux"), profile_fallback))]
pub(crate) use fallback::*;

/// Waits until nobody else has the file locked, and locks it until it is closed.
#[cfg(unix)]
pub(crate) fn lock(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the descriptor is open as long as the file is borrowed.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[cfg(not(unix))]
pub(crate) fn lock(_: &std::fs::File) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

mod decrement;
pub(crate) use decrement::decrement;
mod tsc;
pub(crate) use tsc::*;
