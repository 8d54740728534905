//! Programs that fork, selected by the first argument. A child has ten seconds to end.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use std::hint::black_box;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Waker};
use std::{future::Future, pin::pin, process, thread};

use profile_core::profile;

#[profile]
fn work() {
    black_box(0);
}

#[profile]
fn background() {
    black_box(0);
}

fn main() {
    let scene = std::env::args().nth(1).expect("the name of a scene");
    match &*scene {
        "two" => two(),
        "silent" => silent(),
        "inside_a_call" => inside_a_call(),
        "inside_a_poll" => inside_a_poll(),
        "storm" => storm(background),
        "storm_of_captures" => storm(|| drop(profile_core::capture())),
        "before_exec" => before_exec(),
        "threads" => ten_threads(),
        _ => panic!("no scene is called {scene}"),
    }
}

fn times(count: u64) {
    (0..count).for_each(|_| work());
}

/// The two sides of a `fork`.
enum Side {
    Child,
    Parent { child: libc::pid_t },
}

fn fork() -> Side {
    // SAFETY: the tests check that what the children run works after a fork.
    let id = unsafe { libc::fork() };
    assert!(id >= 0, "fork: {}", std::io::Error::last_os_error());
    if id > 0 {
        return Side::Parent { child: id };
    }
    // SAFETY: plain system call.
    unsafe { libc::alarm(10) };
    Side::Child
}

fn wait(child: libc::pid_t) -> ExitStatus {
    let mut status = 0;
    // SAFETY: `status` is written to.
    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(waited, child);
    ExitStatus::from_raw(status)
}

/// Waits for the child, and reports its status if it failed.
fn expect_success(child: libc::pid_t) {
    let status = wait(child);
    if !status.success() {
        println!("child: {status}");
        process::exit(1);
    }
}

fn two() {
    times(5);
    match fork() {
        Side::Child => times(3),
        Side::Parent { child } => {
            expect_success(child);
            times(2);
        }
    }
}

fn silent() {
    times(5);
    match fork() {
        Side::Child => {}
        Side::Parent { child } => expect_success(child),
    }
}

#[profile]
fn split() -> Side {
    let side = fork();
    times(3);
    side
}

fn inside_a_call() {
    if let Side::Parent { child } = split() {
        expect_success(child);
    }
}

#[profile]
async fn split_in_a_poll() -> Side {
    let side = fork();
    times(3);
    side
}

fn inside_a_poll() {
    let mut future = pin!(split_in_a_poll());
    let side = loop {
        if let std::task::Poll::Ready(side) =
            future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            break side;
        }
    };
    if let Side::Parent { child } = side {
        expect_success(child);
    }
}

/// Two hundred forks, one after the other, while eight threads do something else.
fn storm(beside: fn()) {
    static STOP: AtomicBool = AtomicBool::new(false);
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let run = move || {
        beside();
        STARTED.fetch_add(1, Relaxed);
        while !STOP.load(Relaxed) {
            beside();
        }
    };
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(run)).collect();
    while STARTED.load(Relaxed) < 8 {
        thread::yield_now();
    }
    for _ in 0..200 {
        times(1);
        match fork() {
            Side::Child => {
                times(10);
                process::exit(0);
            }
            Side::Parent { child } => expect_success(child),
        }
    }
    STOP.store(true, Relaxed);
    threads.into_iter().for_each(|thread| thread.join().expect("a thread ends"));
}

/// No fork at all, and no call in the main thread.
fn ten_threads() {
    (0..10).for_each(|_| thread::spawn(work).join().expect("a thread ends"));
}

fn before_exec() {
    for _ in 0..100 {
        let mut command = Command::new("true");
        // SAFETY: the test checks that what runs in the child works there.
        unsafe {
            command.pre_exec(|| {
                times(2);
                Ok(())
            });
        }
        times(1);
        assert!(command.status().expect("start a process").success());
    }
}
