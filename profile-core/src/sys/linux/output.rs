//! Destinations of reports and diagnostics: files, pipes and standard error. A missing or slow
//! reader neither kills the program nor keeps it from ending.

use std::fs::File;
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::*};

use super::BlockedSignal;

/// How long to wait for a reader.
const PATIENCE_MS: libc::c_int = 1000;

/// The last wait for a reader timed out: the next output does not wait.
static GAVE_UP: AtomicBool = AtomicBool::new(false);

/// Creates or truncates a file for a report. Only its owner can read a new one, as with a segment:
/// both may contain arguments of calls.
///
/// # Errors
/// It cannot be opened, or is a pipe that nobody reads.
pub(crate) fn create_report_file(path: &Path) -> io::Result<Output> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(libc::O_NONBLOCK);
    match options.open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            Err(io::Error::new(error.kind(), "nobody reads this pipe"))
        }
        opened => opened.map(|file| Output::to(file, Owner::Report)),
    }
}

/// Standard error, without the lock and the `RefCell` of `std::io::stderr`, which the thread that
/// ended the program may hold.
pub(crate) fn raw_stderr() -> Output {
    // SAFETY: never closed here (see `Output::drop`); a closed descriptor only makes writes fail.
    Output::to(unsafe { File::from_raw_fd(libc::STDERR_FILENO) }, Owner::Program)
}

/// A writer in pieces, each of which waits for a slow reader for a limited time.
pub(crate) struct Output {
    file: ManuallyDrop<File>,
    owner: Owner,
    /// Whether it is a pipe or socket, where a write of more than [`libc::PIPE_BUF`] bytes may
    /// block although it is ready.
    is_stream: bool,
}

/// Who closes the descriptor.
#[derive(PartialEq, Eq)]
enum Owner {
    Program,
    Report,
}

impl Output {
    fn to(file: File, owner: Owner) -> Output {
        let kind = file.metadata().map(|about| about.file_type());
        let is_stream = kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket());
        Output { file: ManuallyDrop::new(file), owner, is_stream }
    }

    fn wait_for_room(&self) -> io::Result<()> {
        let patience = if GAVE_UP.load(Relaxed) { 0 } else { PATIENCE_MS };
        let mut poll =
            libc::pollfd { fd: self.file.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
        // SAFETY: one pollfd, valid for the call.
        let is_ready = unsafe { libc::poll(&raw mut poll, 1, patience) } != 0;
        GAVE_UP.store(!is_ready, Relaxed);
        match is_ready {
            true => Ok(()),
            false => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the reader of this pipe has read nothing for a second",
            )),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Its default action would end the program; the error of the call suffices.
        let _blocked = BlockedSignal::new(libc::SIGPIPE);
        let piece = if self.is_stream { bytes.len().min(libc::PIPE_BUF) } else { bytes.len() };
        loop {
            self.wait_for_room()?;
            match self.file.write(&bytes[..piece]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.owner == Owner::Report {
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}
