//! Live bytes of the whole heap and their peak, and the allowance that keeps the allocator's fast
//! path short.
//!
//! A thread accumulates its own difference, and adds it to the total when it has become large: a
//! counter shared by all threads costs seven times a plain allocation as soon as two of them
//! allocate. So the total, and every peak of it, is accurate to within [`SLACK`] per thread.
//!
//! The fast path does not even update the difference. It subtracts allocated bytes from one number
//! and freed bytes from another (one instruction each, whose sign is the test), and comes here when
//! either is used up. If an allocation must take the slow path, a smaller allowance is granted:
//! nothing to a thread without a block, nothing while every block is examined
//! ([`sizes`](super::sizes)), otherwise only up to the next sample ([`held`](super::held)).

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// Maximum difference that a thread may hold back.
const SLACK: i64 = 64 << 10;

/// Bytes that may be allocated and freed. Negative numbers mean that they are used up, until the
/// next grant.
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
    /// What remains of [`GRANTED`]; nothing in a thread without a block. Const-initialized and
    /// without `Drop`, like `TOP`.
    static LEFT: Allowance = const { Allowance::NONE };
    static GRANTED: Allowance = const { Allowance::NONE };
    /// Not yet in the total, in addition to what was allocated and freed since the last grant.
    static HELD_BACK: Cell<i64> = const { Cell::new(0) };
}

/// Whether every allocation takes the slow path.
static EVERY_BLOCK: AtomicBool = AtomicBool::new(false);

/// Sets whether every allocation takes the slow path from now on.
pub(super) fn set_every_block(enabled: bool) {
    EVERY_BLOCK.store(enabled, Relaxed);
}

pub(super) fn is_every_block() -> bool {
    EVERY_BLOCK.load(Relaxed)
}

static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);
/// Peaks since individual moments; one bit for each that is in use.
static WATCHED: AtomicU64 = AtomicU64::new(0);
static PEAKS: [AtomicI64; Watch::MOST] = [const { AtomicI64::new(0) }; Watch::MOST];

/// Subtracts allocated bytes from the allowance. Returns whether it is used up; the slow path must
/// then be taken, which calls [`account_used`] and [`grant`].
#[inline(always)]
#[must_use]
pub(super) fn spend_allocated(bytes: u64) -> bool {
    LEFT.with(|left| spend(&left.allocated, bytes))
}

/// Like [`spend_allocated`], for freed bytes.
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

/// Undoes spending if nothing was allocated or freed after all.
#[cold]
pub(super) fn refund(allocated: u64, freed: u64) {
    LEFT.with(|left| {
        left.allocated.set(left.allocated.get().wrapping_add(allocated as i64));
        left.freed.set(left.freed.get().wrapping_add(freed as i64));
    });
}

/// Adds what was allocated and freed since the last grant to what the thread holds back, and
/// publishes that if it is large. Returns the bytes allocated.
pub(super) fn account_used() -> u64 {
    let (allocated, freed) = used();
    grant_nothing();
    let held_back = HELD_BACK.get().wrapping_add(allocated.wrapping_sub(freed));
    HELD_BACK.set(held_back);
    if held_back.unsigned_abs() > SLACK as u64 / 2 {
        publish_held_back();
    }
    allocated.max(0) as u64
}

/// Bytes allocated and freed since the last grant.
fn used() -> (i64, i64) {
    let used = |granted: &Cell<i64>, left: &Cell<i64>| granted.get().wrapping_sub(left.get());
    GRANTED.with(|granted| {
        LEFT.with(|left| {
            (used(&granted.allocated, &left.allocated), used(&granted.freed, &left.freed))
        })
    })
}

/// After [`account_used`]: sets how much may be allocated and freed until the slow path is taken
/// again. Not so much that the difference exceeds the slack, and no more allocated bytes than up to
/// the next sample.
pub(super) fn grant(until_sample: u64) {
    if until_sample == 0 || is_every_block() {
        return;
    }
    let held_back = HELD_BACK.get();
    let (allocated, freed) = (SLACK - held_back, SLACK + held_back);
    let allocated = allocated.min(until_sample as i64);
    GRANTED.with(|granted| granted.set(allocated, freed));
    LEFT.with(|left| left.set(allocated, freed));
}

/// For a thread that has no block (any more): each allocation takes the slow path, and is not in
/// the total.
pub(super) fn grant_nothing() {
    GRANTED.with(|granted| granted.set(-1, -1));
    LEFT.with(|left| left.set(-1, -1));
}

/// Adds everything that this thread held back to the total.
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

/// Tracks the peak of the live bytes from now on.
#[derive(Debug)]
pub(crate) struct Watch(usize);

impl Watch {
    const MOST: usize = 64;

    /// `None` if there are too many watches already.
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
    fn a_watch_sees_a_peak_and_a_slot_is_reused() {
        let first = Watch::new().expect("a free slot");
        let (slot, before) = (first.0, bytes());
        assert!(spend_allocated(10 << 20));
        assert_eq!(account_used(), 10 << 20);
        assert!(spend_freed(10 << 20));
        assert_eq!(account_used(), 0);
        assert!(first.peak_bytes() >= before + (10 << 20), "{}", first.peak_bytes());
        assert!(peak_bytes() >= first.peak_bytes());
        drop(first);
        assert_eq!(Watch::new().map(|watch| watch.0), Some(slot));
    }

    #[test]
    fn a_thread_never_holds_back_more_than_the_slack() {
        let held_back = || {
            let (allocated, freed) = used();
            HELD_BACK.get() + allocated - freed
        };
        let account_and_grant = || {
            account_used();
            // As `grant` does between two samples.
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
                account_and_grant();
            }
            assert!(held_back().abs() <= SLACK, "{}", held_back());
        }
    }
}
