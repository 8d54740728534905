//! The cost of statistics: the trimmed mean and SciPy's, alternately in one run, on the same
//! numbers.
//!
//! `cargo run --release -p benches --bin statistics --features statistics`

use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use profile_core::stats::{median, trim_mean};
use profile_core::{Snapshot, capture, compare, profile};

const ROUNDS: usize = 11;

fn main() {
    own();
    let folder = std::env::temp_dir().join(format!("benches-scipy-{}", std::process::id()));
    if let Err(error) = beside_scipy(&folder) {
        println!("SciPy is not available: {error}");
    }
    let _ = std::fs::remove_dir_all(folder);
}

macro_rules! ten {
    ($calls:ident $again:ident $($rest:ident)*) => {
        ten!($calls $($rest)*); ten!($calls $($rest)*); ten!($calls $($rest)*); ten!($calls $($rest)*);
        ten!($calls $($rest)*); ten!($calls $($rest)*); ten!($calls $($rest)*); ten!($calls $($rest)*);
        ten!($calls $($rest)*); ten!($calls $($rest)*);
    };
    ($calls:ident) => {{
        #[profile]
        fn called(turns: u64) -> u64 {
            (0..turns).fold(0, |sum, turn| black_box(sum ^ turn))
        }
        $calls.push(called as fn(u64) -> u64);
    }};
}

/// A thousand identical functions.
fn thousand() -> Vec<fn(u64) -> u64> {
    let mut calls = Vec::new();
    ten!(calls hundreds tens ones);
    calls
}

/// The cost of the report at exit of a large run, and of a comparison of many such runs.
fn own() {
    const THREADS: u64 = 16;
    const RUNS: usize = 10;
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for (number, call) in thousand().into_iter().enumerate() {
                    // Durations over three powers of two, so that histograms are as wide as in
                    // practice.
                    (0..100).for_each(|turn| {
                        black_box(call((turn * 7 + thread) % 64 + number as u64 % 64));
                    });
                }
            });
        }
    });
    let timed = |work: &dyn Fn() -> usize| {
        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            black_box(work());
            took.push(start.elapsed().as_secs_f64() * 1e3);
        }
        median(&took)
    };
    let snapshot = capture();
    println!("{} functions called in {THREADS} threads", snapshot.functions.len());
    println!("capture, all statistics: {:.1} ms", timed(&|| capture().functions.len()));
    let bytes = snapshot.to_bytes();
    let json = serde_json::to_vec(&snapshot).map_or(0, |json| json.len());
    println!("snapshot: {} bytes, as JSON {json}", bytes.len());
    let load = || Snapshot::from_bytes(&bytes).map_or(0, |snapshot| snapshot.functions.len());
    println!("load: {:.1} ms", timed(&load));
    let mut random = fastrand::Rng::with_seed(1);
    let mut runs = || -> Vec<Snapshot> {
        let varied = |snapshot: &Snapshot, random: &mut fastrand::Rng| {
            let mut run = snapshot.clone();
            for function in &mut run.functions {
                let factor = 1.0 + random.f64() / 20.0;
                function.trimmed_mean_ns = function.trimmed_mean_ns.map(|ns| ns * factor);
            }
            run
        };
        (0..RUNS).map(|_| varied(&snapshot, &mut random)).collect()
    };
    let (before, after) = (runs(), runs());
    let comparison = || compare(&before, &after).functions.len();
    println!("comparison of {RUNS} runs with {RUNS}: {:.1} ms", timed(&comparison));
    let merged = || Snapshot::merge(before.iter().chain(&after)).functions.len();
    println!("merge of {} runs: {:.1} ms\n", 2 * RUNS, timed(&merged));
}

type Shape = fn(&mut fastrand::Rng) -> f64;

const SHAPES: [(&str, Shape); 4] = [
    ("uniform", |random| random.f64()),
    ("durations (log-normal)", |random| (normal(random) * 1.2 + 7.0).exp()),
    ("normal", normal),
    ("whole milliseconds", |random| (normal(random) * 1.2 + 3.0).exp().round()),
];

/// Box and Muller.
fn normal(random: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
}

fn beside_scipy(folder: &Path) -> Result<(), String> {
    let mut scipy = Scipy::start(folder)?;
    println!(
        "trim_mean(values, 0.1), median of {ROUNDS} rounds of the best of three, one thread\n"
    );
    println!("| values | n | SciPy, ms | ours, ms | x faster |\n|---|---:|---:|---:|---:|");
    for n in [1_000, 1_000_000, 10_000_000] {
        for (name, shape) in SHAPES {
            let mut random = fastrand::Rng::with_seed(n as u64);
            let values: Vec<f64> = (0..n).map(|_| shape(&mut random)).collect();
            let file = folder.join(format!("{n}-{}", name.len()));
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
            std::fs::write(&file, bytes).map_err(|error| error.to_string())?;
            let (mut theirs, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            for round in 0..=ROUNDS {
                let (their_ns, their_mean) = scipy.trim_mean(&file)?;
                let (our_ns, our_mean) = best_of_three(&values)?;
                if (our_mean - their_mean).abs() > 1e-12 * their_mean.abs().max(1e-3) {
                    return Err(format!("{name}: {our_mean} here, {their_mean} there"));
                }
                // The first round warms up.
                if round > 0 {
                    theirs.push(their_ns);
                    ours.push(our_ns);
                    ratios.push(their_ns / our_ns);
                }
            }
            println!(
                "| {name} | {n} | {:.3} | {:.3} | {:.1} |",
                median(&theirs) / 1e6,
                median(&ours) / 1e6,
                median(&ratios)
            );
        }
    }
    Ok(())
}

/// Ns, and the mean. The first of the three pays for waking the processor.
fn best_of_three(values: &[f64]) -> Result<(f64, f64), String> {
    let (mut best, mut mean) = (f64::INFINITY, f64::NAN);
    for _ in 0..3 {
        let start = Instant::now();
        mean = trim_mean(black_box(values), 0.1).map_err(|error| error.to_string())?;
        best = best.min(start.elapsed().as_nanos() as f64);
    }
    Ok((best, mean))
}

/// SciPy in a separate process, which answers requests.
struct Scipy {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Scipy {
    fn start(folder: &Path) -> Result<Scipy, String> {
        let python: PathBuf = folder.join("bin/python");
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "scipy==1.17.1"]))?;
        let mut child = Command::new(python)
            .args(["-c", include_str!("scipy.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let (questions, answers) = (child.stdin.take(), child.stdout.take());
        let (Some(questions), Some(answers)) = (questions, answers) else {
            return Err("no pipes".to_owned());
        };
        Ok(Scipy { child, questions, answers: BufReader::new(answers) })
    }

    /// Ns, and the mean.
    fn trim_mean(&mut self, file: &Path) -> Result<(f64, f64), String> {
        let mut answer = String::new();
        writeln!(self.questions, "{}", file.display()).map_err(|error| error.to_string())?;
        self.answers.read_line(&mut answer).map_err(|error| error.to_string())?;
        let mut figures = answer.split_whitespace().map(str::parse::<f64>);
        match (figures.next(), figures.next()) {
            (Some(Ok(ns)), Some(Ok(mean))) => Ok((ns, mean)),
            _ => Err(format!("it answered {answer:?}")),
        }
    }
}

impl Drop for Scipy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
