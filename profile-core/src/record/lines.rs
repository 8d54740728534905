//! Time and allocations by source line: called by the marks of `#[profile(lines)]`.
//!
//! Each function has one record per thread, with counters for each of its lines. A mark adds the
//! time since the previous mark to the line that ran, and makes its own line current: one clock
//! reading where a span needs two.
//!
//! The current line belongs to a call. A [`Stay`] saves that of the outer call: a recursive call,
//! or the poll of another future of the same function, suspends it and restores it, so that every
//! moment is attributed to one line.

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use super::frame::tally_of;
use super::thread::own_span;
use super::{fold, pacing, policy, thread};
use crate::callsite::{CallSite, Mode};
use crate::clock::Clock;
use crate::segment::layout::{Frame, LineCounts, LineTally, Tally, ThreadBlock, Word, heap, way};
use crate::settings::Budget;
use crate::sys;

thread_local! {
    /// The lines of the innermost call with lines; null if there is none. Const-initialized and
    /// without `Drop`, like `TOP`.
    static RUNNING: Cell<*const LineTally> = const { Cell::new(std::ptr::null()) };
}

/// [`LineTally::to_go`]: marks until the clock is read. 0: the time stamp counter is read at every
/// mark.
mod to_go {
    pub(super) const EVERY: u64 = 0;
    /// At this mark, on the slow path.
    pub(super) const NOW: u64 = 1;
}

impl LineTally {
    /// The counters of a line, by its number in the function's table. The number of lines itself is
    /// the index of the counters for the beginning of a call, before any line.
    #[inline(always)]
    fn line(&self, number: usize) -> &'static LineCounts {
        // SAFETY: the record is followed by counters for each line and one more, and never freed;
        // the numbers are those of the table that it was created for.
        unsafe { &*std::ptr::from_ref(self).add(1).cast::<LineCounts>().add(number) }
    }

    fn number_of(&self, line: &LineCounts) -> usize {
        let first = std::ptr::from_ref(self.line(0)).addr();
        (std::ptr::from_ref(line).addr() - first) / size_of::<LineCounts>()
    }

    fn beginning(&self) -> &'static LineCounts {
        self.line(self.lines.get() as usize)
    }

    #[inline(always)]
    fn current(&self) -> &'static LineCounts {
        // SAFETY: set when the record is created, and never null; counters are never freed.
        unsafe { &*self.current.get() }
    }
}

/// The call whose lines are recorded, if any. Held by a function with marks.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    call: Option<(&'static LineTally, &'static Frame)>,
}

impl Lines {
    /// Begins the line of that number.
    #[inline(always)]
    pub fn at(self, number: usize) {
        let Some((tally, frame)) = self.running() else { return };
        let line = tally.line(number);
        line.hits.add(1);
        arrive(tally, frame, line);
    }

    /// The call, if the thread is still in it. Not in the child of a `fork`: the memory of the
    /// records is empty there, and will be reused.
    #[inline(always)]
    fn running(self) -> Option<(&'static LineTally, &'static Frame)> {
        self.call.filter(|(tally, _)| std::ptr::eq(RUNNING.get(), *tally))
    }

    /// Continues the line of that number, or prepares it to begin.
    #[inline(always)]
    pub fn resume(self, number: usize) {
        if let Some((tally, frame)) = self.running() {
            arrive(tally, frame, tally.line(number));
        }
    }

    /// Begins the line of that number, unless it is current: the caller that polls an async block
    /// may already be on its line.
    #[inline(always)]
    pub fn enter(self, number: usize) {
        let Some((tally, frame)) = self.running() else { return };
        let line = tally.line(number);
        if !std::ptr::eq(tally.current.get(), line) {
            line.hits.add(1);
        }
        arrive(tally, frame, line);
    }

