//! Reads the call paths of a thread: adds each to the sums of its function and to the merged tree.

use std::collections::{HashMap, HashSet};

use super::frames::OpenFrame;
use super::{Known, Memory, Reading, Sums, add, calls_in, histogram, least};
use crate::segment::layout::{RING, buckets, edge, path_extras, tally, thread_block, turns};
use crate::segment::reader::{Record, View};
use crate::snapshot::tree::{Flow, Node};

/// An edge as read at one moment.
#[derive(Clone, Debug, Default)]
struct EdgeState {
    timed: u64,
    untimed: u64,
    /// Calls counted in the function's own code, as far as they are known to belong to this path.
    left_out: u64,
    polled: u64,
    ticks: u64,
    /// Calls that timed ones represent, and their ticks.
    represented: (u64, u64),
    /// Calls during which the same function was already open, and their ticks.
    recursive: [u64; 2],
    pending: Vec<u64>,
    /// Of the pending durations, those of a clock that went backwards.
    anomalies: u64,
}

impl EdgeState {
    /// All ended calls, timed or not.
    fn ended(&self) -> u64 {
        self.timed.saturating_add(self.untimed).saturating_add(self.left_out)
    }

    fn known(&self) -> Known {
        Known {
            calls: self.timed as f64 + self.represented.0 as f64,
            ticks: self.ticks as f64 + self.represented.1 as f64,
        }
    }
}

/// Time of the calls that ended on one edge, in ns.
struct EdgeTimes {
    /// Time of the calls that were timed, and of those they represent.
    known_ns: f64,
    /// Time of all calls.
    ns: f64,
    /// Time of the calls within a call of the same function.
    recursive_ns: f64,
    /// Cost of recording the calls.
    recording_ns: f64,
}

impl Sums {
    /// Adds the calls that ended on one of the function's edges.
    fn add_ended(
        &mut self,
        record: &Record<'_>,
        state: &EdgeState,
        times: &EdgeTimes,
        memory: Memory,
    ) {
        self.known.add(&state.known());
        self.known_ns += times.known_ns;
        for (sum, word) in self.spread.iter_mut().zip(path_extras::spread..) {
            *sum += f64::from_bits(extra(record, word));
        }
        self.ns -= times.recursive_ns;
        self.recurses |= state.recursive[0] > 0;
        self.ended_memory.add(memory);
        add(&mut self.ended, state.ended());
        add(&mut self.timed, state.timed);
        add(&mut self.polled_calls, state.polled);
        for ticks in &state.pending {
            self.least_ticks = least(self.least_ticks, Some(*ticks));
            self.most_ticks = self.most_ticks.max(*ticks);
            self.exact.push(*ticks);
        }
    }
}

/// What is kept of an edge: its places in maps, and its path in the tree, which grows.
const EDGE_BYTES: usize = 2 * size_of::<Node>() + 128;

impl<'a> Reading<'a> {
    /// Reads the edges of a thread and adds them to the merged tree.
    pub(super) fn edges(&mut self, block: &Record<'a>, open: Vec<OpenFrame<'a>>) {
        let edges = edges_of(self.view, block);
        let mut nodes: HashMap<u64, usize> = HashMap::new();
        let mut open = self.by_edge(open);
        let mut elsewhere: HashMap<u64, bool> = HashMap::new();
        let other = block.word(thread_block::other);
        let mut since_bursts = since_last_bursts(&edges);
        for record in &edges {
            let Some(index) = self.by_address.get(&record.word(edge::site)).copied() else {
                continue;
            };
            let parent = record.word(edge::parent);
            let from = match parent == other {
                true => Some(self.tree.node(None, self.other())),
                false => nodes.get(&self.target_of(parent)).copied(),
            };
            let target = record.word(edge::target);
            let to = match nodes.get(&target) {
                Some(node) => *node,
                None if self.view.may_keep(EDGE_BYTES) => self.tree.node(from, index),
                None => break,
            };
            nodes.insert(record.link(), to);
            if target != record.link() {
                self.tree.fold(from, to);
            }
            let open = open.remove(&record.link()).unwrap_or_default();
            let since_burst = since_bursts.remove(&record.link()).unwrap_or(0);
            let flow = self.edge(index, record, since_burst, &open);
            let carried_ns = self.carried_ns(index, record, &open);
            // Work of others, handed on: nothing of it flows from the path above, whose own thread
            // it is not.
            let is_spawned = flow.calls == 0 && carried_ns > 0.0;
            elsewhere.insert(record.link(), is_spawned || elsewhere.get(&parent) == Some(&true));
            let flow = Flow { elsewhere: elsewhere.get(&parent) == Some(&true), ..flow };
            self.tree.add(from.filter(|_| !is_spawned), to, flow);
            let elsewhere = carried_ns > 0.0;
            self.tree.add(None, to, Flow { ns: carried_ns, elsewhere, ..Flow::default() });
            if let Some(from) = from.filter(|_| parent == other) {
                add(&mut self.tree.nodes[from].calls, flow.calls);
            }
        }
        self.view.forget(&edges);
    }

