//! Opens and closes a span when the inlined path does not apply: a first call, another clock, a
//! full page of frames, allocations to attribute, recursion, unwinding, guards dropped out of
//! order.

use super::attribution;
use super::fold::{self, end};
use super::frame::{
    NOWHERE, TOP, allocated_or_freed, begin_update, edge_of, marked, marks, put_on_top, tally_of,
};
use super::open_spans::{Exit, open_frames};
use super::overlap::SubtractSplit;
use super::pacing::{self, Turn};
use super::problems::{self, Problem};
use super::turns::Turns;
use super::{checks, handed, paths, returned, thread};
use crate::callsite::{CallSite, Mode};
use crate::clock::Clock;
use crate::segment::layout::{Edge, Frame, Tally, ThreadBlock, buckets, flags};

/// A frame that was just acquired and is not published yet. Until it is, nothing is on top.
#[derive(Clone, Copy)]
pub(crate) struct Opened {
    pub(crate) block: &'static ThreadBlock,
    pub(crate) frame: &'static Frame,
    pub(crate) edge: &'static Edge,
}

impl Opened {
    pub(crate) fn tally(&self) -> &'static Tally {
        tally_of(self.edge)
    }

    /// Publishes the frame as open, and puts it on top.
    pub(crate) fn publish(&self) {
        self.frame.edge.publish(std::ptr::from_ref(self.edge).cast_mut());
        put_on_top(self.frame);
    }
}

/// Opens a span of a registered site, in any mode. Returns null if nothing is recorded.
#[inline(never)]
pub(super) fn enter(site: &'static CallSite, turns: Option<&Turns>) -> *const Frame {
    if matches!(site.mode(), Mode::OFF | Mode::STOPPED) {
        return std::ptr::null();
    }
    let Some(opened) = open(site) else { return std::ptr::null() };
    if let Some(turns) = turns {
        turns.set_path(opened.edge);
    }
    match site.mode() {
        Mode::PACED | Mode::PACED_GENERAL => start_paced(site, opened, turns),
        _ => start(site, opened, 0),
    }
}

/// Starts a span that may not have to be timed.
fn start_paced(site: &CallSite, opened: Opened, turns: Option<&Turns>) -> *const Frame {
    match pacing::take_turn(opened.tally()) {
        Turn::Timed => start(site, opened, 0),
        Turn::Counted => {
            opened.frame.started.set(0);
            if std::thread::panicking() {
                opened.frame.flags.set(opened.frame.flags.get() | flags::WHILE_PANICKING);
            }
            opened.publish();
            with_marks(opened.frame, marks::UNTIMED)
        }
        Turn::Due => start(site, opened, pacing::decide(opened.block, opened.edge, turns)),
    }
}

/// Acquires a frame for `site`. `None` if it is not recorded; counted as lost if it should have
/// been.
pub(crate) fn open(site: &'static CallSite) -> Option<Opened> {
    let interrupted = thread::interrupt();
    let Some((block, outer)) = thread::here() else {
        thread::lose_call();
        return None;
    };
    if thread::is_suspended(block, outer) {
        return None;
    }
    if std::ptr::eq(outer, &raw const NOWHERE) {
        // A signal handler for which there was no block.
        block.lost_calls.add(1);
        return None;
    }
    begin_update();
    // SAFETY: an open frame has an edge; edges are never freed.
    let from = unsafe { &*outer.edge.get() };
    let found = paths::child(block, from, site).zip(thread::frame_above(block, outer));
    let Some((edge, frame)) = found else {
        block.lost_calls.add(1);
        put_on_top(outer);
        return None;
    };
    // Only the sites of the calibration have no record.
    if site.record() != 0 {
        thread::mark_recording(block);
    }
    tally_of(edge).open.add(1);
    // SAFETY: a frame of this block; never unmapped.
    let frame = unsafe { &*frame };
    frame.flags.set(if interrupted { flags::INTERRUPTS } else { 0 });
    Some(Opened { block, frame, edge })
}

/// Reads the clock as the last thing before the body of a call that represents 2^k - 1 others.
fn start(site: &CallSite, opened: Opened, stands_for_log2: u64) -> *const Frame {
    let frame = opened.frame;
    let panicking = std::thread::panicking();
    let unwinding = if panicking { flags::WHILE_PANICKING } else { 0 };
    frame.flags.set(frame.flags.get() | unwinding | stands_for_log2 << flags::REPRESENTED_SHIFT);
    let clock = Clock::current();
    frame.started.set(clock.now());
    opened.publish();
    let is_hot = matches!(site.mode(), Mode::EXACT | Mode::PACED) && !panicking;
    with_marks(frame, if is_hot { 0 } else { marks::SLOW })
}

/// The frame pointer with the marks for its guard: closing the first frame of a page must search
/// for the frame below.
fn with_marks(frame: &Frame, marks: usize) -> *const Frame {
    let first = thread::is_first_in_page(frame);
    marked(frame, if first { marks | marks::SLOW } else { marks })
}

/// Closes a frame: attributes what was allocated in it, and stores its duration.
pub(crate) fn close(exit: Exit<'_>, elapsed: Option<u64>) {
    let frame = exit.frame;
    let edge = edge_of(frame);
    let flags = frame.flags.get();
    begin_update();
    if flags & flags::CARRIED != 0 {
        return close_context(exit, edge, elapsed);
    }
    if flags & flags::SPLIT != 0 {
        return close_split(exit, elapsed);
    }
    let stands_for_log2 = flags >> flags::REPRESENTED_SHIFT & 0xff;
    let forward = elapsed.and_then(buckets::duration).unwrap_or(0);
    if flags & flags::OUTCOME != 0 {
        returned::ended(frame, edge, elapsed.map(|_| forward), 1 << stands_for_log2);
    }
    let left = leave(exit, edge);
    if left.is_recursive {
        edge.recursive_calls.add(1 << stands_for_log2);
        edge.recursive_ticks.add(forward << stands_for_log2);
    }
    if stands_for_log2 > 0
        && let Some(block) = thread::own_block()
    {
        pacing::represent_others(block, edge, forward, stands_for_log2);
    }
    if flags & flags::CHECKED != 0 {
        return end_checked(exit, edge, elapsed);
    }
    end_call(exit, edge, elapsed);
    // Last, because it may panic: the call is recorded by then.
    if left.is_excessive {
        checks::allocated(edge);
    }
}

