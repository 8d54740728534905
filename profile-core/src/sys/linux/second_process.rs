//! A second process of the same program, which prints the report of this one.
//!
//! A signal handler starts it, so everything here is prepared before, or a system call: a handler
//! may interrupt its thread anywhere, also within the allocator.
//!
//! ```text
//!  program ──clone──► copy ──clone──► printer
//!                      │ writes the       │ executes the program again, which prints the
//!                      │ segment to a     │ report before `main` would run, and ends
//!                      │ memory file      │
//!                      └ waits ◄──────────┘
//! ```
//!
//! The copy shares no memory with the program. It never executes anything, for two reasons. The
//! kernel sends SIGCHLD for each child that has executed a program, and `wait` returns it; a child
//! made without a signal stays invisible to the program. And the copy can be waited for, or killed,
//! at any time: the printer ends with it.

use std::ffi::{CStr, CString, c_char, c_int, c_long};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering::*};

use super::set_of;

/// Where the program that prints the report finds the segment.
const SEGMENT_DESCRIPTOR: c_int = 198;

/// The segment's address and used bytes; a function, since a handler may ask for it at any time.
type SegmentBytes = fn() -> (*const u8, usize);

/// Data for the handler, prepared because it cannot allocate.
struct Preparation {
    segment: SegmentBytes,
    /// Called in the program once the report of its end is written.
    after_last: fn(),
    /// The variables of the program that prints the report: pointers to the strings, then null.
    environment: Box<[*const c_char]>,
    _variables: Vec<CString>,
    /// Where that program starts.
    folder: CString,
}

/// Null, or of a box that is never freed: a handler may be using it.
static PREPARATION: AtomicPtr<Preparation> = AtomicPtr::new(ptr::null_mut());

/// The copy that reports while the program goes on, or one of these. One that has ended stays here
/// until the next report is requested.
static RUNNING: AtomicI32 = AtomicI32::new(NONE);
const NONE: libc::pid_t = 0;
const BUSY: libc::pid_t = -1;

/// Another call replaces the arguments.
pub(crate) fn prepare_reports(
    segment: SegmentBytes,
    after_last: fn(),
    variables: Vec<CString>,
    folder: CString,
) {
    let pointers = variables.iter().map(|it| it.as_ptr());
    let environment = pointers.chain([ptr::null()]).collect();
    let prepared = Preparation { segment, after_last, environment, _variables: variables, folder };
    PREPARATION.store(Box::into_raw(Box::new(prepared)), Release);
}

/// Starts a report, unless one is being written. Waits only for the clone. For handlers.
pub(super) fn start_report() {
    let before = RUNNING.swap(BUSY, AcqRel);
    if before == BUSY {
        return;
    }
    let running = if has_ended(before) { clone_and_report().unwrap_or(NONE) } else { before };
    RUNNING.store(running, Release);
}

/// Runs something while no report is being written by [`start_report`], which could replace a later
/// one. One that is being written is killed.
pub(crate) fn without_running_report<T>(write: impl FnOnce() -> T) -> T {
    let running = RUNNING.swap(BUSY, AcqRel);
    if !has_ended(running) {
        // SAFETY: a child of this process that nobody else waits for, so the number is still its.
        unsafe { libc::kill(running, libc::SIGKILL) };
        wait_for(running);
    }
    let written = write();
    if running != BUSY {
        RUNNING.store(NONE, Release);
    }
    written
}

/// Whether there is no such child, or no longer. A forked child has none of its parent's.
fn has_ended(copy: libc::pid_t) -> bool {
    // SAFETY: no status is asked for.
    copy <= NONE
        || unsafe { libc::waitpid(copy, ptr::null_mut(), libc::__WALL | libc::WNOHANG) } != 0
}

/// Writes the last report and waits for it, letting `interrupting` signals in meanwhile. For
/// handlers.
pub(super) fn report_and_wait(interrupting: &[c_int]) {
    without_running_report(|| {
        let Some(copy) = clone_and_report() else { return };
        // SAFETY: plain system calls; the handler's own mask is restored.
        unsafe {
            let mut before = set_of(&[]);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &set_of(interrupting), &raw mut before);
            let is_written = wait_for(copy);
            libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut());
            if let Some(prepared) = PREPARATION.load(Acquire).as_ref().filter(|_| is_written) {
                (prepared.after_last)();
            }
        }
    });
}

