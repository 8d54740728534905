//! Spans that overlap: a guard is dropped while spans that opened later are still open. `phase = span!(..)` in a loop does
//! that, guards in a struct or a queue, and coroutines.
//!
//! A span lasts from its opening to its closing, whatever else opens and closes meanwhile. In the call tree the spans above stand
//! on its path; from the moment it closes they continue on the path without it. So each of them is split: what it took and
//! allocated up to then is on the path it stood on, the rest goes to the new one, and the call is counted once, where it ends.
//! That way a path's time is its own and that of the paths below, in any order of closing.
//!
//! ```text
//!  a      ├─────────────┤                    a          t0 … t2
//!  b             ├───────────────┤           a, b       t1 … t2
//!        t0      t1     t2       t3          b          t2 … t3, and the call
//! ```
//!
//! Frames cannot move, since guards know their addresses. The frame of a span that closed is skipped until those above it are gone,
//! and a page in which no other kind is left is used again ([`thread::free_page_of`]): memory is bounded by the spans open at
//! once, each of which keeps one page at most.

use super::begin::{self, Complaint};
use super::general::{self, Exit, edge_of, open_frames, outer_of, tally_of};
use super::{paths, settle, thread};
use crate::clock::Clock;
use crate::segment::layout::{Edge, Frame, Split, ThreadBlock, Word, buckets, flags, heap};

/// Of so many spans above one that closes the times are split. Beyond that a program that holds a hundred thousand guards in a
/// queue would spend its time here.
const MOST_ABOVE: usize = 1024;

/// Closes a span below others. A frame that is not open here (the process has forked since, or the span was closed in place of its
/// guard) is left alone.
#[cold]
#[inline(never)]
pub(super) fn close_below(frame: *const Frame, elapsed: Option<u64>) {
    let Some((block, below)) = find(frame) else { return };
    let exit = below.exit;
    let until = elapsed.map_or_else(
        || Clock::current().now(),
        |elapsed| exit.frame.started.get().wrapping_add(elapsed),
    );
    complain_of_waiting(block, exit);
    let above = if below.is_deep { Inclusive::default() } else { split_above(block, exit, until) };
    mark_above(block, exit);
    above.charge_to(exit.frame);
    let _finish = Finish { block, edge: edge_of(exit.frame), exit, above, is_deep: below.is_deep };
    general::close(exit, elapsed);
}

/// A span below others.
struct Below {
    exit: Exit<'static>,
    /// So many are above it that they are left as they are.
    is_deep: bool,
}

fn find(frame: *const Frame) -> Option<(&'static ThreadBlock, Below)> {
    let block = thread::own_block().filter(|block| thread::is_frame_of(block, frame))?;
    // SAFETY: a frame of this block; never unmapped.
    let frame = unsafe { &*frame };
    let top = open_frames().next()?;
    if frame.edge.get().is_null() || is_closed(block, frame) {
        return None;
    }
    let is_found = open_frames().take(MOST_ABOVE + 1).any(|open| std::ptr::eq(open, frame));
    let is_deep = !is_found && open_frames().nth(MOST_ABOVE + 1).is_some();
    let outer = outer_of(frame).filter(|_| is_found || is_deep)?;
    Some((block, Below { exit: Exit { frame, outer, top }, is_deep }))
}

/// A span that closes before one that opened in it, with a future waiting in between: most likely its guard was held across an
/// `.await`. The attribute would have ended it with the poll.
fn complain_of_waiting(block: &ThreadBlock, exit: Exit<'_>) {
    let Some(above) = open_above(block, exit.frame) else { return };
    let opened = above.started.get();
    if opened != 0 && block.waiting_since.get() > opened {
        begin::complain_of_span(Complaint::Waiting, edge_of(exit.frame));
    }
}

/// Whether the frame's span closed while others above it were open. Only contexts have the root as their path besides, and the
/// frame of the thread itself.
pub(super) fn is_closed(block: &ThreadBlock, frame: &Frame) -> bool {
    std::ptr::eq(frame.edge.get(), block.root.get())
        && frame.flags.get() & flags::CARRIED == 0
        && thread::frame_below(frame).is_some()
}

