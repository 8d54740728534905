//! A program with its own handler of SIGINT, by the library that the argument names. It prints a
//! line for each time that its handler runs, and ends by returning from `main`.

#![allow(unsafe_code, reason = "system calls that safe code of a test cannot make")]

use std::hint::black_box;
use std::io::Read as _;
use std::sync::mpsc::channel;

use profile_core::profile;
use profile_core::signals::{self, Action, Signal};

#[profile]
fn work() {
    black_box(());
}

fn main() {
    work();
    match std::env::args().nth(1).expect("a library").as_str() {
        "tokio" => by_tokio(),
        "ctrlc" => by_ctrlc(),
        "signal-hook" => by_signal_hook(),
        "sigwait" => by_sigwait(),
        "signalfd" => by_signalfd(),
        "signals" => by_signals(),
        "reports_too" => reports_too(),
        other => panic!("no library is called {other}"),
    }
    // Whatever else arrives has been handled by now.
    println!("handled");
}

fn by_tokio() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime").block_on(async {
        let mut signals = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
            .expect("a handler");
        println!("started");
        signals.recv().await;
    });
}

fn by_ctrlc() {
    let (send, receive) = channel();
    ctrlc::set_handler(move || send.send(()).expect("main waits")).expect("a handler");
    println!("started");
    receive.recv().expect("the handler sends");
}

fn by_signal_hook() {
    let mut signals = signal_hook::iterator::Signals::new([libc::SIGINT]).expect("a handler");
    println!("started");
    signals.forever().next();
}

fn blocked() -> libc::sigset_t {
    // SAFETY: plain bits, initialized by the first call.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGINT);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        set
    }
}

fn by_sigwait() {
    let set = blocked();
    println!("started");
    let mut signal = 0;
    // SAFETY: plain system call.
    unsafe { libc::sigwait(&raw const set, &raw mut signal) };
    assert_eq!(signal, libc::SIGINT);
}

fn by_signalfd() {
    let set = blocked();
    // SAFETY: a descriptor that only this file has.
    let mut file: std::fs::File =
        unsafe { std::os::fd::FromRawFd::from_raw_fd(libc::signalfd(-1, &raw const set, 0)) };
    println!("started");
    file.read_exact(&mut [0; size_of::<libc::signalfd_siginfo>()]).expect("a signal");
}

fn by_signals() {
    let (send, receive) = channel();
    let handler = Action::handler(move |_| send.send(()).expect("main waits"));
    signals::set(Signal::INT, handler).expect("it can be set");
    println!("started");
    receive.recv().expect("the handler sends");
}

/// Its handler wants the report and the end by the signal.
fn reports_too() {
    let (send, receive) = channel();
    let handler = Action::handler(move |_| send.send(()).expect("main waits"));
    let before = signals::set(Signal::INT, handler).expect("it can be set");
    println!("started");
    receive.recv().expect("the handler sends");
    println!("handled");
    signals::set(Signal::INT, before).expect("it can be set again");
    signals::raise(Signal::INT).expect("it can be sent");
}
