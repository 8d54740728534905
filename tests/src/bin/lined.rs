//! A program whose lines the tests check from outside.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use std::hint::black_box;

use profile_core::{ProfilingAllocator, profile};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

#[rustfmt::skip]
#[profile(lines)]
fn work() -> usize {
    let mut sum = 0; //= 1
    for turn in 0..100_000_usize { //= 100001
        if turn % 100 == 0 { //= 100000
            sum += black_box(vec![0_u8; 10]).len(); //= 1000 1000 10000 0
        }
        sum = black_box(sum + 1); //= 100000
    }
    sum //= 1
}

/// Forks in the middle: the rest counts for the parent only.
#[rustfmt::skip]
#[profile(lines)]
fn forks_inside(depth: u32) -> i32 {
    let text = black_box(vec![0_u8; 10]); //= 2 2 20 20
    let child = if depth > 0 { //= 2
        forks_inside(depth - 1) //= 1
    } else {
        // SAFETY: one thread, which the child has too.
        unsafe { libc::fork() } //= 1
    };
    if child == 0 { //= 2
        drop(black_box((work(), text.clone()))); //= 0
    }
    drop(text); //= 2 0 0 -20
    child //= 2
}

include!(concat!(env!("OUT_DIR"), "/long.rs"));

fn main() {
    let scene = std::env::args().nth(1).expect("the name of a scene");
    match &*scene {
        "work" => drop(work()),
        "killed" => {
            work();
            // SAFETY: ends this process.
            unsafe { libc::raise(libc::SIGKILL) };
        }
        "forks" => {
            // SAFETY: one thread, which the child has too.
            let child = unsafe { libc::fork() };
            work();
            if child != 0 {
                // SAFETY: waits for the child just made.
                unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            }
        }
        "forks_inside" => {
            let child = forks_inside(1);
            work();
            if child != 0 {
                let mut status = 0;
                // SAFETY: waits for the child just made.
                unsafe { libc::waitpid(child, &mut status, 0) };
                assert_eq!(status, 0, "the child's end");
            }
        }
        "long" => drop(black_box(long())),
        _ => panic!("no scene is called {scene}"),
    }
}