    /// Groups open spans by edge, each with whether its function was already open when it began.
    fn by_edge(&self, open: Vec<OpenFrame<'a>>) -> HashMap<u64, Vec<(OpenFrame<'a>, bool)>> {
        let mut seen = HashSet::new();
        let mut by_edge: HashMap<u64, Vec<(OpenFrame<'a>, bool)>> = HashMap::new();
        for frame in open {
            let site = self.view.record(frame.edge).map_or(0, |record| record.word(edge::site));
            let Some(index) = self.by_address.get(&site).copied() else { continue };
            let recursive = !seen.insert(index);
            by_edge.entry(frame.edge).or_default().push((frame, recursive));
        }
        by_edge
    }

    fn target_of(&self, link: u64) -> u64 {
        self.view.record(link).map_or(0, |record| record.word(edge::target))
    }

    /// Adds an edge to the sums of its function, and returns its flow.
    fn edge(
        &mut self,
        index: usize,
        record: &Record<'a>,
        since_burst: u64,
        open: &[(OpenFrame<'a>, bool)],
    ) -> Flow {
        let mut state = self.state_of(record);
        add(&mut state.left_out, since_burst);
        let still_open =
            |(frame, _): &&(OpenFrame<'_>, bool)| frame.is_still_open(state.timed, state.untimed);
        let open: Vec<_> = open.iter().filter(still_open).collect();
        let times = self.times_of(index, record, &state);
        // Read once: its owner may continue counting.
        let mut memory = Memory::at(record, edge::heap);
        let sums = &mut self.sums[index];
        sums.add_ended(record, &state, &times, memory);
        let mut ns = times.ns;
        let mut calls = state.ended().saturating_add(state.polled);
        for (frame, recursive) in open {
            let elapsed = self.rate.ns_f64(frame.ticks as f64);
            memory.add(frame.memory);
            if frame.is_carried {
                continue;
            }
            ns += elapsed;
            sums.peak_bytes = sums.peak_bytes.max(frame.peak_bytes.max(0).cast_unsigned());
            if !frame.is_poll {
                add(&mut sums.open, 1);
                add(&mut calls, 1);
            }
            if *recursive {
                sums.ns -= elapsed;
                sums.memory.subtract(frame.memory);
            }
        }
        sums.ns += ns;
        sums.memory.add(memory);
        add(&mut self.overhead.clock_anomalies, state.anomalies);
        add(&mut self.overhead.timed_calls, state.timed);
        add(&mut self.overhead.counted_calls, state.untimed.saturating_add(state.left_out));
        Flow {
            calls,
            ns,
            recording_ns: times.recording_ns,
            heap: memory.0.map(i128::from),
            elsewhere: false,
        }
    }

    /// Time of the calls that ended on an edge, without what recording added.
    fn times_of(&self, index: usize, record: &Record<'a>, state: &EdgeState) -> EdgeTimes {
        let (ended, known) = (state.ended(), state.known());
        let mean = known.mean();
        let of_mean = || (self.costs.inside(mean), self.costs.span(mean));
        let (inside, span) = self.sums[index].cost.unwrap_or_else(of_mean);
        // A poll is not a call: all of its marks are in the ticks.
        let timed = if ended == 0 { 1.0 } else { (known.calls / ended as f64).min(1.0) };
        let calls = if ended == 0 { state.polled } else { ended };
        let marks = self.cost_of_lines(index, record.word(edge::marks), calls);
        let ticks = known.ticks - known.calls * inside - marks * timed;
        let known_ns = self.rate.ns_f64(ticks.max(0.0));
        let [recursive_calls, recursive_ticks] = state.recursive.map(|number| number as f64);
        let recursive_ns = self.rate.ns_f64((recursive_ticks - recursive_calls * inside).max(0.0));
        let all = if known.calls > 0.0 { ended as f64 / known.calls } else { 1.0 };
        let counted =
            state.untimed as f64 * self.costs.counted + state.left_out as f64 * self.costs.left_out;
        let recording = state.timed as f64 * span + counted + marks;
        EdgeTimes {
            known_ns,
            ns: known_ns * all,
            recursive_ns: recursive_ns * all,
            recording_ns: self.rate.ns_f64(recording),
        }
    }

    /// Time of work spawned from a path.
    fn carried_ns(
        &mut self,
        index: usize,
        record: &Record<'a>,
        open: &[(OpenFrame<'a>, bool)],
    ) -> f64 {
        let now = open.iter().filter(|(frame, _)| frame.is_carried).map(|(frame, _)| frame.ticks);
        let ticks = now.fold(carried_ticks(record), u64::saturating_add);
        let ns = self.rate.ns_f64(ticks as f64);
        self.sums[index].carried_ns += ns;
        ns
    }

    /// Reads the edge's counts, again and again while its owner changes them. If they never stop
    /// changing (calls of a few nanoseconds), the result is the reading during which they changed
    /// least. Otherwise a reader that is interrupted in the middle would add milliseconds of calls
    /// that it has not counted.
    fn state_of(&self, record: &Record<'a>) -> EdgeState {
        const ATTEMPTS: usize = 200;
        let mut calmest = (u64::MAX, EdgeState::default());
        // What is not being written does not change.
        let attempts = if self.view.is_live() { ATTEMPTS } else { 1 };
        for _ in 0..attempts {
            let (folded, state) = state_now(record);
            let folded_since = record.word(edge::folded).wrapping_sub(folded);
            let moved =
                record.word(edge::pushed).wrapping_sub(state.timed).saturating_add(folded_since);
            // A full ring: an entry is being folded right now (or the thread was killed while
            // folding).
            if moved == 0 && state.pending.len() < RING {
                return state;
            }
            if moved < calmest.0 {
                calmest = (moved, state);
            }
        }
        match calmest {
            (0, state) => self.without_folded(record, state),
            (_, state) => state,
        }
    }

    /// A ring that stays full belongs to a thread that was stopped while folding it. The calls that
    /// the histogram holds beyond those recorded as folded are durations that the ring still holds.
    fn without_folded(&self, record: &Record<'a>, mut state: EdgeState) -> EdgeState {
        let Some(tally) = record.follow(edge::tally) else { return state };
        let mut counted = Vec::new();
        if let Some(root) = tally.follow(tally::histogram) {
            histogram(self.view, &root, &mut counted);
        }
        let beyond = calls_in(&counted).saturating_sub(tally.word(tally::recorded));
        let folded = usize::try_from(beyond).unwrap_or(RING).min(state.pending.len());
        state.pending.drain(..folded);
        state
    }
}

/// Assigns the calls that functions counted in their own code since their last burst. Their paths
/// are unknown, so they go to the path with the most such calls before.
fn since_last_bursts(edges: &[Record<'_>]) -> HashMap<u64, u64> {
    let mut functions: HashMap<u64, LeftOut> = HashMap::new();
    for record in edges {
        let link = record.word(edge::tally);
        let function = functions.entry(link).or_insert_with(|| LeftOut::of(record));
        if function.total > 0 {
            function.add_path(record);
        }
    }
    let rest = |function: LeftOut| (function.most.1, function.total.saturating_sub(function.known));
    functions.into_values().map(rest).filter(|(_, rest)| *rest > 0).collect()
}

/// Calls of a function that were counted in its own code.
struct LeftOut {
    total: u64,
    /// Those of known paths, and the path with the most of them, with its count first.
    known: u64,
    most: (u64, u64),
}

impl LeftOut {
    fn of(edge: &Record<'_>) -> LeftOut {
        let tally = edge.follow(edge::tally);
        let total = tally.map_or(0, |tally| turns::left_out(tally.word(tally::turns)));
        LeftOut { total, known: 0, most: (0, 0) }
    }

    fn add_path(&mut self, edge: &Record<'_>) {
        let of_path = extra(edge, path_extras::left_out);
        add(&mut self.known, of_path);
        self.most = self.most.max((of_path, edge.link()));
    }
}

/// The edges of a thread, oldest first: a parent, and the target of a recursive edge, is older than
/// its children.
pub(super) fn edges_of<'a>(view: View<'a>, block: &Record<'a>) -> Vec<Record<'a>> {
    let in_file = block.word(thread_block::first_edge_in_file);
    let newest = block.word(thread_block::first_edge);
    let mut edges = view.list_in_file(newest, in_file, edge::next);
    edges.reverse();
    edges
}

/// Ticks of the calls that ended on an edge, other than those within one of them; `None` if not all
/// were timed.
pub(super) fn outermost_ticks(record: &Record<'_>) -> Option<u64> {
    let (_, state) = state_now(record);
    let is_exact = state.ended() == state.timed;
    is_exact.then(|| state.ticks.saturating_sub(state.recursive[1]))
}

/// Ticks of the spawned work that ended on an edge.
pub(super) fn carried_ticks(record: &Record<'_>) -> u64 {
    extra(record, path_extras::carried_ticks)
}

/// Reads how many calls are folded, and the edge.
fn state_now(record: &Record<'_>) -> (u64, EdgeState) {
    let (folded, pushed) = (record.word(edge::folded), record.word(edge::pushed));
    let pending = pushed.wrapping_sub(folded).min(RING as u64);
    let ring = |turn: u64| record.word(edge::ring + turn % RING as u64);
    let ticks = record.word(edge::ticks);
    let read: Vec<u64> =
        (0..pending).map(|turn| ring(pushed.wrapping_sub(pending - turn))).collect();
    let waiting: Vec<u64> = read.iter().map(|ticks| forward_only(*ticks)).collect();
    let anomalies = read.iter().zip(&waiting).filter(|(read, taken)| read != taken).count();
    let state = EdgeState {
        timed: pushed,
        untimed: record.word(edge::untimed),
        left_out: extra(record, path_extras::left_out),
        polled: record.word(edge::polled_calls),
        ticks: sum_of(ticks, &waiting),
        recursive: [record.word(edge::recursive_calls), record.word(edge::recursive_ticks)],
        represented: (
            extra(record, path_extras::represented_calls),
            extra(record, path_extras::represented_ticks),
        ),
        anomalies: anomalies as u64,
        pending: waiting,
    };
    (folded, state)
}

/// The sum of a path including the durations not yet added. The sum wraps: when a call moves here
/// from another path, the ticks it left there are subtracted, possibly before the call itself is
/// added.
fn sum_of(ticks: u64, waiting: &[u64]) -> u64 {
    let sum = waiting.iter().fold(ticks, |sum, ticks| sum.wrapping_add(*ticks));
    sum.cast_signed().max(0).cast_unsigned()
}

/// A word that only few paths have.
fn extra(path: &Record<'_>, word: u64) -> u64 {
    path.follow(edge::extras).map_or(0, |extras| extras.word(word))
}

/// A duration of 0 if the clock went backwards.
fn forward_only(ticks: u64) -> u64 {
    buckets::duration(ticks).unwrap_or(0)
}
