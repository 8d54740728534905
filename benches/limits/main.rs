//! The cost of checking limits: functions with limits that they do not exceed, and the same
//! functions without limits.
//!
//! `cargo run --release -p benches --bin limits --features limits`. The functions run alternately,
//! pinned to a core, for less than a time slice each; a figure is the median of the differences.
//! Limits on allocations come from a file, as for any function.

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use benches::{median, pin};
use profile_core::{ProfilingAllocator, profile};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

const ROUNDS: usize = 1_001;
const CALLS: u64 = 10_000;

/// The same functions under two names.
macro_rules! functions {
    ($($(#[$attribute:meta])* $short:ident $allocating:ident)*) => {$(
        #[inline(never)]
        $(#[$attribute])*
        fn $short(number: u64) -> u64 {
            black_box(number)
        }

        #[inline(never)]
        #[profile]
        fn $allocating(number: u64) -> u64 {
            *black_box(Box::new(number))
        }
    )*};
}

functions! {
    #[profile] short allocating
    #[profile(warn_above = "1 s")] short_limited allocating_limited
}

const LIMITS: &str = "[[limit]]\nfunctions = \"*::allocating_limited\"\nmax_allocations = 1\nmax_peak = \"1 KiB\"\nmax_bytes = \"1 KiB\"\n";

fn main() {
    if std::env::var_os("PROFILE_LIMITS").is_none() {
        return again_with_limits();
    }
    pin(0);
    let rounds: Vec<[f64; 4]> = (0..ROUNDS).map(round).collect();
    let median = |of: &dyn Fn(&[f64; 4]) -> f64| median(rounds.iter().map(of).collect());
    println!("| a call | ns | with limits, not exceeded | difference |\n|---|---:|---:|---:|");
    for (name, without, with) in
        [("of a limit on its time", 0, 1), ("of limits on what it allocates", 2, 3)]
    {
        println!(
            "| {name} | {:.2} | {:.2} | {:+.2} |",
            median(&|round| round[without]),
            median(&|round| round[with]),
            median(&|round| round[with] - round[without]),
        );
    }
}

fn again_with_limits() {
    let file = std::env::temp_dir().join(format!("limits-{}.toml", std::process::id()));
    std::fs::write(&file, LIMITS).expect("a file in the folder for such");
    let program = std::env::current_exe().expect("this program");
    let status =
        Command::new(program).env("PROFILE_LIMITS", &file).env("PROFILE_REPORT", "none").status();
    let _ = std::fs::remove_file(file);
    assert!(status.expect("it starts").success());
}

/// Ns per call of each, in alternating order.
fn round(number: usize) -> [f64; 4] {
    let functions: [fn(u64) -> u64; 4] = [short, short_limited, allocating, allocating_limited];
    let mut figures = [0.0; 4];
    let mut measure = |index: usize| figures[index] = each(functions[index]);
    if number % 2 == 0 {
        (0..4).for_each(&mut measure);
    } else {
        (0..4).rev().for_each(&mut measure);
    }
    figures
}

fn each(function: fn(u64) -> u64) -> f64 {
    let started = Instant::now();
    for call in 0..CALLS {
        black_box(function(call));
    }
    started.elapsed().as_nanos() as f64 / CALLS as f64
}
