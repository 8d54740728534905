//! The block of a thread: acquired at its first span or allocation, released for reuse at its end.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::Ordering::*;

use super::frame::{NOWHERE, TOP, put_on_top};
use super::live;
use crate::callsite::CallSite;
use crate::clock::{Anchor, Clock};
use crate::segment::layout::{
    Edge, FRAME_PAGE, Frame, FramePage, Header, Link, PAGE_FRAMES, Split, Tally, ThreadBlock,
};
use crate::segment::writer;
use crate::sys;

thread_local! {
    /// This thread's block; null before it has one. No `Drop`, for the reasons given at `TOP`.
    static BLOCK: Cell<*const ThreadBlock> = const { Cell::new(ptr::null()) };
    /// There was no memory for a block; no further attempt is made.
    static GAVE_UP: Cell<bool> = const { Cell::new(false) };
}

/// Bytes taken from the segment at a time.
const CHUNK: usize = 16 << 10;
/// How often a thread refreshes the segment's second anchor, in ticks: about every tenth of a
/// second.
pub(crate) const ANCHOR_AFTER: u64 = 1 << 28;

/// The calling thread's block, if it has one.
#[inline]
pub(crate) fn own_block() -> Option<&'static ThreadBlock> {
    // SAFETY: null, or a block, which is never freed.
    unsafe { BLOCK.get().as_ref() }
}

/// The innermost open frame. Gives the thread a block if it has none.
pub(crate) fn here() -> Option<(&'static ThreadBlock, &'static Frame)> {
    if own_block().is_none() {
        attach()?;
    }
    // SAFETY: TOP is NOWHERE or a frame of a block, and neither ever goes away.
    own_block().map(|block| (block, unsafe { &*TOP.get() }))
}

/// Never starts the session: that reads the environment, which allocates, and the allocator calls
/// this function.
#[cold]
fn attach() -> Option<()> {
    if GAVE_UP.get() {
        return None;
    }
    let header = writer::header()?;
    let Some(block) = reuse(header).or_else(|| create(header)) else {
        GAVE_UP.set(true);
        return None;
    };
    block.thread_id.set(sys::thread_id());
    begin_silent(block);
    live::grant_nothing();
    BLOCK.set(block);
    TOP.set(first_frame(block));
    sys::mark_thread(ptr::from_ref(block).cast_mut().cast());
    Some(())
}

/// A thread that only allocates has a block too, but is counted as a recording thread only from its
/// first call on. Therefore its first call must take the slow path, whatever the block's last owner
/// called first.
fn begin_silent(block: &ThreadBlock) {
    block.silent.set(1);
    // SAFETY: `create_parts` has created both edges.
    unsafe { (*block.root.get()).last_child.set(block.root.get()) };
}

/// Marks the thread as one that records.
pub(crate) fn mark_recording(block: &ThreadBlock) {
    if block.silent.get() != 0 {
        block.silent.set(0);
        block.threads.add(1);
    }
}

/// If the recorder is running in this thread, a signal handler has interrupted it. Calls of the
/// handler are recorded into a separate block, which [`resume`] releases. Returns whether that is
/// the case.
pub(super) fn interrupt() -> bool {
    let Some(interrupted) = own_block().filter(|_| ptr::eq(TOP.get(), &raw const NOWHERE)) else {
        return false;
    };
    let Some(block) = writer::header().and_then(|header| reuse(header).or_else(|| create(header)))
    else {
        return false;
    };
    block.thread_id.set(interrupted.thread_id.get());
    block.interrupted.set(ptr::from_ref(interrupted).cast_mut());
    begin_silent(block);
    BLOCK.set(block);
    TOP.set(first_frame(block));
    true
}

/// Makes the frame around a call the top frame again; in a signal handler that interrupted the
/// recorder, resumes the recorder instead.
pub(super) fn resume(outer: *const Frame) {
    put_on_top(outer);
    let Some(block) = own_block().filter(|block| !block.interrupted.get().is_null()) else {
        return;
    };
    if ptr::eq(outer, first_frame(block)) {
        TOP.set(&raw const NOWHERE);
        BLOCK.set(block.interrupted.get());
        block.interrupted.set(ptr::null_mut());
        block.owned.publish(0);
    }
}

