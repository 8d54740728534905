//! The open spans of a thread.

use super::{Memory, Reading};
use crate::segment::layout::{self, closing, flags, frame, header, heap, page_links, thread_block};
use crate::segment::reader::{Record, View};

const FRAME_WORDS: u64 = size_of::<layout::Frame>() as u64 / 8;
const SPLIT_BYTES: u64 = size_of::<layout::Split>() as u64;

/// An open span.
#[derive(Clone, Debug)]
pub(super) struct OpenFrame<'a> {
    record: Record<'a>,
    /// The word as it was read, to detect whether the span has closed since.
    started: u64,
    pub(super) edge: u64,
    pub(super) ticks: u64,
    pub(super) is_poll: bool,
    pub(super) is_carried: bool,
    pub(super) memory: Memory,
    /// The part of `memory` that is already on other paths.
    elsewhere: Memory,
    pub(super) peak_bytes: i64,
}

impl OpenFrame<'_> {
    /// Ticks when the span was opened; `None` if it is not timed, or is spawned work.
    pub(super) fn started_at(&self) -> Option<u64> {
        (is_timed(self.started) && !self.is_carried).then_some(self.started)
    }

    /// Whether an edge with these call counts does not include this call. If it does, the call has
    /// ended and is counted; or it ended while the counts were read, and is left to the next
    /// snapshot.
    pub(super) fn is_still_open(&self, timed: u64, untimed: u64) -> bool {
        let unchanged = self.record.word(frame::edge) == self.edge
            && self.record.word(frame::started) == self.started;
        let counted_from = self.started & closing::COUNT;
        let counted = match self.started & !closing::COUNT {
            closing::TIMED => timed >= counted_from,
            closing::UNTIMED => untimed >= counted_from,
            _ => false,
        };
        unchanged && !counted
    }
}

fn is_timed(started: u64) -> bool {
    started != 0 && started & !closing::COUNT == 0
}

/// Number of memory blocks that threads have allocated and not freed, and the maximum number of
/// concurrent threads.
pub(crate) fn live_blocks(view: View<'_>) -> (u64, u64) {
    let live = |frame: Record<'_>| {
        let memory = Memory::at(&frame, frame::heap).0;
        memory[heap::ALLOCATIONS].wrapping_sub(memory[heap::FREES]).cast_signed()
    };
    let blocks = view.list(view.header(header::first_block), thread_block::next);
    let (blocks, threads) = blocks.fold((0_i64, 0), |(sum, threads), block| {
        let own = block.follow(thread_block::own_frame);
        let live = frames(view, &block)
            .map(|(frame, _)| frame)
            .chain(own)
            .map(live)
            .fold(sum, i64::wrapping_add);
        (live, threads + 1)
    });
    (blocks.max(0).cast_unsigned(), threads)
}

/// The used frames of a thread, of which the first is the thread itself; each with what is already
/// on other paths.
fn frames<'a>(
    view: View<'a>,
    block: &Record<'a>,
) -> impl Iterator<Item = (Record<'a>, Option<Record<'a>>)> + use<'a> {
    let pages = view.list(block.word(thread_block::first_frames), page_links::next);
    let frames = pages.flat_map(|page| {
        let step = size_of::<layout::Frame>() as u64;
        let splits = page.follow(page_links::splits);
        (1..layout::PAGE_FRAMES as u64).map_while(move |index| {
            let split = splits.and_then(|splits| splits.at(index * SPLIT_BYTES));
            Some((page.at(index * step)?, split))
        })
    });
    frames
        .take_while(move |(record, _)| record.word(frame::edge) != 0 && view.may_visit(FRAME_WORDS))
}

impl<'a> Reading<'a> {
    /// The open spans of a thread, outermost first, each with its edge and its figures so far.
    pub(super) fn open_frames(&self, block: &Record<'a>) -> Vec<OpenFrame<'a>> {
        // The first frame is the thread itself. A frame whose span closed below others has no
        // function.
        let open = frames(self.view, block).skip(1);
        // In this list, and then in that of an edge.
        let bytes = 2 * size_of::<OpenFrame<'_>>();
        let open = open.take_while(|_| self.view.may_keep(bytes));
        let mut open: Vec<_> = open.map(|(record, split)| self.open_frame(record, split)).collect();
        // Allocations in an inner span are also allocations in the spans around it.
        for index in (1..open.len()).rev() {
            let (inner, peak) = (open[index].memory, open[index].peak_bytes);
            let outer = &mut open[index - 1];
            outer.peak_bytes = outer.peak_bytes.max(outer.memory.live().saturating_add(peak));
            outer.memory.add(inner);
        }
        open.iter_mut().for_each(|frame| frame.memory.subtract(frame.elsewhere));
        open
    }

    fn open_frame(&self, record: Record<'a>, split: Option<Record<'a>>) -> OpenFrame<'a> {
        let started = record.word(frame::started);
        let marks = record.word(frame::flags);
        let split = split.filter(|_| marks & flags::SPLIT != 0);
        let mut memory = Memory::at(&record, frame::heap);
        if marks & flags::HANDED_ON != 0 {
            memory.add(Memory::at(&record, frame::carried));
        }
        let ticks = self.now.ticks.saturating_sub(started);
        let elsewhere_ticks = split.map_or(0, |split| split.word(layout::split::ticks));
        OpenFrame {
            record,
            started,
            edge: record.word(frame::edge),
            ticks: if is_timed(started) { ticks.saturating_sub(elsewhere_ticks) } else { 0 },
            is_poll: marks & flags::POLL != 0,
            is_carried: marks & flags::CARRIED != 0,
            memory,
            elsewhere: split
                .map_or_else(Memory::default, |it| Memory::at(&it, layout::split::heap)),
            peak_bytes: record.word(frame::peak_bytes).cast_signed(),
        }
    }
}
