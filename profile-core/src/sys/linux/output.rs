//! Destinations of reports and diagnostics: files, pipes and standard error. A missing or slow
//! reader neither kills the program nor keeps it from ending.

use std::ffi::CString;
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::*};

use super::BlockedSignal;

/// How long to wait for a reader.
const PATIENCE_MS: libc::c_int = 1000;

/// The last wait for a reader timed out: the next output does not wait.
static GAVE_UP: AtomicBool = AtomicBool::new(false);

/// Only its owner can read a new one, as with a segment: both may contain arguments of calls.
const MODE: u32 = 0o600;

/// Has `write` write a report. A file is replaced when all of it is written, so a reader never finds
/// half of one; devices, pipes and links are written to. If the file cannot be replaced after all,
/// `write` is called again, for the file itself.
///
/// # Errors
/// `write` failed, or the file cannot be opened, or is a pipe that nobody reads.
pub(crate) fn write_report_file<T>(
    path: &Path,
    mut write: impl FnMut(&mut Output) -> io::Result<T>,
) -> io::Result<T> {
    if let Some(mut replacement) = Replacement::of(path) {
        let written = write(&mut replacement.output)?;
        if replacement.replace().is_ok() {
            return Ok(written);
        }
    }
    write(&mut open_report_file(path)?)
}

/// Creates or truncates a file.
fn open_report_file(path: &Path) -> io::Result<Output> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(MODE).custom_flags(libc::O_NONBLOCK);
    match options.open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            Err(io::Error::new(error.kind(), "nobody reads this pipe"))
        }
        opened => opened.map(|file| Output::to(file, Owner::Report)),
    }
}

/// A file that is to replace another one, or to be new.
struct Replacement<'a> {
    output: Output,
    path: &'a Path,
    /// Its name until it replaces the other. Contains the id of this process, since another process
    /// of the same program may be writing the same report.
    beside: PathBuf,
    /// Whether it has that name already.
    is_named: bool,
}

impl<'a> Replacement<'a> {
    /// `None` if the file has to be written in place.
    fn of(path: &'a Path) -> Option<Replacement<'a>> {
        let replaced = match path.symlink_metadata() {
            Ok(about) if is_ours_alone(&about) => Some(about.permissions()),
            Ok(_) => return None,
            Err(_) => None,
        };
        let name = path.file_name()?.to_string_lossy();
        let folder = path.parent()?;
        let beside = folder.join(format!(".{name}.{}", std::process::id()));
        let mut options = File::options();
        options.write(true).mode(MODE);
        // A file without a name leaves nothing behind if the process is killed. Not every file
        // system has such files.
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let unnamed = options.clone().custom_flags(libc::O_TMPFILE).open(here);
        let is_named = unnamed.is_err();
        let file = unnamed.or_else(|_| options.create(true).truncate(true).open(&beside)).ok()?;
        if let Some(permissions) = replaced {
            let _ = file.set_permissions(permissions);
        }
        Some(Replacement { output: Output::to(file, Owner::Report), path, beside, is_named })
    }

    fn replace(mut self) -> io::Result<()> {
        if !self.is_named {
            self.set_name()?;
            self.is_named = true;
        }
        std::fs::rename(&self.beside, self.path)
    }

    fn set_name(&self) -> io::Result<()> {
        let descriptor = self.output.file.as_raw_fd();
        let from = CString::new(format!("/proc/self/fd/{descriptor}"))?;
        let to = CString::new(self.beside.as_os_str().as_bytes())?;
        let _ = std::fs::remove_file(&self.beside);
        // SAFETY: paths that end in NUL.
        let failed = unsafe {
            let (here, follow) = (libc::AT_FDCWD, libc::AT_SYMLINK_FOLLOW);
            libc::linkat(here, from.as_ptr(), here, to.as_ptr(), follow)
        };
        if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

impl Drop for Replacement<'_> {
    /// Where it has replaced the other file, there is none of this name any more.
    fn drop(&mut self) {
        if self.is_named {
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}

/// Whether a file with another inode is as good for everybody: it is no device and no link, belongs
/// to this user, and has no second name.
fn is_ours_alone(about: &Metadata) -> bool {
    // SAFETY: no arguments; it cannot fail.
    let user = unsafe { libc::geteuid() };
    about.is_file() && about.uid() == user && about.nlink() == 1
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