    /// Uncounts a hit of the line of that number, which is about to be counted again for the same
    /// arrival.
    #[inline(always)]
    pub fn uncount(self, number: usize) {
        if let Some((tally, _)) = self.running() {
            let hits = &tally.line(number).hits;
            hits.set(hits.get().saturating_sub(1));
        }
    }

    /// Ends a block on the line of that number when the guard is dropped; a hit if `counts`. Does
    /// nothing unless the block `drops` something.
    #[inline(always)]
    pub fn end(self, number: usize, drops: bool, counts: bool) -> End {
        End { lines: self, number, drops, counts }
    }

    #[inline(always)]
    fn ended(self, number: usize, counts: bool) {
        if counts { self.at(number) } else { self.resume(number) }
    }

    /// Continues the line of that number when the guard is dropped.
    #[inline(always)]
    pub fn back(self, number: usize) -> Back {
        Back { lines: self, number }
    }

    /// Wraps the iterator of a `for` loop; each step is work of the line of that number.
    #[inline(always)]
    pub fn iter<I: IntoIterator>(self, number: usize, inner: I) -> LineIter<I::IntoIter> {
        LineIter { lines: self, number, inner: inner.into_iter() }
    }
}

/// [`Lines`] for a function with so many statements that the marks are calls: inlined, their code
/// would slow down the compiler too much.
#[derive(Clone, Copy, Debug)]
pub struct OutlinedLines(Lines);

impl OutlinedLines {
    /// [`Lines::at`]
    #[inline(never)]
    pub fn at(self, number: usize) {
        self.0.at(number);
    }

    /// [`Lines::resume`]
    #[inline(never)]
    pub fn resume(self, number: usize) {
        self.0.resume(number);
    }

    /// [`Lines::enter`]
    #[inline(never)]
    pub fn enter(self, number: usize) {
        self.0.enter(number);
    }

    /// [`Lines::uncount`]
    #[inline(never)]
    pub fn uncount(self, number: usize) {
        self.0.uncount(number);
    }

    /// [`Lines::end`]
    pub fn end(self, number: usize, drops: bool, counts: bool) -> OutlinedEnd {
        OutlinedEnd { lines: self.0, number, drops, counts }
    }

    /// [`Lines::back`]
    pub fn back(self, number: usize) -> OutlinedBack {
        OutlinedBack { lines: self, number }
    }

    /// [`Lines::iter`]
    pub fn iter<I: IntoIterator>(self, number: usize, inner: I) -> LineIter<I::IntoIter> {
        self.0.iter(number, inner)
    }
}

/// See [`OutlinedLines::end`].
#[derive(Debug)]
pub struct OutlinedEnd {
    lines: Lines,
    number: usize,
    drops: bool,
    counts: bool,
}

impl Drop for OutlinedEnd {
    #[inline(never)]
    fn drop(&mut self) {
        if self.drops {
            self.lines.ended(self.number, self.counts);
        }
    }
}

/// See [`OutlinedLines::back`].
#[derive(Debug)]
pub struct OutlinedBack {
    lines: OutlinedLines,
    number: usize,
}

impl Drop for OutlinedBack {
    fn drop(&mut self) {
        self.lines.resume(self.number);
    }
}

impl Lines {
    /// Ticks on the first two lines, and the number of stays they cover: for the calibration.
    pub(super) fn timed(self) -> (u64, u64) {
        let Some((tally, _)) = self.call else { return (0, 0) };
        let lines = [tally.line(0), tally.line(1)];
        let sum = |word: fn(&LineCounts) -> &Word| lines.iter().map(|line| word(line).get()).sum();
        (sum(|line| &line.ticks), sum(|line| &line.timed))
    }

    /// Stops all marks from reading the clock: for the calibration.
    pub(super) fn count_only(self) {
        if let Some((tally, _)) = self.call {
            tally.way.set(way::SAMPLED);
            tally.to_go.set(u64::MAX);
            tally.to_go_from.set(u64::MAX);
        }
    }
}

