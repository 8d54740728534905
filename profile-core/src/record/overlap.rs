//! Splits calls whose spans overlap: the spans above one that closes continue without it, on
//! another path. See [`out_of_order`](super::out_of_order).

use super::frame::{edge_of, live_bytes, site_of, tally_of};
use super::open_spans::{Exit, is_within_itself, open_above, open_frames};
use super::{attribution, paths, thread};
use crate::segment::layout::{Edge, Frame, Split, ThreadBlock, Word, buckets, flags, heap};

/// Heap counters of the frames above one, and their peak.
#[derive(Clone, Copy, Default)]
pub(super) struct Inclusive {
    counts: [u64; heap::COUNTS],
    peak_bytes: i64,
}

impl Inclusive {
    /// Subtracts the counters from a frame.
    pub(super) fn subtract_from(&self, frame: &Frame) {
        let complement = |(word, count): (&Word, &u64)| word.add(count.wrapping_neg());
        frame.heap.iter().zip(&self.counts).for_each(complement);
    }

    /// Adds a frame further below. Work in a context is not attributed to its caller.
    fn with(&self, frame: &Frame) -> Inclusive {
        if frame.flags.get() & flags::CARRIED != 0 {
            return Inclusive::default();
        }
        let own = attribution::counted(frame);
        let live = own[heap::ALLOCATED_BYTES].wrapping_sub(own[heap::FREED_BYTES]).cast_signed();
        let peak_bytes = frame.peak_bytes.get().cast_signed();
        Inclusive {
            counts: std::array::from_fn(|index| own[index].wrapping_add(self.counts[index])),
            peak_bytes: peak_bytes.max(live.saturating_add(self.peak_bytes)),
        }
    }

    /// Adds the allocations of the spans above to the closing span. Their own frames keep these
    /// too, and finally add them to the frame below the closed one, where [`Finish`] subtracts
    /// them.
    pub(super) fn charge_to(&self, frame: &Frame) {
        let live = live_bytes(frame);
        let peak = live.saturating_add(self.peak_bytes).max(frame.peak_bytes.get().cast_signed());
        frame.peak_bytes.set(peak.cast_unsigned());
        add(&frame.heap, &self.counts);
    }
}

/// Adds the figures so far of the spans above to the paths they are on.
pub(super) fn split_above(block: &ThreadBlock, exit: Exit<'_>, until: u64) -> Inclusive {
    let above = open_frames().take_while(|open| !std::ptr::eq(*open, exit.frame));
    above.fold(Inclusive::default(), |inner, open| {
        let inclusive = inner.with(open);
        split(block, open, &inclusive, until);
        inclusive
    })
}

/// Adds the figures so far of a call to its path, except what is already on others.
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
    now.minus(&before).add_to(block, edge, stands_for_log2(known), is_recursive);
    split.ticks.set(now.ticks);
    split.heap.iter().zip(now.heap).for_each(|(word, count)| word.set(count));
}

fn stands_for_log2(known: u64) -> u64 {
    known >> flags::REPRESENTED_SHIFT & 0xff
}

/// Moves the spans above to the paths without the closed span, as far as their paths change.
pub(super) fn reroute(block: &ThreadBlock, exit: Exit<'_>) {
    let mut below = exit.outer;
    let mut current = exit.frame;
    while !std::ptr::eq(current, exit.top) {
        let Some(frame) = open_above(block, current) else { return };
        if frame.flags.get() & flags::CARRIED != 0 || frame.flags.get() & flags::SPLIT == 0 {
            return;
        }
        let site = site_of(edge_of(frame));
        let Some(edge) = paths::child(block, edge_of(below), site) else { return };
        if std::ptr::eq(edge, edge_of(frame)) {
            return;
        }
        frame.edge.publish(std::ptr::from_ref(edge).cast_mut());
        (below, current) = (frame, frame);
    }
}

/// The part of a call that is on one path.
#[derive(Clone, Copy)]
struct Part {
    ticks: u64,
    heap: [u64; heap::COUNTS],
}

impl Part {
    fn of(split: &Split) -> Part {
        Part { ticks: split.ticks.get(), heap: split.heap.each_ref().map(Word::get) }
    }

    fn minus(&self, other: &Part) -> Part {
        Part {
            ticks: self.ticks.wrapping_sub(other.ticks),
            heap: std::array::from_fn(|index| self.heap[index].wrapping_sub(other.heap[index])),
        }
    }

    /// Adds to the sums of a path, which wrap: to subtract, the complement is added.
    fn add_to(&self, block: &ThreadBlock, edge: &Edge, stands_for_log2: u64, recursive: bool) {
        edge.ticks.publish(edge.ticks.get().wrapping_add(self.ticks));
        add(&edge.heap, &self.heap);
        if recursive {
            edge.recursive_ticks.add(self.ticks.wrapping_mul(1 << stands_for_log2));
            attribution::add_recursive(block, tally_of(edge), &self.heap);
        }
        if stands_for_log2 > 0
            && let Some(extras) = thread::get_or_create(&edge.extras, block)
        {
            extras.represented_ticks.add(self.ticks.wrapping_mul((1 << stands_for_log2) - 1));
        }
    }
}

fn add(words: &[Word], counts: &[u64]) {
    words.iter().zip(counts).for_each(|(word, count)| word.add(*count));
}

/// A call part of which is on other paths. The whole call is recorded, and that part is then
/// subtracted from the path it ends on, even if recording panics.
pub(super) struct SubtractSplit {
    block: &'static ThreadBlock,
    edge: &'static Edge,
    part: Part,
    stands_for_log2: u64,
    is_recursive: bool,
}

impl SubtractSplit {
    /// Creates it, and clears the mark of such a call.
    #[cold]
    pub(super) fn of(exit: Exit<'_>) -> Option<SubtractSplit> {
        let (frame, edge) = (exit.frame, edge_of(exit.frame));
        let known = frame.flags.get();
        frame.flags.set(known & !flags::SPLIT);
        let block = thread::own_block()?;
        let open = tally_of(edge).open.get().saturating_sub(1);
        Some(SubtractSplit {
            block,
            edge,
            part: Part::of(thread::split_of(block, frame)?),
            stands_for_log2: stands_for_log2(known),
            is_recursive: exit.is_recursive(open),
        })
    }
}

impl Drop for SubtractSplit {
    fn drop(&mut self) {
        let nothing = Part { ticks: 0, heap: [0; heap::COUNTS] };
        let complement = nothing.minus(&self.part);
        complement.add_to(self.block, self.edge, self.stands_for_log2, self.is_recursive);
    }
}
