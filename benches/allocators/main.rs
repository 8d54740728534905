//! The cost of a counting allocator: programs that differ only in their global allocator run
//! alternately. Prints a table.
//!
//! `cargo run --release -p benches --bin allocators --features allocators`, with `-- --quick` to
//! check that everything works, and with `-- ours` for this project's rows only. Instructions are
//! counted if valgrind is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use benches::median;

/// Name, and features of the program and of its counterpart with the system's allocator.
const ROWS: [(&str, &str, &str); 10] = [
    ("**profile**", "allocated,annotated,with-ours", "allocated,annotated"),
    ("**profile**, nothing annotated", "allocated,with-ours", "allocated"),
    ("divan 0.1, `AllocProfiler`", "allocated,with-divan", "allocated"),
    ("hotpath 0.30, `hotpath-alloc`", "allocated,with-hotpath", "allocated"),
    ("allocation-counter 0.8, in `measure`", "allocated,with-allocation-counter", "allocated"),
    ("stats_alloc 0.1", "allocated,with-stats-alloc", "allocated"),
    ("peak_alloc 0.3", "allocated,with-peak-alloc", "allocated"),
    ("cap 0.1", "allocated,with-cap", "allocated"),
    ("tracking-allocator 0.4, not tracking", "allocated,with-tracking-allocator", "allocated"),
    ("dhat 0.3", "allocated,with-dhat", "allocated"),
];

/// The task, its repetitions per run, and the number of alternating rounds.
const TASKS: [(&str, u32, usize); 4] =
    [("one", 5_000_000, 41), ("two", 5_000_000, 41), ("grow", 20, 21), ("zeroed", 200, 21)];

fn main() -> Result<(), String> {
    let is_asked = |name: &str| std::env::args().any(|argument| argument == name);
    let (quick, ours) = (is_asked("--quick"), is_asked("ours"));
    println!(
        "| x the twin with the system's allocator | one thread | two threads | realloc to 64 MiB | zeroed 64 MiB | instructions more a pair |\n\
         |---|---:|---:|---:|---:|---:|"
    );
    for (name, with, without) in ROWS.into_iter().filter(|row| !ours || row.0.contains("profile**"))
    {
        let programs = [benches::build("allocated", with)?, benches::build("allocated", without)?];
        let ratio = |(task, count, rounds): (&str, u32, usize)| {
            let (count, rounds) = if quick { (count / 100 + 1, 1) } else { (count, rounds) };
            Ok(format!("{:.2}", ratio(&programs, task, count, rounds)?))
        };
        let ratios = TASKS.into_iter().map(ratio).collect::<Result<Vec<_>, String>>()?;
        let more = instructions(&programs).map_or("–".to_owned(), |more| format!("{more:.0}"));
        println!("| {name} | {} | {more} |", ratios.join(" | "));
    }
    Ok(())
}

/// The median ratio over the rounds. In each round both programs run, in alternating order.
fn ratio(
    [with, without]: &[PathBuf; 2],
    task: &str,
    count: u32,
    rounds: usize,
) -> Result<f64, String> {
    let rounds = (0..rounds).map(|round| {
        if round % 2 == 0 {
            Ok(run(with, task, count)? / run(without, task, count)?)
        } else {
            run(without, task, count).and_then(|plain| Ok(run(with, task, count)? / plain))
        }
    });
    Ok(median(rounds.collect::<Result<_, String>>()?))
}

fn run(program: &Path, task: &str, count: u32) -> Result<f64, String> {
    let mut command = Command::new(program);
    command.args([task, &count.to_string()]).env("PROFILE_REPORT", "none");
    command.env("HOTPATH_METRICS_SERVER_OFF", "true");
    let output = command.output().map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let ns = printed.lines().next().and_then(|line| line.parse().ok());
    ns.ok_or_else(|| format!("{}: {}", program.display(), String::from_utf8_lossy(&output.stderr)))
}

/// Instructions per pair of malloc and free, beyond the counterpart's: the difference between a
/// long and a short run, so that start-up does not count.
fn instructions([with, without]: &[PathBuf; 2]) -> Option<f64> {
    const RUNS: [u32; 2] = [300_000, 500_000];
    let of = |program: &Path| {
        let [few, many] = RUNS.map(|count| callgrind(program, count));
        Some((many? - few?) / f64::from(RUNS[1] - RUNS[0]))
    };
    Some(of(with)? - of(without)?)
}

fn callgrind(program: &Path, count: u32) -> Option<f64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    valgrind.args(["one", &count.to_string()]).env("PROFILE_REPORT", "none");
    let output = valgrind.output().ok()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let line = log.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(' ').next()?.parse().ok()
}
