//! When another process ends, and what it took until then.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use super::long_lived::LongLivedFile;
use super::resident::memory_of;
use crate::sys::Resident;

/// The end of a process, to be waited for.
#[derive(Debug)]
pub(crate) struct ProcessEnd {
    process: u32,
    /// `None`: the kernel has no such descriptors (before Linux 5.3), or a sandbox does not give
    /// them.
    descriptor: Option<LongLivedFile>,
}

impl ProcessEnd {
    /// That of a process, which may have ended already.
    pub(crate) fn of(process: u32) -> ProcessEnd {
        // SAFETY: plain system call with numbers.
        let descriptor =
            unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(process), 0) };
        let descriptor = RawFd::try_from(descriptor).ok().filter(|descriptor| *descriptor >= 0);
        // SAFETY: the call has just made it, and nobody else knows it.
        let descriptor = descriptor.map(|descriptor| unsafe { File::from_raw_fd(descriptor) });
        let descriptor = descriptor.and_then(|file| LongLivedFile::new(file).ok());
        ProcessEnd { process, descriptor }
    }

    /// Waits for it, for so long at most. Whether it has come; too short a wait is normal.
    pub(crate) fn wait(&self, longest: Duration) -> bool {
        match self.descriptor.as_ref().and_then(|descriptor| descriptor.get().ok()) {
            Some(descriptor) => is_readable(descriptor.as_raw_fd(), longest),
            None => self.wait_without(longest),
        }
    }

    fn wait_without(&self, longest: Duration) -> bool {
        const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
        std::thread::sleep(longest.min(BETWEEN_LOOKS));
        matches!(memory_of(self.process, Resident::Rss), Ok(None))
    }
}

/// Whether it becomes so within a time.
fn is_readable(descriptor: RawFd, longest: Duration) -> bool {
    // Rounded up: a wait of no time at all would be a busy one.
    let milliseconds = longest.as_nanos().div_ceil(1_000_000);
    let milliseconds = libc::c_int::try_from(milliseconds).unwrap_or(libc::c_int::MAX);
    let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    // SAFETY: one pollfd, valid for the call.
    unsafe { libc::poll(&raw mut poll, 1, milliseconds) == 1 }
}

/// Waits for a child of this process. Gives also the highest resident memory of it and of the
/// processes that it has waited for, each for itself. A child begins with the mark of the process
/// that started it, so what is not above that says nothing.
///
/// # Errors
/// It has been waited for, here or by the system (`SIGCHLD` is ignored).
pub(crate) fn wait_for_child(child: &mut Child) -> io::Result<(ExitStatus, u64)> {
    let number = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: a rusage is plain numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both are valid to be written to for the call.
    while unsafe { libc::wait4(number, &raw mut status, 0, &raw mut usage) } != number {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let kilobytes = u64::try_from(usage.ru_maxrss).unwrap_or(0);
    Ok((ExitStatus::from_raw(status), kilobytes << 10))
}
