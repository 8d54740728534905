//! The threads' trees of call paths, put together into one, with what each path did by itself.
//!
//! An edge's time is that of all its calls, recursion included. What a path did by itself is what
//! flowed in over the edges that lead to it, less what flowed out over those that leave it: so recursion, whose edges
//! lead back up, needs no case of its own.

use std::collections::HashMap;

use crate::segment::layout::heap;

/// What flows along an edge.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flow {
    pub(crate) calls: u64,
    /// Time inside the calls, without what recording them added there.
    pub(crate) ns: f64,
    /// Of the calls, those timed and those only counted.
    pub(crate) timed: u64,
    pub(crate) counted: u64,
    /// See the layout's `heap`.
    pub(crate) heap: [i128; heap::COUNTS],
    /// Along an edge below work that was handed on: in another thread than the function at the top.
    pub(crate) elsewhere: bool,
}

/// A path in the tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// Which function, by its index.
    pub(crate) function: usize,
    pub(crate) parent: Option<usize>,
    pub(crate) calls: u64,
    pub(crate) exclusive_ns: f64,
    pub(crate) inclusive_ns: f64,
    /// Time that flowed in, recording below included.
    gross_ns: f64,
    /// Calls that led here and were timed.
    pub(crate) timed_in: u64,
    /// Calls made from here, timed and only counted.
    timed: u64,
    counted: u64,
    /// Of these, those made in work that was handed on.
    elsewhere: (u64, u64),
    /// What recording cost below this path, and how much of it in other threads.
    pub(crate) recording_ns: f64,
    pub(crate) recording_elsewhere_ns: f64,
    /// See the layout's `heap`.
    pub(crate) heap: [i128; heap::COUNTS],
}

/// All paths, parents before children.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    index: HashMap<(Option<usize>, usize), usize>,
}

impl Tree {
    /// The path that continues `parent` by `function`.
    pub(crate) fn node(&mut self, parent: Option<usize>, function: usize) -> usize {
        let nodes = &mut self.nodes;
        *self.index.entry((parent, function)).or_insert_with(|| {
            nodes.push(Node { function, parent, ..Node::default() });
            nodes.len() - 1
        })
    }

    /// Adds what flows from `from` to `to`.
    pub(crate) fn add(&mut self, from: Option<usize>, to: usize, flow: Flow) {
        let node = &mut self.nodes[to];
        node.calls = node.calls.saturating_add(flow.calls);
        node.exclusive_ns += flow.ns;
        node.gross_ns += flow.ns;
        node.timed_in += flow.timed;
        node.heap.iter_mut().zip(flow.heap).for_each(|(sum, count)| *sum += count);
        if let Some(from) = from {
            let caller = &mut self.nodes[from];
            caller.exclusive_ns -= flow.ns;
            caller.timed += flow.timed;
            caller.counted += flow.counted;
            if flow.elsewhere {
                caller.elsewhere.0 += flow.timed;
                caller.elsewhere.1 += flow.counted;
            }
            caller.heap.iter_mut().zip(flow.heap).for_each(|(sum, count)| *sum -= count);
        }
    }

    /// Takes the cost of recording off each path's own time, then sums from the leaves up. Children come after
    /// their parents in the list, so one pass from its end does.
    ///
    /// `cost` gives the cost of one timed call, from the time there was for each, and that of a counted one.
    pub(crate) fn sum_up(&mut self, cost: impl Fn(f64) -> (f64, f64)) {
        for place in (0..self.nodes.len()).rev() {
            let node = &mut self.nodes[place];
            let (timed, counted) = cost(node.gross_ns / node.timed.max(1) as f64);
            let recording = node.timed as f64 * timed + node.counted as f64 * counted;
            let elsewhere = node.elsewhere.0 as f64 * timed + node.elsewhere.1 as f64 * counted;
            node.recording_ns += recording;
            node.recording_elsewhere_ns += elsewhere;
            node.exclusive_ns = (node.exclusive_ns - recording).max(0.0);
            node.inclusive_ns += node.exclusive_ns;
            let (inclusive, below) = (node.inclusive_ns, node.recording_ns);
            let elsewhere = node.recording_elsewhere_ns;
            if let Some(parent) = node.parent {
                self.nodes[parent].inclusive_ns += inclusive;
                self.nodes[parent].recording_ns += below;
                self.nodes[parent].recording_elsewhere_ns += elsewhere;
            }
        }
    }
}
