//! System calls for signals, and the little that runs in the interrupted thread: it counts, and
//! wakes the thread of the handlers. A semaphore and not a pipe: programs that become daemons close
//! descriptors that they do not know.

#![allow(unsafe_code, reason = "sigaction, a semaphore, and the function called by signal-hook")]

use std::cell::UnsafeCell;
use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering::*};

use super::signal::{HIGHEST, Signal};

/// One for each number.
pub(super) const NUMBERS: usize = HIGHEST as usize + 1;

/// How often each has arrived while it had a handler.
static ARRIVED: [AtomicU64; NUMBERS] = [const { AtomicU64::new(0) }; NUMBERS];

/// The action of a signal, as the system has it.
#[derive(Clone, Copy)]
pub(super) struct Disposition(libc::sigaction);

impl Disposition {
    pub(super) const DEFAULT: usize = libc::SIG_DFL;
    pub(super) const IGNORE: usize = libc::SIG_IGN;

    /// Without a handler.
    pub(super) fn plain(action: usize) -> Disposition {
        // SAFETY: a sigaction is plain bits.
        let mut plain: libc::sigaction = unsafe { std::mem::zeroed() };
        plain.sa_sigaction = action;
        Disposition(plain)
    }

    pub(super) fn of(signal: Signal) -> io::Result<Disposition> {
        let mut found = Disposition::plain(libc::SIG_DFL);
        // SAFETY: changes nothing, and fills in the structure.
        checked(unsafe { libc::sigaction(signal.number(), std::ptr::null(), &raw mut found.0) })?;
        Ok(found)
    }

    pub(super) fn set(&self, signal: Signal) -> io::Result<()> {
        // SAFETY: without a handler, or as the system once returned it: the code of handlers is not
        // unloaded.
        checked(unsafe {
            libc::sigaction(signal.number(), &raw const self.0, std::ptr::null_mut())
        })
    }

    /// The address of its handler, or one of the constants.
    pub(super) fn address(&self) -> usize {
        self.0.sa_sigaction
    }
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Counts each arrival from now on, after what signal-hook calls for others.
pub(super) fn count(signal: Signal) -> io::Result<()> {
    let arrive = move || {
        ARRIVED[signal.index()].fetch_add(1, Release);
        // SAFETY: initialized before the first registration.
        unsafe { libc::sem_post(WAKE.0.get().cast()) };
    };
    // SAFETY: the function adds to an atomic and calls `sem_post`, both of which a handler may do.
    unsafe { signal_hook::low_level::register(signal.number(), arrive) }.map(|_| ())
}

pub(super) fn arrived(signal: Signal) -> u64 {
    ARRIVED[signal.index()].load(Acquire)
}

struct Semaphore(UnsafeCell<MaybeUninit<libc::sem_t>>);

// SAFETY: used by the functions of semaphores only.
unsafe impl Sync for Semaphore {}

static WAKE: Semaphore = Semaphore(UnsafeCell::new(MaybeUninit::uninit()));

/// Before the thread of this process starts; in a child of `fork`, nobody waits for the one of the
/// parent.
pub(super) fn prepare_waiting() -> io::Result<()> {
    // SAFETY: no other thread uses it yet.
    checked(unsafe { libc::sem_init(WAKE.0.get().cast(), 0, 0) })
}

/// Until a signal arrives.
pub(super) fn wait_for_arrival() {
    // SAFETY: initialized before the thread that waits was started.
    while unsafe { libc::sem_wait(WAKE.0.get().cast()) } != 0 {}
}

/// Sends it to the calling thread, which gets it at once if it does not block it.
pub(super) fn send_to_thread(signal: Signal) {
    // SAFETY: plain system call.
    unsafe { libc::raise(signal.number()) };
}

/// Sends it to any thread that does not block it.
pub(super) fn send_to_process(signal: Signal) {
    // SAFETY: plain system calls.
    unsafe { libc::kill(libc::getpid(), signal.number()) };
}

/// Runs something with all signals blocked, so that a thread that it starts blocks them.
pub(super) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    // SAFETY: a sigset_t is plain bits; both sets are written before they are read.
    let before = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        before
    };
    let started = start();
    // SAFETY: filled in above.
    unsafe {
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
    started
}
