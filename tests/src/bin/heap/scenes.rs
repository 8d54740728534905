//! Scenes that allocate. Figures are printed as lines `name number`.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use std::hint::black_box;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

use profile_core::profile;
use tests::{peak_resident_bytes, resident_bytes};

pub fn main() {
    let scene = std::env::args().nth(1).expect("the name of a scene");
    match &*scene {
        "simple" => simple(),
        "zeroed" => zeroed(),
        "grow" => grow(),
        "fail" => fail(),
        "cross" => cross(),
        "shapes" => shapes(),
        "threads" => threads(),
        "grow_to_most" => grow_to_most(),
        "forks" => forks(),
        "storm" => storm(),
        _ => panic!("no scene is called {scene}"),
    }
}

#[profile]
fn vector() -> Vec<u64> {
    black_box(Vec::with_capacity(100))
}

#[profile]
fn boxed() -> Box<[u8; 64]> {
    black_box(Box::new([1; 64]))
}

#[profile]
fn text() -> String {
    black_box("0123456789".repeat(10))
}

#[profile]
fn nothing() -> Vec<u8> {
    black_box(Vec::new())
}

/// Retains what two callees return, and frees a block of its own.
#[profile]
fn caller() -> (Vec<u64>, Box<[u8; 64]>) {
    drop(black_box(vec![0_u8; 1000]));
    (vector(), boxed())
}

#[profile]
fn doubles() -> Vec<u8> {
    let mut bytes: Vec<u8> = black_box(Vec::with_capacity(1024));
    bytes.reserve_exact(2048);
    bytes.reserve_exact(4096);
    bytes.shrink_to(1024);
    bytes
}

#[profile]
fn aligned() -> Vec<Aligned> {
    black_box(Vec::with_capacity(3))
}

#[derive(Clone, Copy)]
#[repr(align(4096))]
struct Aligned;

