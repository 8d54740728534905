//! The hot path: what runs in the user's program at every call.
//!
//! Per call it takes no lock, allocates nothing, reads no environment, formats nothing, makes no
//! system call and cannot panic. It writes only to the block that its thread owns.
//!
//! ```text
//! enter: TOP ──► frame of the caller ──edge──► its edge ──last_child──► this call's edge
//!        a new frame above it: edge, started; TOP = the new frame; tally.open + 1
//! exit:  tally.open - 1; TOP = the caller's frame; ring[pushed % 2] = now - started; pushed + 1;
//!        the frame is emptied; the previous call goes from the ring into sum and histogram
//! ```
//!
//! Rare cases go to [`slow_path`]: the first call of a path, a span with allocations, recursion,
//! unwinding, spans closed out of order.

use std::marker::PhantomData;
use std::thread::LocalKey;

use super::counters::{self, HeapCounts};
use super::fold::{self, end};
use super::frame::{
    TOP, allocated_or_freed, begin_update, edge_of, marked, marks, put_on_top, tally_of, unmarked,
};
use super::open_spans::Exit;
use super::pacing::{self, Turn};
use super::turns::Turns;
use super::{out_of_order, sites, slow_path};
use crate::callsite::{CallSite, Mode};
use crate::clock::Clock;
use crate::segment::layout::{Edge, FRAME_PAGE, Frame};
use crate::sys;

/// An open span, which closes when the guard is dropped. Created by `#[profile]` and
/// [`span!`](crate::span).
///
/// One word, so that recursion can go nearly as deep as without it. A span closes on the thread
/// that opened it:
///
/// ```compile_fail,E0277
/// let span = profile_core::span!("elsewhere");
/// std::thread::spawn(move || drop(span));
/// ```
#[must_use = "the span closes when this is dropped: bind it to a name, as in `let _span = …`"]
#[derive(Debug)]
pub struct SpanGuard {
    /// The span's frame, with [`marks`] in its lowest bits. Null if nothing is recorded.
    frame: *const Frame,
    /// A span closes on the thread that opened it.
    not_send: PhantomData<*mut ()>,
}

/// Opens a span, unless this call is left out.
///
/// Only that decision is inlined. A function that the compiler no longer inlines because of added
/// code costs its callers ten times what recording does.
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

/// Opens a span of a function whose calls are never left out.
#[inline(always)]
pub fn enter_each(site: &'static CallSite) -> SpanGuard {
    if site.is_off() { SpanGuard::nothing() } else { open(site, None) }
}

/// Opens a span.
#[inline(never)]
fn open(site: &'static CallSite, turns: Option<&Turns>) -> SpanGuard {
    // Tested first, while no values are live that would have to be saved across its slow half.
    if std::thread::panicking() {
        return open_slowly(site, turns);
    }
    let mode = site.mode();
    let outer = TOP.get();
    let frame = outer.wrapping_add(1);
    // SAFETY: TOP is NOWHERE or an open frame of this thread's block; neither is ever freed.
    let edge = edge_of(unsafe { &*outer });
    let known = turns.and_then(|turns| turns.path_from(edge, site));
    let child = known
        .or_else(|| guess(edge, site, turns))
        .filter(|_| !frame.addr().is_multiple_of(FRAME_PAGE));
    let Some(child) = child.filter(|_| matches!(mode, Mode::EXACT | Mode::PACED)) else {
        return open_slowly(site, turns);
    };
    // SAFETY: the frame is not at a page's end, so it is in the page of `outer`, above the open
    // ones.
    let (tally, open) = (tally_of(child), unsafe { &*frame });
    begin_update();
    let timed = mode == Mode::EXACT
        || match pacing::take_turn(tally) {
            Turn::Timed => true,
            Turn::Counted => false,
            Turn::Due => {
                put_on_top(outer);
                return open_slowly(site, turns);
            }
        };
    tally.open.add(1);
    open.started.set(if timed { sys::read_tsc() } else { 0 });
    open.edge.publish(std::ptr::from_ref(child).cast_mut());
    put_on_top(frame);
    SpanGuard::of(marked(frame, if timed { 0 } else { marks::UNTIMED }))
}

