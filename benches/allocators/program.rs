//! A program that allocates. Builds of it differ only in the global allocator.
//!
//! `allocated TASK COUNT`: prints the nanoseconds per repetition.

use std::hint::black_box;
use std::time::Instant;

#[cfg(feature = "with-ours")]
#[global_allocator]
static ALLOCATOR: profile_core::ProfilingAllocator = profile_core::ProfilingAllocator::system();

#[cfg(feature = "with-divan")]
#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

#[cfg(feature = "with-hotpath")]
#[global_allocator]
static ALLOCATOR: hotpath::CountingAllocator = hotpath::CountingAllocator::new();

#[cfg(feature = "with-stats-alloc")]
#[global_allocator]
static ALLOCATOR: stats_alloc::StatsAlloc<std::alloc::System> = stats_alloc::StatsAlloc::system();

#[cfg(feature = "with-peak-alloc")]
#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

#[cfg(feature = "with-cap")]
#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

#[cfg(feature = "with-tracking-allocator")]
#[global_allocator]
static ALLOCATOR: tracking_allocator::Allocator<std::alloc::System> =
    tracking_allocator::Allocator::system();

#[cfg(feature = "with-dhat")]
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[cfg(feature = "annotated")]
#[profile_core::profile]
fn annotated() {}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let count: u32 = arguments[2].parse().expect("a count");
    let work = || run(&arguments[1], count);
    #[cfg(feature = "annotated")]
    annotated();
    #[cfg(feature = "with-dhat")]
    let _profiler = dhat::Profiler::builder().testing().build();
    #[cfg(feature = "with-hotpath")]
    let _guard = hotpath::HotpathGuardBuilder::new("main")
        .format(hotpath::Format::Json)
        .output_path(std::env::temp_dir().join("hotpath.json"))
        .build();
    #[cfg(feature = "with-tracking-allocator")]
    tracking_allocator::AllocationRegistry::disable_tracking();
    #[cfg(feature = "with-allocation-counter")]
    assert!(allocation_counter::measure(work).count_total > 0, "it counts");
    #[cfg(not(feature = "with-allocation-counter"))]
    work();
}

fn run(task: &str, count: u32) {
    let ns = match task {
        "one" => on_threads(1, count),
        "two" => on_threads(2, count),
        "grow" => timed(count, grow),
        "zeroed" => timed(count, || drop(black_box(vec![0_u8; 64 << 20]))),
        other => panic!("no task {other}"),
    };
    println!("{ns}");
}

fn timed(count: u32, mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    (0..count).for_each(|_| work());
    started.elapsed().as_nanos() as f64 / f64::from(count)
}

/// Vectors of 64 bytes, one at a time.
fn on_threads(threads: usize, count: u32) -> f64 {
    let work = |core| {
        benches::pin(core);
        let mut number = 0_u64;
        timed(count, || {
            number += 1;
            drop(black_box(vec![number; 8]));
        })
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|core| scope.spawn(move || work(core))).collect();
        let ns = running.into_iter().map(|thread| thread.join().expect("it ends"));
        ns.sum::<f64>() / threads as f64
    })
}

/// Doubles a block up to 64 MiB, without touching it.
fn grow() {
    let mut block: Vec<u8> = Vec::with_capacity(64);
    while block.capacity() < 64 << 20 {
        block.reserve_exact(block.capacity() * 2);
        black_box(&block);
    }
}
