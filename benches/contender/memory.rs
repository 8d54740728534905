//! The memory that a million calls leave behind.

use std::time::{Duration, Instant};

use crate::contender::{BATCH, Contender};

/// A contender that exceeds this makes fewer calls.
const TIME_LIMIT: Duration = Duration::from_secs(20);
const MILLION: u64 = 1_000_000;

pub(crate) fn growth(contender: &Contender, quick: bool) -> u64 {
    let (warm_up, calls) = if quick { (MILLION / 10, MILLION) } else { (MILLION, 20 * MILLION) };
    let call_until = |made: u64, goal: u64, started: Instant| {
        let batches =
            (made..goal).step_by(BATCH as usize).take_while(|_| started.elapsed() < TIME_LIMIT);
        made + BATCH * batches.map(|_| (contender.batch)(BATCH)).count() as u64
    };
    let started = Instant::now();
    let early = call_until(0, warm_up, started);
    let before = resident_bytes();
    let made = call_until(early, calls, started);
    let grown = resident_bytes() as f64 - before as f64;
    println!("bytes_per_million {}", grown / (made - early) as f64 * MILLION as f64);
    made
}

/// Resident memory of this process. Not from `statm`, whose counters lag by megabytes.
pub(crate) fn resident_bytes() -> u64 {
    let smaps = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = smaps.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
