//! Whether a call kept its limits. Here is only what is asked at its end, at no cost for a call that is short and allocates nothing:
//! the judge himself sits elsewhere, and may take his time.

use std::cell::Cell;
use std::sync::OnceLock;

use super::counters::{self, HeapCounts};
use super::frame::site_of;
use super::{policy, thread};
use crate::callsite::{CallSite, Kind};
use crate::clock::Clock;
use crate::segment::layout::{Edge, Frame, HeapTally, buckets, flags, heap};

/// What a call took that has ended, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) site: &'static CallSite,
    pub(crate) time_ns: Option<u64>,
    pub(crate) heap: Option<HeapCounts>,
    /// Whether a panic may begin here.
    pub(crate) may_throw: bool,
}

type Judge = fn(Ended);
static JUDGE: OnceLock<Judge> = OnceLock::new();

/// Who looks at calls that may have broken a limit.
pub(crate) fn appoint(judge: Judge) {
    let _ = JUDGE.set(judge);
}

thread_local! {
    /// What the call allocated that is just ending, if that is too much.
    static ALLOCATED: Cell<Option<HeapCounts>> = const { Cell::new(None) };
    /// The call that is just ending is not judged.
    static IS_LEFT_ALONE: Cell<bool> = const { Cell::new(false) };
    /// No panic may begin while spans are closed in place of their guards.
    static IS_CALM: Cell<bool> = const { Cell::new(false) };
}

/// A limit in ticks is a little too low, since the rate of the clock is known the better the longer a run is; the judge looks again.
const MARGIN: f64 = 0.98;

/// From how many ticks on a call of the site is looked at in the slow way.
pub(super) fn slow_above(site: &CallSite) -> u64 {
    let limit_ns = site.limits().and_then(|limits| limits.call.time_ns);
    let ticks = limit_ns.map_or(u64::MAX, |ns| policy::rate().ticks(ns as f64 * MARGIN));
    ticks.min(thread::ANCHOR_AFTER)
}

/// What calls of the site may allocate, as [`HeapTally::limits`]; the most there is where there is no limit. Polls of an async function
/// are no calls.
pub(super) fn heap_limits(site: &CallSite) -> Option<[u64; 4]> {
    let limits = site.limits().filter(|_| site.kind() != Kind::Async)?.call;
    let all =
        [limits.allocations, limits.allocated_bytes, limits.peak_bytes, limits.retained_bytes];
    limits.are_of_heap().then(|| all.map(|limit| limit.unwrap_or(u64::MAX)))
}

/// Whether a call allocated more than the function may.
pub(super) fn breaks(function: &HeapTally, (counts, peak): &HeapCounts) -> bool {
    let live = counts[heap::ALLOCATED_BYTES].wrapping_sub(counts[heap::FREED_BYTES]);
    let retained = live.cast_signed().max(0).cast_unsigned();
    let used = [counts[heap::ALLOCATIONS], counts[heap::ALLOCATED_BYTES], *peak, retained];
    used.iter().zip(&function.limits).any(|(used, most)| *used > most.get())
}

/// Keeps what a call has allocated until it is over.
#[cold]
pub(super) fn keep(heap: HeapCounts) {
    ALLOCATED.set(Some(heap));
}

/// A long call is over, or one that allocated too much. A clock that stepped back says nothing.
pub(super) fn ended(edge: &Edge, ticks: Option<u64>) {
    let ticks = ticks.and_then(buckets::duration);
    let (site, heap) = (site_of(edge), ALLOCATED.take());
    let wants_judge = site.limits().is_some() && !IS_LEFT_ALONE.get();
    let Some(judge) = JUDGE.get().filter(|_| wants_judge) else { return };
    let may_throw = !IS_CALM.get() && !std::thread::panicking();
    let time_ns = ticks.map(|ticks| policy::rate().ns(ticks));
    judge(Ended { site, time_ns, heap, may_throw });
}

/// A call is over of which only what it allocated may still have to be looked at.
pub(super) fn allocated(edge: &Edge) {
    if ALLOCATED.get().is_some() {
        ended(edge, None);
    }
}

/// Around the end of a call that was judged already.
#[cold]
pub(super) fn leave_alone(is_left_alone: bool) {
    IS_LEFT_ALONE.set(is_left_alone);
    ALLOCATED.set(None);
}

/// A call that is open, and about to return.
pub(crate) struct Open {
    pub(crate) site: &'static CallSite,
    frame: &'static Frame,
    pub(crate) time_ns: Option<u64>,
    pub(crate) heap: HeapCounts,
}

/// The call of a guard's frame: how long it took so far, and what it has allocated. `None`: it is not recorded, or is the parent's of a forked
/// child.
pub(crate) fn open_call(frame: &'static Frame) -> Option<Open> {
    // SAFETY: null, or an edge, which is never freed.
    open(frame, unsafe { frame.edge.get().as_ref() }?)
}

/// The same of the poll that is on top, if it is of that function.
pub(crate) fn open_poll(site: &'static CallSite) -> Option<Open> {
    let (frame, edge) = thread::own_span(site)?;
    open(frame, edge)
}

fn open(frame: &'static Frame, edge: &Edge) -> Option<Open> {
    let started = frame.started.get();
    let ticks = (started != 0).then(|| Clock::current().now().wrapping_sub(started));
    let time_ns = ticks.and_then(buckets::duration).map(|ticks| policy::rate().ns(ticks));
    Some(Open { site: site_of(edge), frame, time_ns, heap: counters::of_frame(frame) })
}

impl Open {
    /// At its end it is not judged again.
    pub(crate) fn is_judged(&self) {
        self.frame.flags.set(self.frame.flags.get() | flags::JUDGED);
    }
}

/// A moment on the recorder's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since(u64);

impl Since {
    pub(crate) fn now() -> Since {
        Since(Clock::current().now())
    }

    /// Time from it to now; none if the clock stepped back.
    pub(crate) fn ns(self) -> u64 {
        policy::rate().ns(Clock::current().now().saturating_sub(self.0))
    }
}

/// Closes spans in place of their guards: no panic begins in it.
pub(super) fn calmly<T>(work: impl FnOnce() -> T) -> T {
    let before = IS_CALM.replace(true);
    let done = work();
    IS_CALM.set(before);
    done
}