/// The open frame below one whose neighbour is closed.
#[cold]
pub(super) fn open_below(frame: &Frame) -> Option<&'static Frame> {
    let block = thread::own_block()?;
    let neighbour = general::neighbour_below;
    let mut below = std::iter::successors(neighbour(frame), |below| neighbour(below));
    below.find(|below| !is_closed(block, below))
}

/// The open frame above one that is not the top.
fn open_above(block: &ThreadBlock, frame: &Frame) -> Option<&'static Frame> {
    // SAFETY: frames of this block up to the top one; never unmapped.
    let above = |frame: &Frame| thread::known_frame_above(frame).map(|above| unsafe { &*above });
    let mut all = std::iter::successors(above(frame), |frame| above(frame));
    all.find(|above| !is_closed(block, above))
}

/// The next frame above must look for the one below it.
fn mark_above(block: &ThreadBlock, exit: Exit<'_>) {
    if let Some(above) = open_above(block, exit.frame) {
        above.flags.set(above.flags.get() | flags::ABOVE_CLOSED);
    }
}

/// What was counted of the heap in frames above one, and their peak.
#[derive(Clone, Copy, Default)]
struct Inclusive {
    counts: [u64; heap::COUNTS],
    peak_bytes: i64,
}

impl Inclusive {
    /// With a frame further below. What is done in a context is not its caller's.
    fn with(&self, frame: &Frame) -> Inclusive {
        if frame.flags.get() & flags::CARRIED != 0 {
            return Inclusive::default();
        }
        let own = settle::counted(frame);
        let live = own[heap::ALLOCATED_BYTES].wrapping_sub(own[heap::FREED_BYTES]).cast_signed();
        let peak_bytes = frame.peak_bytes.get().cast_signed();
        Inclusive {
            counts: std::array::from_fn(|place| own[place].wrapping_add(self.counts[place])),
            peak_bytes: peak_bytes.max(live.saturating_add(self.peak_bytes)),
        }
    }

    /// The closing span has allocated what those above it have. Their own frames keep it, too, and hand it to the frame below the
    /// closed one in the end: [`Finish`] takes it off there.
    fn charge_to(&self, frame: &Frame) {
        let live = super::counters::live_bytes(frame);
        let peak = live.saturating_add(self.peak_bytes).max(frame.peak_bytes.get().cast_signed());
        frame.peak_bytes.set(peak.cast_unsigned());
        add(&frame.heap, &self.counts);
    }
}

/// What is left to do when the span has closed. Also when a filter makes an exceeded limit a panic.
struct Finish {
    block: &'static ThreadBlock,
    edge: &'static Edge,
    exit: Exit<'static>,
    above: Inclusive,
    is_deep: bool,
}

impl Drop for Finish {
    fn drop(&mut self) {
        let Exit { frame, outer, top } = self.exit;
        subtract(&outer.heap, &self.above.counts);
        if self.is_deep {
            begin::complain_of_span(Complaint::Crowd, self.edge);
        } else {
            reroute(self.block, self.exit);
        }
        thread::free_page_of(frame, top, |frame| {
            !frame.edge.get().is_null() && !is_closed(self.block, frame)
        });
    }
}

/// Puts what the spans above have taken so far on the paths they stand on.
fn split_above(block: &ThreadBlock, exit: Exit<'_>, until: u64) -> Inclusive {
    let above = open_frames().take_while(|open| !std::ptr::eq(*open, exit.frame));
    above.fold(Inclusive::default(), |inner, open| {
        let inclusive = inner.with(open);
        split(block, open, &inclusive, until);
        inclusive
    })
}

