//! The call paths of a thread: what each holds goes into its function's sums, what flows along it
//! into the one tree.

use std::collections::{HashMap, HashSet};

use super::frames::OpenFrame;
use super::{Known, Memory, Reading, Sums, add, calls_in, histogram, least};
use crate::segment::layout::{RING, buckets, edge, path_extras, tally, thread_block, turns};
use crate::segment::reader::Record;
use crate::snapshot::tree::Flow;

/// One edge as it was at a moment.
#[derive(Clone, Debug, Default)]
struct EdgeState {
    timed: u64,
    untimed: u64,
    /// Calls that the function's own code counted, as far as they are known to be of this path.
    left_out: u64,
    polled: u64,
    ticks: u64,
    /// Calls for which timed ones stand, and their ticks.
    stood_for: (u64, u64),
    /// Calls during which the same function was open, and their ticks.
    recursive: [u64; 2],
    pending: Vec<u64>,
    /// Of the pending ones, those of a clock that stepped back.
    anomalies: u64,
}

impl EdgeState {
    /// The timed calls, and those for which they stand.
    fn ended(&self) -> u64 {
        self.timed.saturating_add(self.untimed).saturating_add(self.left_out)
    }

    fn known(&self) -> Known {
        Known {
            calls: self.timed as f64 + self.stood_for.0 as f64,
            ticks: self.ticks as f64 + self.stood_for.1 as f64,
        }
    }
}

/// Time of the calls that ended on one edge.
struct EdgeTimes {
    /// Of those that were timed, and those they stand for.
    known_ns: f64,
    /// Of all.
    ns: f64,
    /// Of those within a call of the same function.
    recursive_ns: f64,
    /// What recording them cost.
    recording_ns: f64,
}

impl Sums {
    /// The calls that ended on one of the function's edges.
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

impl<'a> Reading<'a> {
    /// The edges of a thread, and their flows into the one tree.
    pub(super) fn edges(&mut self, block: &Record<'a>, open: Vec<OpenFrame<'a>>) {
        let in_file = block.word(thread_block::first_edge_in_file);
        let newest = block.word(thread_block::first_edge);
        let mut edges = self.view.list_in_file(newest, in_file, edge::next);
        // Newest first in the list; a parent, and what a recursive edge leads to, is older than its
        // children.
        edges.reverse();
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
                None => self.tree.node(from, index),
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
            let handed_on = flow.calls == 0 && carried_ns > 0.0;
            elsewhere.insert(record.link(), handed_on || elsewhere.get(&parent) == Some(&true));
            let flow = Flow { elsewhere: elsewhere.get(&parent) == Some(&true), ..flow };
            self.tree.add(from.filter(|_| !handed_on), to, flow);
            let elsewhere = carried_ns > 0.0;
            self.tree.add(None, to, Flow { ns: carried_ns, elsewhere, ..Flow::default() });
            if let Some(from) = from.filter(|_| parent == other) {
                self.tree.nodes[from].calls += flow.calls;
            }
        }
    }

    /// Open spans by the edge they are on, each with whether its function was open already when it
    /// began.
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

    /// What one edge holds goes into its function's sums; what flows along it is returned.
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

    /// Time of the calls that ended on an edge, without what recording added to it.
    fn times_of(&self, index: usize, record: &Record<'a>, state: &EdgeState) -> EdgeTimes {
        let (ended, known) = (state.ended(), state.known());
        let mean = known.mean();
        let of_mean = || (self.costs.inside(mean), self.costs.span(mean));
        let (inside, span) = self.sums[index].cost.unwrap_or_else(of_mean);
        // A poll is no call: all of its marks are in the ticks.
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

    /// Time of work that was handed on from a path.
    fn carried_ns(
        &mut self,
        index: usize,
        record: &Record<'a>,
        open: &[(OpenFrame<'a>, bool)],
    ) -> f64 {
        let now = open.iter().filter(|(frame, _)| frame.is_carried).map(|(frame, _)| frame.ticks);
        let ticks = now.fold(extra(record, path_extras::carried_ticks), u64::saturating_add);
        let ns = self.rate.ns_f64(ticks as f64);
        self.sums[index].carried_ns += ns;
        ns
    }

    /// The edge's counts, read again while its owner changes them. An owner that never holds still
    /// (calls of a few nanoseconds) gives the reading in which it did least: a reader that the
    /// system interrupts in the middle would otherwise put milliseconds of calls that it has not
    /// counted into the sum.
    fn state_of(&self, record: &Record<'a>) -> EdgeState {
        const PATIENCE: usize = 200;
        let mut calmest = (u64::MAX, EdgeState::default());
        for _ in 0..PATIENCE {
            let (folded, state) = state_now(record);
            let folded_since = record.word(edge::folded).wrapping_sub(folded);
            let moved =
                record.word(edge::pushed).wrapping_sub(state.timed).saturating_add(folded_since);
            // A full ring: one is being folded at this moment (or the thread was killed doing so).
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

    /// A ring that stays full belongs to a thread that was stopped while folding it. As many of its
    /// durations are in the histogram already as that holds beyond what is recorded as folded.
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

/// Calls that functions counted in their own code since their last burst, which nothing tells from
/// where they came: each goes to the path from which most came before.
fn since_last_bursts(edges: &[Record<'_>]) -> HashMap<u64, u64> {
    let mut functions: HashMap<u64, LeftOut> = HashMap::new();
    for record in edges {
        let link = record.word(edge::tally);
        let function = functions.entry(link).or_insert_with(|| LeftOut::of(record));
        if function.in_all > 0 {
            function.add_path(record);
        }
    }
    let rest =
        |function: LeftOut| (function.most.1, function.in_all.saturating_sub(function.known));
    functions.into_values().map(rest).filter(|(_, rest)| *rest > 0).collect()
}

/// Calls of a function that its own code counted.
struct LeftOut {
    in_all: u64,
    /// Those of known paths; most of them on one, and which one that is.
    known: u64,
    most: (u64, u64),
}

impl LeftOut {
    fn of(edge: &Record<'_>) -> LeftOut {
        let tally = edge.follow(edge::tally);
        let in_all = tally.map_or(0, |tally| turns::left_out(tally.word(tally::turns)));
        LeftOut { in_all, known: 0, most: (0, 0) }
    }

    fn add_path(&mut self, edge: &Record<'_>) {
        let of_path = extra(edge, path_extras::left_out);
        add(&mut self.known, of_path);
        self.most = self.most.max((of_path, edge.link()));
    }
}

/// How many calls are folded, and what the edge holds.
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
        stood_for: (
            extra(record, path_extras::stood_for_calls),
            extra(record, path_extras::stood_for_ticks),
        ),
        anomalies: anomalies as u64,
        pending: waiting,
    };
    (folded, state)
}

/// The sum of a path and of what waits to be added. The sum wraps: of a call that came here from
/// another path what it left there is subtracted, perhaps before the call itself is added.
fn sum_of(ticks: u64, waiting: &[u64]) -> u64 {
    let sum = waiting.iter().fold(ticks, |sum, ticks| sum.wrapping_add(*ticks));
    sum.cast_signed().max(0).cast_unsigned()
}

/// A word that only few paths have.
fn extra(path: &Record<'_>, word: u64) -> u64 {
    path.follow(edge::extras).map_or(0, |extras| extras.word(word))
}

/// A clock that stepped back took no time.
fn forward_only(ticks: u64) -> u64 {
    buckets::duration(ticks).unwrap_or(0)
}
