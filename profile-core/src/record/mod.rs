//! The hot room: what runs inside somebody else's program at every call.
//!
//! Per call it takes no lock, allocates nothing, reads no environment, formats nothing, makes no system
//! call and cannot panic. It writes only to the block that its thread owns.
//!
//! ```text
//! enter: TOP ──► frame of the caller ──edge──► its edge ──last_child──► our edge
//!        a new frame above it: edge, started; TOP = the new frame; tally.open + 1
//! exit:  tally.open - 1; TOP = the caller's frame; ring[pushed % 2] = now - started; pushed + 1; the frame is empty;
//!        the call before goes from the ring into sum and histogram (`fold`)
//! ```
//!
//! What is rare goes to a cold function: the first call of a path, a span in which something was allocated
//! (`settle`), recursion, unwinding, spans closed out of order.

pub(crate) mod arguments;
pub(crate) mod begin;
pub(crate) mod budget;
pub(crate) mod calibrate;
pub(crate) mod checks;
pub(crate) mod context;
pub(crate) mod counters;
pub(crate) mod fold;
pub(crate) mod future;
pub(crate) mod general;
mod handed;
pub(crate) mod held;
pub(crate) mod lines;
pub(crate) mod live;
pub(crate) mod on_cpu;
mod overlap;
pub(crate) mod paths;
pub(crate) mod returned;
pub(crate) mod scheduling;
pub(crate) mod settle;
pub(crate) mod sizes;
pub(crate) mod thread;
pub(crate) mod turns;

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{Ordering::SeqCst, compiler_fence};
use std::thread::LocalKey;

use crate::callsite::{CallSite, Mode};
use crate::segment::layout::{Edge, FRAME_PAGE, Frame, Link, RING, Word, closing, heap};
use crate::sys;
use budget::Turn;
use counters::HeapCounts;
pub use turns::Turns;

/// A path from which nothing was ever called and whose site nobody has: a thread without a block finds no
/// cached child here and so takes the slow way, with no test of its own.
static NOWHERE_EDGE: Edge = Edge {
    last_child: Link::to((&raw const NOWHERE_EDGE).cast_mut()),
    successor: Link::to((&raw const NOWHERE_EDGE).cast_mut()),
    tally: Link::NONE,
    pushed: Word::ZERO,
    untimed: Word::ZERO,
    site: Link::NONE,
    folded: Word::ZERO,
    ticks: Word::ZERO,
    ring: [Word::ZERO; RING],
    parent: Link::NONE,
    target: Link::NONE,
    next: Link::NONE,
    heap: heap::ZERO,
    polled_calls: Word::ZERO,
    extras: Link::NONE,
    recursive_calls: Word::ZERO,
    recursive_ticks: Word::ZERO,
    marks: Word::ZERO,
};

/// What is open in a thread that has no block.
pub(crate) static NOWHERE: Frame = Frame {
    edge: Link::to((&raw const NOWHERE_EDGE).cast_mut()),
    started: Word::ZERO,
    flags: Word::ZERO,
    peak_bytes: Word::ZERO,
    heap: heap::ZERO,
    carried: heap::ZERO,
};

thread_local! {
    /// The frame of the innermost open span. Const-initialised and without `Drop`: reading it never
    /// allocates, never registers a destructor and works before `main` and in every destructor.
    pub(crate) static TOP: Cell<*const Frame> = const { Cell::new(&raw const NOWHERE) };
}

/// An open span: closes when it is dropped. Made by `#[profile]` and [`span!`](crate::span).
///
/// One word, so that recursion may go nearly as deep as without it. A span closes on the thread that opened it:
///
/// ```compile_fail,E0277
/// let span = profile_core::span!("elsewhere");
/// std::thread::spawn(move || drop(span));
/// ```
#[must_use = "the span closes when this is dropped: bind it to a name, as in `let _span = …`"]
#[derive(Debug)]
pub struct SpanGuard {
    /// The span's frame, with the marks below in its lowest bits. Null: nothing is recorded.
    frame: *const Frame,
    /// A span closes on the thread that opened it.
    not_send: PhantomData<*mut ()>,
}