/// Whether dropping a variable does anything, according to its type.
#[inline(always)]
#[must_use]
pub const fn drops<T>(_: &T) -> bool {
    std::mem::needs_drop::<T>()
}

/// See [`Lines::end`].
#[derive(Debug)]
pub struct End {
    lines: Lines,
    number: usize,
    drops: bool,
    counts: bool,
}

impl Drop for End {
    #[inline(always)]
    fn drop(&mut self) {
        if self.drops {
            self.lines.ended(self.number, self.counts);
        }
    }
}

/// See [`Lines::back`].
#[derive(Debug)]
pub struct Back {
    lines: Lines,
    number: usize,
}

impl Drop for Back {
    #[inline(always)]
    fn drop(&mut self) {
        self.lines.resume(self.number);
    }
}

/// See [`Lines::iter`].
#[derive(Debug)]
pub struct LineIter<I> {
    lines: Lines,
    number: usize,
    inner: I,
}

impl<I: Iterator> Iterator for LineIter<I> {
    type Item = I::Item;

    #[inline(always)]
    fn next(&mut self) -> Option<I::Item> {
        self.lines.at(self.number);
        self.inner.next()
    }
}

/// The call of that function that this thread is in, if its lines are recorded.
#[inline(always)]
fn here(site: &'static CallSite) -> Lines {
    // SAFETY: null, or a record of this thread's block, which is never freed.
    let running = unsafe { RUNNING.get().as_ref() };
    let own = running.filter(|tally| std::ptr::eq(tally.site.get(), site));
    // SAFETY: while a record is in `RUNNING`, its frame is set.
    Lines { call: own.map(|tally| (tally, unsafe { &*tally.frame.get() })) }
}

/// [`Lines::at`] in async code.
#[inline]
pub fn at_here(site: &'static CallSite, number: usize) {
    here(site).at(number);
}

/// [`Lines::resume`] in async code.
#[inline]
pub fn resume_here(site: &'static CallSite, number: usize) {
    here(site).resume(number);
}

/// [`Lines::enter`] in async code.
#[inline]
pub fn enter_here(site: &'static CallSite, number: usize) {
    here(site).enter(number);
}

/// [`Lines::uncount`] in async code.
#[inline]
pub fn uncount_here(site: &'static CallSite, number: usize) {
    here(site).uncount(number);
}

/// [`Lines::end`] in async code, where the guard may be dropped in another thread.
#[inline]
pub fn end_here(site: &'static CallSite, number: usize, drops: bool, counts: bool) -> EndHere {
    EndHere { site, number, drops, counts }
}

/// See [`end_here`].
#[derive(Debug)]
pub struct EndHere {
    site: &'static CallSite,
    number: usize,
    drops: bool,
    counts: bool,
}

impl Drop for EndHere {
    fn drop(&mut self) {
        if self.drops {
            here(self.site).ended(self.number, self.counts);
        }
    }
}

/// [`Lines::back`] in async code, where the guard may be dropped in another thread.
#[inline]
pub fn back_here(site: &'static CallSite, number: usize) -> BackHere {
    BackHere { site, number }
}

/// See [`back_here`].
#[derive(Debug)]
pub struct BackHere {
    site: &'static CallSite,
    number: usize,
}

impl Drop for BackHere {
    fn drop(&mut self) {
        here(self.site).resume(self.number);
    }
}

/// [`Lines::iter`] in async code.
#[inline]
pub fn iter_here<I: IntoIterator>(
    site: &'static CallSite,
    number: usize,
    inner: I,
) -> LineIterHere<I::IntoIter> {
    LineIterHere { site, number, inner: inner.into_iter() }
}

/// See [`iter_here`].
#[derive(Debug)]
pub struct LineIterHere<I> {
    site: &'static CallSite,
    number: usize,
    inner: I,
}

impl<I: Iterator> Iterator for LineIterHere<I> {
    type Item = I::Item;

