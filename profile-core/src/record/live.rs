//! Live bytes of the whole heap, and the most there ever were.
//!
//! A thread keeps its own difference and adds it to the sum when that has become large: a counter that all threads
//! share costs seven times a bare allocation as soon as two of them allocate. So the sum, and every peak of it, is right to
//! within [`SLACK`] for each thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use super::sizes;

/// What a thread may hold back.
const SLACK: u64 = 64 << 10;
/// See [`see_all`].
const SHIFT: u64 = 1 << 62;

thread_local! {
    /// Not yet in the sum, and [`SLACK`] more: so one comparison finds what is too much and what is too little.
    /// Const-initialised and without `Drop`, as `TOP`.
    static HELD_BACK: Cell<u64> = const { Cell::new(SLACK) };
    /// How far it is shifted beside: 0 or [`SHIFT`].
    static SEES_ALL: Cell<u64> = const { Cell::new(0) };
}

static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);
/// Peaks since moments of their own; a bit for each that is in use.
static WATCHED: AtomicU64 = AtomicU64::new(0);
static PEAKS: [AtomicI64; Watch::MOST] = [const { AtomicI64::new(0) }; Watch::MOST];

/// Bytes were allocated, or freed if below 0. Says whether the slow way is to be taken, which begins with
/// [`publish_if_due`].
#[inline(always)]
#[must_use]
pub(super) fn add(bytes: i64) -> bool {
    let held_back = HELD_BACK.get().wrapping_add(bytes as u64);
    HELD_BACK.set(held_back);
    held_back > 2 * SLACK
}

#[inline(never)]
pub(super) fn publish_if_due() {
    if HELD_BACK.get().wrapping_sub(SEES_ALL.get()) > 2 * SLACK {
        publish();
    }
}

/// From now on every allocation of this thread takes the slow way, or those alone that must. What it holds back is shifted
/// beyond what it may: so whoever wants to see every allocation ([`sizes`](super::sizes)) costs the others no test of
/// their own, which would be 5 % of malloc and free.
pub(super) fn see_all(wanted: bool) {
    let shift = if wanted { SHIFT } else { 0 };
    let held_back = HELD_BACK.get().wrapping_sub(SEES_ALL.replace(shift));
    HELD_BACK.set(held_back.wrapping_add(shift));
}

/// Adds to the sum what this thread held back.
#[cold]
#[inline(never)]
pub(crate) fn publish() {
    see_all(sizes::are_wanted());
    let nothing = SLACK + SEES_ALL.get();
    let held_back = HELD_BACK.replace(nothing).wrapping_sub(nothing) as i64;
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
        let taken = WATCHED.try_update(Relaxed, Relaxed, take).ok()?;
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
        for bytes in [10 << 20, -(10 << 20)] {
            assert!(add(bytes));
            publish_if_due();
        }
        assert!(first.peak_bytes() >= before + (10 << 20), "{}", first.peak_bytes());
        assert!(peak_bytes() >= first.peak_bytes());
        drop(first);
        assert_eq!(Watch::new().map(|watch| watch.0), Some(place));
    }
}
