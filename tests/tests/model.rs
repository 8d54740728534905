//! Models of how threads interact through the segment, explored by loom: every order of the steps,
//! every value that the memory model allows. The steps are those of `record::end`, `record::fold`,
//! `snapshot::read` and `record::thread::reuse`.

use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::thread;
use std::sync::atomic::Ordering::{self, *};

const RING: u64 = 2;
const TICKS: u64 = 7;
/// A frame's word while its call is open, and while it ends: the count from which on the call is
/// counted.
const OPEN: u64 = 1;
const CLOSING: u64 = 1 << 63;

#[derive(Default)]
struct Edge {
    pushed: AtomicU64,
    folded: AtomicU64,
    ticks: AtomicU64,
    ring: [AtomicU64; RING as usize],
    /// The only frame of this edge: whether it is open, and its word.
    frame: AtomicU64,
    started: AtomicU64,
}

/// The owner's own view. The real owner loads its words from the segment; as their only writer it
/// reads the values in here. (Loads by the writer would also reduce the orders that loom explores.)
#[derive(Default)]
struct Owner {
    pushed: u64,
    folded: u64,
    ticks: u64,
    ring: [u64; RING as usize],
}

impl Owner {
    fn call(&mut self, edge: &Edge, fold: Ordering) {
        edge.started.store(OPEN, Relaxed);
        edge.frame.store(1, Release);
        self.end(edge, fold);
    }

    /// As `record::end`: the slot, the frame's word, the count, the end of the frame; then the
    /// previous call.
    fn end(&mut self, edge: &Edge, fold: Ordering) {
        let slot = (self.pushed % RING) as usize;
        self.ring[slot] = TICKS;
        edge.ring[slot].store(TICKS, Release);
        self.pushed += 1;
        edge.started.store(CLOSING | self.pushed, Release);
        edge.pushed.store(self.pushed, Release);
        edge.frame.store(0, Release);
        if self.pushed - self.folded == RING {
            self.fold(edge, fold);
        }
    }

    /// As `record::fold`.
    fn fold(&mut self, edge: &Edge, order: Ordering) {
        self.ticks += self.ring[(self.folded % RING) as usize];
        edge.ticks.store(self.ticks, order);
        self.folded += 1;
        edge.folded.store(self.folded, Release);
    }
}

impl Edge {
    /// As `snapshot::read`: calls and their time, or nothing if the owner wrote meanwhile.
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

    /// As `snapshot::read`: calls ended and open. The frame is read first, and again after the
    /// count.
    fn calls(&self, heed_closing: bool) -> (u64, u64) {
        let frame = || (self.frame.load(Acquire), self.started.load(Acquire));
        let before = frame();
        let pushed = self.pushed.load(Acquire);
        let counted = before.1 & CLOSING != 0 && pushed >= before.1 & !CLOSING;
        let open = before.0 != 0 && frame() == before && !(heed_closing && counted);
        (pushed, u64::from(open))
    }
}

fn a_reader_beside_a_writer(again: bool, fold: Ordering) {
    loom::model(move || {
        let edge = Arc::new(Edge::default());
        let writer = {
            let edge = Arc::clone(&edge);
            thread::spawn(move || {
                let mut owner = Owner::default();
                (0..3).for_each(|_| owner.end(&edge, fold));
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

/// One call: it is never seen as both ended and open.
fn a_call_is_seen_once(heed_closing: bool) {
    loom::model(move || {
        let edge = Arc::new(Edge::default());
        let writer = {
            let edge = Arc::clone(&edge);
            thread::spawn(move || Owner::default().call(&edge, Release))
        };
        let (ended, open) = edge.calls(heed_closing);
        assert!(ended + open <= 1, "ended {ended}, open {open}");
        writer.join().expect("the writer ends");
        assert_eq!(edge.calls(heed_closing), (1, 0));
    });
}

#[test]
fn a_call_is_never_both_ended_and_open() {
    a_call_is_seen_once(true);
}

#[test]
#[should_panic(expected = "ended 1, open 1")]
fn a_reader_that_ignores_the_word_of_a_closing_frame_is_caught() {
    a_call_is_seen_once(false);
}

/// As `record::thread::{reuse, release}`: a block has one owner at a time, and the next owner sees
/// everything that the previous one wrote.
#[test]
fn a_reused_block_keeps_its_totals() {
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
                        // Load, add, store: correct only because there is one writer.
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
