//! A program with nested and parallel windows of memory, and one on a child process; one has a name
//! that would break a careless format.

use std::hint::black_box;
use std::process::Command;
use std::thread;
use std::time::Duration;

use profile_core::{MemoryOptions, memory_usage, memory_usage_of_command, profile};

/// A name that `mprof` or matplotlib would parse as fields, a formula, or markup.
const HOSTILE: &str = "<A as B<C>>::run $\\frac$ \"&\u{1b}[2J";

fn options(name: &str) -> MemoryOptions {
    MemoryOptions::new().interval(Duration::from_millis(5)).name(name)
}

/// Holds this many mebibytes for a while.
#[profile]
fn hold(mebibytes: usize) {
    let block = black_box(vec![1_u8; mebibytes << 20]);
    thread::sleep(Duration::from_millis(60));
    drop(block);
}

fn outer() {
    hold(10);
    let inner = memory_usage(&options(HOSTILE), || hold(60));
    inner.memory.expect("this system has /proc");
    let other = thread::spawn(|| memory_usage(&options("windows::beside"), || hold(5)));
    hold(20);
    other.join().expect("it ends").memory.expect("this system has /proc");
    let mut sleep = Command::new("sleep");
    let child = memory_usage_of_command(sleep.arg("0.1"), &options("windows::child"));
    assert!(child.expect("it can be started").value.success());
}

fn main() {
    let usage = memory_usage(&options("windows::outer"), outer);
    usage.memory.expect("this system has /proc");
}
