//! Overlapping spans: a guard is dropped while spans that opened later are still open. `phase =
//! span!(..)` in a loop does that, as do guards in a struct or a queue, and coroutines.
//!
//! A span lasts from its opening to its closing, whatever else opens and closes meanwhile. In the
//! call tree, the spans above it are on its path; when it closes, they continue on the path without
//! it. So each of them is split: its time and allocations up to then are on the old path, the rest
//! goes to the new one, and the call is counted once, where it ends. This keeps the time of a path
//! equal to its own and that of the paths below, in any order of closing.
//!
//! ```text
//! a      ├─────────────┤                    a          t0 … t2
//! b             ├───────────────┤           a, b       t1 … t2
//!       t0      t1     t2       t3          b          t2 … t3, and the call
//! ```
//!
//! Frames cannot move, because guards know their addresses. The frame of a closed span is skipped
//! until those above it are gone, and a page that contains only such frames is reused
//! ([`thread::free_page_of`]). So memory is bounded by the number of spans open at once, each of
//! which retains at most one page.

use super::frame::edge_of;
use super::open_spans::{Exit, MOST_ABOVE, is_closed, open_above, open_frames, outer_of};
use super::overlap::{Inclusive, reroute, split_above};
use super::problems::{self, Problem};
use super::{slow_path, thread};
use crate::clock::Clock;
use crate::segment::layout::{Edge, Frame, ThreadBlock, flags};

/// Closes a span below others. Does nothing for a frame that is not open here, because the process
/// has forked since, or the span was closed on behalf of its guard.
#[cold]
#[inline(never)]
pub(super) fn close_below(frame: *const Frame, elapsed: Option<u64>) {
    let Some((block, below)) = find(frame) else { return };
    let exit = below.exit;
    let until = elapsed.map_or_else(
        || Clock::current().now(),
        |elapsed| exit.frame.started.get().wrapping_add(elapsed),
    );
    report_waiting(block, exit);
    let above = if below.is_deep { Inclusive::default() } else { split_above(block, exit, until) };
    mark_above(block, exit);
    above.charge_to(exit.frame);
    let _finish = Finish { block, edge: edge_of(exit.frame), exit, above, is_deep: below.is_deep };
    slow_path::close(exit, elapsed);
}

/// A span below others.
struct Below {
    exit: Exit<'static>,
    /// There are so many above it that they are left unchanged.
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

/// Reports a span that closes before one that opened in it, with a future waiting in between: most
/// likely its guard was held across an `.await`. In a function with the attribute, it would have
/// ended with the poll.
fn report_waiting(block: &ThreadBlock, exit: Exit<'_>) {
    let Some(above) = open_above(block, exit.frame) else { return };
    let opened = above.started.get();
    if opened != 0 && block.waiting_since.get() > opened {
        problems::report_span(Problem::Waiting, edge_of(exit.frame));
    }
}

/// Makes the next frame above search for the one below it.
fn mark_above(block: &ThreadBlock, exit: Exit<'_>) {
    if let Some(above) = open_above(block, exit.frame) {
        above.flags.set(above.flags.get() | flags::ABOVE_CLOSED);
    }
}

/// The remaining work after the span has closed, even if a filter turned an exceeded limit into a
/// panic.
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
        self.above.subtract_from(outer);
        if self.is_deep {
            problems::report_span(Problem::Crowd, self.edge);
        } else {
            reroute(self.block, self.exit);
        }
        thread::free_page_of(frame, top, |frame| {
            !frame.edge.get().is_null() && !is_closed(self.block, frame)
        });
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

    /// Number of frame pages of this thread.
    fn pages() -> usize {
        let first = thread::own_block().map(|block| block.first_frames.get().cast_const());
        let next = |page: &*const FramePage| {
            // SAFETY: a page of this thread's block; never freed.
            let next = unsafe { (**page).links.next.get() };
            (!next.is_null()).then_some(next.cast_const())
        };
        std::iter::successors(first, next).count()
    }

    /// A new phase opens before the old one closes, so there is always a frame in use.
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

    /// Every hundredth span is kept open, wherever its frame is. Pages in which a span is open are
    /// not reused before it closes.
    #[test]
    fn spans_that_stay_open_among_others_close_correctly() {
        let mut open: Vec<SpanGuard> = Vec::new();
        let mut phase = span!("passing");
        for turn in 0..10_000 {
            phase = span!("passing on");
            if turn % 100 == 0 {
                open.push(span!("kept"));
            }
        }
        drop(phase);
        assert_eq!((row("::kept").calls, row("::kept").open), (100, 100));
        assert_eq!((row("::passing on").calls, row("::passing on").open), (10_000, 0));
        open.drain(..).for_each(drop);
        assert_eq!((row("::kept").calls, row("::kept").open), (100, 0));
        let _last = span!("last of all");
        let tree = capture().call_tree;
        let last = tree.iter().find(|node| node.path.ends_with("::last of all"));
        assert_eq!(last.map(|node| (node.parent, node.calls)), Some((None, 1)));
    }

    /// There are too many for their times to be split: all are counted, and the report names the
    /// span.
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