/// Counts a call that is not recorded because memory is exhausted, in a thread that has no block to
/// count it in.
#[cold]
pub(super) fn lose_call() {
    if let Some(header) = writer::header() {
        header.lost_calls.shared().fetch_add(1, Relaxed);
    }
}

/// All blocks of the segment, newest first.
pub(super) fn blocks(header: &Header) -> impl Iterator<Item = &'static ThreadBlock> + use<> {
    // SAFETY: links lead to blocks that are never freed.
    let target = |link: *mut ThreadBlock| unsafe { link.as_ref() };
    let first = target(header.first_block.shared().load(Acquire));
    std::iter::successors(first, move |block| target(block.next.get()))
}

/// A block whose thread has ended: the new thread continues to add to it.
fn reuse(header: &Header) -> Option<&'static ThreadBlock> {
    let claim = |block: &&ThreadBlock| {
        block.owned.get() == 0
            && block.owned.shared().compare_exchange(0, 1, Acquire, Relaxed).is_ok()
    };
    blocks(header).find(claim)
}

fn create(header: &Header) -> Option<&'static ThreadBlock> {
    let block =
        writer::take(size_of::<ThreadBlock>().next_multiple_of(64), 64)?.cast::<ThreadBlock>();
    // SAFETY: fresh zeroed memory of the right size and alignment; all its words are atomics.
    let made = unsafe { &*block };
    made.owned.set(1);
    made.random.set(block.addr() as u64 | 1);
    create_parts(made)?;
    let mut first = header.first_block.shared().load(Relaxed);
    loop {
        writer::keep_in_file(&header.first_block_in_file, first, block);
        made.next.set(first);
        match header.first_block.shared().compare_exchange_weak(first, block, Release, Relaxed) {
            Ok(_) => return Some(made),
            Err(now) => first = now,
        }
    }
}

/// Creates the parts of every block: a page of frames, the root path, the path for calls that
/// exceed the limit, and the frame that the recorder's own allocations are attributed to.
fn create_parts(block: &ThreadBlock) -> Option<()> {
    let root: *mut Edge = new_edge(block, ptr::null_mut(), ptr::null_mut())?;
    block.root.set(root);
    let other: *mut Edge = new_edge(block, root, ptr::null_mut())?;
    let own: *mut Frame = take(block)?;
    let page = new_page(block, ptr::null_mut())?;
    block.other.set(other);
    // SAFETY: both were just created.
    unsafe {
        (*page).frames[0].edge.set(root);
        (*own).edge.set(new_edge(block, root, ptr::null_mut())?);
    }
    block.own_frame.set(own);
    block.first_frames.publish(page);
    Some(())
}

/// Creates an edge with a tally that no site owns, or with the given tally.
pub(crate) fn new_edge(
    block: &ThreadBlock,
    parent: *mut Edge,
    tally: *mut Tally,
) -> Option<*mut Edge> {
    let tally = if tally.is_null() { take(block)? } else { tally };
    let edge: *mut Edge = take(block)?;
    // SAFETY: just created, and not shared yet.
    unsafe {
        (*edge).tally.set(tally);
        (*edge).parent.set(parent);
        (*edge).target.set(edge);
        // A cache entry that matches no site: the root, or this edge itself if it is the root.
        let nothing = if block.root.get().is_null() { edge } else { block.root.get() };
        (*edge).last_child.set(nothing);
        (*edge).successor.set(nothing);
    }
    Some(edge)
}

fn new_page(block: &ThreadBlock, previous: *mut FramePage) -> Option<*mut FramePage> {
    let page = writer::take(FRAME_PAGE, FRAME_PAGE)?.cast::<FramePage>();
    // SAFETY: fresh zeroed memory of the right size and alignment.
    let links = unsafe { &(*page).links };
    links.previous.set(previous);
    links.block.set(ptr::from_ref(block).cast_mut());
    Some(page)
}

/// The page that contains a frame.
fn page_of(frame: *const Frame) -> &'static FramePage {
    let page = frame.map_addr(|address| address & !(FRAME_PAGE - 1)).cast::<FramePage>();
    // SAFETY: all frames are in pages aligned to their size, except a block's own frame and
    // NOWHERE, for which this is never called; pages are never freed.
    unsafe { &*page }
}

