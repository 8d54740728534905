//! Other figures of this project: memory, allocations, and the error of the correction.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::hint::black_box;
use std::time::Instant;

use profile_core::profile;

use crate::memory::resident_bytes;

pub(crate) fn run(name: &str, quick: bool) {
    match name {
        "memory" => memory(quick),
        "allocations" => allocations(),
        body => correction(body, quick),
    }
}

const MILLION: u64 = 1_000_000;
const THREADS: u64 = 8;

/// The growth of resident memory from 1 M calls on 8 threads to 100 M calls on 8 threads and
/// 100,000 short threads.
fn memory(quick: bool) {
    let share = if quick { 100 } else { 1 };
    call_from_threads(MILLION);
    let before = resident_bytes();
    call_from_threads(100 * MILLION / share);
    for _ in 0..100_000 / share {
        std::thread::spawn(empty).join().unwrap();
    }
    let more = resident_bytes() as f64 - before as f64;
    println!("memory_kib {}", more / 1024.0);
}

fn call_from_threads(calls: u64) {
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..calls / THREADS).for_each(|_| empty()));
        }
    });
}

#[profile]
#[inline(never)]
fn empty() {
    black_box(());
}

/// Bodies whose calls wait for the previous one, and bodies that overlap in the processor. Each
/// runs in its own process, since all instances of a generic function share a row.
const BODIES: [(&str, Correction); 6] = [
    ("waiting_2ns", correction_of::<1, true>),
    ("waiting_10ns", correction_of::<6, true>),
    ("waiting_50ns", correction_of::<32, true>),
    ("overlapping_2ns", correction_of::<5, false>),
    ("overlapping_10ns", correction_of::<26, false>),
    ("overlapping_50ns", correction_of::<130, false>),
];

/// The error in percent over a number of chunks of calls.
type Correction = fn(usize) -> f64;

/// Compares the reported total of a caller of ten million annotated calls with the same loop
/// without attributes.
fn correction(body: &str, quick: bool) {
    let chunks = if quick { 100 } else { 1_000 };
    let (_, of) = BODIES.iter().find(|(name, _)| *name == body).expect("a body");
    println!("correction_{body} {}", of(chunks));
}

/// Calls per chunk: shorter than a time slice. A thousand chunks are ten million calls.
const CHUNK: u64 = 10_000;

/// In percent. The two loops alternate, so that fluctuations of the machine affect both.
fn correction_of<const STEPS: usize, const WAIT: bool>(chunks: usize) -> f64 {
    let mut plain = 0;
    for _ in 0..chunks {
        let started = Instant::now();
        plain_caller::<STEPS, WAIT>(CHUNK);
        plain += started.elapsed().as_nanos();
        annotated_caller::<STEPS, WAIT>(CHUNK);
    }
    let snapshot = profile_core::capture();
    let reported = snapshot.function("annotated_caller").expect("it was called").inclusive_ns;
    (reported as f64 / plain as f64 - 1.0) * 100.0
}

#[inline(never)]
fn plain_caller<const STEPS: usize, const WAIT: bool>(calls: u64) -> u64 {
    (0..calls).fold(1, |last, call| plain_body::<STEPS>(if WAIT { last } else { call }))
}

#[profile]
#[inline(never)]
fn annotated_caller<const STEPS: usize, const WAIT: bool>(calls: u64) -> u64 {
    (0..calls).fold(1, |last, call| annotated_body::<STEPS>(if WAIT { last } else { call }))
}

#[inline(never)]
fn plain_body<const STEPS: usize>(seed: u64) -> u64 {
    steps::<STEPS>(seed)
}

#[profile]
#[inline(never)]
fn annotated_body<const STEPS: usize>(seed: u64) -> u64 {
    steps::<STEPS>(seed)
}

/// Each step waits for the previous one: about 1.5 ns.
#[inline(always)]
fn steps<const STEPS: usize>(mut seed: u64) -> u64 {
    for _ in 0..STEPS {
        seed = (seed ^ seed >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    black_box(seed)
}

/// Heap allocations during ten million calls of known paths.
fn allocations() {
    (0..MILLION).for_each(|_| empty());
    annotated_caller::<1, true>(CHUNK);
    let before = counted();
    (0..10 * MILLION).for_each(|_| empty());
    annotated_caller::<1, true>(MILLION);
    println!("allocations {}", counted() - before);
}

#[cfg(feature = "ours-counted")]
mod counting {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    struct Counting;

    static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

    pub(super) fn allocations() -> u64 {
        ALLOCATIONS.load(Relaxed)
    }

    // SAFETY: forwards everything to the system's allocator; the default `realloc` calls `alloc`.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            ALLOCATIONS.fetch_add(1, Relaxed);
            // SAFETY: the caller's promises are the system allocator's conditions.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: as above.
            unsafe { System.dealloc(block, layout) }
        }
    }

    #[cfg(not(any(feature = "ours-allocator", feature = "hotpath-alloc")))]
    #[global_allocator]
    static ALLOCATOR: Counting = Counting;
}

#[cfg(feature = "ours-counted")]
fn counted() -> u64 {
    counting::allocations()
}

#[cfg(not(feature = "ours-counted"))]
fn counted() -> u64 {
    unreachable!("only the build `ours-counted` can count")
}
