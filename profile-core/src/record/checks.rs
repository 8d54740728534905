//! Which calls may have exceeded a limit. Here is only what is asked at the end of a call, at no
//! cost for one that is short and allocates nothing; the check itself sits elsewhere, and may take
//! its time.

use std::cell::Cell;
use std::sync::OnceLock;

use super::counters::{self, HeapCounts};
use super::frame::site_of;
use super::{policy, thread};
use crate::callsite::{CallSite, Kind};
use crate::clock::Clock;
use crate::limits::{Figures, HeapFigures, Limits};
use crate::segment::layout::{Edge, Frame, HeapTally, buckets, flags, heap};

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) site: &'static CallSite,
    /// What it took, as far as that is known.
    pub(crate) figures: Figures,
    /// Whether a panic may begin here.
    pub(crate) may_throw: bool,
}

type Check = fn(Ended);
static CHECK: OnceLock<Check> = OnceLock::new();

/// What looks at calls that may have exceeded a limit.
pub(crate) fn set_check(check: Check) {
    let _ = CHECK.set(check);
}

thread_local! {
    /// What the call allocated that is just ending, if that is too much.
    static ALLOCATED: Cell<Option<HeapCounts>> = const { Cell::new(None) };
    /// The call that is just ending has been checked already.
    static IS_CHECKED: Cell<bool> = const { Cell::new(false) };
    /// No panic may begin while spans are closed in place of their guards.
    static MUST_NOT_PANIC: Cell<bool> = const { Cell::new(false) };
}

/// A limit in ticks is a little too low, since the rate of the clock is known the better the longer
/// a run is; the check looks again.
const MARGIN: f64 = 0.98;

/// From how many ticks on a call of the site is looked at in the slow way.
pub(super) fn slow_above(site: &CallSite) -> u64 {
    let limit_ns = site.limits().and_then(Limits::call_time_ns);
    let ticks = limit_ns.map_or(u64::MAX, |ns| policy::rate().ticks(ns as f64 * MARGIN));
    ticks.min(thread::ANCHOR_AFTER)
}

/// The limits of the site, if any is on what a call of it allocates. Polls of an async function are
/// no calls.
pub(super) fn heap_limits(site: &CallSite) -> Option<&'static Limits> {
    let limits = site.limits().filter(|_| site.kind() != Kind::Async)?;
    limits.cover_heap_of_calls().then_some(limits)
}

/// Whether a call allocated more than the function may. Without limits that is one test.
#[inline(always)]
pub(super) fn exceeds(function: &HeapTally, counts: &HeapCounts) -> bool {
    // SAFETY: null, or of a static or a box that is never freed (see `heap_limits`).
    let limits = unsafe { function.limits.get().as_ref() };
    limits.is_some_and(|limits| {
        let heap = Some(figures_of(counts));
        limits.exceeded_by_heap(&Figures { heap, ..Figures::default() })
    })
}

/// What was counted, as limits ask for it.
#[inline(always)]
pub(crate) fn figures_of((counts, peak): &HeapCounts) -> HeapFigures {
    HeapFigures {
        allocations: counts[heap::ALLOCATIONS],
        allocated_bytes: counts[heap::ALLOCATED_BYTES],
        freed_bytes: counts[heap::FREED_BYTES],
        peak_bytes: *peak,
    }
}

/// The same where an allocator counts.
pub(crate) fn counted_figures(counts: Option<HeapCounts>) -> Option<HeapFigures> {
    counts.filter(|_| thread::allocator_counts()).map(|counts| figures_of(&counts))
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
    let is_asked = site.limits().is_some() && !IS_CHECKED.get();
    let Some(check) = CHECK.get().filter(|_| is_asked) else { return };
    let may_throw = !MUST_NOT_PANIC.get() && !std::thread::panicking();
    let time_ns = ticks.map(|ticks| policy::rate().ns(ticks));
    let figures = Figures { time_ns, heap: counted_figures(heap), ..Figures::default() };
    check(Ended { site, figures, may_throw });
}

/// A call is over of which only what it allocated may still have to be looked at.
pub(super) fn allocated(edge: &Edge) {
    if ALLOCATED.get().is_some() {
        ended(edge, None);
    }
}

/// Ends a call that was checked already.
#[cold]
pub(super) fn without_check(end: impl FnOnce()) {
    IS_CHECKED.set(true);
    end();
    IS_CHECKED.set(false);
    ALLOCATED.set(None);
}

/// A call that is open, and about to return.
pub(crate) struct Open {
    pub(crate) site: &'static CallSite,
    frame: &'static Frame,
    pub(crate) time_ns: Option<u64>,
    pub(crate) heap: HeapCounts,
}

/// The call of a guard's frame: how long it took so far, and what it has allocated. `None`: it is
/// not recorded, or is the parent's of a forked child.
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
    /// At its end it is not checked again.
    pub(crate) fn set_checked(&self) {
        self.frame.flags.set(self.frame.flags.get() | flags::CHECKED);
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
pub(super) fn without_panic<T>(work: impl FnOnce() -> T) -> T {
    let before = MUST_NOT_PANIC.replace(true);
    let done = work();
    MUST_NOT_PANIC.set(before);
    done
}
