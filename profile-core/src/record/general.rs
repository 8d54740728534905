//! Opening and closing a span when the inlined way does not apply: a first call, another clock, a page of
//! frames that is full, allocations to settle, recursion, unwinding, guards dropped out of order.

use super::begin::{self, Complaint};
use super::overlap::{self, TakeOff};
use super::{
    NOWHERE, SpanGuard, TOP, Turns, allocated_or_freed, at_work, budget, checks, context, end,
    fold, paths, put_on_top, returned, settle, thread,
};
use crate::callsite::{CallSite, Mode};
use crate::clock::Clock;
use crate::segment::layout::{Edge, Frame, Tally, ThreadBlock, buckets, flags};

/// A frame that has just been taken, not yet published. Until it is, nothing is on top.
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

    /// The frame is open, and on top.
    pub(crate) fn publish(&self) {
        self.frame.edge.publish(std::ptr::from_ref(self.edge).cast_mut());
        put_on_top(self.frame);
    }
}

pub(crate) fn tally_of(edge: &Edge) -> &'static Tally {
    // SAFETY: every edge has a tally from the moment it is made, and tallies are never freed.
    unsafe { &*edge.tally.get() }
}

/// The call path of an open frame.
pub(super) fn edge_of(frame: &Frame) -> &'static Edge {
    // SAFETY: an open frame has an edge; edges are never freed.
    unsafe { &*frame.edge.get() }
}

/// The span on top, if it is of that function.
pub(super) fn own_span(site: &CallSite) -> Option<(&'static Frame, &'static Edge)> {
    let (_, frame) = thread::here()?;
    // SAFETY: null, or an edge, which is never freed.
    let edge = unsafe { frame.edge.get().as_ref() }?;
    std::ptr::eq(edge.site.get(), site).then_some((frame, edge))
}

/// Opens a span of any mode.
#[inline(never)]
pub(crate) fn enter(site: &'static CallSite, turns: Option<&Turns>) -> SpanGuard {
    match site.mode() {
        Mode::OFF | Mode::STOPPED => return SpanGuard::nothing(),
        Mode::PACED | Mode::PACED_GENERAL => return budget::enter(site, turns),
        Mode::UNREGISTERED => {
            begin::register(site);
            // Registered, it has another mode; without room for its record it has not.
            if site.mode() == Mode::UNREGISTERED {
                thread::lose_call();
                return SpanGuard::nothing();
            }
            return enter(site, turns);
        }
        _ => {}
    }
    open(site).map_or_else(SpanGuard::nothing, |opened| start(site, opened, 0))
}

/// Takes a frame for `site`. `None`: not recorded, and counted as lost if it should have been.
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
    at_work();
    // SAFETY: an open frame has an edge; edges are never freed.
    let from = unsafe { &*outer.edge.get() };
    let found = paths::child(block, from, site).zip(thread::frame_above(block, outer));
    let Some((edge, frame)) = found else {
        block.lost_calls.add(1);
        put_on_top(outer);
        return None;
    };
    // Sites without a record are those of the calibration.
    if site.record() != 0 {
        thread::no_longer_silent(block);
    }
    tally_of(edge).open.add(1);
    // SAFETY: a frame of this block; never unmapped.
    let frame = unsafe { &*frame };
    frame.flags.set(if interrupted { flags::INTERRUPTS } else { 0 });
    Some(Opened { block, frame, edge })
}

/// Reads the clock as the last thing before the body of a call that stands for 2^k - 1 others.
pub(crate) fn start(site: &CallSite, opened: Opened, stands_for_log2: u64) -> SpanGuard {
    let frame = opened.frame;
    let panicking = std::thread::panicking();
    let unwinding = if panicking { flags::WHILE_PANICKING } else { 0 };
    frame.flags.set(frame.flags.get() | unwinding | stands_for_log2 << flags::STANDS_FOR_SHIFT);
    let clock = Clock::current();
    frame.started.set(clock.now());
    opened.publish();
    let inlined = matches!(site.mode(), Mode::EXACT | Mode::PACED) && !panicking;
    guard(frame, if inlined { 0 } else { SpanGuard::GENERAL })
}

