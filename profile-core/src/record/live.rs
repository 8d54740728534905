//! Live bytes of the whole heap, and the most there ever were; and the allowance that keeps the
//! allocator's fast path short.
//!
//! A thread keeps its own difference and adds it to the sum when that has become large: a counter
//! that all threads share costs seven times a bare allocation as soon as two of them allocate. So
//! the sum, and every peak of it, is right to within [`SLACK`] for each thread.
//!
//! The fast path does not even keep the difference. It takes what is allocated off one number and
//! what is freed off another (one instruction each, whose sign is the test), and comes here when
//! either is used up. Whoever wants to see an allocation in the slow way grants less: nothing to a
//! thread without a block, nothing while every block is looked at ([`sizes`](super::sizes)), up to
//! the next sample otherwise ([`held`](super::held)).

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// What a thread may hold back.
const SLACK: i64 = 64 << 10;

/// Bytes that may be allocated and freed. Below 0 they are used up, and stay so until the next
/// grant.
struct Allowance {
    allocated: Cell<i64>,
    freed: Cell<i64>,
}

impl Allowance {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "the start of statics, copied on purpose"
    )]
    const NONE: Allowance = Allowance { allocated: Cell::new(-1), freed: Cell::new(-1) };

    fn set(&self, allocated: i64, freed: i64) {
        self.allocated.set(allocated);
        self.freed.set(freed);
    }
}

thread_local! {
    /// What is left of that which was [`GRANTED`]; nothing in a thread without a block.
    /// Const-initialised and without `Drop`, as `TOP`.
    static LEFT: Allowance = const { Allowance::NONE };
    static GRANTED: Allowance = const { Allowance::NONE };
    /// Not yet in the sum, beside what was allocated and freed since the last grant.
    static HELD_BACK: Cell<i64> = const { Cell::new(0) };
}

/// Every allocation takes the slow way.
static EVERY_BLOCK: AtomicBool = AtomicBool::new(false);

/// From now on every allocation takes the slow way, or does not.
pub(super) fn look_at_every_block(wanted: bool) {
    EVERY_BLOCK.store(wanted, Relaxed);
}

pub(super) fn looks_at_every_block() -> bool {
    EVERY_BLOCK.load(Relaxed)
}

static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);
/// Peaks since moments of their own; a bit for each that is in use.
static WATCHED: AtomicU64 = AtomicU64::new(0);
static PEAKS: [AtomicI64; Watch::MOST] = [const { AtomicI64::new(0) }; Watch::MOST];

/// Takes allocated bytes off the allowance. Whether it is used up: then the slow way is to be
/// taken, which calls [`sum_up`] and [`grant`].
#[inline(always)]
#[must_use]
pub(super) fn spend_allocated(bytes: u64) -> bool {
    LEFT.with(|left| spend(&left.allocated, bytes))
}

/// As [`spend_allocated`], of freed bytes.
#[inline(always)]
#[must_use]
pub(super) fn spend_freed(bytes: u64) -> bool {
    LEFT.with(|left| spend(&left.freed, bytes))
}

#[inline(always)]
fn spend(left: &Cell<i64>, bytes: u64) -> bool {
    let rest = left.get().wrapping_sub(bytes as i64);
    left.set(rest);
    rest < 0
}

/// What was spent was not allocated or freed after all.
#[cold]
pub(super) fn refund(allocated: u64, freed: u64) {
    LEFT.with(|left| {
        left.allocated.set(left.allocated.get().wrapping_add(allocated as i64));
        left.freed.set(left.freed.get().wrapping_add(freed as i64));
    });
}

/// Adds what was allocated and freed since the last grant to what the thread holds back, and
/// publishes that if it is much. Gives the bytes allocated.
pub(super) fn sum_up() -> u64 {
    let (allocated, freed) = used();
    grant_nothing();
    let held_back = HELD_BACK.get().wrapping_add(allocated.wrapping_sub(freed));
    HELD_BACK.set(held_back);
    if held_back.unsigned_abs() > SLACK as u64 / 2 {
        publish_held_back();
    }
    allocated.max(0) as u64
}

