//! The open spans of a thread: the frame of the innermost one, and what can be determined from a
//! frame and its path alone.
//!
//! The lowest layer of the recorder. Frames are in the segment, so a reader of the segment sees
//! what is open.

use std::cell::Cell;
use std::sync::atomic::{Ordering::SeqCst, compiler_fence};

use crate::callsite::CallSite;
use crate::segment::layout::{Edge, Frame, Link, RING, Tally, Word, heap};

/// A path without calls, whose site matches nothing. A thread without a block therefore finds no
/// cached child here and takes the slow path, without a test of its own.
pub(super) static NOWHERE_EDGE: Edge = Edge {
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

/// The innermost frame of a thread without a block.
pub(super) static NOWHERE: Frame = Frame {
    edge: Link::to((&raw const NOWHERE_EDGE).cast_mut()),
    started: Word::ZERO,
    flags: Word::ZERO,
    peak_bytes: Word::ZERO,
    heap: heap::ZERO,
    carried: heap::ZERO,
};

thread_local! {
    /// The frame of the innermost open span. Const-initialized and without `Drop`: reading it never
    /// allocates, never registers a destructor, and works before `main` and in every destructor.
    pub(super) static TOP: Cell<*const Frame> = const { Cell::new(&raw const NOWHERE) };
}

/// Marks the thread's records as inconsistent, until [`put_on_top`]. A signal handler that calls an
/// annotated function then finds nothing on top, and records into a separate block.
#[inline(always)]
pub(super) fn begin_update() {
    set_top(&raw const NOWHERE);
    compiler_fence(SeqCst);
}

/// Marks the thread's records as consistent again.
#[inline(always)]
pub(super) fn put_on_top(frame: *const Frame) {
    compiler_fence(SeqCst);
    set_top(frame);
}

/// `LocalKey::set` would be a call of 19 instructions: it looks for a value to initialize the cell
/// with.
#[inline(always)]
fn set_top(frame: *const Frame) {
    TOP.with(|top| top.set(frame));
}

/// Marks in the lowest bits of a guard's frame pointer.
pub(super) mod marks {
    /// Closing takes the slow path.
    pub(crate) const SLOW: usize = 1;
    /// The span is counted, not timed.
    pub(crate) const UNTIMED: usize = 2;
}

/// A frame pointer with [`marks`].
#[inline(always)]
pub(super) fn marked(frame: *const Frame, marks: usize) -> *const Frame {
    frame.map_addr(|address| address | marks)
}

/// The frame pointer without marks.
#[inline(always)]
pub(super) fn unmarked(frame: *const Frame) -> *const Frame {
    frame.map_addr(|address| address & !(marks::SLOW | marks::UNTIMED))
}

/// Nonzero if anything was allocated or freed while the frame was open.
#[inline(always)]
pub(super) fn allocated_or_freed(frame: &Frame) -> u64 {
    frame.heap[heap::ALLOCATIONS].get() | frame.heap[heap::FREES].get()
}

/// Bytes allocated in the frame minus bytes freed in it.
#[inline(always)]
pub(crate) fn live_bytes(frame: &Frame) -> i64 {
    let allocated = frame.heap[heap::ALLOCATED_BYTES].get();
    allocated.wrapping_sub(frame.heap[heap::FREED_BYTES].get()) as i64
}

/// The call path of an open frame.
#[inline(always)]
pub(super) fn edge_of(frame: &Frame) -> &'static Edge {
    // SAFETY: an open frame has an edge; edges are never freed.
    unsafe { &*frame.edge.get() }
}

#[inline(always)]
pub(super) fn tally_of(edge: &Edge) -> &'static Tally {
    // SAFETY: every edge has a tally from its creation on, and tallies are never freed.
    unsafe { &*edge.tally.get() }
}

/// The site of an edge that is not a root.
pub(super) fn site_of(edge: &Edge) -> &'static CallSite {
    // SAFETY: the site of an edge that is not a root is a static.
    unsafe { &*edge.site.get() }
}
