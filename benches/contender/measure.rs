//! The cost of an instrumented call beyond the plain call, relative to the floor.
//!
//! Plain function, floor and contender run in random order, for less than a time slice each, and
//! each round yields a ratio. A longer disturbance affects all three; the median removes shorter
//! ones.

#![allow(unsafe_code, reason = "reads the time stamp counter")]

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::*};
use std::time::{Duration, Instant};

use benches::{median, pin};

use crate::contender::{BATCH, Contender};

/// Calls without an instrument.
fn plain(calls: u64) {
    #[inline(never)]
    fn empty() {
        black_box(());
    }
    for _ in 0..calls {
        empty();
    }
}

/// Calls with two reads of the time stamp counter: no exact instrument can cost less.
pub(crate) fn floor(calls: u64) {
    #[inline(never)]
    fn read_twice() {
        let started = ticks();
        black_box(());
        black_box(ticks().wrapping_sub(started));
    }
    for _ in 0..calls {
        read_twice();
    }
}

fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has a time stamp counter.
    unsafe { std::arch::x86_64::_rdtsc() }
}

const CONTENDER: usize = 2;

/// Runs the three in random order, timed by `time`. Results are in the order of the parameters.
fn round(
    random: &mut Random,
    contender: &Contender,
    mut time: impl FnMut(fn(u64)) -> u64,
) -> [u64; 3] {
    let functions = [plain, floor, contender.batch];
    let mut order = [0, 1, CONTENDER];
    order.swap(0, random.below(3));
    order.swap(1, 1 + random.below(2));
    let mut took = [0; 3];
    for turn in order {
        took[turn] = time(functions[turn]);
    }
    took
}

fn ratio([plain, floor, contender]: [u64; 3]) -> f64 {
    (contender as f64 - plain as f64) / (floor as f64 - plain as f64)
}

fn run(function: fn(u64), calls: u64) -> u64 {
    let started = ticks();
    for _ in 0..calls / BATCH {
        function(BATCH);
    }
    ticks() - started
}

/// One thread: calls in bursts, with pauses in which helper threads catch up, then back to back.
/// Returns the number of calls.
pub(crate) fn speed(contender: &Contender, quick: bool) -> u64 {
    let (rounds, calls, bursts) = if quick { (41, 20_000, 41) } else { (401, 20_000, 401) };
    let (started, first_tick) = (Instant::now(), ticks());
    let mut random = Random::new();
    // Before pinning: helper threads start here and may use the other cores, as in real use.
    run(contender.batch, BATCH);
    pin(0);
    let mut burst = |_| {
        std::thread::sleep(Duration::from_millis(1));
        run(plain, 20 * BATCH);
        ratio(round(&mut random, contender, |function| run(function, BATCH)))
    };
    println!("bursts {}", median((0..bursts).map(&mut burst).collect()));
    let mut random = Random::new();
    let mut floors = Vec::new();
    let mut steady = |_| {
        let took = round(&mut random, contender, |function| run(function, calls));
        floors.push((took[1] as f64 - took[0] as f64) / calls as f64);
        ratio(took)
    };
    println!("steady {}", median((0..rounds).map(&mut steady).collect()));
    let tick_ns = started.elapsed().as_nanos() as f64 / (ticks() - first_tick) as f64;
    println!("floor_ns {}", median(floors) * tick_ns);
    BATCH + bursts * BATCH + rounds * calls
}

/// One thread and two threads alternate; two threads call the same function at the same time.
pub(crate) fn threads(contender: &Contender, quick: bool) -> u64 {
    let (rounds, calls) = if quick { (41, 20_000) } else { (401, 20_000) };
    let seed = Random::new().0;
    run(contender.batch, BATCH);
    let meet = Meeting::default();
    let follow = |core| {
        pin(core);
        let mut random = Random(seed);
        let mut ratios = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            // A single thread does not share cache and memory, and neither does its floor.
            for (kind, alone) in [true, false].into_iter().enumerate() {
                let took = round(&mut random, contender, |function| {
                    meet.both();
                    let idle = alone && core == 1;
                    if idle { 0 } else { run(function, calls) }
                });
                ratios[kind].push(ratio(took));
            }
        }
        ratios.map(median)
    };
    let ([alone, together], _) = std::thread::scope(|scope| {
        let second = scope.spawn(|| follow(1));
        (follow(0), second.join().unwrap())
    });
    println!("one_thread {alone}");
    println!("two_threads {together}");
    BATCH + 3 * rounds * calls
}

/// Synchronizes two threads: a barrier wakes them some microseconds apart, so they then spin.
struct Meeting {
    barrier: Barrier,
    arrived: AtomicU64,
}

impl Default for Meeting {
    fn default() -> Meeting {
        Meeting { barrier: Barrier::new(2), arrived: AtomicU64::new(0) }
    }
}

impl Meeting {
    fn both(&self) {
        self.barrier.wait();
        let all = self.arrived.fetch_add(1, AcqRel) / 2 * 2 + 2;
        while self.arrived.load(Acquire) < all {
            std::hint::spin_loop();
        }
    }
}

/// xorshift64: sufficient to shuffle three items.
struct Random(u64);

impl Random {
    fn new() -> Random {
        Random(ticks() | 1)
    }

    fn below(&mut self, limit: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit) as usize
    }
}
