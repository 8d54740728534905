//! Signals arrive at any instruction, and their handler calls annotated functions: its own, and the
//! one it interrupts. At the end, each was recorded as often as it was called.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use profile_core::{ProfilingAllocator, capture, profile};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

/// Until so many have been handled, or as many as the first argument says; each as soon as the one
/// before is.
const SIGNALS: u64 = 30_000;

static HANDLED: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicBool = AtomicBool::new(false);

#[profile]
#[inline(never)]
fn in_handler() -> u64 {
    below_handler(work(HANDLED.fetch_add(1, Relaxed)))
}

#[profile]
#[inline(never)]
fn below_handler(number: u64) -> u64 {
    black_box(number)
}

#[profile]
#[inline(never)]
fn work(number: u64) -> u64 {
    black_box(number + 1)
}

#[profile]
#[inline(never)]
fn outer(turns: u64) -> u64 {
    (0..turns).map(work).sum()
}

extern "C" fn on_signal(_: i32) {
    in_handler();
}

fn main() {
    const TURNS: u64 = 20;
    let signals = std::env::args().nth(1).and_then(|it| it.parse().ok());
    let signals: u64 = signals.unwrap_or(SIGNALS);
    in_handler();
    outer(TURNS);
    // SAFETY: this program tests the handler.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
    // SAFETY: the thread outlives the one that sends.
    let main = unsafe { libc::pthread_self() } as usize;
    let sender = std::thread::spawn(move || {
        for sent in 1..=signals {
            // SAFETY: as above.
            unsafe { libc::pthread_kill(main as libc::pthread_t, libc::SIGUSR1) };
            while HANDLED.load(Relaxed) <= sent {
                std::hint::spin_loop();
            }
        }
        DONE.store(true, Relaxed);
    });
    let mut calls = 1;
    while !DONE.load(Relaxed) {
        black_box(outer(TURNS));
        calls += 1;
    }
    sender.join().expect("it ends");
    let snapshot = capture();
    let recorded = |name: &str| snapshot.function(name).map_or(0, |function| function.calls);
    let handled = HANDLED.load(Relaxed);
    // The handler also calls what it interrupts.
    let expected = [handled, handled, calls, calls * TURNS + handled];
    let got = ["in_handler", "below_handler", "outer", "work"].map(recorded);
    assert_eq!(got, expected);
    assert_eq!(snapshot.overhead.lost_calls, 0);
    println!("{got:?}");
}
