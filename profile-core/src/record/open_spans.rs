//! The open frames of a thread, from the innermost one outwards.
//!
//! Frames cannot move, because guards know their addresses. So the frame of a span that closed
//! while others above it are open is skipped until those are gone.

use super::frame::{NOWHERE, TOP, edge_of, tally_of};
use super::thread;
use crate::segment::layout::{Edge, Frame, ThreadBlock, flags};

/// Maximum number of spans above a closing one whose times are split. Otherwise a program that
/// holds a hundred thousand guards in a queue would spend its time here.
pub(super) const MOST_ABOVE: usize = 1024;

/// A frame whose span closes.
#[derive(Clone, Copy)]
pub(super) struct Exit<'a> {
    pub(super) frame: &'a Frame,
    /// The open frame below it.
    pub(super) outer: &'a Frame,
    /// The top frame afterwards: `outer`, unless spans that opened later are still open.
    pub(super) top: &'a Frame,
}

impl<'a> Exit<'a> {
    /// For the top frame; `None` if it is the thread's own.
    pub(super) fn of_top(frame: &'a Frame) -> Option<Exit<'a>> {
        outer_of(frame).map(|outer| Exit { frame, outer, top: outer })
    }

    pub(super) fn is_of_top(self) -> bool {
        std::ptr::eq(self.outer, self.top)
    }

    /// Whether the call is within another one of the same function, `open` of which are open.
    pub(super) fn is_recursive(self, open: u64) -> bool {
        open > 0 && (self.is_of_top() || is_within_itself(self.frame))
    }

    /// The edge of the frame after its span has closed.
    pub(super) fn vacated(self) -> *mut Edge {
        let below_others = thread::own_block().filter(|_| !self.is_of_top());
        below_others.map_or(std::ptr::null_mut(), |block| block.root.get())
    }
}

/// This thread's open frames, innermost first. Empty while the recorder itself is running: its
/// frame is in no page, and nothing is below it.
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
        return open_below(frame);
    }
    neighbor_below(frame)
}

fn neighbor_below(frame: &Frame) -> Option<&'static Frame> {
    // SAFETY: frames below one of this block are frames of this block; never unmapped.
    thread::frame_below(frame).map(|frame| unsafe { &*frame })
}

/// Whether the frame's span closed while others above it were open. Otherwise only contexts and the
/// frame of the thread itself have the root as their path.
pub(super) fn is_closed(block: &ThreadBlock, frame: &Frame) -> bool {
    std::ptr::eq(frame.edge.get(), block.root.get())
        && frame.flags.get() & flags::CARRIED == 0
        && thread::frame_below(frame).is_some()
}

/// The open frame below one whose neighbor is closed.
#[cold]
fn open_below(frame: &Frame) -> Option<&'static Frame> {
    let block = thread::own_block()?;
    let mut below = std::iter::successors(neighbor_below(frame), |below| neighbor_below(below));
    below.find(|below| !is_closed(block, below))
}

/// The open frame above one that is not the top.
pub(super) fn open_above(block: &ThreadBlock, frame: &Frame) -> Option<&'static Frame> {
    // SAFETY: frames of this block up to the top one; never unmapped.
    let above = |frame: &Frame| thread::known_frame_above(frame).map(|above| unsafe { &*above });
    let mut all = std::iter::successors(above(frame), |frame| above(frame));
    all.find(|above| !is_closed(block, above))
}

/// Whether a call of the same function is open below the frame. The path does not show that: the
/// path of mutual recursion folds, and contains the function once.
pub(super) fn is_within_itself(frame: &Frame) -> bool {
    let tally = tally_of(edge_of(frame));
    let is_same = |below: &Frame| {
        std::ptr::eq(tally_of(edge_of(below)), tally) && below.flags.get() & flags::CARRIED == 0
    };
    std::iter::successors(outer_of(frame), |below| outer_of(below)).take(MOST_ABOVE).any(is_same)
}
