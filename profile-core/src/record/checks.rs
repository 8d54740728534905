//! Detects calls that may have exceeded a limit. Only what runs at the end of a call is here; it is
//! free for a call that is short and allocates nothing. The check itself is elsewhere, and may be
//! slow.

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
    /// Its figures, as far as they are known.
    pub(crate) figures: Figures,
    /// Whether a panic may start here.
    pub(crate) may_throw: bool,
}

type Check = fn(Ended);
static CHECK: OnceLock<Check> = OnceLock::new();

/// Sets the function that checks calls that may have exceeded a limit.
pub(crate) fn set_check(check: Check) {
    let _ = CHECK.set(check);
}

thread_local! {
    /// Allocations of the call that is ending, if they are excessive.
    static ALLOCATED: Cell<Option<HeapCounts>> = const { Cell::new(None) };
    /// Whether the call that is ending has already been checked.
    static IS_CHECKED: Cell<bool> = const { Cell::new(false) };
    /// Set while spans are closed on behalf of their guards: no panic may start then.
    static MUST_NOT_PANIC: Cell<bool> = const { Cell::new(false) };
}

/// A limit in ticks is slightly too low, because the rate of the clock becomes accurate only during
/// the run. The check repeats the comparison.
const MARGIN: f64 = 0.98;

/// The number of ticks above which a call of the site takes the slow path.
pub(super) fn slow_above(site: &CallSite) -> u64 {
    let limit_ns = site.limits().and_then(Limits::call_time_ns);
    let ticks = limit_ns.map_or(u64::MAX, |ns| policy::rate().ticks(ns as f64 * MARGIN));
    ticks.min(thread::ANCHOR_AFTER)
}

/// The limits of the site, if any of them covers the allocations of a call. Polls of an async
/// function are not calls.
pub(super) fn heap_limits(site: &CallSite) -> Option<&'static Limits> {
    let limits = site.limits().filter(|_| site.kind() != Kind::Async)?;
    limits.cover_heap_of_calls().then_some(limits)
}

/// Whether a call allocated more than the limits allow. Without limits this is a single test.
#[inline(always)]
pub(super) fn exceeds(function: &HeapTally, counts: &HeapCounts) -> bool {
    // SAFETY: null, or of a static or a box that is never freed (see `heap_limits`).
    let limits = unsafe { function.limits.get().as_ref() };
    limits.is_some_and(|limits| {
        let heap = Some(figures_of(counts));
        limits.exceeded_by_heap(&Figures { heap, ..Figures::default() })
    })
}

/// Converts counters to the figures that limits use.
#[inline(always)]
pub(crate) fn figures_of((counts, peak): &HeapCounts) -> HeapFigures {
    HeapFigures {
        allocations: counts[heap::ALLOCATIONS],
        allocated_bytes: counts[heap::ALLOCATED_BYTES],
        freed_bytes: counts[heap::FREED_BYTES],
        peak_bytes: *peak,
    }
}

/// The same; `None` unless an allocator counts.
pub(crate) fn counted_figures(counts: Option<HeapCounts>) -> Option<HeapFigures> {
    counts.filter(|_| thread::allocator_counts()).map(|counts| figures_of(&counts))
}

/// Stores the allocations of a call until the call has ended.
#[cold]
pub(super) fn keep(heap: HeapCounts) {
    ALLOCATED.set(Some(heap));
}

/// Checks a call that was long or allocated too much. A time from a clock that went backwards is
/// ignored.
pub(super) fn ended(edge: &Edge, ticks: Option<u64>) {
    let ticks = ticks.and_then(buckets::duration);
    let (site, heap) = (site_of(edge), ALLOCATED.take());
    let needs_check = site.limits().is_some() && !IS_CHECKED.get();
    let Some(check) = CHECK.get().filter(|_| needs_check) else { return };
    let may_throw = !MUST_NOT_PANIC.get() && !std::thread::panicking();
    let time_ns = ticks.map(|ticks| policy::rate().ns(ticks));
    let figures = Figures { time_ns, heap: counted_figures(heap), ..Figures::default() };
    check(Ended { site, figures, may_throw });
}

/// Checks a call at its end if only its allocations may be excessive.
pub(super) fn allocated(edge: &Edge) {
    if ALLOCATED.get().is_some() {
        ended(edge, None);
    }
}

/// Ends a call that has already been checked.
#[cold]
pub(super) fn without_check(end: impl FnOnce()) {
    IS_CHECKED.set(true);
    end();
    IS_CHECKED.set(false);
    ALLOCATED.set(None);
}

/// An open call that is about to return.
pub(crate) struct Open {
    pub(crate) site: &'static CallSite,
    frame: &'static Frame,
    pub(crate) time_ns: Option<u64>,
    pub(crate) heap: HeapCounts,
}

/// The call of a guard's frame, with its time and allocations so far. `None` if it is not recorded,
/// or belongs to the parent of a forked child.
pub(crate) fn open_call(frame: &'static Frame) -> Option<Open> {
    // SAFETY: null, or an edge, which is never freed.
    open(frame, unsafe { frame.edge.get().as_ref() }?)
}

/// The same for the top span, if it is a poll of that function.
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
    /// Prevents a second check at the end of the call.
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

    /// Time elapsed since then; 0 if the clock went backwards.
    pub(crate) fn ns(self) -> u64 {
        policy::rate().ns(Clock::current().now().saturating_sub(self.0))
    }
}

/// Runs work that closes spans on behalf of their guards. No panic starts in it.
pub(super) fn without_panic<T>(work: impl FnOnce() -> T) -> T {
    let before = MUST_NOT_PANIC.replace(true);
    let done = work();
    MUST_NOT_PANIC.set(before);
    done
}
