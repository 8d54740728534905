//! Compares the totals of functions that call tiny functions ten million times with the same
//! functions without the attribute.
//!
//! `cargo run --release -p benches --bin callers --features callers`. The program runs itself
//! several times for each budget, with `-- --busy` beside two busy loops; `--calls N` and
//! `--runs N` set the amount of work. Times in which the thread waited for a processor are
//! subtracted, since beside busy loops these differ from run to run.

#![allow(unsafe_code, reason = "reads figures that the system alone has")]

use std::hint::black_box;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use benches::{median, pin};
use profile_core::{capture, profile};

const CALLS: u64 = 10_000_000;
const RUNS: usize = 5;
const BUDGETS: [&str; 2] = ["auto", "exact"];
const HELP: &str = "options: --busy, --calls N (10000000), --runs N (5)";

/// A step of about 1.4 ns if its result is awaited.
#[inline(always)]
fn step(x: u64) -> u64 {
    (x ^ x >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[inline(always)]
fn steps(x: u64, steps: u32) -> u64 {
    (0..steps).fold(x, |x, _| step(x))
}

/// A kind of caller, with and without the attribute.
struct Kind {
    name: &'static str,
    body_ns: u64,
    annotated: fn(u64) -> u64,
    plain: fn(u64) -> u64,
    function: &'static str,
}

/// The four callers of a body: one callee or three, called directly or through one more level.
macro_rules! body {
    ($module:ident, $body_ns:literal, $steps:literal, $waits:literal) => {
        mod $module {
            use super::*;

            callers!(annotated, #[profile], $steps, $waits);
            callers!(plain, #[cfg(all())], $steps, $waits);

            pub(crate) const KINDS: [Kind; 4] = [
                kind!($module, $body_ns, one, "one callee"),
                kind!($module, $body_ns, three, "three callees"),
                kind!($module, $body_ns, one_deeper, "one callee, two levels"),
                kind!($module, $body_ns, three_deeper, "three callees, two levels"),
            ];
        }
    };
}

macro_rules! kind {
    ($module:ident, $body_ns:literal, $caller:ident, $callees:literal) => {
        Kind {
            name: concat!(stringify!($module), ", ", $callees),
            body_ns: $body_ns,
            annotated: annotated::$caller,
            plain: plain::$caller,
            function: concat!(stringify!($module), "::annotated::", stringify!($caller)),
        }
    };
}

macro_rules! callers {
    ($module:ident, #[$attribute:meta], $steps:literal, $waits:literal) => {
        pub(crate) mod $module {
            use super::*;

            #[$attribute]
            fn first(x: u64) -> u64 {
                steps(x, $steps)
            }

            #[$attribute]
            fn second(x: u64) -> u64 {
                steps(x ^ 1, $steps)
            }

            #[$attribute]
            fn third(x: u64) -> u64 {
                steps(x ^ 2, $steps)
            }

            #[$attribute]
            fn between(x: u64) -> u64 {
                first(x)
            }

            #[$attribute]
            fn between_three(number: u64, x: u64) -> u64 {
                one_of_three(number, x)
            }

            fn one_of_three(number: u64, x: u64) -> u64 {
                match number % 3 {
                    0 => first(x),
                    1 => second(x),
                    _ => third(x),
                }
            }

            #[inline(always)]
            fn repeat(calls: u64, call: impl Fn(u64, u64) -> u64) -> u64 {
                let next = |last, number| match $waits {
                    true => call(number, last),
                    false => last ^ call(number, black_box(number)),
                };
                black_box((0..calls).fold(1, next))
            }

            #[$attribute]
            #[inline(never)]
            pub(crate) fn one(calls: u64) -> u64 {
                repeat(calls, |_, x| first(x))
            }

            #[$attribute]
            #[inline(never)]
            pub(crate) fn three(calls: u64) -> u64 {
                repeat(calls, one_of_three)
            }

            #[$attribute]
            #[inline(never)]
            pub(crate) fn one_deeper(calls: u64) -> u64 {
                repeat(calls, |_, x| between(x))
            }

            #[$attribute]
            #[inline(never)]
            pub(crate) fn three_deeper(calls: u64) -> u64 {
                repeat(calls, between_three)
            }
        }
    };
}

body!(waiting_2_ns, 2, 2, true);
body!(waiting_10_ns, 10, 7, true);
body!(waiting_50_ns, 50, 36, true);
body!(waiting_200_ns, 200, 145, true);
body!(overlapping_2_ns, 2, 5, false);
body!(overlapping_10_ns, 10, 22, false);
body!(overlapping_50_ns, 50, 100, false);
body!(overlapping_200_ns, 200, 320, false);

const BODIES: [[Kind; 4]; 8] = [
    waiting_2_ns::KINDS,
    waiting_10_ns::KINDS,
    waiting_50_ns::KINDS,
    waiting_200_ns::KINDS,
    overlapping_2_ns::KINDS,
    overlapping_10_ns::KINDS,
    overlapping_50_ns::KINDS,
    overlapping_200_ns::KINDS,
];

struct Options {
    busy: bool,
    calls: u64,
    runs: usize,
}

fn options() -> Result<Options, String> {
    let mut options = Options { busy: false, calls: CALLS, runs: RUNS };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let number = arguments.next().and_then(|value| value.parse().ok());
            number.ok_or_else(|| format!("{argument} needs a number\n{HELP}"))
        };
        match &*argument {
            "--busy" => options.busy = true,
            "--calls" => options.calls = number()?,
            "--runs" => options.runs = number()? as usize,
            _ => return Err(format!("unknown option `{argument}`\n{HELP}")),
        }
    }
    Ok(options)
}

/// Set for a child: how many calls to make.
const CHILD: &str = "BENCHES_CALLERS";

fn main() -> Result<(), String> {
    if let Some(calls) = std::env::var(CHILD).ok().and_then(|calls| calls.parse().ok()) {
        pin(0);
        measure(calls);
        return Ok(());
    }
    if std::env::args().any(|argument| argument == "busy-loop") {
        loop {
            black_box(());
        }
    }
    // Of this process, which only starts others.
    profile_core::Settings::new().report("none").map_err(|error| error.to_string())?.apply();
    let options = options()?;
    let _neighbours = options.busy.then(|| [Neighbour::start(), Neighbour::start()]);
    for budget in BUDGETS {
        table(budget, &options)?;
    }
    Ok(())
}

/// A process that keeps a processor busy until this is dropped.
struct Neighbour(Child);

impl Neighbour {
    fn start() -> Neighbour {
        let program = std::env::current_exe().expect("this program has a path");
        Neighbour(Command::new(program).arg("busy-loop").spawn().expect("it starts once more"))
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Processor time of a function without and with the attribute, and the total and interval in the
/// report; in ns.
#[derive(Clone, Copy)]
struct Measured {
    plain: f64,
    annotated: f64,
    total: f64,
    interval: Option<[f64; 2]>,
}

/// In a child: runs each kind once, between two runs of its plain counterpart; the faster of the
/// two counts.
fn measure(calls: u64) {
    for kind in BODIES.iter().flatten() {
        // Fewer calls for long bodies, so that no kind takes more than half a second.
        let calls = calls.min(calls * 50 / kind.body_ns);
        let timed = |function: fn(u64) -> u64| {
            let (start, worked) = (Instant::now(), processor_time());
            function(calls);
            let worked = processor_time() - worked;
            (worked, start.elapsed().saturating_sub(worked))
        };
        let (before, _) = timed(kind.plain);
        let (annotated, waited) = timed(kind.annotated);
        let plain = before.min(timed(kind.plain).0);
        let snapshot = capture();
        let function = snapshot.function(kind.function).expect("it was called");
        let without_waiting = |ns: u64| ns.saturating_sub(waited.as_nanos() as u64);
        let total = without_waiting(function.inclusive_ns);
        let [low, high] =
            function.inclusive_interval_ns.map_or([0; 2], |it| it.map(without_waiting));
        println!("{} {} {total} {low} {high}", plain.as_nanos(), annotated.as_nanos());
    }
}

/// The processor time of this thread.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn child(budget: &str, calls: u64) -> Result<Vec<Measured>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.env(CHILD, calls.to_string()).env("PROFILE_OVERHEAD", budget);
    command.env("PROFILE_REPORT", "none").stderr(Stdio::inherit());
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let measured = text.lines().map(|line| {
        let numbers: Vec<f64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
        let [plain, annotated, total, low, high] = numbers[..] else {
            return Err(format!("a run printed `{line}`"));
        };
        let interval = (high > 0.0).then_some([low, high]);
        Ok(Measured { plain, annotated, total, interval })
    });
    measured.collect()
}

fn table(budget: &str, options: &Options) -> Result<(), String> {
    let runs: Vec<Vec<Measured>> =
        (0..options.runs).map(|_| child(budget, options.calls)).collect::<Result<_, _>>()?;
    let beside = if options.busy { ", beside two busy loops" } else { "" };
    println!(
        "\n`PROFILE_OVERHEAD={budget}`{beside}, {} runs\n\n\
         | caller of bodies of | without the attribute, ms | error of the total, median | worst \
         | time added | interval contains that |\n\
         |---|---:|---:|---:|---:|---:|",
        options.runs
    );
    let (mut held, mut given) = (0, 0);
    for (index, kind) in BODIES.iter().flatten().enumerate() {
        let of = |figure: &dyn Fn(&Measured) -> f64| -> Vec<f64> {
            runs.iter().map(|run| figure(&run[index])).collect()
        };
        let off = of(&|it| (it.total / it.plain - 1.0) * 100.0);
        let worst = off.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0);
        let intervals: Vec<bool> = runs.iter().filter_map(|run| is_held(&run[index])).collect();
        let holding = intervals.iter().filter(|held| **held).count();
        (held, given) = (held + holding, given + intervals.len());
        println!(
            "| {} | {:.1} | {:+.1} % | {worst:+.1} % | {:+.0} % | {holding} of {} |",
            kind.name,
            median(of(&|it| it.plain / 1e6)),
            median(off),
            median(of(&|it| (it.annotated / it.plain - 1.0) * 100.0)),
            intervals.len(),
        );
    }
    println!("\nintervals that contain the time without the attribute: {held} of {given}");
    Ok(())
}

/// Whether the interval contains the time of the plain counterpart. `None`: there is no interval.
fn is_held(measured: &Measured) -> Option<bool> {
    let [low, high] = measured.interval?;
    Some((low..=high).contains(&measured.plain))
}
