//! The parts of calls whose spans overlap: what is above a span that closes continues without it,
//! on another path. See [`out_of_order`](super::out_of_order).

use super::frame::{edge_of, live_bytes, site_of, tally_of};
use super::open_spans::{Exit, is_within_itself, open_above, open_frames};
use super::{attribution, paths, thread};
use crate::segment::layout::{Edge, Frame, Split, ThreadBlock, Word, buckets, flags, heap};

/// What was counted of the heap in frames above one, and their peak.
#[derive(Clone, Copy, Default)]
pub(super) struct Inclusive {
    counts: [u64; heap::COUNTS],
    peak_bytes: i64,
}

impl Inclusive {
    /// Takes the counts off a frame.
    pub(super) fn take_off(&self, frame: &Frame) {
        let complement = |(word, count): (&Word, &u64)| word.add(count.wrapping_neg());
        frame.heap.iter().zip(&self.counts).for_each(complement);
    }

    /// With a frame further below. What is done in a context is not its caller's.
    fn with(&self, frame: &Frame) -> Inclusive {
        if frame.flags.get() & flags::CARRIED != 0 {
            return Inclusive::default();
        }
        let own = attribution::counted(frame);
        let live = own[heap::ALLOCATED_BYTES].wrapping_sub(own[heap::FREED_BYTES]).cast_signed();
        let peak_bytes = frame.peak_bytes.get().cast_signed();
        Inclusive {
            counts: std::array::from_fn(|place| own[place].wrapping_add(self.counts[place])),
            peak_bytes: peak_bytes.max(live.saturating_add(self.peak_bytes)),
        }
    }

    /// The closing span has allocated what those above it have. Their own frames keep it, too, and
    /// hand it to the frame below the closed one in the end: [`Finish`] takes it off there.
    pub(super) fn charge_to(&self, frame: &Frame) {
        let live = live_bytes(frame);
        let peak = live.saturating_add(self.peak_bytes).max(frame.peak_bytes.get().cast_signed());
        frame.peak_bytes.set(peak.cast_unsigned());
        add(&frame.heap, &self.counts);
    }
}

/// Puts what the spans above have taken so far on the paths they are on.
pub(super) fn split_above(block: &ThreadBlock, exit: Exit<'_>, until: u64) -> Inclusive {
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

/// The spans above continue without the one that closed, as far as that changes their paths.
pub(super) fn reroute(block: &ThreadBlock, exit: Exit<'_>) {
    let mut below = exit.outer;
    let mut place = exit.frame;
    while !std::ptr::eq(place, exit.top) {
        let Some(frame) = open_above(block, place) else { return };
        if frame.flags.get() & flags::CARRIED != 0 || frame.flags.get() & flags::SPLIT == 0 {
            return;
        }
        let site = site_of(edge_of(frame));
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

    /// To the sums of a path, which wrap: what is subtracted from them is the complement.
    fn add_to(&self, block: &ThreadBlock, edge: &Edge, stands_for_log2: u64, recursive: bool) {
        edge.ticks.publish(edge.ticks.get().wrapping_add(self.ticks));
        add(&edge.heap, &self.heap);
        if recursive {
            edge.recursive_ticks.add(self.ticks.wrapping_mul(1 << stands_for_log2));
            attribution::add_recursive(block, tally_of(edge), &self.heap);
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

/// A call of which part is on other paths: it is recorded whole, and that part is then subtracted
/// the path it ends on, also if recording it panics.
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