/// What was allocated and freed since the last grant.
fn used() -> (i64, i64) {
    let used = |granted: &Cell<i64>, left: &Cell<i64>| granted.get().wrapping_sub(left.get());
    GRANTED.with(|granted| {
        LEFT.with(|left| {
            (used(&granted.allocated, &left.allocated), used(&granted.freed, &left.freed))
        })
    })
}

/// After [`sum_up`]: what may be allocated and freed until the slow way is taken again. No more
/// than keeps the difference within the slack, and no more bytes allocated than to the next sample.
pub(super) fn grant(until_sample: u64) {
    if until_sample == 0 || looks_at_every_block() {
        return;
    }
    let held_back = HELD_BACK.get();
    let (allocated, freed) = (SLACK - held_back, SLACK + held_back);
    let allocated = allocated.min(until_sample as i64);
    GRANTED.with(|granted| granted.set(allocated, freed));
    LEFT.with(|left| left.set(allocated, freed));
}

/// This thread has no block, or none any more: each allocation takes the slow way, and is not in
/// the sum.
pub(super) fn grant_nothing() {
    GRANTED.with(|granted| granted.set(-1, -1));
    LEFT.with(|left| left.set(-1, -1));
}

/// Adds to the sum all that this thread held back.
#[cold]
pub(super) fn publish_held_back() {
    let held_back = HELD_BACK.replace(0);
    let live = LIVE.fetch_add(held_back, Relaxed).wrapping_add(held_back);
    if held_back <= 0 {
        return;
    }
    PEAK.fetch_max(live, Relaxed);
    let mut watched = WATCHED.load(Relaxed);
    while watched != 0 {
        PEAKS[watched.trailing_zeros() as usize].fetch_max(live, Relaxed);
        watched &= watched - 1;
    }
}

/// Live bytes now.
pub(crate) fn bytes() -> u64 {
    LIVE.load(Relaxed).max(0) as u64
}

/// Most live bytes so far.
pub(crate) fn peak_bytes() -> u64 {
    PEAK.load(Relaxed).max(0) as u64
}

/// Watches for the most live bytes from now on.
#[derive(Debug)]
pub(crate) struct Watch(usize);

impl Watch {
    const MOST: usize = 64;

    /// `None`: too many watch already.
    pub(crate) fn new() -> Option<Watch> {
        let take = |taken: u64| (taken != u64::MAX).then(|| taken | 1 << taken.trailing_ones());
        let taken = WATCHED.fetch_update(Relaxed, Relaxed, take).ok()?;
        let watch = Watch(taken.trailing_ones() as usize);
        PEAKS[watch.0].store(LIVE.load(Relaxed), Relaxed);
        Some(watch)
    }

    pub(crate) fn peak_bytes(&self) -> u64 {
        PEAKS[self.0].load(Relaxed).max(0) as u64
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        WATCHED.fetch_and(!(1 << self.0), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_sees_a_peak_and_a_place_is_used_again() {
        let first = Watch::new().expect("a place");
        let (place, before) = (first.0, bytes());
        assert!(spend_allocated(10 << 20));
        assert_eq!(sum_up(), 10 << 20);
        assert!(spend_freed(10 << 20));
        assert_eq!(sum_up(), 0);
        assert!(first.peak_bytes() >= before + (10 << 20), "{}", first.peak_bytes());
        assert!(peak_bytes() >= first.peak_bytes());
        drop(first);
        assert_eq!(Watch::new().map(|watch| watch.0), Some(place));
    }

    #[test]
    fn a_thread_never_holds_back_more_than_the_slack() {
        let held_back = || {
            let (allocated, freed) = used();
            HELD_BACK.get() + allocated - freed
        };
        let settle_and_grant = || {
            sum_up();
            // As `grant` does it between two samples.
            let (allocated, freed) = (SLACK - HELD_BACK.get(), SLACK + HELD_BACK.get());
            GRANTED.with(|granted| granted.set(allocated, freed));
            LEFT.with(|left| left.set(allocated, freed));
        };
        let mut random = 1_u64;
        for turn in 0..100_000 {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(turn);
            let bytes = (random >> 33) % 3_000;
            let grows = turn % 2_000 < 1_000 || random >> 63 == 0;
            if if grows { spend_allocated(bytes) } else { spend_freed(bytes) } {
                settle_and_grant();
            }
            assert!(held_back().abs() <= SLACK, "{}", held_back());
        }
    }
}
