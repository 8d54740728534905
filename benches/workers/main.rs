//! `Pool::map` of 10,000 small items on two processes, beside Python's `multiprocessing.Pool(2).map`
//! with the same work and chunks. Python starts its processes in both of its ways.
//!
//! `cargo run --release -p benches --bin workers --features workers`

use std::process::Command;
use std::time::Instant;

use profile_core::stats::median;
use profile_core::workers::{self, Pool, Task};

const ITEMS: u64 = 10_000;
const ROUNDS: usize = 15;
const CHUNKS: [usize; 3] = [1, 100, 1_250];

const PYTHON: &str = "
import sys, time
from multiprocessing import get_context

def increment(number):
    return number + 1

def collatz(number):
    steps = 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps += 1
    return steps

if __name__ == '__main__':
    method, items, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with get_context(method).Pool(2) as pool:
        for function in (increment, collatz):
            for chunk in (1, 100, 1250):
                took = []
                for _ in range(rounds):
                    start = time.perf_counter()
                    pool.map(function, range(1, items + 1), chunksize=chunk)
                    took.append(time.perf_counter() - start)
                print(items / sorted(took)[rounds // 2])
";

fn increment(number: u64) -> u64 {
    number + 1
}

/// Steps of the Collatz sequence until 1: some 85 on average here.
fn collatz(mut number: u64) -> u64 {
    let mut steps = 0;
    while number != 1 {
        number = if number % 2 == 0 { number / 2 } else { 3 * number + 1 };
        steps += 1;
    }
    steps
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    workers::init();
    let tasks = [("x + 1", workers::task!(increment)), ("Collatz", workers::task!(collatz))];
    let pool = Pool::new(2)?;
    let mut ours = Vec::new();
    for (name, task) in tasks {
        for chunk in CHUNKS {
            ours.push((name, chunk, items_per_second(&pool, task, chunk)?));
        }
    }
    let (fork, spawn) = (python("fork")?, python("spawn")?);
    println!("| work | chunk | items/s | Python, fork | ratio | Python, spawn | ratio |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for ((name, chunk, speed), (fork, spawn)) in ours.iter().zip(fork.iter().zip(&spawn)) {
        let ratios = [speed / fork, speed / spawn];
        println!(
            "| {name} | {chunk} | {speed:.0} | {fork:.0} | {:.1} | {spawn:.0} | {:.1} |",
            ratios[0], ratios[1]
        );
    }
    Ok(())
}

fn items_per_second(
    pool: &Pool,
    task: Task<u64, u64>,
    chunk: usize,
) -> Result<f64, workers::TaskError> {
    let mut speeds = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        pool.imap(task, 1..=ITEMS).chunk_size(chunk).all()?;
        speeds.push(ITEMS as f64 / start.elapsed().as_secs_f64());
    }
    Ok(median(&speeds))
}

/// The same, by Python.
fn python(method: &str) -> Result<Vec<f64>, Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join(format!("workers-{}.py", std::process::id()));
    std::fs::write(&file, PYTHON)?;
    let mut command = Command::new("python3");
    command.arg(&file).args([method, &ITEMS.to_string(), &ROUNDS.to_string()]);
    let output = command.output();
    std::fs::remove_file(&file)?;
    let text = String::from_utf8(output?.stdout)?;
    Ok(text.lines().map(str::parse).collect::<Result<_, _>>()?)
}
