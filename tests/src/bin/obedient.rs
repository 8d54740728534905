//! A program that obeys the lines of its standard input, so that a test knows where it is when a
//! signal arrives. Each line is answered by one line.

#![allow(unsafe_code, reason = "system calls that safe code of a test cannot make")]

use std::hint::black_box;
use std::io::{self, Read as _};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use profile_core::report::{Format, Style};
use profile_core::{Snapshot, profile, register_format};

#[profile]
fn work(number: u64) -> u64 {
    black_box(number + 1)
}

#[profile]
fn other() {
    black_box(());
}

/// A report that takes as long as the test wants: until it has read from the pipe that the
/// environment names, if any.
struct Slow;

const PIPE: &str = "SLOW_REPORT";

impl Format for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn description(&self) -> &'static str {
        "calls of `work`, after a while"
    }

    fn extension(&self) -> &'static str {
        "txt"
    }

    fn media_type(&self) -> &'static str {
        "text/plain"
    }

    fn write(&self, snapshot: &Snapshot, _: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        let calls = snapshot.function("work").map_or(0, |function| function.calls);
        if let Some(pipe) = std::env::var_os(PIPE) {
            std::fs::File::open(pipe)?.read_exact(&mut [0])?;
        }
        writeln!(to, "{calls} calls")
    }
}

register_format!(Slow);

static CHILDREN: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_child(_: i32) {
    CHILDREN.fetch_add(1, Relaxed);
}

extern "C" fn on_alarm(_: i32) {}

fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: the handlers above do what a handler may.
    unsafe { libc::signal(signal, handler as *const () as usize) };
}

fn main() {
    handle(libc::SIGCHLD, on_child);
    println!("started");
    for line in io::stdin().lines() {
        println!("{}", answer(&line.expect("text")));
    }
}

fn answer(line: &str) -> String {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("work", times) => {
            (0..times.parse().expect("a number")).for_each(|number| _ = work(number));
        }
        ("other", _) => other(),
        ("children", _) => return children(),
        ("signals", _) => return signals("/proc/self/status"),
        ("signals_of_child", _) => {
            let output = Command::new("cat").arg("/proc/self/status").output().expect("it runs");
            return signal_lines(&String::from_utf8_lossy(&output.stdout));
        }
        ("alarm", _) => start_alarm(),
        ("alarm_left", _) => return alarm_left(),
        // Only the reports of other processes are slow from now on.
        ("fast", _) => {
            // SAFETY: this program has one thread.
            unsafe { std::env::remove_var(PIPE) };
        }
        ("fork", signal) => return fork(signal.parse().expect("a number")),
        _ => panic!("no order is called {line}"),
    }
    "done".to_owned()
}

/// SIGCHLDs so far, and whether there is a child to wait for.
fn children() -> String {
    // SAFETY: no status is asked for.
    let waited = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
    let error = io::Error::last_os_error().raw_os_error();
    let none = waited == -1 && error == Some(libc::ECHILD);
    format!("{} SIGCHLD, {}", CHILDREN.load(Relaxed), if none { "no child" } else { "a child" })
}

fn signals(path: &str) -> String {
    signal_lines(&std::fs::read_to_string(path).expect("there is /proc"))
}

/// Signals blocked, ignored and caught.
fn signal_lines(status: &str) -> String {
    let lines = status.lines().filter(|line| line.starts_with("Sig") && !line.starts_with("SigQ"));
    lines.collect::<Vec<_>>().join(" ").replace('\t', "")
}

const SECONDS: libc::time_t = 1000;

fn start_alarm() {
    handle(libc::SIGALRM, on_alarm);
    let never = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let value = libc::timeval { tv_sec: SECONDS, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: never, it_value: value };
    // SAFETY: plain system call.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
}

/// Whether the alarm is the one that was started.
fn alarm_left() -> String {
    // SAFETY: plain numbers, filled in by the call.
    let left = unsafe {
        let mut timer: libc::itimerval = std::mem::zeroed();
        libc::getitimer(libc::ITIMER_REAL, &raw mut timer);
        timer.it_value.tv_sec
    };
    (if (1..=SECONDS).contains(&left) { "own" } else { "another" }).to_owned()
}

/// A child that works once, sends itself a signal, and works again. Its status is its end's.
fn fork(signal: i32) -> String {
    let mut status = 0;
    // SAFETY: this program has one thread.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            work(1);
            libc::raise(signal);
            work(2);
            std::process::exit(0);
        }
        libc::waitpid(child, &raw mut status, 0);
    }
    format!("status {status}")
}
