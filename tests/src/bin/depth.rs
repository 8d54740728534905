//! The call depth that a stack of two mebibytes allows, plain and annotated.

use std::hint::black_box;
use std::ptr;
use std::thread;

/// Part of the stack; the rest is for the callers of the two functions.
const USED: usize = 1 << 20;

fn plain(limit: usize) -> u64 {
    let here = 0_u8;
    if ptr::from_ref(black_box(&here)).addr() < limit {
        return 1;
    }
    black_box(plain(limit)) + 1
}

#[profile_core::profile]
fn measured(limit: usize) -> u64 {
    let here = 0_u8;
    if ptr::from_ref(black_box(&here)).addr() < limit {
        return 1;
    }
    black_box(measured(limit)) + 1
}

fn depth(function: fn(usize) -> u64) -> u64 {
    let run = move || {
        let here = 0_u8;
        function(ptr::from_ref(black_box(&here)).addr() - USED)
    };
    let thread = thread::Builder::new().stack_size(2 << 20).spawn(run);
    thread.expect("a thread").join().expect("it ends")
}

fn main() {
    println!("plain {}", depth(plain));
    println!("measured {}", depth(measured));
}
