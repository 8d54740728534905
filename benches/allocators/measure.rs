//! A row of the table: an allocator and the system's take turns, pinned to a core, less than a time slice each; a figure is
//! the median of the rounds' ratios.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use benches::{median, pin};

const ROUNDS: usize = 301;
const CALLS: u32 = 5_000;

pub(crate) fn row<A: GlobalAlloc + Sync>(name: &str, allocator: &A) {
    pin(0);
    let one =
        median((0..ROUNDS).map(|_| ratio(allocator, |it| small(it), |it| small(it))).collect());
    let two = two_threads(allocator);
    let large = |work: fn(&dyn GlobalAlloc) -> u64| {
        median((0..21).map(|_| work(allocator) as f64 / work(&System).max(1) as f64).collect())
    };
    println!("| {name} | {one:.2} | {two:.2} | {:.2} | {:.2} |", large(grow), large(zeroed));
}

fn ratio<A>(allocator: &A, work: impl Fn(&A) -> u64, plain: impl Fn(&System) -> u64) -> f64 {
    let plain_ns = plain(&System);
    work(allocator) as f64 / plain_ns as f64
}

/// Both threads through the allocator, against both through the system's.
fn two_threads<A: GlobalAlloc + Sync>(allocator: &A) -> f64 {
    let meet = Barrier::new(2);
    let rounds = |place| {
        pin(place);
        let round = |_| {
            meet.wait();
            let plain = small(&System);
            meet.wait();
            small(allocator) as f64 / plain as f64
        };
        median((0..ROUNDS).map(round).collect())
    };
    std::thread::scope(|scope| {
        let second = scope.spawn(|| rounds(1));
        let first = rounds(0);
        f64::midpoint(first, second.join().expect("a thread ends"))
    })
}

#[inline(never)]
fn small<A: GlobalAlloc>(allocator: &A) -> u64 {
    let layout = Layout::new::<[u64; 8]>();
    let started = Instant::now();
    for _ in 0..CALLS {
        // SAFETY: the layout's size is not zero, and the block is freed with the layout it was allocated with.
        unsafe {
            let block = black_box(allocator.alloc(layout));
            allocator.dealloc(block, layout);
        }
    }
    started.elapsed().as_nanos() as u64
}

/// Doubles a block up to 64 MiB, without touching it.
fn grow(allocator: &dyn GlobalAlloc) -> u64 {
    let started = Instant::now();
    let mut layout = Layout::new::<[u64; 8]>();
    // SAFETY: sizes are not zero, and each layout is that of the block as it stands.
    unsafe {
        let mut block = allocator.alloc(layout);
        while layout.size() < 64 << 20 {
            let size = layout.size() * 2;
            block = black_box(allocator.realloc(block, layout, size));
            layout = Layout::from_size_align_unchecked(size, layout.align());
        }
        allocator.dealloc(block, layout);
    }
    started.elapsed().as_nanos() as u64
}

fn zeroed(allocator: &dyn GlobalAlloc) -> u64 {
    let layout = Layout::new::<[u64; 8 << 20]>();
    let started = Instant::now();
    // SAFETY: as above.
    unsafe {
        let block = black_box(allocator.alloc_zeroed(layout));
        allocator.dealloc(block, layout);
    }
    started.elapsed().as_nanos() as u64
}