    #[inline(always)]
    fn next(&mut self) -> Option<I::Item> {
        here(self.site).at(self.number);
        self.inner.next()
    }
}

/// Attributes what has passed to the current line, and makes `line` current.
#[inline(always)]
fn arrive(tally: &LineTally, frame: &Frame, line: &LineCounts) {
    if events(frame) != tally.events.get() {
        charge_heap(tally, frame);
    }
    let to_go = tally.to_go.get();
    if to_go == to_go::EVERY {
        tally.marks.add(1);
        stay(tally, sys::read_tsc(), 1);
    } else if to_go == to_go::NOW {
        arrive_slowly(tally);
    } else {
        tally.to_go.set(to_go - 1);
    }
    tally.current.set(std::ptr::from_ref(line).cast_mut());
}

/// Counts the stay that ends now, `stands_for` times.
#[inline(always)]
fn stay(tally: &LineTally, now: u64, stands_for: u64) {
    let current = tally.current();
    let elapsed = now.wrapping_sub(tally.since.get());
    current.ticks.add(elapsed.wrapping_mul(stands_for));
    current.timed.add(stands_for);
    tally.since.set(now);
}

/// Grows whenever something is allocated or freed.
#[inline(always)]
fn events(frame: &Frame) -> u64 {
    frame.heap[heap::ALLOCATIONS].get().wrapping_add(frame.heap[heap::FREES].get())
}

/// The heap counters that lines have.
const HEAP: [usize; 3] = [heap::ALLOCATIONS, heap::ALLOCATED_BYTES, heap::FREED_BYTES];

#[inline(never)]
fn charge_heap(tally: &LineTally, frame: &Frame) {
    for ((sum, seen), count) in tally.current().heap.iter().zip(&tally.seen).zip(HEAP) {
        let now = frame.heap[count].get();
        sum.add(now.wrapping_sub(seen.get()));
        seen.set(now);
    }
    tally.events.set(events(frame));
}

/// Reads the clock where the inlined path does not apply.
#[cold]
#[inline(never)]
fn arrive_slowly(tally: &LineTally) {
    let now = Clock::current().now();
    tally.marks.add(1);
    match tally.way.get() {
        way::SAMPLED => {
            tally.since.set(now);
            tally.way.set(way::SAMPLING);
        }
        way::SAMPLING => {
            stay(tally, now, 1 << tally.period_log2.get());
            tally.way.set(way::SAMPLED);
            next_turn(tally, now);
        }
        _ => {
            stay(tally, now, 1);
            read_resident(tally);
        }
    }
}

/// Decides after how many marks the next stay is timed.
fn next_turn(tally: &LineTally, now: u64) {
    let Some(block) = thread::own_block() else { return };
    count_marks(tally);
    // SAFETY: the site of a record is a static.
    let period = match policy::budget_of(unsafe { &*tally.site.get() }) {
        Budget::Exact => 0,
        Budget::OneIn(period) => u64::from(period.max(1).ilog2()),
        Budget::Share(share) => period_for(tally, now, share),
        Budget::Auto => period_for(tally, now, policy::DEFAULT_SHARE),
    };
    tally.sampled_at.set(now);
    tally.sampled_marks.set(tally.all_marks.get() + tally.marks.get());
    tally.period_log2.set(period);
    // The timed stay begins with the mark after these.
    let to_go = to_go::NOW + pacing::calls_to_go(block, period);
    tally.to_go.set(to_go);
    tally.to_go_from.set(to_go);
}

/// Counts the marks that were only subtracted from `to_go`, which saves a store for each of them.
fn count_marks(tally: &LineTally) {
    let to_go = tally.to_go.get();
    tally.marks.add(tally.to_go_from.get().saturating_sub(to_go));
    tally.to_go_from.set(to_go);
}

