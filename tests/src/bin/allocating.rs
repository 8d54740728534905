//! A program whose allocations another tool counts too: see `tests/dhat.rs`. Its argument is the
//! number of rounds; two runs differ by exactly the allocations of the additional rounds.

use profile_core::{ProfilingAllocator, profile};
use std::collections::BTreeMap;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

/// One round: vectors that grow, strings, a map, boxes; some live to the end of the round.
#[profile]
fn round(turn: usize) {
    let mut grown = Vec::new();
    (0..100 + turn).for_each(|n| grown.push(n));
    let texts: Vec<String> = grown.iter().map(|n| format!("{n:>20}")).collect();
    let map: BTreeMap<usize, &str> =
        grown.iter().copied().zip(texts.iter().map(String::as_str)).collect();
    let boxed: Vec<Box<[u8]>> = (0..10).map(|n| vec![0; 1 << n].into_boxed_slice()).collect();
    let mut shrunk = vec![1_u8; 5_000];
    shrunk.truncate(10);
    shrunk.shrink_to_fit();
    black_box((&map, &boxed, &shrunk));
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(10);
    (0..rounds).for_each(round);
}
