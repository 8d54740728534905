//! Waits for the end of another process, and reads the resources it used.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use super::long_lived::LongLivedFile;
use super::resident::memory_of;
use crate::sys::Resident;

/// Waits for the end of a process.
#[derive(Debug)]
pub(crate) struct ProcessEnd {
    process: u32,
    /// `None`: the kernel has no pidfds (before Linux 5.3), or a sandbox denies them.
    descriptor: Option<LongLivedFile>,
}

impl ProcessEnd {
    /// The process may already have ended.
    pub(crate) fn of(process: u32) -> ProcessEnd {
        // SAFETY: plain system call with numbers.
        let descriptor =
            unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(process), 0) };
        let descriptor = RawFd::try_from(descriptor).ok().filter(|descriptor| *descriptor >= 0);
        // SAFETY: the call has just created the descriptor, so nothing else owns it.
        let descriptor = descriptor.map(|descriptor| unsafe { File::from_raw_fd(descriptor) });
        let descriptor = descriptor.and_then(|file| LongLivedFile::new(file).ok());
        ProcessEnd { process, descriptor }
    }

    /// Waits until the process ends or the time limit expires, possibly less. Returns whether it
    /// has ended.
    pub(crate) fn wait(&self, longest: Duration) -> bool {
        match self.descriptor.as_ref().and_then(|descriptor| descriptor.get().ok()) {
            Some(descriptor) => is_readable(descriptor.as_raw_fd(), longest),
            None => self.wait_by_polling(longest),
        }
    }

    fn wait_by_polling(&self, longest: Duration) -> bool {
        const POLL_INTERVAL: Duration = Duration::from_millis(5);
        std::thread::sleep(longest.min(POLL_INTERVAL));
        matches!(memory_of(self.process, Resident::Rss), Ok(None))
    }
}

/// Whether the descriptor becomes readable within the time limit.
fn is_readable(descriptor: RawFd, longest: Duration) -> bool {
    // Rounded up: a timeout of 0 would make the caller's loop a busy one.
    let milliseconds = longest.as_nanos().div_ceil(1_000_000);
    let milliseconds = libc::c_int::try_from(milliseconds).unwrap_or(libc::c_int::MAX);
    let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    // SAFETY: one pollfd, valid for the call.
    unsafe { libc::poll(&raw mut poll, 1, milliseconds) == 1 }
}

/// Waits for a child process. Also returns the maximum resident memory, in bytes, of the child or
/// of any process that it waited for. A child inherits the maximum of the process that started it,
/// so a value that does not exceed that says nothing.
///
/// # Errors
/// Something has already waited for it, perhaps the system because `SIGCHLD` is ignored.
pub(crate) fn wait_for_child(child: &mut Child) -> io::Result<(ExitStatus, u64)> {
    let number = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: a rusage is plain numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for writes during the call.
    while unsafe { libc::wait4(number, &raw mut status, 0, &raw mut usage) } != number {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let kilobytes = u64::try_from(usage.ru_maxrss).unwrap_or(0);
    Ok((ExitStatus::from_raw(status), kilobytes << 10))
}