/// log2 of the period with which timing takes the given share of the time since the last turn.
fn period_for(tally: &LineTally, now: u64, share: f64) -> u64 {
    /// At least one stay in 2^12 is timed on average.
    const MOST: f64 = 12.0;
    // Marks of a call within a call are in neither sum while it runs.
    let marks = tally.all_marks.get().wrapping_add(tally.marks.get());
    let marks = marks.saturating_sub(tally.sampled_marks.get());
    let between = now.wrapping_sub(tally.sampled_at.get()) as f64 / marks.max(1) as f64;
    let cost = policy::span_cost_ticks();
    (cost / (share * between.max(1.0))).max(1.0).log2().ceil().min(MOST) as u64
}

/// A call, or the poll of one, to which the marks of the function apply. It ends before the span
/// does.
#[must_use = "the lines end when this is dropped"]
#[derive(Debug)]
pub struct Stay {
    /// `None` if the call is not recorded, or there is no memory for its lines.
    call: Option<(&'static LineTally, &'static Frame)>,
    outer: Outer,
    /// A call ends on the thread it began in.
    not_send: PhantomData<*mut ()>,
}

/// The call of the same function that contains this one, if any, and the state to restore for it.
#[derive(Debug, Default)]
struct Outer {
    line: Option<&'static LineCounts>,
    frame: Option<&'static Frame>,
    running: Option<&'static LineTally>,
    marks: u64,
    events: u64,
    seen: [u64; 3],
}

/// Starts the lines of the call whose span was opened last.
pub fn stay_in_lines(site: &'static CallSite) -> Stay {
    Stay::begin(site).unwrap_or(Stay { call: None, outer: Outer::default(), not_send: PhantomData })
}

impl Stay {
    fn begin(site: &'static CallSite) -> Option<Stay> {
        let (frame, edge) = own_span(site)?;
        let tally = lines_of(tally_of(edge), site)?;
        // SAFETY: null, or a frame of this thread's block, which is never unmapped.
        let outer_frame = unsafe { tally.frame.get().as_ref() };
        if let Some(outer) = outer_frame {
            attribute(tally, outer);
            count_marks(tally);
        }
        let outer = Outer {
            line: Some(tally.current()),
            frame: outer_frame,
            // SAFETY: null, or a record of this thread's block, which is never freed.
            running: unsafe { RUNNING.replace(tally).as_ref() },
            marks: tally.marks.get(),
            events: tally.events.get(),
            seen: tally.seen.each_ref().map(Word::get),
        };
        if tally.mode.get() != u64::from(site.mode()) {
            select_way(tally, site);
        }
        tally.frame.set(std::ptr::from_ref(frame).cast_mut());
        tally.current.set(std::ptr::from_ref(tally.beginning()).cast_mut());
        tally.seen.iter().zip(HEAP).for_each(|(seen, count)| seen.set(frame.heap[count].get()));
        tally.events.set(events(frame));
        tally.marks.set(0);
        restart(tally);
        Some(Stay { call: Some((tally, frame)), outer, not_send: PhantomData })
    }

    /// The lines to which the marks of the call apply.
    #[must_use]
    pub fn lines(&self) -> Lines {
        Lines { call: self.call }
    }

    /// Like [`Stay::lines`], with marks that are calls.
    #[must_use]
    pub fn outlined(&self) -> OutlinedLines {
        OutlinedLines(self.lines())
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let Some((tally, frame)) = self.lines().running() else { return };
        attribute(tally, frame);
        count_marks(tally);
        // SAFETY: the span closes after this, so its edge is set, except in a process that has
        // forked since.
        if let Some(edge) = unsafe { frame.edge.get().as_ref() } {
            edge.marks.add(tally.marks.get());
        }
        tally.all_marks.add(tally.marks.get());
        let Outer { line, frame: outer_frame, running, marks, events: outer_events, seen } =
            &self.outer;
        tally.marks.set(*marks);
        RUNNING.set(running.map_or(std::ptr::null(), std::ptr::from_ref));
        let line = line.unwrap_or_else(|| tally.beginning());
        tally.current.set(std::ptr::from_ref(line).cast_mut());
        tally
            .frame
            .set(outer_frame.map_or(std::ptr::null_mut(), |it| std::ptr::from_ref(it).cast_mut()));
        // The allocations of this call reach the frame of the outer one when the spans between them
        // have closed. They have already been attributed to lines.
        tally.events.set(outer_events.wrapping_add(events(frame)));
        for ((word, seen), count) in tally.seen.iter().zip(seen).zip(HEAP) {
            word.set(seen.wrapping_add(frame.heap[count].get()));
        }
        if outer_frame.is_some() {
            restart(tally);
        }
    }
}