/// Opens a span of any mode; the first call of a site registers it.
#[inline(never)]
fn open_slowly(site: &'static CallSite, turns: Option<&Turns>) -> SpanGuard {
    match sites::ensure_registered(site) {
        true => SpanGuard::of(slow_path::enter(site, turns)),
        false => SpanGuard::nothing(),
    }
}

/// The edge of `site` below `from`, if it was called last, or was the successor of the last call
/// before.
#[inline(always)]
fn guess(from: &Edge, site: &CallSite, turns: Option<&Turns>) -> Option<&'static Edge> {
    // SAFETY: neither guess is ever null, and edges are never freed.
    let (last, next) = unsafe {
        let last = &*from.last_child.get();
        (last, &*last.successor.get())
    };
    let is_of_site = |edge: &Edge| std::ptr::eq(edge.site.get(), site);
    let found = if is_of_site(last) {
        last
    } else if is_of_site(next) {
        from.last_child.set(std::ptr::from_ref(next).cast_mut());
        next
    } else {
        return None;
    };
    if let Some(turns) = turns {
        turns.set_path(found);
    }
    Some(found)
}

impl SpanGuard {
    /// A guard for a frame pointer with [`marks`].
    #[inline(always)]
    pub(super) fn of(frame: *const Frame) -> SpanGuard {
        SpanGuard { frame, not_send: PhantomData }
    }

    /// The span's frame. `None` if it is not recorded.
    pub(crate) fn frame(&self) -> Option<&'static Frame> {
        // SAFETY: null, or a frame of this thread's block, which is never unmapped.
        unsafe { unmarked(self.frame).as_ref() }
    }

    /// The span's heap counters so far, and its peak. `None` if it is not recorded, or another span
    /// is open in it.
    pub(crate) fn counted(&self) -> Option<HeapCounts> {
        self.frame().filter(|open| std::ptr::eq(TOP.get(), *open)).map(counters::of_frame)
    }

    /// The guard of a call that is not recorded.
    #[inline(always)]
    fn nothing() -> SpanGuard {
        SpanGuard::of(std::ptr::null())
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
    // Tested before the clock is read, while only the guard is live: saving registers around the
    // slow half of `panicking` cost every call more than the test itself.
    if marked.addr() & marks::SLOW != 0 || std::thread::panicking() {
        return close_slowly(marked);
    }
    if marked.addr() & marks::UNTIMED != 0 {
        return close_counted(unmarked(marked));
    }
    let now = sys::read_tsc();
    // SAFETY: the guard opened the frame, and memory of frames is never unmapped.
    let started = unsafe { &*marked }.started.get();
    close_uneventful(marked, Some(now.wrapping_sub(started)));
}

/// Closes a span that is not timed. A separate function, because it needs none of the registers
/// that are saved for a timed one.
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
        return close_eventful(frame, elapsed);
    }
    // It is the top frame, so it is open.
    let edge = edge_of(open);
    let tally = tally_of(edge);
    if tally.open.get() != 1 {
        return close_eventful(frame, elapsed);
    }
    begin_update();
    tally.open.set(0);
    let is_long = end(open, edge, elapsed, std::ptr::null_mut());
    // Only the first frame of a page is not directly above its outer one, and its guard is marked
    // `SLOW`.
    put_on_top(frame.wrapping_sub(1));
    if is_long {
        fold::after_long(edge, elapsed);
    }
}

/// Closes a span that was opened on the slow path, or that closes while the thread unwinds.
#[inline(never)]
fn close_slowly(marked: *const Frame) {
    let frame = unmarked(marked);
    if frame.is_null() {
        return;
    }
    let timed = marked.addr() & marks::UNTIMED == 0;
    let now = if timed { Clock::current().now() } else { 0 };
    // SAFETY: a frame of a block, which is never unmapped.
    let started = unsafe { &*frame }.started.get();
    close_eventful(frame, timed.then(|| now.wrapping_sub(started)));
}

/// Closes a span with allocations, marks or other spans above it.
#[inline(never)]
fn close_eventful(frame: *const Frame, elapsed: Option<u64>) {
    if !std::ptr::eq(TOP.get(), frame) {
        return out_of_order::close_below(frame, elapsed);
    }
    // SAFETY: the top frame is one of this block.
    if let Some(exit) = Exit::of_top(unsafe { &*frame }) {
        slow_path::close(exit, elapsed);
    }
}
