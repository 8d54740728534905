//! The cost of a profiled source line, compared with a span, the clock alone, and Python's
//! memory_profiler and line_profiler on the same loop, in one run. Prints a table.
//!
//! `cargo run --release -p benches --bin marks --features marks`. The loops run alternately, pinned
//! to a core, for less than a time slice each; a figure is the median of the rounds. Python's tools
//! are measured separately, in a temporary virtual environment.

#![allow(unsafe_code, reason = "reads the time stamp counter")]

use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use benches::pin;
use profile_core::{Budget, ProfilingAllocator, Settings, find, profile};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

const ROUNDS: usize = 301;
const TURNS: u64 = 20_000;
/// Lines per turn: the head of the loop and the addition.
const LINES: f64 = 2.0;

/// The same loop, measured in different ways.
macro_rules! loops {
    ($($(#[$attribute:meta])* $name:ident)*) => {$(
        #[inline(never)]
        $(#[$attribute])*
        fn $name(turns: u64) -> u64 {
            let mut sum = 0;
            for turn in 0..turns {
                sum = black_box(sum + turn);
            }
            sum
        }
    )*};
}

loops! {
    plain
    #[profile(lines)] lined
    #[profile(lines)] budgeted
}

#[inline(never)]
#[profile]
fn span(number: u64) -> u64 {
    black_box(number)
}

#[inline(never)]
fn no_span(number: u64) -> u64 {
    black_box(number)
}

/// The same loop in Python. It prints the ns per line that each tool adds.
const PYTHON: &str = r#"
import time
from memory_profiler import LineProfiler as Memory
from line_profiler import LineProfiler as Lines

def loop(turns):
    sum = 0
    for turn in range(turns):
        sum = sum + turn
    return sum

def same_loop(turns):
    sum = 0
    for turn in range(turns):
        sum = sum + turn
    return sum

def ns_a_line(function, turns):
    started = time.perf_counter_ns()
    function(turns)
    return (time.perf_counter_ns() - started) / (2 * turns)

def median(function, turns, rounds):
    return sorted(ns_a_line(function, turns) for _ in range(rounds))[rounds // 2]

# Plain first: each tool changes the function that it measures.
plain = median(loop, 20000, 51)
timed = median(Lines()(loop), 20000, 51)
read = median(Memory()(same_loop), 500, 11)
print(read - plain, timed - plain)
"#;

fn main() {
    pin(0);
    let on = find("budgeted").expect("it is linked");
    Settings::new().overhead("exact").expect("allowed").apply();
    on.set_budget(Some(Budget::Share(0.02)));
    let rounds: Vec<[f64; 6]> = (0..ROUNDS).map(|_| round()).collect();
    let median = |of: &dyn Fn(&[f64; 6]) -> f64| benches::median(rounds.iter().map(of).collect());
    let mark = |round: &[f64; 6]| (round[1] - round[0]) / LINES;
    let span = |round: &[f64; 6]| round[3] - round[4];
    println!("| one executed line | ns | x two clock reads | x one span |\n|---|---:|---:|---:|");
    let row = |name: &str, of: &dyn Fn(&[f64; 6]) -> f64| {
        let (clock, spans) =
            (median(&|round| of(round) / round[5]), median(&|round| of(round) / span(round)));
        println!("| {name} | {:.2} | {clock:.2} | {spans:.2} |", median(of));
    };
    row("every stay timed", &mark);
    row("with a budget of 2 %", &|round| (round[2] - round[0]) / LINES);
    row("a span, for comparison", &span);
    println!(
        "\na loop of one addition ({:.2} ns per turn), x the plain one",
        median(&|round| round[0])
    );
    println!("with a budget of 2 %: {:.2}", median(&|round| round[2] / round[0]));
    match python() {
        Ok([memory, lines]) => {
            let ours = median(&mark);
            println!("\n| the same loop in Python | ns per line | x ours |\n|---|---:|---:|");
            println!("| memory_profiler 0.61 | {memory:.0} | {:.0} |", memory / ours);
            println!("| line_profiler | {lines:.0} | {:.1} |", lines / ours);
        }
        Err(error) => println!("\nPython's tools are not available: {error}"),
    }
}

/// Ns per turn: plain, lined, budgeted, a span, no span, two clock reads.
fn round() -> [f64; 6] {
    let clocks = |_| clock() ^ clock();
    [
        each(plain),
        each(lined),
        each(budgeted),
        each(|turns| all(span, turns)),
        each(|turns| all(no_span, turns)),
        each(|turns| all(clocks, turns)),
    ]
}

fn each(work: impl Fn(u64) -> u64) -> f64 {
    let started = Instant::now();
    black_box(work(TURNS));
    started.elapsed().as_nanos() as f64 / TURNS as f64
}

fn all(one: impl Fn(u64) -> u64, turns: u64) -> u64 {
    (0..turns).fold(0, |sum, turn| sum ^ black_box(one(turn)))
}

#[cfg(target_arch = "x86_64")]
fn clock() -> u64 {
    // SAFETY: every x86-64 processor has a time stamp counter.
    black_box(unsafe { core::arch::x86_64::_rdtsc() })
}

#[cfg(not(target_arch = "x86_64"))]
fn clock() -> u64 {
    black_box(Instant::now().elapsed().as_nanos() as u64)
}

/// Ns per line beyond the plain loop, for memory_profiler and line_profiler.
fn python() -> Result<[f64; 2], String> {
    let folder = std::env::temp_dir().join(format!("benches-python-{}", std::process::id()));
    let result = measured_in(&folder);
    let _ = std::fs::remove_dir_all(folder);
    result
}

fn measured_in(folder: &std::path::Path) -> Result<[f64; 2], String> {
    let python: PathBuf = folder.join("bin/python");
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let install = ["-m", "pip", "install", "--quiet", "memory-profiler==0.61.0", "line-profiler"];
    run(Command::new(&python).args(install))?;
    // A file, since both tools read the source.
    let script = folder.join("loop.py");
    std::fs::write(&script, PYTHON).map_err(|error| error.to_string())?;
    let printed = run(Command::new(&python).arg(script))?;
    let mut figures = printed.split_whitespace().map(str::parse::<f64>);
    match (figures.next(), figures.next()) {
        (Some(Ok(memory)), Some(Ok(lines))) => Ok([memory, lines]),
        _ => Err(printed),
    }
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