/// Attributes what has passed so far to the current line.
fn attribute(tally: &LineTally, frame: &Frame) {
    if events(frame) != tally.events.get() {
        charge_heap(tally, frame);
    }
    match tally.way.get() {
        way::INLINED => stay(tally, sys::read_tsc(), 1),
        way::SAMPLED => {}
        _ => arrive_slowly(tally),
    }
}

/// Restarts the time of the current stay.
fn restart(tally: &LineTally) {
    match tally.way.get() {
        way::INLINED => tally.since.set(sys::read_tsc()),
        _ => tally.since.set(Clock::current().now()),
    }
    if tally.resident.get() != 0 {
        tally.resident_seen.set(resident_bytes());
    }
}

/// The function is now recorded differently than at the last call.
#[cold]
fn select_way(tally: &LineTally, site: &CallSite) {
    let with_resident = tally.resident.get() != 0;
    let (way, to_go) = match site.mode() {
        Mode::EXACT if !with_resident => (way::INLINED, to_go::EVERY),
        Mode::PACED | Mode::PACED_GENERAL if !with_resident => (way::SAMPLED, to_go::NOW),
        _ => (way::SLOWLY, to_go::NOW),
    };
    tally.way.set(way);
    tally.to_go.set(to_go);
    tally.to_go_from.set(to_go);
    tally.sampled_at.set(Clock::current().now());
    tally.sampled_marks.set(tally.all_marks.get());
    tally.mode.set(u64::from(site.mode()));
}

/// The lines of a function in this thread, created at its first call.
fn lines_of(function: &'static Tally, site: &'static CallSite) -> Option<&'static LineTally> {
    // SAFETY: null, or a record, which is never freed.
    unsafe { function.lines.get().as_ref() }
        .or_else(|| create(function, site, thread::own_block()?))
}

#[cold]
fn create(
    function: &'static Tally,
    site: &'static CallSite,
    block: &ThreadBlock,
) -> Option<&'static LineTally> {
    let source = site.source().lines?;
    let lines = source.numbers.len();
    let bytes = size_of::<LineTally>() + (lines + 1) * size_of::<LineCounts>();
    let memory = thread::take_bytes(block, bytes)?.cast::<LineTally>();
    // SAFETY: fresh zeroed memory of the right size and alignment, all words; never freed.
    let tally = unsafe { &*memory };
    tally.site.set(std::ptr::from_ref(site).cast_mut());
    tally.lines.set(lines as u64);
    tally.resident.set(u64::from(source.with_resident));
    tally.current.set(std::ptr::from_ref(tally.beginning()).cast_mut());
    function.lines.publish(memory);
    Some(tally)
}

/// Records resident memory after the line that ends, like memory_profiler: the difference to the
/// previous reading is its increment, and the increments add up.
fn read_resident(tally: &LineTally) {
    if tally.resident.get() == 0 {
        return;
    }
    let now = resident_bytes();
    let [increment, most] = &tally.current().resident;
    increment.add(now.wrapping_sub(tally.resident_seen.get()));
    most.raise_to(now);
    tally.resident_seen.set(now);
}

/// Whether the process has forked, so that an open `/proc/self` is that of the parent.
static FORKED: AtomicBool = AtomicBool::new(false);