/// Puts what a call has taken so far on its path, but for what is on others already.
fn split(block: &ThreadBlock, frame: &Frame, inclusive: &Inclusive, until: u64) {
    let known = frame.flags.get();
    let Some(split) = thread::split_of(block, frame).filter(|_| known & flags::CARRIED == 0) else {
        return;
    };
    if known & flags::SPLIT == 0 {
        split.ticks.set(0);
        split.heap.iter().for_each(|word| word.set(0));
        frame.flags.set(known | flags::SPLIT);
    }
    let before = Part::of(split);
    let started = frame.started.get();
    let lasted = if started == 0 { 0 } else { until.wrapping_sub(started) };
    let ticks = buckets::duration(lasted).unwrap_or(0).max(before.ticks);
    let now = Part { ticks, heap: inclusive.counts };
    let edge = edge_of(frame);
    let is_recursive = tally_of(edge).open.get() > 1 && is_within_itself(frame);
    now.less(&before).add_to(block, edge, stands_for_log2(known), is_recursive);
    split.ticks.set(now.ticks);
    split.heap.iter().zip(now.heap).for_each(|(word, count)| word.set(count));
}

fn stands_for_log2(known: u64) -> u64 {
    known >> flags::STANDS_FOR_SHIFT & 0xff
}

/// Whether a call of the same function is open below the frame. The path does not tell: that of mutual recursion folds, and holds
/// the function once.
pub(super) fn is_within_itself(frame: &Frame) -> bool {
    let tally = tally_of(edge_of(frame));
    let is_same = |below: &Frame| {
        std::ptr::eq(tally_of(edge_of(below)), tally) && below.flags.get() & flags::CARRIED == 0
    };
    std::iter::successors(outer_of(frame), |below| outer_of(below)).take(MOST_ABOVE).any(is_same)
}

/// The spans above go on without the one that closed, as far as that changes their paths.
fn reroute(block: &ThreadBlock, exit: Exit<'_>) {
    let mut below = exit.outer;
    let mut place = exit.frame;
    while !std::ptr::eq(place, exit.top) {
        let Some(frame) = open_above(block, place) else { return };
        if frame.flags.get() & flags::CARRIED != 0 || frame.flags.get() & flags::SPLIT == 0 {
            return;
        }
        // SAFETY: the site of a call's edge is a static.
        let site = unsafe { &*edge_of(frame).site.get() };
        let Some(edge) = paths::child(block, edge_of(below), site) else { return };
        if std::ptr::eq(edge, edge_of(frame)) {
            return;
        }
        frame.edge.publish(std::ptr::from_ref(edge).cast_mut());
        (below, place) = (frame, frame);
    }
}

/// Part of a call: what is on one path of it.
#[derive(Clone, Copy)]
struct Part {
    ticks: u64,
    heap: [u64; heap::COUNTS],
}

impl Part {
    fn of(split: &Split) -> Part {
        Part { ticks: split.ticks.get(), heap: split.heap.each_ref().map(Word::get) }
    }

    fn less(&self, other: &Part) -> Part {
        Part {
            ticks: self.ticks.wrapping_sub(other.ticks),
            heap: std::array::from_fn(|place| self.heap[place].wrapping_sub(other.heap[place])),
        }
    }

    /// To the sums of a path, which wrap: what is taken off them is the complement.
    fn add_to(&self, block: &ThreadBlock, edge: &Edge, stands_for_log2: u64, recursive: bool) {
        edge.ticks.publish(edge.ticks.get().wrapping_add(self.ticks));
        add(&edge.heap, &self.heap);
        if recursive {
            edge.recursive_ticks.add(self.ticks.wrapping_mul(1 << stands_for_log2));
            settle::add_recursive(block, tally_of(edge), &self.heap);
        }
        if stands_for_log2 > 0
            && let Some(extras) = thread::made(&edge.extras, block)
        {
            extras.stood_for_ticks.add(self.ticks.wrapping_mul((1 << stands_for_log2) - 1));
        }
    }
}

fn add(words: &[Word], counts: &[u64]) {
    words.iter().zip(counts).for_each(|(word, count)| word.add(*count));
}

fn subtract(words: &[Word], counts: &[u64]) {
    words.iter().zip(counts).for_each(|(word, count)| word.add(count.wrapping_neg()));
}

/// A call of which part is on other paths: it is recorded whole, and that part is then taken off the path it ends on, also if
/// recording it panics.
pub(super) struct TakeOff {
    block: &'static ThreadBlock,
    edge: &'static Edge,
    part: Part,
    stands_for_log2: u64,
    is_recursive: bool,
}