/// Opens a span, unless it is the turn of this call to be left out.
///
/// What is inlined is no more than that question: a function that is no longer inlined itself, for what was put into it,
/// costs its callers ten times what is recorded of it.
#[inline(always)]
pub fn enter(site: &'static CallSite, turns: &'static LocalKey<Turns>) -> SpanGuard {
    if site.is_off() {
        return SpanGuard::nothing();
    }
    turns.with(|turns| match turns.leave_out() {
        true => SpanGuard::nothing(),
        false => open(site, Some(turns)),
    })
}

/// Opens a span of a function whose every call is looked at.
#[inline(always)]
pub fn enter_each(site: &'static CallSite) -> SpanGuard {
    if site.is_off() { SpanGuard::nothing() } else { open(site, None) }
}

/// Opens a span.
#[inline(never)]
fn open(site: &'static CallSite, turns: Option<&Turns>) -> SpanGuard {
    // Asked first, when nothing is alive that would have to be kept over its slow half.
    if std::thread::panicking() {
        return general::enter(site, turns);
    }
    let mode = site.mode();
    let outer = TOP.get();
    let frame = outer.wrapping_add(1);
    // SAFETY: TOP is NOWHERE or an open frame of this thread's block, so its edge is set; neither frames
    // nor edges are ever freed.
    let edge = unsafe { &*(*outer).edge.get() };
    let known = turns.and_then(|turns| turns.path_from(edge, site));
    let child = known
        .or_else(|| guess(edge, site, turns))
        .filter(|_| !frame.addr().is_multiple_of(FRAME_PAGE));
    let Some(child) = child.filter(|_| matches!(mode, Mode::EXACT | Mode::PACED)) else {
        return general::enter(site, turns);
    };
    // SAFETY: every edge has a tally; the frame is not at a page's end, so it lies in the page of `outer`,
    // above the open ones.
    let (tally, open) = unsafe { (&*child.tally.get(), &*frame) };
    at_work();
    let timed = mode == Mode::EXACT
        || match budget::take_turn(tally) {
            Turn::Timed => true,
            Turn::Counted => false,
            Turn::Due => {
                put_on_top(outer);
                return general::enter(site, turns);
            }
        };
    tally.open.add(1);
    open.started.set(if timed { sys::read_tsc() } else { 0 });
    open.edge.publish(std::ptr::from_ref(child).cast_mut());
    put_on_top(frame);
    SpanGuard::marked(frame, if timed { 0 } else { SpanGuard::UNTIMED })
}

/// From here to [`put_on_top`] the thread's records do not fit each other: a signal handler that calls an annotated
/// function finds nothing on top, and records into a block of its own.
#[inline(always)]
pub(crate) fn at_work() {
    set_top(&raw const NOWHERE);
    compiler_fence(SeqCst);
}

/// The thread's records fit each other again.
#[inline(always)]
pub(crate) fn put_on_top(frame: *const Frame) {
    compiler_fence(SeqCst);
    set_top(frame);
}

/// `LocalKey::set` would be a call of 19 instructions: it looks for a value to initialise the cell with.
#[inline(always)]
fn set_top(frame: *const Frame) {
    TOP.with(|top| top.set(frame));
}

/// The edge of `site` below `from`, if it is what was called last, or what came after that before.
#[inline(always)]
fn guess(from: &Edge, site: &CallSite, turns: Option<&Turns>) -> Option<&'static Edge> {
    // SAFETY: both guesses are never null, and edges are never freed.
    let (last, next) = unsafe {
        let last = &*from.last_child.get();
        (last, &*last.successor.get())
    };
    let found = [last, next].into_iter().find(|edge| std::ptr::eq(edge.site.get(), site))?;
    from.last_child.set(std::ptr::from_ref(found).cast_mut());
    if let Some(turns) = turns {
        turns.set_path(found);
    }
    Some(found)
}

/// Not 0 if anything was allocated or freed while the frame was open.
#[inline(always)]
pub(crate) fn allocated_or_freed(frame: &Frame) -> u64 {
    frame.heap[heap::ALLOCATIONS].get() | frame.heap[heap::FREES].get()
}

impl SpanGuard {
    /// Marks in `frame`: closing takes the general way; the span is counted, not timed.
    const GENERAL: usize = 1;
    const UNTIMED: usize = 2;

    #[inline(always)]
    fn marked(frame: *const Frame, marks: usize) -> SpanGuard {
        SpanGuard { frame: frame.map_addr(|address| address | marks), not_send: PhantomData }
    }