/// In the child of a `fork`.
pub(super) fn forget() {
    FORKED.store(true, Relaxed);
    RUNNING.set(std::ptr::null());
}

/// Returns 0 if it cannot be read.
fn resident_bytes() -> u64 {
    let open = || sys::ProcessMemory::open(std::process::id(), sys::Resident::Rss).ok();
    if FORKED.load(Relaxed) {
        return open().and_then(|memory| memory.own_bytes()).unwrap_or(0);
    }
    static OPENED: OnceLock<Option<sys::ProcessMemory>> = OnceLock::new();
    let _own = thread::Suspended::new();
    OPENED.get_or_init(open).as_ref().and_then(sys::ProcessMemory::own_bytes).unwrap_or(0)
}

/// The block of an async function with lines. It is inside the future whose polls are spans.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct LinedFuture<F> {
    inner: ManuallyDrop<F>,
    pause: Pause,
}

/// The state between two polls.
#[derive(Debug)]
struct Pause {
    site: &'static CallSite,
    /// The number of the line to continue; `None` if nothing waits.
    line: Option<usize>,
    /// When the wait began, in ticks.
    since: u64,
}

/// Wraps the block of an async function.
pub fn lined_future<F>(site: &'static CallSite, inner: F) -> LinedFuture<F> {
    LinedFuture { inner: ManuallyDrop::new(inner), pause: Pause { site, line: None, since: 0 } }
}

impl<F: Future> Future for LinedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `inner` is pinned with `self` and only dropped in place; `pause` is never pinned.
        let (inner, pause) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut *this.inner), &mut this.pause)
        };
        let mut polled = pause.end();
        let outcome = inner.poll(context);
        polled.waits = outcome.is_pending();
        outcome
    }
}

impl<F> Drop for LinedFuture<F> {
    fn drop(&mut self) {
        // A call that is cancelled has waited until now, and drops what it holds on the line on
        // which it waited.
        let _polled = self.pause.line.is_some().then(|| self.pause.end());
        // SAFETY: dropped here, once, in place; nothing uses it afterwards.
        unsafe { ManuallyDrop::drop(&mut self.inner) };
    }
}

impl Pause {
    /// Starts a poll.
    fn end(&mut self) -> PolledLines<'_> {
        let stay = stay_in_lines(self.site);
        if let (Some((tally, _)), Some(number)) = (stay.call, self.line) {
            let line = tally.line(number);
            let waited = Clock::current().now().wrapping_sub(self.since);
            let waited = thread::own_block().map_or(0, |block| fold::forward_only(block, waited));
            line.waits(-1, self.since);
            line.waiting_ticks.add(waited);
            tally.current.set(std::ptr::from_ref(line).cast_mut());
            self.line = None;
        }
        PolledLines { stay, pause: self, waits: false }
    }
}

impl LineCounts {
    /// Adds `more` calls that wait here since then. A call may continue in another thread, so only
    /// the sum over all threads is meaningful, in two's complement. Readers check the number of
    /// waiting calls before and after reading the sum.
    fn waits(&self, more: i64, since: u64) {
        let [calls, sum] = &self.waiting;
        sum.publish(sum.get().wrapping_add_signed(more.wrapping_mul(since.cast_signed())));
        calls.publish(calls.get().wrapping_add_signed(more));
    }
}

/// A poll.
struct PolledLines<'a> {
    stay: Stay,
    pause: &'a mut Pause,
    /// Whether the call waits for another poll: not if it has ended, unwinds, or was polled for the
    /// last time because the future is dropped.
    waits: bool,
}

impl Drop for PolledLines<'_> {
    fn drop(&mut self) {
        let Some((tally, _)) = self.stay.lines().running().filter(|_| self.waits) else {
            return;
        };
        self.pause.since = Clock::current().now();
        self.pause.line = Some(tally.number_of(tally.current()));
        tally.current().waits(1, self.pause.since);
    }
}