impl TakeOff {
    /// Clears the mark of such a call.
    #[cold]
    pub(super) fn of(exit: Exit<'_>) -> Option<TakeOff> {
        let (frame, edge) = (exit.frame, edge_of(exit.frame));
        let known = frame.flags.get();
        frame.flags.set(known & !flags::SPLIT);
        let block = thread::own_block()?;
        let open = tally_of(edge).open.get().saturating_sub(1);
        Some(TakeOff {
            block,
            edge,
            part: Part::of(thread::split_of(block, frame)?),
            stands_for_log2: stands_for_log2(known),
            is_recursive: exit.is_recursive(open),
        })
    }
}

impl Drop for TakeOff {
    fn drop(&mut self) {
        let nothing = Part { ticks: 0, heap: [0; heap::COUNTS] };
        let complement = nothing.less(&self.part);
        complement.add_to(self.block, self.edge, self.stands_for_log2, self.is_recursive);
    }
}

#[cfg(test)]
mod tests {
    use crate::record::thread;
    use crate::segment::layout::FramePage;
    use crate::snapshot::Function;
    use crate::{SpanGuard, capture, span};

    fn row(name: &str) -> Function {
        let functions = capture().functions;
        let found = functions.into_iter().find(|function| function.path.ends_with(name));
        found.unwrap_or_else(|| panic!("{name} was called"))
    }

    /// Pages of frames that this thread has.
    fn pages() -> usize {
        let first = thread::own_block().map(|block| block.first_frames.get().cast_const());
        let next = |page: &*const FramePage| {
            // SAFETY: a page of this thread's block; never freed.
            let next = unsafe { (**page).links.next.get() };
            (!next.is_null()).then_some(next.cast_const())
        };
        std::iter::successors(first, next).count()
    }

    /// A new phase opens before the old one closes, so there never is a moment without a frame in use.
    #[test]
    fn spans_that_open_before_the_last_one_closes_take_a_few_pages() {
        const PHASES: u64 = 20_000;
        let next = |turn: u64| if turn.is_multiple_of(2) { span!("even") } else { span!("odd") };
        let _outer = span!("all phases");
        let mut phase = next(0);
        let before = pages();
        for turn in 1..PHASES {
            phase = next(turn);
        }
        drop(phase);
        assert!(pages() <= before + 2, "{before} pages, then {}", pages());
        for name in ["::even", "::odd"] {
            assert_eq!((row(name).calls, row(name).open), (PHASES / 2, 0), "{name}");
        }
    }

    /// Every hundredth span is kept, wherever its frame is: pages in which one is open are not used again before it closes.
    #[test]
    fn spans_that_stay_open_among_others_close_as_what_they_are() {
        let mut kept: Vec<SpanGuard> = Vec::new();
        let mut phase = span!("passing");
        for turn in 0..10_000 {
            phase = span!("passing on");
            if turn % 100 == 0 {
                kept.push(span!("kept"));
            }
        }
        drop(phase);
        assert_eq!((row("::kept").calls, row("::kept").open), (100, 100));
        assert_eq!((row("::passing on").calls, row("::passing on").open), (10_000, 0));
        kept.drain(..).for_each(drop);
        assert_eq!((row("::kept").calls, row("::kept").open), (100, 0));
        let _last = span!("last of all");
        let tree = capture().call_tree;
        let last = tree.iter().find(|node| node.path.ends_with("::last of all"));
        assert_eq!(last.map(|node| (node.parent, node.calls)), Some((None, 1)));
    }

    /// So many that their times are not split: all are counted, and the report names the span.
    #[test]
    fn a_queue_of_thousands_of_spans_is_counted_and_named() {
        let queue: Vec<SpanGuard> = (0..5_000).map(|_| span!("queued")).collect();
        queue.into_iter().for_each(drop);
        assert_eq!((row("::queued").calls, row("::queued").open), (5_000, 0));
        let warnings = capture().warnings;
        let named = warnings.iter().find(|it| it.message.contains("::queued` closed while"));
        assert!(named.is_some(), "{warnings:?}");
    }
}
