//! The most that was held at a time for a call that has handed work on, by its own thread and by
//! all others that work for it.
//!
//! No thread knows what the others hold while it allocates: a counter that they share would cost
//! each several times its allocation. What each has held at most is in its frame, where any may
//! read it. So when a piece of work is done, it adds up its own and those of the pieces that still
//! run. That is exact where one runs at a time, and where several do it takes their peaks to
//! coincide.
//!
//! Two tables of fixed size and no lock: this runs wherever a pool begins and ends a task.

use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, AtomicUsize, Ordering::*};

use super::frame::live_bytes;
use crate::segment::layout::{Frame, flags, heap};

/// Open calls that have handed work on, at a time. One that finds no room has the peak of its own
/// thread alone.
const CALLS: usize = 256;
/// Places in which a call may be found, from the one of its number on.
const NEAR: u64 = 16;
/// Nothing was raised yet.
const NONE: i64 = i64::MIN;
/// Pieces of work that run at a time and are seen by others.
const PIECES: usize = 256;

/// A call, by its number plus one; 0: free. Its own thread takes the place and gives it back.
struct Call {
    number: AtomicU64,
    peak: AtomicI64,
}

static HANDED: [Call; CALLS] =
    [const { Call { number: AtomicU64::new(0), peak: AtomicI64::new(NONE) } }; CALLS];

fn places(number: u64) -> impl Iterator<Item = &'static Call> {
    (number..number + NEAR).map(|place| &HANDED[place as usize % CALLS])
}

fn find(number: u64) -> Option<&'static Call> {
    places(number).find(|call| call.number.load(Acquire) == number + 1)
}

/// A call hands work on for the first time.
pub(super) fn begin(number: u64) {
    let take = |call: &&Call| {
        call.number.load(Relaxed) == 0
            && call.number.compare_exchange(0, number + 1, AcqRel, Relaxed).is_ok()
    };
    if let Some(call) = places(number).find(take) {
        call.peak.store(NONE, Relaxed);
    }
}

/// So much was held for it at a time.
pub(super) fn raise(number: u64, bytes: i64) {
    if let Some(call) = find(number) {
        call.peak.fetch_max(bytes, Relaxed);
    }
}

/// The most so far.
pub(super) fn peak(number: u64) -> Option<i64> {
    let peak = find(number)?.peak.load(Relaxed);
    (peak != NONE).then_some(peak)
}

/// From now on the most begins anew, or continues from what it was. Gives what it was.
pub(super) fn replace(number: u64, peak: Option<i64>) -> Option<i64> {
    let before = find(number)?.peak.swap(peak.unwrap_or(NONE), Relaxed);
    (before != NONE).then_some(before)
}

/// The call is over.
pub(super) fn end(number: u64) -> Option<i64> {
    let call = find(number)?;
    let peak = call.peak.load(Relaxed);
    call.number.store(0, Release);
    (peak != NONE).then_some(peak)
}

/// A piece of work that runs: for which call, and the frame it runs in. Null: free.
struct Piece {
    number: AtomicU64,
    frame: AtomicPtr<Frame>,
}

static RUNNING: [Piece; PIECES] =
    [const { Piece { number: AtomicU64::new(0), frame: AtomicPtr::new(std::ptr::null_mut()) } };
        PIECES];
/// Places from here on were never taken.
static USED: AtomicUsize = AtomicUsize::new(0);

/// The place of a piece of work, until it is dropped.
#[derive(Debug)]
pub(super) struct Running {
    place: usize,
    number: u64,
}

impl Running {
    /// `None`: too many run already.
    pub(super) fn new(number: u64, frame: &'static Frame) -> Option<Running> {
        let frame = std::ptr::from_ref(frame).cast_mut();
        let take = |piece: &Piece| {
            piece.frame.load(Relaxed).is_null()
                && piece
                    .frame
                    .compare_exchange(std::ptr::null_mut(), frame, AcqRel, Relaxed)
                    .is_ok()
        };
        let place = RUNNING.iter().position(take)?;
        RUNNING[place].number.store(number + 1, Release);
        USED.fetch_max(place + 1, Relaxed);
        Some(Running { place, number })
    }

    /// What others that run for the same call have held at most, together.
    pub(super) fn peak_of_others(&self) -> i64 {
        let used = &RUNNING[..USED.load(Relaxed)];
        let others = used.iter().enumerate().filter(|(place, _)| *place != self.place);
        others.filter_map(|(_, piece)| piece.peak_for(self.number)).fold(0, i64::saturating_add)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let piece = &RUNNING[self.place];
        piece.number.store(0, Release);
        piece.frame.store(std::ptr::null_mut(), Release);
    }
}

impl Piece {
    fn peak_for(&self, number: u64) -> Option<i64> {
        let is_for_it = || self.number.load(Acquire) == number + 1;
        if !is_for_it() {
            return None;
        }
        // SAFETY: null, or a frame, which is never unmapped; its words may be read by any thread.
        let frame = unsafe { self.frame.load(Acquire).as_ref() }?;
        let peak = (frame.peak_bytes.get() as i64).max(live_bytes(frame));
        // Still the same piece: if not, the frame may be another call's by now.
        is_for_it().then_some(peak.max(0))
    }
}

/// The most that was held at a time for the call in a frame by all threads, if others worked for
/// it.
pub(crate) fn peak_with_others(frame: &Frame) -> Option<i64> {
    let known = frame.flags.get();
    (known & flags::HANDED_ON != 0).then(|| peak(known >> flags::CALL_SHIFT))?
}

/// Lets that begin anew, or from something higher. Gives what it was.
pub(crate) fn replace_peak_with_others(frame: &Frame, peak: Option<i64>) -> Option<i64> {
    let known = frame.flags.get();
    (known & flags::HANDED_ON != 0).then(|| replace(known >> flags::CALL_SHIFT, peak))?
}

/// The call in a frame is over: what other threads counted for it, and the most that was held at a
/// time, become its own.
pub(crate) fn take_back(frame: &Frame) {
    let known = frame.flags.get();
    if known & flags::HANDED_ON == 0 {
        return;
    }
    for (own, carried) in frame.heap.iter().zip(&frame.carried) {
        own.add(carried.shared().swap(0, Relaxed));
    }
    if let Some(peak) = end(known >> flags::CALL_SHIFT) {
        let own = frame.peak_bytes.get() as i64;
        frame.peak_bytes.set(own.max(peak) as u64);
    }
}

/// By its own thread, and by work that it handed on and that is done.
pub(crate) fn held_by(frame: &Frame) -> i64 {
    let word = |place: usize| frame.carried[place].get();
    let carried = word(heap::ALLOCATED_BYTES).wrapping_sub(word(heap::FREED_BYTES)) as i64;
    live_bytes(frame).saturating_add(carried)
}

/// In the child of a `fork`: nothing of the parent's runs here.
pub(super) fn forget() {
    HANDED.iter().for_each(|call| call.number.store(0, Relaxed));
    for piece in &RUNNING {
        piece.number.store(0, Relaxed);
        piece.frame.store(std::ptr::null_mut(), Relaxed);
    }
}