/// The frame above an open one, in the next page if this one is full.
pub(crate) fn frame_above(block: &ThreadBlock, frame: *const Frame) -> Option<*const Frame> {
    known_frame_above(frame).or_else(|| {
        let page = page_of(frame);
        let next = new_page(block, ptr::from_ref(page).cast_mut())?;
        page.links.next.publish(next);
        // SAFETY: just created.
        Some(unsafe { &raw const (*next).frames[0] })
    })
}

/// The frame above one, if its page already exists.
pub(crate) fn known_frame_above(frame: *const Frame) -> Option<*const Frame> {
    let above = frame.wrapping_add(1);
    if !above.addr().is_multiple_of(FRAME_PAGE) {
        return Some(above);
    }
    // SAFETY: null or a page, which is never freed.
    let next = unsafe { page_of(frame).links.next.get().as_ref()? };
    Some(&raw const next.frames[0])
}

/// The frame below one; `None` for the thread's first.
pub(crate) fn frame_below(frame: *const Frame) -> Option<*const Frame> {
    if !is_first_in_page(frame) {
        return Some(frame.wrapping_sub(1));
    }
    // SAFETY: null or a page, which is never freed.
    let previous = unsafe { page_of(frame).links.previous.get().as_ref()? };
    previous.frames.last().map(ptr::from_ref)
}

/// Whether the frame belongs to a block. After a `fork` the memory of a page is all zero, and the
/// page belongs to nobody.
pub(super) fn is_frame_of(block: &ThreadBlock, frame: *const Frame) -> bool {
    ptr::eq(page_of(frame).links.block.get(), block)
}

/// The split record of a frame, allocated together with those of its whole page.
pub(super) fn split_of(block: &ThreadBlock, frame: &Frame) -> Option<&'static Split> {
    let splits = &page_of(frame).links.splits;
    if splits.get().is_null() {
        splits.publish(take_bytes(block, PAGE_FRAMES * size_of::<Split>())?.cast());
    }
    let index = ptr::from_ref(frame).addr() % FRAME_PAGE / size_of::<Frame>();
    // SAFETY: there is one for each frame of the page; never freed.
    unsafe { splits.get().add(index).as_ref() }
}

/// If no span is open in the page of `frame`, and the top frame is in another page, moves the page
/// above that one to be reused. So spans that overlap indefinitely need a few pages instead of more
/// and more.
pub(super) fn free_page_of(frame: &Frame, top: &Frame, is_open: impl Fn(&Frame) -> bool) {
    let (page, top_page) = (page_of(frame), page_of(top));
    if ptr::eq(page, top_page) || page.frames.iter().any(is_open) {
        return;
    }
    let (previous, next) = (page.links.previous.get(), page.links.next.get());
    let above = top_page.links.next.get();
    let this = ptr::from_ref(page).cast_mut();
    // SAFETY: the thread's own frame is always open, so this is not the first page; the top page is
    // above it, so it is not the last; above the top page is null or a page. Pages are never freed.
    unsafe {
        (*previous).links.next.publish(next);
        (*next).links.previous.set(previous);
        page.links.next.publish(above);
        page.links.previous.set(ptr::from_ref(top_page).cast_mut());
        if let Some(above) = above.as_ref() {
            above.links.previous.set(this);
        }
    }
    top_page.links.next.publish(this);
}

/// Whether the frame below is in another page.
pub(crate) fn is_first_in_page(frame: *const Frame) -> bool {
    frame.addr() % FRAME_PAGE == std::mem::offset_of!(FramePage, frames)
}

/// Zeroed memory for a record, from the thread's own chunk.
pub(crate) fn take<T>(block: &ThreadBlock) -> Option<*mut T> {
    take_bytes(block, size_of::<T>()).map(<*mut u8>::cast)
}

/// The record that a link leads to, created at its first use.
pub(crate) fn get_or_create<T>(link: &Link<T>, block: &ThreadBlock) -> Option<&'static T> {
    if link.get().is_null() {
        link.publish(take(block)?);
    }
    // SAFETY: no longer null; records are never freed.
    unsafe { link.get().as_ref() }
}