/// Ends a call after [`leave`], and makes `exit.top` the top frame.
fn end_call(exit: Exit<'_>, edge: &Edge, elapsed: Option<u64>) {
    let is_long = end(exit.frame, edge, elapsed, exit.vacated());
    thread::resume(exit.top);
    if is_long {
        fold::after_long(edge, elapsed);
    }
}

/// Closes the frame of a context, which is not a call.
fn close_context(exit: Exit<'_>, edge: &Edge, elapsed: Option<u64>) {
    let frame = exit.frame;
    handed::take_back(frame);
    let ticks = elapsed.and_then(buckets::duration).unwrap_or(0);
    if let Some(extras) =
        thread::own_block().and_then(|own| thread::get_or_create(&edge.extras, own))
    {
        extras.carried_ticks.add(ticks);
    }
    for (own, word) in edge.heap.iter().zip(&frame.heap) {
        own.add(word.get());
        word.set(0);
    }
    frame.peak_bytes.set(0);
    frame.flags.set(0);
    frame.edge.publish(exit.vacated());
    put_on_top(exit.top);
}

#[cold]
#[inline(never)]
fn close_split(exit: Exit<'_>, elapsed: Option<u64>) {
    let _subtract = SubtractSplit::of(exit);
    close(exit, elapsed);
}

#[cold]
#[inline(never)]
fn end_checked(exit: Exit<'_>, edge: &Edge, elapsed: Option<u64>) {
    checks::without_check(|| end_call(exit, edge, elapsed));
}

/// Findings of [`leave`].
pub(crate) struct Left {
    /// The same function was already open below.
    is_recursive: bool,
    /// The call exceeded a limit on allocations.
    is_excessive: bool,
}

/// Closes everything except the time and the end of the frame. Nothing is on top while it runs.
#[inline(always)]
pub(crate) fn leave(exit: Exit<'_>, edge: &Edge) -> Left {
    let Exit { frame, outer, .. } = exit;
    let tally = tally_of(edge);
    let open = tally.open.get().saturating_sub(1);
    tally.open.set(open);
    let unwinding = std::thread::panicking() && frame.flags.get() & flags::WHILE_PANICKING == 0;
    if unwinding {
        tally.panicked.add(1);
    }
    if open > 0 {
        raise_depth(tally, open + 1);
    }
    let is_recursive = exit.is_recursive(open);
    let handed_on = frame.flags.get() & flags::HANDED_ON != 0;
    let is_excessive = (handed_on || allocated_or_freed(frame) != 0)
        && attribution::attribute(frame, outer, edge, is_recursive);
    frame.flags.set(0);
    Left { is_recursive, is_excessive }
}

/// Updates the maximum depth of recursion. The first call that closes is the deepest.
#[inline(always)]
fn raise_depth(tally: &Tally, depth: u64) {
    // SAFETY: null, or a record of the segment, which is never freed.
    let extras = unsafe { tally.extras.get().as_ref() };
    if extras.is_none_or(|extras| extras.deepest.get() < depth) {
        raise_depth_slowly(tally, depth);
    }
}

#[cold]
fn raise_depth_slowly(tally: &Tally, depth: u64) {
    let extras = thread::own_block().and_then(|block| thread::get_or_create(&tally.extras, block));
    if let Some(extras) = extras {
        extras.deepest.set(depth);
    }
}

/// Closes what is still open above a poll's frame: guards held across an `.await`. Otherwise
/// another task would find them on top of its own.
pub(crate) fn close_above(frame: &Frame) {
    if std::ptr::eq(TOP.get(), frame) {
        return;
    }
    let now = Clock::current().now();
    while let Some(top) = open_frames().next().filter(|top| !std::ptr::eq(*top, frame)) {
        problems::report_span(Problem::HeldGuard, edge_of(top));
        let Some(exit) = Exit::of_top(top) else { return };
        close_now(exit, now);
    }
}

/// Closes a frame on behalf of its guard.
fn close_now(exit: Exit<'_>, now: u64) {
    let started = exit.frame.started.get();
    let elapsed = (started != 0).then(|| now.wrapping_sub(started));
    checks::without_panic(|| close(exit, elapsed));
}

/// At the end of a thread: closes the spans of forgotten guards.
pub(crate) fn close_abandoned() {
    let now = Clock::current().now();
    while let Some(exit) = open_frames().next().and_then(Exit::of_top) {
        close_now(exit, now);
    }
}

/// Closes a poll's frame: its time goes directly to the path; the future counts the calls.
pub(crate) fn close_poll(block: &ThreadBlock, exit: Exit<'_>, elapsed: u64) {
    let is_split = exit.frame.flags.get() & flags::SPLIT != 0;
    let _subtract = if is_split { SubtractSplit::of(exit) } else { None };
    let edge = edge_of(exit.frame);
    let elapsed = fold::forward_only(block, elapsed);
    begin_update();
    if leave(exit, edge).is_recursive {
        edge.recursive_ticks.add(elapsed);
    }
    edge.ticks.add(elapsed);
    exit.frame.edge.publish(exit.vacated());
    thread::resume(exit.top);
}
