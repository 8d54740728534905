//! The endings. Each begins with twenty calls of `work`.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use profile_core::__private::{set_mock_ticks, use_mock_clock};

measured! {
    fn work() {
        black_box(0);
    }
}

measured! {
    fn background() {
        black_box(0);
    }
}

measured! {
    fn late() {
        black_box(0);
    }
}

measured! {
    fn fails() {
        panic!("on purpose");
    }
}

measured! {
    fn sink(depth: u64) -> u64 {
        if depth == u64::MAX { 0 } else { black_box(sink(depth + 1)) + 1 }
    }
}

measured! {
    /// Ends in the middle of its work.
    fn works() {
        use_mock_clock();
        set_mock_ticks(1);
        (1..=10).for_each(step);
        std::process::abort();
    }
}

measured! {
    fn step(number: u64) {
        set_mock_ticks(1 + number * 1000);
    }
}

measured! {
    extern "C" fn must_not_unwind() {
        panic!("on purpose");
    }
}

pub fn main() {
    let scene = std::env::args().nth(1).expect("the name of a scene");
    for _ in 0..20 {
        work();
    }
    play(&scene);
}

fn play(scene: &str) {
    match scene {
        "return" => {}
        "output" => print_unfinished_line(),
        "exit" => std::process::exit(7),
        "exit_in_thread" => exit_in_thread(),
        "panic" => fails(),
        "caught_panic" => assert!(thread::spawn(fails).join().is_err()),
        "detached" => leave_threads_running(),
        "double_panic" => panic_while_unwinding(),
        "panic_in_extern" => must_not_unwind(),
        "abort" => std::process::abort(),
        // SAFETY: ends the process at once.
        "_exit" => unsafe { libc::_exit(5) },
        "kill" => raise(libc::SIGKILL),
        "terminate" => raise(libc::SIGTERM),
        "overflow" => drop(black_box(sink(0))),
        "exec" => panic!("{}", Command::new("sh").args(["-c", "exit 9"]).exec()),
        "atexit" => register(handler),
        "exit_race" => exit_from_eight_threads(),
        "announce" => announce(),
        "working" => works(),
        _ => panic!("no scene is called {scene}"),
    }
}

fn print_unfinished_line() {
    let mut out = std::io::stdout();
    out.write_all(b"one\ntwo \x00\xff three").expect("write to standard output");
}

fn exit_in_thread() {
    thread::spawn(|| std::process::exit(3));
    wait_for_ever();
}

fn wait_for_ever() -> ! {
    loop {
        thread::park();
    }
}

fn leave_threads_running() {
    static RUNNING: Barrier = Barrier::new(5);
    for _ in 0..4 {
        thread::spawn(|| {
            background();
            RUNNING.wait();
            loop {
                background();
            }
        });
    }
    RUNNING.wait();
}

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        fails();
    }
}

fn panic_while_unwinding() {
    let _bomb = PanicsOnDrop;
    fails();
}

fn raise(signal: libc::c_int) {
    // SAFETY: plain system call.
    unsafe { libc::raise(signal) };
    wait_for_ever();
}

extern "C" fn handler() {
    late();
}

fn register(handler: extern "C" fn()) {
    // SAFETY: the handler lives as long as the code does, and does not unwind.
    unsafe { libc::atexit(handler) };
}

/// In the scene `atexit`, a handler is registered before any other in the process, so it runs last.
#[used]
// SAFETY: pointers to functions that the C library calls before `main`; this one has the right
// type.
#[unsafe(link_section = ".init_array.00101")]
static REGISTER_EARLY: extern "C" fn(libc::c_int, *const *const libc::c_char) = register_early;

extern "C" fn register_early(count: libc::c_int, arguments: *const *const libc::c_char) {
    if count < 2 {
        return;
    }
    // SAFETY: the C library passes `main`'s arguments, of which there are `count`.
    let scene = unsafe { std::ffi::CStr::from_ptr(*arguments.add(1)) };
    if scene == c"atexit" {
        register(handler);
    }
}

fn exit_from_eight_threads() {
    static READY: Barrier = Barrier::new(8);
    for number in 0..8 {
        thread::spawn(move || {
            READY.wait();
            std::process::exit(number);
        });
    }
    wait_for_ever();
}

/// Calls `work` forever, and writes the number of calls at intervals.
fn announce() {
    static CALLS: AtomicU64 = AtomicU64::new(20);
    let batch: u64 = std::env::args().nth(2).and_then(|it| it.parse().ok()).expect("a number");
    // Not `stdout`, which would buffer the words.
    let mut out = File::from(std::io::stdout().as_fd().try_clone_to_owned().expect("a descriptor"));
    loop {
        for _ in 0..batch {
            outer();
        }
        let calls = CALLS.fetch_add(batch, Relaxed) + batch;
        out.write_all(&calls.to_le_bytes()).expect("write to the pipe");
    }
}

measured! {
    fn outer() {
        work();
    }
}