/// A guard of a frame; marked if closing it must look for the frame below.
pub(crate) fn guard(frame: &Frame, marks: usize) -> SpanGuard {
    let first = thread::is_first_in_page(frame);
    SpanGuard::marked(frame, if first { marks | SpanGuard::GENERAL } else { marks })
}

/// Closes a span that was opened here, or that closes while the thread unwinds.
#[inline(never)]
pub(crate) fn exit(marked: *const Frame) {
    let frame = marked.map_addr(|address| address & !(SpanGuard::GENERAL | SpanGuard::UNTIMED));
    if frame.is_null() {
        return;
    }
    let timed = marked.addr() & SpanGuard::UNTIMED == 0;
    let now = if timed { Clock::current().now() } else { 0 };
    // SAFETY: a frame of a block, which is never unmapped.
    let started = unsafe { &*frame }.started.get();
    exit_eventful(frame, timed.then(|| now.wrapping_sub(started)));
}

/// Closes a span in which something happened besides time.
#[inline(never)]
pub(crate) fn exit_eventful(frame: *const Frame, elapsed: Option<u64>) {
    if !std::ptr::eq(TOP.get(), frame) {
        return overlap::close_below(frame, elapsed);
    }
    // SAFETY: the top frame is one of this block.
    if let Some(exit) = Exit::of_top(unsafe { &*frame }) {
        close(exit, elapsed);
    }
}

/// A frame whose span closes.
#[derive(Clone, Copy)]
pub(crate) struct Exit<'a> {
    pub(crate) frame: &'a Frame,
    /// The open frame below it.
    pub(crate) outer: &'a Frame,
    /// What is the top frame then: `outer`, unless spans that opened later are still open.
    pub(crate) top: &'a Frame,
}

impl<'a> Exit<'a> {
    /// Of the top frame; `None`: it is the thread's own.
    pub(crate) fn of_top(frame: &'a Frame) -> Option<Exit<'a>> {
        outer_of(frame).map(|outer| Exit { frame, outer, top: outer })
    }

    pub(super) fn is_of_top(self) -> bool {
        std::ptr::eq(self.outer, self.top)
    }

    /// Whether the call is within another of the same function, of which so many others are open.
    pub(super) fn is_recursive(self, open: u64) -> bool {
        open > 0 && (self.is_of_top() || overlap::is_within_itself(self.frame))
    }

    /// The edge of the frame when its span has closed.
    pub(super) fn vacated(self) -> *mut Edge {
        let below_others = thread::own_block().filter(|_| !self.is_of_top());
        below_others.map_or(std::ptr::null_mut(), |block| block.root.get())
    }
}

/// Takes a frame off: settles what was allocated in it and keeps its duration.
pub(crate) fn close(exit: Exit<'_>, elapsed: Option<u64>) {
    let frame = exit.frame;
    let edge = edge_of(frame);
    let flags = frame.flags.get();
    at_work();
    if flags & flags::CARRIED != 0 {
        return context::close(exit, edge, elapsed);
    }
    if flags & flags::SPLIT != 0 {
        return close_split(exit, elapsed);
    }
    let stands_for_log2 = flags >> flags::STANDS_FOR_SHIFT & 0xff;
    let forward = elapsed.and_then(buckets::duration).unwrap_or(0);
    if flags & flags::ASKED != 0 {
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
        budget::stand_for_others(block, edge, forward, stands_for_log2);
    }
    if flags & flags::CHECKED != 0 {
        return end_checked(exit, edge, elapsed);
    }
    end_call(exit, edge, elapsed);
    // The last thing, since it may panic: the call is recorded by then.
    if left.is_too_much {
        checks::allocated(edge);
    }
}

/// Ends a call that has been left, and puts what is then the top frame there.
fn end_call(exit: Exit<'_>, edge: &Edge, elapsed: Option<u64>) {
    let is_long = end(exit.frame, edge, elapsed, exit.vacated());
    thread::resume(exit.top);
    if is_long {
        fold::after_long(edge, elapsed);
    }
}

#[cold]
#[inline(never)]
fn close_split(exit: Exit<'_>, elapsed: Option<u64>) {
    let _take_off = TakeOff::of(exit);
    close(exit, elapsed);
}

#[cold]
#[inline(never)]
fn end_checked(exit: Exit<'_>, edge: &Edge, elapsed: Option<u64>) {
    checks::without_check(|| end_call(exit, edge, elapsed));
}

/// What was seen when a call was left.
pub(crate) struct Left {
    /// The same function was already open below.
    is_recursive: bool,
    /// It allocated more than it may.
    is_too_much: bool,
}

/// All of closing but the time and the end of the frame. Nothing is on top while it runs.
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
        deepen(tally, open + 1);
    }
    let is_recursive = exit.is_recursive(open);
    let handed_on = frame.flags.get() & flags::HANDED_ON != 0;
    let is_too_much = (handed_on || allocated_or_freed(frame) != 0)
        && settle::settle(frame, outer, edge, is_recursive);
    frame.flags.set(0);
    Left { is_recursive, is_too_much }
}

