//! A report for a process that a signal ends.
//!
//! A handler may interrupt its thread anywhere, also within the allocator, so it can neither format
//! nor allocate. It clones the process instead. The clone, which shares no memory with the program,
//! writes the segment into a memory file and executes the program again, and that one prints the
//! report before `main` would run. Meanwhile the handler waits; then it restores the default action
//! and raises the signal once more, so the process ends as it would have. All of that is system
//! calls. No thread is started, and nothing happens until a signal arrives.
//!
//! Rejected: a thread that waits for signals (each program would have one more thread), and running
//! the report in the handler (it deadlocks if the signal interrupts the allocator).

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::*};

use super::set_of;

/// Signals whose default action ends a process, and that users and service managers send.
const SIGNALS: [c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
/// Where the program that prints the report finds the segment.
const SEGMENT_DESCRIPTOR: c_int = 198;

/// The segment's address and used bytes; a function, since a handler may ask for it at any time.
type SegmentBytes = fn() -> (*const u8, usize);

/// Data for the handler, prepared because it cannot allocate.
struct Preparation {
    segment: SegmentBytes,
    /// The variables of the program that prints the report: pointers to the strings, then null.
    environment: Box<[*const c_char]>,
    _variables: Vec<CString>,
    /// Where that program starts.
    folder: CString,
}

/// Null, or of a box that is never freed: a handler may be using it.
static PREPARATION: AtomicPtr<Preparation> = AtomicPtr::new(ptr::null_mut());
static IS_REPORTING: AtomicBool = AtomicBool::new(false);

/// Installs handlers that have a report printed before one of these signals ends the process.
/// Signals that are ignored or handled are left alone. Another call replaces the arguments.
pub(crate) fn report_on_signals(segment: SegmentBytes, variables: Vec<CString>, folder: CString) {
    let pointers = variables.iter().map(|it| it.as_ptr());
    let environment = pointers.chain([ptr::null()]).collect();
    let prepared = Preparation { segment, environment, _variables: variables, folder };
    PREPARATION.store(Box::into_raw(Box::new(prepared)), Release);
    for signal in SIGNALS {
        if action_of(signal) == libc::SIG_DFL {
            set_action(signal, on_signal as *const () as usize);
        }
    }
}

fn action_of(signal: c_int) -> usize {
    // SAFETY: a sigaction is plain bits; the call fills it in and changes nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, ptr::null(), &raw mut action);
        action.sa_sigaction
    }
}

fn set_action(signal: c_int, handler: usize) {
    // SAFETY: a default action, or a function of the right type that only makes system calls.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigfillset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, ptr::null_mut());
    }
}

extern "C" fn on_signal(signal: c_int) {
    // Another handler replaced this one and calls it as its predecessor: the signal does not end
    // the process.
    if action_of(signal) != on_signal as *const () as usize {
        return;
    }
    // A second signal, handled by another thread, means that the sender does not want to wait.
    if !IS_REPORTING.swap(true, AcqRel) {
        report();
    }
    set_action(signal, libc::SIG_DFL);
    // SAFETY: plain system calls. The signal is blocked until the handler returns.
    unsafe {
        libc::raise(signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set_of(&[signal]), ptr::null_mut());
    }
    // Only the first process of a container gets here, since the kernel ignores default actions for
    // it.
}

/// Clones the process, and waits until the clone has printed the report.
fn report() {
    // SAFETY: null, or of a box that is never freed.
    let Some(prepared) = (unsafe { PREPARATION.load(Acquire).as_ref() }) else { return };
    // Neither the C library's handlers of `fork` nor a SIGCHLD for the program.
    // SAFETY: the child makes only system calls until it executes a program or ends.
    let child = unsafe { libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0) };
    if child == 0 {
        execute_again(prepared);
    }
    let Ok(child) = libc::pid_t::try_from(child) else { return };
    if child > 0 {
        // SAFETY: no status is asked for.
        while unsafe { libc::waitpid(child, ptr::null_mut(), libc::__WALL) } < 0
            && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted
        {}
    }
}

/// Runs in the clone.
fn execute_again(prepared: &Preparation) -> ! {
    const PROGRAM: &CStr = c"/proc/self/exe";
    let arguments = [PROGRAM.as_ptr(), ptr::null()];
    // SAFETY: system calls with strings and lists that end in NUL; blocked signals would stay
    // blocked in the executed program.
    unsafe {
        if write_segment((prepared.segment)()) {
            libc::pthread_sigmask(libc::SIG_SETMASK, &set_of(&[]), ptr::null_mut());
            // If the folder is gone, relative paths mean the program's current one.
            libc::chdir(prepared.folder.as_ptr());
            libc::execve(PROGRAM.as_ptr(), arguments.as_ptr(), prepared.environment.as_ptr());
        }
        libc::_exit(127)
    }
}

/// Writes the segment into a memory file with the agreed descriptor.
fn write_segment((mut start, mut left): (*const u8, usize)) -> bool {
    // SAFETY: a name that ends in NUL, and descriptors of this clone alone.
    unsafe {
        let file = libc::memfd_create(c"profile".as_ptr(), 0);
        if file < 0 || libc::dup2(file, SEGMENT_DESCRIPTOR) < 0 {
            return false;
        }
    }
    while left > 0 {
        // SAFETY: the segment's used bytes are committed and stay mapped.
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

pub(crate) fn passed_segment() -> Option<Vec<u8>> {
    std::fs::read(format!("/proc/self/fd/{SEGMENT_DESCRIPTOR}")).ok()
}

pub(crate) fn parent_process_id() -> u32 {
    std::os::unix::process::parent_id()
}

pub(crate) fn end_at_once() -> ! {
    // SAFETY: ends the process without any handler.
    unsafe { libc::_exit(0) }
}
