//! Merges the threads' trees of call paths into one, and computes the exclusive figures of each
//! path.
//!
//! An edge's time is that of all its calls, including recursive ones. The exclusive time of a path
//! is what flowed in over the edges that lead to it, minus what flowed out over the edges that
//! leave it. Recursion, whose edges lead back up, needs no special case.

use std::collections::HashMap;

use crate::segment::layout::heap;

/// The figures of an edge.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flow {
    pub(crate) calls: u64,
    /// Time inside the calls, without the time that recording them added.
    pub(crate) ns: f64,
    /// Cost of recording the calls, inside and outside of them.
    pub(crate) recording_ns: f64,
    /// See the layout's `heap`.
    pub(crate) heap: [i128; heap::COUNTS],
    /// Whether the edge is below spawned work: in another thread than the function at the top.
    pub(crate) elsewhere: bool,
}

/// A path in the tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// Index of the function.
    pub(crate) function: usize,
    pub(crate) parent: Option<usize>,
    pub(crate) calls: u64,
    pub(crate) exclusive_ns: f64,
    pub(crate) inclusive_ns: f64,
    /// What recording cost of the calls that led here; below this path; and how much of that in
    /// other threads.
    pub(crate) recording_in_ns: f64,
    pub(crate) recording_ns: f64,
    pub(crate) recording_elsewhere_ns: f64,
    /// Calls of annotated functions further down.
    pub(crate) calls_below: u64,
    /// What its callees took, before they are made to fit.
    callees_ns: f64,
    /// The part of `recording_ns` caused by calls that its callees made.
    recording_below_ns: f64,
    /// Other threads did some of the work, so the path's time is not the time of its function.
    pub(crate) is_mixed: bool,
    /// A function further up is called again from here. That time is counted there, so it is not
    /// part of this path's time.
    pub(crate) folds: bool,
    /// Such edges that begin here, minus those that end here; later of this path and those below.
    folded_edges: i64,
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

    /// Adds the figures of an edge from `from` to `to`.
    pub(crate) fn add(&mut self, from: Option<usize>, to: usize, flow: Flow) {
        let node = &mut self.nodes[to];
        node.calls = node.calls.saturating_add(flow.calls);
        node.exclusive_ns += flow.ns;
        node.recording_in_ns += flow.recording_ns;
        node.heap.iter_mut().zip(flow.heap).for_each(|(sum, count)| *sum += count);
        node.is_mixed |= flow.elsewhere;
        if let Some(from) = from {
            let caller = &mut self.nodes[from];
            caller.exclusive_ns -= flow.ns;
            caller.recording_ns += flow.recording_ns;
            if flow.elsewhere {
                caller.recording_elsewhere_ns += flow.recording_ns;
            }
            caller.heap.iter_mut().zip(flow.heap).for_each(|(sum, count)| *sum -= count);
        }
    }

    /// Marks the paths from `from` up to `ancestor`, which `from` calls again: here only their
    /// ends, since a damaged file may have a long path with many such edges.
    pub(crate) fn fold(&mut self, from: Option<usize>, ancestor: usize) {
        if let Some(from) = from {
            self.nodes[from].folded_edges += 1;
            self.nodes[ancestor].folded_edges -= 1;
        }
    }

    /// Subtracts the cost of recording from each path's exclusive time and computes the inclusive
    /// times. Afterwards, the inclusive time of a path is always the sum of its exclusive time and
    /// its callees' inclusive times.
    pub(crate) fn sum_up(&mut self) {
        self.subtract_recording();
        self.fit_callees();
    }

    /// From the leaves up. Children come after their parents in the list, so one pass from its end
    /// does.
    ///
    /// Of what a path did by itself at least a part remains: a turn of the loop that calls takes
    /// some time, and more than all of it was not the recorder's. Nor did a path take nothing whose
    /// callees took something.
    fn subtract_recording(&mut self) {
        const MOST: f64 = 0.95;
        for index in (0..self.nodes.len()).rev() {
            let node = &mut self.nodes[index];
            let most = node.exclusive_ns.max(0.0) * MOST;
            // Only for calls made from this path: cost further below was added to
            // `recording_below_ns`.
            node.exclusive_ns -= (node.recording_ns - node.recording_below_ns).min(most);
            // So far it holds the time of the callees.
            node.callees_ns = node.inclusive_ns;
            let least = node.callees_ns * (1.0 - MOST);
            node.inclusive_ns = (node.callees_ns + node.exclusive_ns).max(least);
            let (inclusive, below) = (node.inclusive_ns, node.recording_ns);
            let calls = node.calls.saturating_add(node.calls_below);
            let (elsewhere, is_mixed) = (node.recording_elsewhere_ns, node.is_mixed);
            let folded_edges = node.folded_edges;
            node.folds = folded_edges > 0;
            if let Some(parent) = node.parent {
                let parent = &mut self.nodes[parent];
                parent.inclusive_ns += inclusive;
                parent.recording_ns += below;
                parent.recording_below_ns += below;
                parent.calls_below = parent.calls_below.saturating_add(calls);
                parent.recording_elsewhere_ns += elsewhere;
                parent.is_mixed |= is_mixed;
                parent.folded_edges += folded_edges;
            }
        }
    }

    /// From the root down. A path's own time is known more accurately than the estimates for its
    /// callees, so where these exceed it, they are scaled down.
    fn fit_callees(&mut self) {
        let mut fits = vec![1.0; self.nodes.len()];
        let callees = self.callees();
        for index in 0..self.nodes.len() {
            let fit = fits[index];
            let node = &mut self.nodes[index];
            let exceed = node.exclusive_ns < 0.0 && node.callees_ns > 0.0;
            let of_callees = if exceed { fit * node.inclusive_ns / node.callees_ns } else { fit };
            node.exclusive_ns = node.exclusive_ns.max(0.0) * fit;
            node.inclusive_ns *= fit;
            callees[index].iter().for_each(|callee| fits[*callee] = of_callees);
        }
    }

    fn callees(&self) -> Vec<Vec<usize>> {
        let mut callees = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some(parent) = node.parent {
                callees[parent].push(index);
            }
        }
        callees
    }
}