/// So many calls of a function were open within each other. The first that closes is the deepest.
#[inline(always)]
fn deepen(tally: &Tally, depth: u64) {
    // SAFETY: null, or a record of the segment, which is never freed.
    let extras = unsafe { tally.extras.get().as_ref() };
    if extras.is_none_or(|extras| extras.deepest.get() < depth) {
        deepen_slowly(tally, depth);
    }
}

#[cold]
fn deepen_slowly(tally: &Tally, depth: u64) {
    let extras = thread::own_block().and_then(|block| thread::made(&tally.extras, block));
    if let Some(extras) = extras {
        extras.deepest.set(depth);
    }
}

/// This thread's open frames, innermost first. None while the recorder itself is at work: its frame lies in no page, and nothing below it.
pub(super) fn open_frames() -> impl Iterator<Item = &'static Frame> {
    let top = TOP.get();
    let is_own = thread::own_block().is_some_and(|block| std::ptr::eq(block.own_frame.get(), top));
    let top = (!std::ptr::eq(top, &raw const NOWHERE) && !is_own).then_some(top);
    // SAFETY: TOP is a frame of this block; never unmapped.
    std::iter::successors(top.map(|top| unsafe { &*top }), |frame| outer_of(frame))
}

/// The open frame below an open one.
pub(super) fn outer_of(frame: &Frame) -> Option<&'static Frame> {
    if frame.flags.get() & flags::ABOVE_CLOSED != 0 {
        return overlap::open_below(frame);
    }
    neighbour_below(frame)
}

pub(super) fn neighbour_below(frame: &Frame) -> Option<&'static Frame> {
    // SAFETY: frames below one of this block are frames of this block; never unmapped.
    thread::frame_below(frame).map(|frame| unsafe { &*frame })
}

/// Closes what is still open above a poll's frame: guards that are held across an `.await`. Another task would find them
/// on top of its own.
pub(crate) fn close_above(frame: &Frame) {
    if std::ptr::eq(TOP.get(), frame) {
        return;
    }
    let now = Clock::current().now();
    while let Some(top) = open_frames().next().filter(|top| !std::ptr::eq(*top, frame)) {
        begin::complain_of_span(Complaint::HeldGuard, edge_of(top));
        let Some(exit) = Exit::of_top(top) else { return };
        close_now(exit, now);
    }
}

/// Closes a frame whose guard does not.
fn close_now(exit: Exit<'_>, now: u64) {
    let started = exit.frame.started.get();
    let elapsed = (started != 0).then(|| now.wrapping_sub(started));
    checks::without_panic(|| close(exit, elapsed));
}

/// At the end of a thread: guards that were forgotten never close their spans, so they end here.
pub(crate) fn close_abandoned() {
    let now = Clock::current().now();
    while let Some(exit) = open_frames().next().and_then(Exit::of_top) {
        close_now(exit, now);
    }
}

/// Closes a poll's frame: time goes straight to the path, calls are counted by the future.
pub(crate) fn close_poll(block: &ThreadBlock, exit: Exit<'_>, elapsed: u64) {
    let is_split = exit.frame.flags.get() & flags::SPLIT != 0;
    let _take_off = if is_split { TakeOff::of(exit) } else { None };
    let edge = edge_of(exit.frame);
    let elapsed = fold::forward_only(block, elapsed);
    at_work();
    if leave(exit, edge).is_recursive {
        edge.recursive_ticks.add(elapsed);
    }
    edge.ticks.add(elapsed);
    exit.frame.edge.publish(exit.vacated());
    thread::resume(exit.top);
}