/// Zeroed memory, rounded up to a multiple of 64 bytes.
pub(crate) fn take_bytes(block: &ThreadBlock, bytes: usize) -> Option<*mut u8> {
    let bytes = bytes.next_multiple_of(64);
    if bytes > CHUNK / 4 {
        return writer::take(bytes, 64);
    }
    if block.cursor.get() + bytes as u64 > block.limit.get() {
        let chunk = writer::take(CHUNK, 64)? as u64;
        block.cursor.set(chunk);
        block.limit.set(chunk + CHUNK as u64);
    }
    let start = block.cursor.get();
    block.cursor.set(start + bytes as u64);
    Some(start as *mut u8)
}

/// Refreshes the segment's second anchor, so that a reader of a killed process knows the clock's
/// rate, and the time of death to within a tenth of a second.
#[inline]
pub(crate) fn refresh_anchor(block: &ThreadBlock) {
    refresh_anchor_at(block, Clock::current().now());
}

/// The same, where the clock was just read.
#[inline]
pub(super) fn refresh_anchor_at(block: &ThreadBlock, now: u64) {
    if now.wrapping_sub(block.anchored.get()) > ANCHOR_AFTER {
        block.anchored.set(now);
        write_anchor(Clock::current());
    }
}

#[cold]
pub(crate) fn write_anchor(clock: Clock) {
    let Some(header) = writer::header() else { return };
    let anchor = Anchor::now(clock);
    header.last_ticks.set(anchor.ticks);
    header.last_monotonic_ns.set(anchor.monotonic_ns);
}

/// In the child of a `fork`: this thread no longer has a block, and gets none before
/// [`allow_block`].
pub(crate) fn forget_block() {
    detach();
    GAVE_UP.set(true);
}

/// Makes each allocation take the slow path, which finds that the thread has no block.
pub(super) fn detach() {
    TOP.set(&raw const NOWHERE);
    BLOCK.set(ptr::null());
    live::grant_nothing();
}

/// The child now has its own segment.
pub(crate) fn allow_block() {
    GAVE_UP.set(false);
}

/// While it lives, allocations of this thread are attributed to the recorder itself, and calls are
/// not recorded.
#[derive(Debug)]
pub(crate) struct Suspended {
    before: *const Frame,
}

impl Suspended {
    pub(crate) fn new() -> Suspended {
        let before = TOP.get();
        if let Some((block, _)) = here() {
            TOP.set(block.own_frame.get());
        }
        Suspended { before }
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        // A thread that had no block before keeps the one it got, with nothing open in it.
        let unattached = ptr::eq(self.before, &raw const NOWHERE);
        TOP.set(if unattached {
            own_block().map_or(self.before, first_frame)
        } else {
            self.before
        });
    }
}

/// Runs work of the recorder on behalf of a caller, such as taking a snapshot. What it allocates
/// and frees is not attributed to anybody. The caller gets a copy of the result, because the caller
/// will free it: the copy is allocated where it is attributed, and nothing that the recorder keeps
/// for itself is attributed with it.
pub(crate) fn for_caller<T: Clone>(work: impl FnOnce() -> T) -> T {
    let own = Suspended::new();
    let made = work();
    drop(own);
    if !allocator_counts() {
        return made;
    }
    let copy = made.clone();
    let _own = Suspended::new();
    drop(made);
    copy
}

/// Whether this process's allocations are counted.
pub(crate) fn allocator_counts() -> bool {
    writer::header().is_some_and(|header| header.allocator.get() != 0)
}

/// The top span, if it belongs to that function.
pub(super) fn own_span(site: &CallSite) -> Option<(&'static Frame, &'static Edge)> {
    let (_, frame) = here()?;
    // SAFETY: null, or an edge, which is never freed.
    let edge = unsafe { frame.edge.get().as_ref() }?;
    ptr::eq(edge.site.get(), site).then_some((frame, edge))
}

/// The frame of the thread itself, always open.
fn first_frame(block: &ThreadBlock) -> *const Frame {
    // SAFETY: a block has a first page of frames from its creation on, and it is never freed.
    unsafe { &raw const (*block.first_frames.get()).frames[0] }
}

/// Whether the recorder itself is running in this thread.
pub(crate) fn is_suspended(block: &ThreadBlock, frame: &Frame) -> bool {
    ptr::eq(block.own_frame.get(), frame)
}
