//! What statistics cost: the trimmed mean beside SciPy's, turn by turn in one run, on the same numbers.
//!
//! `cargo run --release -p benches --bin statistics --features statistics`

use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use profile_core::stats::{median, trim_mean};

const ROUNDS: usize = 11;

fn main() {
    let folder = std::env::temp_dir().join(format!("benches-scipy-{}", std::process::id()));
    if let Err(error) = beside_scipy(&folder) {
        println!("SciPy could not be had: {error}");
    }
    let _ = std::fs::remove_dir_all(folder);
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

/// Ns, and the mean. The first of three pays for a processor that slept while the other side had its turn.
fn best_of_three(values: &[f64]) -> Result<(f64, f64), String> {
    let (mut best, mut mean) = (f64::INFINITY, f64::NAN);
    for _ in 0..3 {
        let start = Instant::now();
        mean = trim_mean(black_box(values), 0.1).map_err(|error| error.to_string())?;
        best = best.min(start.elapsed().as_nanos() as f64);
    }
    Ok((best, mean))
}

/// SciPy in a process of its own, which answers questions.
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