#[repr(align(256))]
struct Wide(#[allow(dead_code, reason = "exists for its size")] [u8; 256]);

#[profile]
fn wide() -> Vec<Wide> {
    black_box(Vec::with_capacity(3))
}

#[profile]
fn frees(value: Vec<u64>) {
    drop(value);
}

fn simple() {
    for _ in 0..10 {
        drop((vector(), boxed(), text(), nothing(), caller(), doubles(), aligned(), wide()));
        let value = black_box(vec![0_u64; 50]);
        frees(value);
    }
}

#[profile]
fn zeroes(bytes: usize) -> Vec<u8> {
    black_box(vec![0; bytes])
}

/// A gibibyte of zeroes that nothing touches.
fn zeroed() {
    drop(zeroes(1 << 20));
    let before = resident_bytes();
    let zeroes = zeroes(1 << 30);
    println!("growth {}", resident_bytes() - before);
    drop(zeroes);
}

#[profile]
fn doubling(most: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::with_capacity(1 << 20);
    bytes.resize(1 << 20, 1);
    while bytes.capacity() < most {
        bytes.reserve_exact(bytes.capacity() * 2 - bytes.len());
    }
    bytes
}

/// Grows to half a gibibyte, of which only one mebibyte is touched: moving pages copies nothing.
fn grow() {
    drop(doubling(2 << 20));
    let before = peak_resident_bytes();
    drop(doubling(512 << 20));
    println!("growth {}", peak_resident_bytes() - before);
}

#[profile]
fn too_much() -> bool {
    let mut bytes = Vec::<u8>::new();
    let refused = bytes.try_reserve_exact(1 << 46).is_err();
    black_box(&bytes);
    refused
}

#[profile]
fn grows_too_much() -> bool {
    let mut bytes = Vec::<u8>::with_capacity(4096);
    let refused = bytes.try_reserve_exact(1 << 46).is_err();
    black_box(&bytes);
    refused
}

fn fail() {
    assert!((0..10).all(|_| too_much()));
    assert!((0..10).all(|_| grows_too_much()));
}

#[profile]
fn produce(send: &mpsc::SyncSender<Box<[u8; 1024]>>) {
    for _ in 0..1000 {
        send.send(black_box(Box::new([0; 1024]))).expect("somebody takes it");
    }
}

#[profile]
fn consume(receive: &mpsc::Receiver<Box<[u8; 1024]>>) {
    for _ in 0..1000 {
        drop(receive.recv().expect("somebody gives it"));
    }
}

/// One thread allocates, another one frees.
fn cross() {
    // Its buffer is allocated here, before the measured functions.
    let (send, receive) = mpsc::sync_channel(2000);
    produce(&send);
    thread::spawn(move || consume(&receive)).join().expect("it ends");
}

const BLOCK: usize = 1 << 20;
const BLOCKS: usize = 10;

/// Allocates them all, and retains them.
#[profile]
fn keeps() -> Vec<Vec<u8>> {
    (0..BLOCKS).map(|_| black_box(Vec::with_capacity(BLOCK))).collect()
}

/// Allocates one at a time, and retains none.
#[profile]
fn churns() {
    for _ in 0..BLOCKS {
        drop(black_box(Vec::<u8>::with_capacity(BLOCK)));
    }
}

/// Grows one by the same amount each time, and retains it.
#[profile]
fn grows() -> Vec<u8> {
    let mut bytes = Vec::new();
    for blocks in 1..=BLOCKS {
        bytes.reserve_exact(blocks * BLOCK);
    }
    bytes
}

fn shapes() {
    let kept = (keeps(), grows());
    churns();
    black_box(&kept);
    // Lives to the end of the process.
    std::mem::forget(kept);
}

#[expect(clippy::vec_box, reason = "many small blocks, to be freed elsewhere")]
#[profile]
fn here_and_there(blocks: Vec<Box<u64>>) -> Vec<Box<u64>> {
    drop(blocks);
    (0..1000).map(|number| black_box(Box::new(number))).collect()
}

/// Eight threads exchange blocks, and read the statistics meanwhile.
fn threads() {
    let mut handed: Vec<Vec<Box<u64>>> = (0..8).map(|_| Vec::new()).collect();
    for _ in 0..100 {
        handed.rotate_left(1);
        handed = thread::scope(|scope| {
            let threads: Vec<_> =
                handed.into_iter().map(|blocks| scope.spawn(|| here_and_there(blocks))).collect();
            drop(profile_core::capture());
            threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
        });
    }
}

/// How many mebibytes the program can hold at once.
fn grow_to_most() {
    let mut kept = Vec::new();
    loop {
        let mut block = Vec::<u8>::new();
        if block.try_reserve_exact(16 << 20).is_err() {
            break;
        }
        kept.push(block);
    }
    println!("most {}", black_box(&kept).len() * 16);
}

/// Slots for blocks that all threads of the storm exchange.
struct Board(Vec<std::sync::Mutex<Vec<u8>>>);

/// The bytes that the program holds in such blocks.
static HELD: AtomicI64 = AtomicI64::new(0);

impl Board {
    /// Takes the block in a slot, changes its size, and puts it back. Blocks are allocated by one
    /// thread, and grown, shrunk and freed by others, even after the first has ended.
    #[profile]
    fn exchange(&self, random: u64) {
        let place = &self.0[random as usize % self.0.len()];
        let mut block = std::mem::take(&mut *place.lock().expect("nobody panics"));
        let before = block.capacity() as i64;
        let size = (random >> 32) as usize % (1 << (random >> 16 & 0xf)) + 1;
        match random >> 8 & 3 {
            0 => block = Vec::new(),
            1 => block = grown(block, size),
            2 => block.shrink_to(size / 2),
            _ => block = black_box(Vec::with_capacity(size)),
        }
        HELD.fetch_add(block.capacity() as i64 - before, Relaxed);
        let found = std::mem::replace(&mut *place.lock().expect("nobody panics"), block);
        HELD.fetch_sub(found.capacity() as i64, Relaxed);
    }
}

#[profile]
fn grown(mut block: Vec<u8>, size: usize) -> Vec<u8> {
    block.reserve_exact(size);
    black_box(block)
}

/// Joined one by one: a scope alone does not wait for what a thread does after its work.
fn sixteen_threads(work: impl Fn(u64) + Sync) {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|number| scope.spawn(move || work(number))).collect();
        threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    });
}

/// Sixteen threads at a time, a hundred times, over the same blocks.
fn storm() {
    let board = Board((0..1000).map(|_| std::sync::Mutex::default()).collect());
    let live = || profile_core::capture().process.heap_bytes.expect("counted") as i64;
    // The first threads leave memory behind.
    sixteen_threads(|_| board.exchange(3));
    let before = live() - HELD.load(Relaxed);
    for round in 0..100_u64 {
        sixteen_threads(|thread| {
            let mut random = (round * 16 + thread + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for _ in 0..500 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                board.exchange(random);
            }
        });
    }
    let counted = live() - before;
    println!("held {}", HELD.load(Relaxed));
    println!("counted {counted}");
}

/// Forty children, more than the numbers that a run of forks may waste, each with a thread that
/// allocates.
fn forks() {
    black_box(vector());
    for _ in 0..40 {
        // SAFETY: there is one thread here, so the child may do whatever its parent may.
        let child = unsafe { libc::fork() };
        assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
        if child == 0 {
            // SAFETY: plain system call; it ends a child that hangs.
            unsafe { libc::alarm(10) };
            black_box(vec![0_u8; 1 << 16]);
            thread::spawn(|| drop(black_box((vector(), vector())))).join().expect("it ends");
            std::process::exit(0);
        }
        black_box(vector());
        let mut status = 0;
        // SAFETY: `status` is written to.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0, "a child's end");
    }
}