/// Whether it ended with 0.
fn wait_for(child: libc::pid_t) -> bool {
    let mut status = 0;
    loop {
        // SAFETY: room for the status.
        match unsafe { libc::waitpid(child, &raw mut status, libc::__WALL) } {
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            waited => return waited == child && status == 0,
        }
    }
}

/// Returns in the program only. `None` if there is no report.
fn clone_and_report() -> Option<libc::pid_t> {
    // SAFETY: null, or of a box that is never freed.
    let prepared = unsafe { PREPARATION.load(Acquire).as_ref() }?;
    let program = own_id();
    match clone() {
        0 => report_from_copy(prepared, program),
        copy => libc::pid_t::try_from(copy).ok().filter(|copy| *copy > NONE),
    }
}

/// Neither the C library's handlers of `fork` nor a SIGCHLD for the program: a signal handler may
/// have interrupted a `fork`, and the program waits for its own children.
fn clone() -> c_long {
    // SAFETY: the child makes only system calls until it executes a program or ends.
    unsafe { libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0) }
}

fn own_id() -> libc::pid_t {
    // SAFETY: no arguments; it cannot fail.
    unsafe { libc::getpid() }
}

/// Runs in the copy, with all signals blocked.
fn report_from_copy(prepared: &Preparation, program: libc::pid_t) -> ! {
    let copy = own_id();
    let mut is_written = false;
    if pass_segment(program, (prepared.segment)()) {
        match clone() {
            0 => execute_again(prepared, copy),
            printer => {
                // Locks and pipes of the program must not outlive it.
                // SAFETY: descriptors of this copy alone, which uses none of them any more.
                unsafe { libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0) };
                is_written = wait_for(printer as libc::pid_t);
            }
        }
    }
    // SAFETY: ends the copy without any handler.
    unsafe { libc::_exit(i32::from(!is_written)) }
}

/// Runs in the printer.
fn execute_again(prepared: &Preparation, copy: libc::pid_t) -> ! {
    const PROGRAM: &CStr = c"/proc/self/exe";
    let arguments = [PROGRAM.as_ptr(), ptr::null()];
    // SAFETY: system calls with strings and lists that end in NUL; blocked signals would stay
    // blocked in the executed program.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() == copy {
            // These stay blocked: who sends them by the program's name means the program.
            let requests = set_of(&[libc::SIGUSR1, libc::SIGUSR2]);
            libc::pthread_sigmask(libc::SIG_SETMASK, &requests, ptr::null_mut());
            // If the folder is gone, relative paths mean the program's current one.
            libc::chdir(prepared.folder.as_ptr());
            libc::execve(PROGRAM.as_ptr(), arguments.as_ptr(), prepared.environment.as_ptr());
        }
        libc::_exit(127)
    }
}

/// Writes the program's id and the segment into a memory file with the agreed descriptor.
fn pass_segment(program: libc::pid_t, (start, length): (*const u8, usize)) -> bool {
    // SAFETY: a name that ends in NUL, and descriptors of this copy alone.
    unsafe {
        let file = libc::memfd_create(c"profile".as_ptr(), 0);
        if file < 0 || libc::dup2(file, SEGMENT_DESCRIPTOR) < 0 {
            return false;
        }
    }
    let id = u64::from(program.cast_unsigned()).to_le_bytes();
    write_all(id.as_ptr(), id.len()) && write_all(start, length)
}

fn write_all(mut start: *const u8, mut left: usize) -> bool {
    while left > 0 {
        // SAFETY: an array, or the segment's used bytes, which are committed and stay mapped.
        let written = unsafe { libc::write(SEGMENT_DESCRIPTOR, start.cast(), left) };
        let Some(written) = usize::try_from(written).ok().filter(|written| *written > 0) else {
            return false;
        };
        // SAFETY: no further than what is left.
        start = unsafe { start.add(written) };
        left -= written;
    }
    true
}

pub(crate) fn passed_segment() -> Option<(u32, Vec<u8>)> {
    let mut bytes = std::fs::read(format!("/proc/self/fd/{SEGMENT_DESCRIPTOR}")).ok()?;
    let id = u64::from_le_bytes(*bytes.first_chunk()?);
    bytes.drain(..size_of_val(&id));
    Some((u32::try_from(id).ok()?, bytes))
}

pub(crate) fn end_at_once() -> ! {
    // SAFETY: ends the process without any handler.
    unsafe { libc::_exit(0) }
}
