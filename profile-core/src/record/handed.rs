//! The peak of the memory held for a call that spawned work, by its own thread and by all others
//! that work for it.
//!
//! No thread knows what the others hold while it allocates: a shared counter would cost each
//! several times its allocation. Each thread's peak is in its frame, where any thread may read it.
//! So when a piece of work ends, it adds its own peak to those of the pieces still running. That is
//! exact if one runs at a time; if several do, their peaks are assumed to coincide.
//!
//! Two tables of fixed size and no lock, because this runs whenever a pool begins or ends a task.

use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, AtomicUsize, Ordering::*};

use super::frame::live_bytes;
use crate::segment::layout::{Frame, flags, heap};

/// Maximum number of open calls that have spawned work. A call without a free slot has only the
/// peak of its own thread.
const CALLS: usize = 256;
/// Number of slots in which a call may be found, starting from its number.
const NEAR: u64 = 16;
/// No peak yet.
const NONE: i64 = i64::MIN;
/// Maximum number of concurrent pieces of work that others can see.
const PIECES: usize = 256;

/// A call, by its number plus one; 0 if free. Its own thread takes the slot and releases it.
struct Call {
    number: AtomicU64,
    peak: AtomicI64,
}

static HANDED: [Call; CALLS] =
    [const { Call { number: AtomicU64::new(0), peak: AtomicI64::new(NONE) } }; CALLS];

fn slots(number: u64) -> impl Iterator<Item = &'static Call> {
    (number..number + NEAR).map(|slot| &HANDED[slot as usize % CALLS])
}

fn find(number: u64) -> Option<&'static Call> {
    slots(number).find(|call| call.number.load(Acquire) == number + 1)
}

/// Takes a slot for a call that spawns work for the first time.
pub(super) fn begin(number: u64) {
    let take = |call: &&Call| {
        call.number.load(Relaxed) == 0
            && call.number.compare_exchange(0, number + 1, AcqRel, Relaxed).is_ok()
    };
    if let Some(call) = slots(number).find(take) {
        call.peak.store(NONE, Relaxed);
    }
}

/// Raises the peak of a call to this many bytes.
pub(super) fn raise(number: u64, bytes: i64) {
    if let Some(call) = find(number) {
        call.peak.fetch_max(bytes, Relaxed);
    }
}

/// The peak so far.
pub(super) fn peak(number: u64) -> Option<i64> {
    let peak = find(number)?.peak.load(Relaxed);
    (peak != NONE).then_some(peak)
}

/// Resets the peak, or restores an earlier one. Returns the previous peak.
pub(super) fn replace(number: u64, peak: Option<i64>) -> Option<i64> {
    let before = find(number)?.peak.swap(peak.unwrap_or(NONE), Relaxed);
    (before != NONE).then_some(before)
}

/// Ends the call and returns its peak.
pub(super) fn end(number: u64) -> Option<i64> {
    let call = find(number)?;
    let peak = call.peak.load(Relaxed);
    call.number.store(0, Release);
    (peak != NONE).then_some(peak)
}

/// A running piece of work: the call it belongs to, and the frame it runs in. A null frame means
/// free.
struct Piece {
    number: AtomicU64,
    frame: AtomicPtr<Frame>,
}

static RUNNING: [Piece; PIECES] =
    [const { Piece { number: AtomicU64::new(0), frame: AtomicPtr::new(std::ptr::null_mut()) } };
        PIECES];
/// Slots from this index on were never taken.
static USED: AtomicUsize = AtomicUsize::new(0);

/// The slot of a piece of work, until it is dropped.
#[derive(Debug)]
pub(super) struct Running {
    slot: usize,
    number: u64,
}

impl Running {
    /// `None` if too many are running already.
    pub(super) fn new(number: u64, frame: &'static Frame) -> Option<Running> {
        let frame = std::ptr::from_ref(frame).cast_mut();
        let take = |piece: &Piece| {
            piece.frame.load(Relaxed).is_null()
                && piece
                    .frame
                    .compare_exchange(std::ptr::null_mut(), frame, AcqRel, Relaxed)
                    .is_ok()
        };
        let slot = RUNNING.iter().position(take)?;
        RUNNING[slot].number.store(number + 1, Release);
        USED.fetch_max(slot + 1, Relaxed);
        Some(Running { slot, number })
    }

    /// The sum of the peaks of other pieces of work that run for the same call.
    pub(super) fn peak_of_others(&self) -> i64 {
        let used = &RUNNING[..USED.load(Relaxed)];
        let others = used.iter().enumerate().filter(|(slot, _)| *slot != self.slot);
        others.filter_map(|(_, piece)| piece.peak_for(self.number)).fold(0, i64::saturating_add)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let piece = &RUNNING[self.slot];
        piece.number.store(0, Release);
        piece.frame.store(std::ptr::null_mut(), Release);
    }
}

impl Piece {
    fn peak_for(&self, number: u64) -> Option<i64> {
        let is_same = || self.number.load(Acquire) == number + 1;
        if !is_same() {
            return None;
        }
        // SAFETY: null, or a frame, which is never unmapped; its words may be read by any thread.
        let frame = unsafe { self.frame.load(Acquire).as_ref() }?;
        let peak = (frame.peak_bytes.get() as i64).max(live_bytes(frame));
        // If it is no longer the same piece, the frame may belong to another call by now.
        is_same().then_some(peak.max(0))
    }
}

/// The peak held for the call in a frame by all threads, if others worked for it.
pub(crate) fn peak_with_others(frame: &Frame) -> Option<i64> {
    let known = frame.flags.get();
    (known & flags::HANDED_ON != 0).then(|| peak(known >> flags::CALL_SHIFT))?
}

/// Resets that peak, or raises it to a given one. Returns the previous peak.
pub(crate) fn replace_peak_with_others(frame: &Frame, peak: Option<i64>) -> Option<i64> {
    let known = frame.flags.get();
    (known & flags::HANDED_ON != 0).then(|| replace(known >> flags::CALL_SHIFT, peak))?
}

/// Ends the call in a frame: adds the counters and the peak of other threads that worked for it to
/// its own.
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

/// Bytes held by its own thread, and by spawned work that has ended.
pub(crate) fn held_by(frame: &Frame) -> i64 {
    let word = |index: usize| frame.carried[index].get();
    let carried = word(heap::ALLOCATED_BYTES).wrapping_sub(word(heap::FREED_BYTES)) as i64;
    live_bytes(frame).saturating_add(carried)
}

/// In the child of a `fork`: no work of the parent runs here.
pub(super) fn forget() {
    HANDED.iter().for_each(|call| call.number.store(0, Relaxed));
    for piece in &RUNNING {
        piece.number.store(0, Relaxed);
        piece.frame.store(std::ptr::null_mut(), Relaxed);
    }
}
