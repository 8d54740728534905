//! Handlers of signals that request something of the profiler, and the timer that sends one.
//!
//! A handler may interrupt its thread anywhere, also within the allocator, so it can neither format
//! nor allocate: a second process writes the report ([`super::second_process`]). No thread is
//! started, and nothing happens until a signal arrives.
//!
//! Rejected: a thread that waits for signals (each program would have one more thread), and running
//! the report in the handler (it deadlocks if the signal interrupts the allocator).

use std::ffi::{c_int, c_void};
use std::io;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::*};
use std::time::Duration;

use super::second_process::{report_and_wait, start_report};
use super::{at_fork_in_child, set_of};

/// Signals whose default action ends a process, and that users and service managers send: they
/// write the report, and then end it.
const ENDINGS: [c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
/// Writes a report, and the program goes on.
const REPORT: c_int = libc::SIGUSR1;
/// Switches recording off, and on again.
const SWITCH: c_int = libc::SIGUSR2;

static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// What [`SWITCH`] calls: null, or a `fn()`.
static SWITCH_RECORDING: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Signals that are ignored or handled are left alone.
pub(crate) fn handle_signals(switch_recording: fn()) {
    SWITCH_RECORDING.store(switch_recording as *mut c_void, Release);
    for signal in ENDINGS.into_iter().chain([REPORT, SWITCH]) {
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
    // Another handler replaced this one and calls it as its predecessor: the signal is the
    // program's.
    if action_of(signal) != on_signal as *const () as usize {
        return;
    }
    // SAFETY: each thread has its own; the interrupted code may be about to read it.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { *errno };
    match signal {
        SWITCH => switch_recording(),
        _ if ENDINGS.contains(&signal) => report_and_end(signal),
        _ => start_report(),
    }
    // SAFETY: as above.
    unsafe { *errno = before };
}

fn switch_recording() {
    let switch = SWITCH_RECORDING.load(Acquire);
    if !switch.is_null() {
        // SAFETY: only `handle_signals` stores it, from a `fn()`.
        let switch: fn() = unsafe { std::mem::transmute(switch) };
        switch();
    }
}

fn report_and_end(signal: c_int) {
    // A second signal means that the sender does not want to wait.
    if !IS_ENDING.swap(true, AcqRel) {
        report_and_wait(&ENDINGS);
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

/// Null, or the timer of [`report_every`].
static TIMER: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static HAS_TIMER: AtomicBool = AtomicBool::new(false);

/// `None` stops it.
///
/// # Errors
/// There is no timer, or no real-time signal, that the program does not use.
pub(crate) fn report_every(interval: Option<Duration>) -> io::Result<()> {
    stop_timer();
    let Some(interval) = interval else { return Ok(()) };
    static FORGET: Once = Once::new();
    FORGET.call_once(|| at_fork_in_child(forget_timer));
    start_timer(timer_signal()?, interval)
}

/// The highest real-time signal that nobody uses. SIGALRM is the program's, as are `alarm` and
/// `setitimer`; and programs number real-time signals from the lowest.
fn timer_signal() -> io::Result<c_int> {
    static SIGNAL: AtomicI32 = AtomicI32::new(0);
    let own = on_signal as *const () as usize;
    let chosen = SIGNAL.load(Relaxed);
    if chosen != 0 && action_of(chosen) == own {
        return Ok(chosen);
    }
    let mut all = (libc::SIGRTMIN()..=libc::SIGRTMAX()).rev();
    let unused = all.find(|signal| action_of(*signal) == libc::SIG_DFL);
    let unused = unused.ok_or_else(|| io::Error::other("all real-time signals are in use"))?;
    set_action(unused, own);
    SIGNAL.store(unused, Relaxed);
    Ok(unused)
}

fn start_timer(signal: c_int, interval: Duration) -> io::Result<()> {
    let period = libc::timespec {
        tv_sec: libc::time_t::try_from(interval.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: interval.subsec_nanos().into(),
    };
    let times = libc::itimerspec { it_interval: period, it_value: period };
    // SAFETY: plain structures that live as long as the calls; `timer` is filled in by the first.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = signal;
        let mut timer: libc::timer_t = ptr::null_mut();
        if libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) < 0 {
            return Err(io::Error::last_os_error());
        }
        TIMER.store(timer, Relaxed);
        HAS_TIMER.store(true, Release);
        if libc::timer_settime(timer, 0, &raw const times, ptr::null_mut()) < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

fn stop_timer() {
    if HAS_TIMER.swap(false, AcqRel) {
        // SAFETY: a timer that `start_timer` made, and that nobody else deletes.
        unsafe { libc::timer_delete(TIMER.load(Relaxed)) };
    }
}

/// A child of `fork` has no timers; the next that it makes may have the number of this one.
extern "C" fn forget_timer() {
    HAS_TIMER.store(false, Release);
}
