//! Models of what threads do to each other through the segment, explored by loom: every order of the steps, every
//! value that the memory model lets a thread see. The steps are those of `record::push`, `record::fold`,
//! `snapshot::read::state_of` and `record::thread::reuse`, with a ring of two.

use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::thread;
use std::sync::atomic::Ordering::{self, *};

const RING: u64 = 2;
const TICKS: u64 = 7;

#[derive(Default)]
struct Edge {
    pushed: AtomicU64,
    folded: AtomicU64,
    ticks: AtomicU64,
    ring: [AtomicU64; RING as usize],
}

/// The owner's own view. The real owner loads its words back from the segment; as their only writer it gets
/// what is kept here. (Loads of the writer would also hide the reader's from loom's choice of orders to try.)
#[derive(Default)]
struct Owner {
    pushed: u64,
    folded: u64,
    ticks: u64,
    ring: [u64; RING as usize],
}

impl Owner {
    /// As `record::push`: the slot, then the count, both released.
    fn push(&mut self, edge: &Edge, fold: Ordering) {
        let slot = (self.pushed % RING) as usize;
        self.ring[slot] = TICKS;
        edge.ring[slot].store(TICKS, Release);
        self.pushed += 1;
        edge.pushed.store(self.pushed, Release);
        if self.pushed % RING == 0 {
            self.fold(edge, fold);
        }
    }

    /// As `record::fold::fold`.
    fn fold(&mut self, edge: &Edge, order: Ordering) {
        self.ticks +=
            (self.folded..self.pushed).map(|turn| self.ring[(turn % RING) as usize]).sum::<u64>();
        edge.ticks.store(self.ticks, order);
        self.folded = self.pushed;
        edge.folded.store(self.folded, Release);
    }
}

impl Edge {
    /// As `snapshot::read`: calls and their time, or nothing if the owner was at work meanwhile.
    fn read(&self, again: bool) -> Option<(u64, u64)> {
        let (folded, pushed) = (self.folded.load(Acquire), self.pushed.load(Acquire));
        let pending = (pushed - folded.min(pushed)).min(RING);
        let ticks = self.ticks.load(Acquire);
        let waiting: u64 = (pushed - pending..pushed)
            .map(|turn| self.ring[(turn % RING) as usize].load(Acquire))
            .sum();
        let unchanged = self.folded.load(Acquire) == folded && self.pushed.load(Acquire) == pushed;
        (!again || (unchanged && pending < RING)).then_some((pushed, ticks + waiting))
    }
}

fn a_reader_beside_a_writer(again: bool, fold: Ordering) {
    loom::model(move || {
        let edge = Arc::new(Edge::default());
        let writer = {
            let edge = Arc::clone(&edge);
            thread::spawn(move || {
                let mut owner = Owner::default();
                (0..3).for_each(|_| owner.push(&edge, fold));
            })
        };
        if let Some((calls, ticks)) = edge.read(again) {
            assert_eq!(ticks, calls * TICKS);
        }
        writer.join().expect("the writer ends");
        assert_eq!(edge.read(again), Some((3, 3 * TICKS)), "nothing is lost");
    });
}

#[test]
fn calls_and_their_time_belong_together_at_any_moment() {
    a_reader_beside_a_writer(true, Release);
}

#[test]
#[should_panic(expected = "assertion")]
fn a_reader_that_does_not_look_again_is_caught() {
    a_reader_beside_a_writer(false, Release);
}

#[test]
#[should_panic(expected = "assertion")]
fn a_sum_that_is_not_released_is_caught() {
    a_reader_beside_a_writer(true, Relaxed);
}

/// As `record::thread::{reuse, release}`: a block has one owner at a time, and the next owner sees all the
/// previous one wrote.
#[test]
fn a_block_handed_on_keeps_its_totals() {
    loom::model(|| {
        let owned = Arc::new(AtomicU64::new(0));
        let total = Arc::new(AtomicU64::new(0));
        let recorded = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (owned, total, recorded) =
                    (Arc::clone(&owned), Arc::clone(&total), Arc::clone(&recorded));
                thread::spawn(move || {
                    if owned.compare_exchange(0, 1, Acquire, Relaxed).is_ok() {
                        // Load, add, store: right only because nobody else writes.
                        total.store(total.load(Relaxed) + 1, Relaxed);
                        recorded.fetch_add(1, Relaxed);
                        owned.store(0, Release);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
        assert_eq!(total.load(Relaxed), recorded.load(Relaxed));
    });
}