    /// The span's frame. `None` if it is not recorded.
    pub(crate) fn frame(&self) -> Option<&'static Frame> {
        let marks = SpanGuard::GENERAL | SpanGuard::UNTIMED;
        let frame = self.frame.map_addr(|address| address & !marks);
        // SAFETY: null, or a frame of this thread's block, which is never unmapped.
        unsafe { frame.as_ref() }
    }

    /// What the span has counted of the heap so far, and its peak. `None` if it is not recorded, or another one is open in it.
    pub(crate) fn counted(&self) -> Option<HeapCounts> {
        self.frame().filter(|open| std::ptr::eq(TOP.get(), *open)).map(counters::of_frame)
    }

    /// Of a call that is not recorded.
    #[inline(always)]
    fn nothing() -> SpanGuard {
        SpanGuard { frame: std::ptr::null(), not_send: PhantomData }
    }
}

impl Drop for SpanGuard {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.frame.is_null() {
            close(self.frame);
        }
    }
}

/// Closes a span.
#[inline(never)]
fn close(marked: *const Frame) {
    // Asked before the clock, when nothing but the guard is alive: registers to be saved around the slow half of
    // `panicking` cost every call more than the question.
    if marked.addr() & SpanGuard::GENERAL != 0 || std::thread::panicking() {
        return general::exit(marked);
    }
    if marked.addr() & SpanGuard::UNTIMED != 0 {
        return close_counted(marked.map_addr(|address| address & !SpanGuard::UNTIMED));
    }
    let now = sys::read_tsc();
    // SAFETY: the guard opened the frame, and memory of frames is never unmapped.
    let started = unsafe { &*marked }.started.get();
    close_uneventful(marked, Some(now.wrapping_sub(started)));
}

/// Closes a span that is not timed. Apart, since it needs none of the registers that are saved for a timed one.
#[inline(never)]
fn close_counted(frame: *const Frame) {
    close_uneventful(frame, None);
}

#[inline(always)]
fn close_uneventful(frame: *const Frame, elapsed: Option<u64>) {
    // SAFETY: the guard opened the frame, and memory of frames is never unmapped.
    let open = unsafe { &*frame };
    let eventful = open.flags.get() | allocated_or_freed(open) != 0;
    if eventful || TOP.get() != frame {
        return general::exit_eventful(frame, elapsed);
    }
    // SAFETY: the frame is open (it is the top one), so its edge is set; edges and tallies stay.
    let edge = unsafe { &*open.edge.get() };
    // SAFETY: as above.
    let tally = unsafe { &*edge.tally.get() };
    if tally.open.get() != 1 {
        return general::exit_eventful(frame, elapsed);
    }
    at_work();
    tally.open.set(0);
    let is_long = end(open, edge, elapsed, std::ptr::null_mut());
    // Only the first frame of a page is not above its outer one, and its guard is marked `GENERAL`.
    put_on_top(frame.wrapping_sub(1));
    if is_long {
        fold::after_long(edge, elapsed);
    }
}

/// Ends a call: it goes from its frame into its path's ring, or count if it was not timed. Says whether it was long: then
/// [`fold::after_long`] follows, once the frame is off the top.
///
/// A process may be killed between any two stores, and another may read at any moment. So the frame first says which
/// count will hold the call, then the count rises, then the frame is empty: a reader never takes the call for
/// both ended and open, nor for neither. `vacated` is the edge of an empty frame: null, or the one that says that
/// others above it are still open.
#[inline(always)]
#[must_use]
pub(crate) fn end(frame: &Frame, edge: &Edge, elapsed: Option<u64>, vacated: *mut Edge) -> bool {
    let Some(elapsed) = elapsed else {
        let untimed = edge.untimed.get().wrapping_add(1);
        frame.started.publish(closing::UNTIMED | untimed);
        edge.untimed.publish(untimed);
        frame.edge.publish(vacated);
        return false;
    };
    let pushed = edge.pushed.get();
    // The compiler proves the index in range, so no check and no panic remains.
    edge.ring[pushed as usize % RING].publish(elapsed);
    let pushed = pushed.wrapping_add(1);
    frame.started.publish(closing::TIMED | pushed);
    edge.pushed.publish(pushed);
    frame.edge.publish(vacated);
    fold::fold_before(edge, pushed);
    elapsed > general::tally_of(edge).slow_above.get()
}
