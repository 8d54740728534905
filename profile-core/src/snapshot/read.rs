//! From a segment to a snapshot: the only reader of the memory format.
//!
//! It may run while the threads go on recording. Each path is read again if it changed meanwhile, so its
//! calls and its time belong together; between paths a few calls may lie. What a killed thread left in a ring
//! or half folded is completed here.

use std::collections::HashMap;

use super::tree::{Flow, Tree};
use super::{AsyncTimes, Function, Overhead, PathNode};
use crate::callsite::Kind;
use crate::clock::{Anchor, Clock, Rate};
use crate::record::calibrate::Costs;
use crate::segment::layout::{
    self, RING, buckets, carry, edge, flags, frame, header, histogram_leaf_words, histogram_node,
    histogram_root, page_links, polled, site_record, tally, thread_block,
};
use crate::segment::reader::{Record, View};
use crate::stats;

/// What the reader must be told.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) percentiles: Vec<f64>,
    pub(crate) trim: f64,
    /// Ticks and nanoseconds at the moment of reading; a segment of another time has its own.
    pub(crate) now: Option<Anchor>,
}

/// What the segment holds, functions and paths.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) functions: Vec<Function>,
    pub(crate) call_tree: Vec<PathNode>,
    pub(crate) overhead: Overhead,
    pub(crate) threads: u64,
    pub(crate) tick_ns: f64,
    pub(crate) duration_ns: u64,
}

/// Reads all of it.
pub(crate) fn read(view: View<'_>, options: &Options) -> Contents {
    let mut reading = Reading::new(view, options);
    let blocks: Vec<_> = view.list(view.header(header::first_block), thread_block::next).collect();
    for block in &blocks {
        reading.block(block);
    }
    reading.finish(&blocks)
}

/// All calls of one function, over threads and paths.
#[derive(Debug, Default)]
struct Sums {
    ended: u64,
    timed: u64,
    open: u64,
    panicked: u64,
    /// Inclusive time with recursion counted once, before recording below is taken off.
    ns: f64,
    /// Time of the timed calls alone.
    timed_ns: f64,
    least_ticks: Option<u64>,
    most_ticks: u64,
    histogram: HashMap<usize, u64>,
    exact: Vec<u64>,
    memory: Memory,
    peak_bytes: u64,
    polled_calls: u64,
    polled: Option<PolledSums>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    allocations: u64,
    allocated_bytes: u64,
    frees: u64,
    freed_bytes: u64,
}

#[derive(Debug, Default)]
struct PolledSums {
    times: AsyncTimes,
    histogram: HashMap<usize, u64>,
    most_ticks: u64,
}

/// One edge as it was at a moment.
#[derive(Clone, Debug, Default)]
struct EdgeState {
    timed: u64,
    untimed: u64,
    polled: u64,
    ticks: u64,
    pending: Vec<u64>,
    /// Of the pending ones, those of a clock that stepped back.
    anomalies: u64,
}

struct Reading<'a> {
    view: View<'a>,
    options: &'a Options,
    rate: Rate,
    costs: Costs,
    now: Anchor,
    sites: Vec<Record<'a>>,
    by_address: HashMap<u64, usize>,
    sums: Vec<Sums>,
    tree: Tree,
    overhead: Overhead,
    /// The highest number of calls whose recording was cheaper than they say; see `mark_short`.
    threads: u64,
}

impl<'a> Reading<'a> {
    fn new(view: View<'a>, options: &'a Options) -> Reading<'a> {
        let first = Anchor {
            ticks: view.header(header::first_ticks),
            monotonic_ns: view.header(header::first_monotonic_ns),
        };
        let last = Anchor {
            ticks: view.header(header::last_ticks),
            monotonic_ns: view.header(header::last_monotonic_ns),
        };
        let now = options.now.unwrap_or(last);
        let clock = Clock::from_code(view.header(header::clock));
        let ns_clock = matches!(clock, Clock::Monotonic | Clock::Mock);
        let rate = if ns_clock { Rate::NANOSECONDS } else { Rate::between(first, now) };
        let sites: Vec<_> = view.list(view.header(header::first_site), site_record::next).collect();
        let by_address = sites
            .iter()
            .enumerate()
            .map(|(place, site)| (site.word(site_record::site), place))
            .collect();
        let points = std::array::from_fn(|place| view.header(header::cost_points + place as u64));
        let costs = Costs::from_words(points, view.header(header::cost_counted));
        let sums = sites.iter().map(|_| Sums::default()).collect();
        let (tree, overhead) = Default::default();
        Reading {
            view,
            options,
            rate,
            costs,
            now,
            sites,
            by_address,
            sums,
            tree,
            overhead,
            threads: 0,
        }
    }

    fn block(&mut self, block: &Record<'a>) {
        self.threads += block.word(thread_block::threads);
        self.overhead.lost_calls += block.word(thread_block::lost_calls);
        self.overhead.clock_anomalies += block.word(thread_block::anomalies);
        self.overhead.capped_paths |= block.word(thread_block::paths) > layout::MAX_PATHS;
        for tally in self.view.list(block.word(thread_block::first_tally), tally::next) {
            self.tally(&tally);
        }
        let open = self.open_frames(block);
        self.edges(block, &open);
    }

    /// What the tally of a function in one thread holds.
    fn tally(&mut self, record: &Record<'a>) {
        let Some(place) = self.by_address.get(&record.word(tally::site)).copied() else { return };
        let recursive = self.rate.ns_f64(record.word(tally::recursive_ticks) as f64);
        let sums = &mut self.sums[place];
        sums.panicked += record.word(tally::panicked);
        sums.ns -= recursive;
        sums.least_ticks = least(sums.least_ticks, record.word(tally::min_ticks).checked_sub(1));
        sums.most_ticks = sums.most_ticks.max(record.word(tally::max_ticks));
        sums.peak_bytes = sums.peak_bytes.max(record.word(tally::peak_bytes));
        let memory = &mut sums.memory;
        subtract(&mut memory.allocations, record.word(tally::recursive_allocations));
        subtract(&mut memory.allocated_bytes, record.word(tally::recursive_allocated_bytes));
        subtract(&mut memory.frees, record.word(tally::recursive_frees));
        subtract(&mut memory.freed_bytes, record.word(tally::recursive_freed_bytes));
        if let Some(root) = record.follow(tally::histogram) {
            histogram(self.view, &root, &mut sums.histogram);
        }
        if let Some(record) = record.follow(tally::polled) {
            self.polled(place, &record);
        }
    }

    fn polled(&mut self, place: usize, record: &Record<'a>) {
        let polled = self.sums[place].polled.get_or_insert_default();
        let times = &mut polled.times;
        times.polls += record.word(polled::polls);
        times.finished += record.word(polled::finished);
        times.cancelled += record.word(polled::cancelled);
        times.wall_ns += self.rate.ns(record.word(polled::wall_ticks));
        times.busy_ns += self.rate.ns(record.word(polled::busy_ticks));
        polled.most_ticks = polled.most_ticks.max(record.word(polled::max_wall_ticks));
        if let Some(root) = record.follow(polled::wall_histogram) {
            histogram(self.view, &root, &mut polled.histogram);
        }
    }

    /// The spans open in a thread, outermost first, each with the edge it is on and what it has so far.
    fn open_frames(&self, block: &Record<'a>) -> Vec<OpenFrame> {
        let pages = self.view.list(block.word(thread_block::first_frames), page_links::next);
        let frames = pages.flat_map(|page| {
            let step = size_of::<layout::Frame>() as u64;
            (1..layout::FRAME_PAGE as u64 / step).map_while(move |i| page.at(i * step))
        });
        // The first frame is the thread itself.
        let open = frames.skip(1).take_while(|record| record.word(frame::edge) != 0);
        let mut open: Vec<_> = open.map(|record| self.open_frame(&record)).collect();
        // What was allocated in an inner span was allocated in those around it.
        for place in (1..open.len()).rev() {
            let (inner, peak) = (open[place].memory, open[place].peak_bytes);
            let outer = &mut open[place - 1];
            outer.peak_bytes = outer.peak_bytes.max(outer.memory.live().saturating_add(peak));
            outer.memory.add(inner);
        }
        open
    }

    fn open_frame(&self, record: &Record<'a>) -> OpenFrame {
        let started = record.word(frame::started);
        let marks = record.word(frame::flags);
        let closed = marks & flags::CLOSED_EARLY != 0;
        let elapsed = if closed { started } else { self.now.ticks.saturating_sub(started) };
        OpenFrame {
            edge: record.word(frame::edge),
            ticks: if started == 0 { 0 } else { elapsed },
            is_poll: marks & flags::POLL != 0,
            closed,
            memory: Memory {
                allocations: record.word(frame::allocations),
                allocated_bytes: record.word(frame::allocated_bytes),
                frees: record.word(frame::frees),
                freed_bytes: record.word(frame::freed_bytes),
            },
            peak_bytes: record.word(frame::peak_bytes).cast_signed(),
        }
    }

    /// The edges of a thread, and their flows into the one tree.
    fn edges(&mut self, block: &Record<'a>, open: &[OpenFrame]) {
        let mut edges: Vec<_> =
            self.view.list(block.word(thread_block::first_edge), edge::next).collect();
        // Newest first in the list; a parent, and what a recursive edge leads to, is older than its children.
        edges.reverse();
        let mut nodes: HashMap<u64, usize> = HashMap::new();
        let mut seen: Vec<usize> = Vec::new();
        let mut open_by_edge: HashMap<u64, Vec<(OpenFrame, bool)>> = HashMap::new();
        for frame in open {
            let site = self.view.record(frame.edge).map_or(0, |record| record.word(edge::site));
            let Some(place) = self.by_address.get(&site).copied() else { continue };
            open_by_edge
                .entry(frame.edge)
                .or_default()
                .push((frame.clone(), seen.contains(&place)));
            seen.push(place);
        }
        for record in &edges {
            let Some(place) = self.by_address.get(&record.word(edge::site)).copied() else {
                continue;
            };
            let from = nodes.get(&self.target_of(record.word(edge::parent))).copied();
            let target = record.word(edge::target);
            let to = match nodes.get(&target) {
                Some(node) => *node,
                None => self.tree.node(from, place),
            };
            nodes.insert(record.link(), to);
            let open = open_by_edge.remove(&record.link()).unwrap_or_default();
            let flow = self.edge(place, record, &open);
            self.tree.add(from, to, flow);
        }
    }

    fn target_of(&self, link: u64) -> u64 {
        self.view.record(link).map_or(0, |record| record.word(edge::target))
    }

    /// What one edge holds goes into its function's sums; what flows along it is returned.
    fn edge(&mut self, place: usize, record: &Record<'a>, open: &[(OpenFrame, bool)]) -> Flow {
        let state = self.state_of(record);
        let inside = self.costs.inside(state.ticks as f64 / state.timed.max(1) as f64);
        let sums = &mut self.sums[place];
        let ended = state.timed + state.untimed;
        let timed_ns =
            self.rate.ns_f64((state.ticks as f64 - state.timed as f64 * inside).max(0.0));
        let mut ns =
            if state.timed == 0 { timed_ns } else { timed_ns * ended as f64 / state.timed as f64 };
        let mut memory = Memory {
            allocations: record.word(edge::allocations),
            allocated_bytes: record.word(edge::allocated_bytes),
            frees: record.word(edge::frees),
            freed_bytes: record.word(edge::freed_bytes),
        };
        sums.ended += ended;
        sums.timed += state.timed;
        sums.timed_ns += timed_ns;
        sums.polled_calls += state.polled;
        for ticks in state.pending {
            sums.least_ticks = least(sums.least_ticks, Some(ticks));
            sums.most_ticks = sums.most_ticks.max(ticks);
            sums.exact.push(ticks);
        }
        let mut calls = ended + state.polled;
        for (frame, recursive) in open {
            let elapsed = self.rate.ns_f64(frame.ticks as f64);
            ns += elapsed;
            memory.add(frame.memory);
            sums.peak_bytes = sums.peak_bytes.max(frame.peak_bytes.max(0).cast_unsigned());
            if !frame.is_poll {
                sums.open += u64::from(!frame.closed);
                sums.ended += u64::from(frame.closed);
                calls += 1;
            }
            if *recursive {
                sums.ns -= elapsed;
                sums.memory.subtract(frame.memory);
            }
        }
        sums.ns += ns;
        sums.memory.add(memory);
        self.overhead.clock_anomalies += state.anomalies;
        self.overhead.timed_calls += state.timed;
        self.overhead.counted_calls += state.untimed;
        Flow {
            calls,
            ns,
            timed: state.timed,
            counted: state.untimed,
            allocations: i128::from(memory.allocations),
            allocated_bytes: i128::from(memory.allocated_bytes),
            freed_bytes: i128::from(memory.freed_bytes),
        }
    }

    /// The edge's counts, read again while its owner changes them.
    fn state_of(&self, record: &Record<'a>) -> EdgeState {
        const PATIENCE: usize = 1000;
        let mut state = EdgeState::default();
        for _ in 0..PATIENCE {
            let (folded, pushed) = (record.word(edge::folded), record.word(edge::pushed));
            let pending = pushed.wrapping_sub(folded).min(RING as u64);
            let ring = |turn: u64| record.word(edge::ring + turn % RING as u64);
            let ticks = record.word(edge::ticks);
            let read: Vec<u64> = (pushed - pending..pushed).map(ring).collect();
            let waiting: Vec<u64> = read.iter().map(|ticks| forward_only(*ticks)).collect();
            state = EdgeState {
                timed: pushed,
                untimed: record.word(edge::untimed),
                polled: record.word(edge::polled_calls),
                ticks: waiting.iter().fold(ticks, |sum, ticks| sum.saturating_add(*ticks)),
                anomalies: read.iter().zip(&waiting).filter(|(read, taken)| read != taken).count()
                    as u64,
                pending: waiting,
            };
            // A full ring is being folded at this moment (or its thread was killed doing so).
            let unchanged =
                record.word(edge::folded) == folded && record.word(edge::pushed) == pushed;
            if unchanged && pending < RING as u64 {
                return state;
            }
        }
        self.without_folded(record, state)
    }

    /// A ring that stays full belongs to a thread that was stopped while folding it. As many of its
    /// durations are in the histogram already as that holds beyond what is recorded as folded.
    fn without_folded(&self, record: &Record<'a>, mut state: EdgeState) -> EdgeState {
        let Some(tally) = record.follow(edge::tally) else { return state };
        let mut counted = HashMap::new();
        if let Some(root) = tally.follow(tally::histogram) {
            histogram(self.view, &root, &mut counted);
        }
        let beyond = counted.values().sum::<u64>().saturating_sub(tally.word(tally::recorded));
        let folded = usize::try_from(beyond).unwrap_or(RING).min(state.pending.len());
        state.pending.drain(..folded);
        state
    }

    fn finish(mut self, blocks: &[Record<'a>]) -> Contents {
        let (rate, costs) = (self.rate, self.costs);
        self.tree.sum_up(|period_ns| {
            (rate.ns_f64(costs.span(rate.ticks(period_ns))), rate.ns_f64(costs.counted))
        });
        let mut own = vec![Own::default(); self.sites.len()];
        for node in &self.tree.nodes {
            let own = &mut own[node.function];
            own.exclusive_ns += node.exclusive_ns;
            own.recording_ns += node.recording_ns;
            own.allocations += node.allocations;
            own.allocated_bytes += node.allocated_bytes;
            own.freed_bytes += node.freed_bytes;
        }
        let measured = self.view.header(header::allocator) != 0;
        let mut functions: Vec<Function> = (0..self.sites.len())
            .map(|place| self.function(place, &own[place], measured))
            .collect();
        let paths: Vec<String> = functions.iter().map(|function| function.path.clone()).collect();
        let call_tree = self.path_nodes(&paths, measured);
        functions.retain(|function| function.calls > 0);
        functions.sort_by(|a, b| (b.inclusive_ns, &a.path).cmp(&(a.inclusive_ns, &b.path)));
        let duration_ns = self.duration_ns();
        self.overhead.lost_calls += self.view.header(header::lost_calls);
        self.price(duration_ns, blocks.len() as u64);
        Contents {
            functions,
            call_tree,
            overhead: self.overhead,
            threads: self.threads,
            tick_ns: self.rate.ns_f64(1.0),
            duration_ns,
        }
    }

    fn duration_ns(&self) -> u64 {
        self.now.monotonic_ns.saturating_sub(self.view.header(header::first_monotonic_ns))
    }

    /// What recording cost in all: what it cost below the paths that begin threads, and these themselves.
    fn price(&mut self, duration_ns: u64, threads_at_once: u64) {
        let first = self.tree.nodes.iter().filter(|node| node.parent.is_none());
        let (below, timed) = first.fold((0.0, 0), |(below, timed), node| {
            (below + node.recording_ns, timed + node.timed_in)
        });
        let overhead = &mut self.overhead;
        overhead.span_ns = self.rate.ns_f64(self.costs.empty_span());
        overhead.counted_ns = self.rate.ns_f64(self.costs.counted);
        let recording = below + timed as f64 * overhead.span_ns;
        overhead.recording_ns = recording as u64;
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let busy = duration_ns.saturating_mul(threads_at_once.clamp(1, cores));
        overhead.share = if busy == 0 { 0.0 } else { recording / busy as f64 };
    }

    fn function(&self, place: usize, own: &Own, measured: bool) -> Function {
        let (site, sums) = (&self.sites[place], &self.sums[place]);
        let view = self.view;
        let text = |word| view.text(site.word(word));
        let position = site.word(site_record::place);
        let kind = Kind::from_code(site.word(site_record::kind));
        let inclusive = (sums.ns - own.recording_ns).max(own.exclusive_ns).max(0.0);
        let in_flight = sums.polled.as_ref().map_or(0, |polled| {
            sums.polled_calls.saturating_sub(polled.times.finished + polled.times.cancelled)
        });
        let mut function = Function {
            path: text(site_record::path),
            name: text(site_record::name),
            module: text(site_record::module),
            file: text(site_record::file),
            line: position as u32,
            column: (position >> 32) as u32,
            kind: kind.name().to_owned(),
            documentation: text(site_record::documentation),
            signature: text(site_record::signature),
            calls: sums.ended + sums.open + sums.polled_calls,
            panicked: sums.panicked,
            open: sums.open + in_flight,
            timed_calls: sums.timed + sums.polled_calls - in_flight,
            inclusive_ns: inclusive as u64,
            exclusive_ns: own.exclusive_ns as u64,
            ..Function::default()
        };
        self.distribution(sums, &mut function);
        if measured {
            memory_columns(sums, own, &mut function);
        }
        function.polled = sums.polled.as_ref().map(|polled| self.async_times(polled));
        function
    }

    /// Everything that follows from the single calls' times.
    fn distribution(&self, sums: &Sums, function: &mut Function) {
        let values = self.values(&sums.histogram, &sums.exact, &self.costs);
        function.min_ns = sums.least_ticks.map(|ticks| self.corrected(ticks as f64) as u64);
        function.max_ns = sums.least_ticks.map(|_| self.corrected(sums.most_ticks as f64) as u64);
        let timed = stats::total(&values);
        let ns = if sums.polled_calls > 0 { weighted_sum(&values) } else { sums.timed_ns };
        function.mean_ns = (timed > 0).then(|| ns / timed as f64);
        function.trimmed_mean_ns = stats::trimmed_mean(&values, self.options.trim);
        function.quantiles = self.quantiles(&values, function.max_ns);
        function.histogram = values.iter().map(|(ns, calls)| [ns.round() as u64, *calls]).collect();
        let short = self.rate.ns_f64(self.costs.empty_span());
        function.too_short = function.mean_ns.is_some_and(|mean| mean < short);
        if sums.timed < sums.ended {
            let margin = stats::mean_margin(&values, sums.ended).unwrap_or(f64::INFINITY)
                * sums.ended as f64;
            let total = function.inclusive_ns as f64;
            function.inclusive_interval_ns =
                Some([(total - margin).max(0.0) as u64, (total + margin) as u64]);
        }
    }

    fn quantiles(
        &self,
        values: stats::Weighted<'_>,
        max_ns: Option<u64>,
    ) -> std::collections::BTreeMap<String, u64> {
        let named = |percentile: &f64| {
            let value = stats::quantile(values, percentile / 100.0)?.round() as u64;
            // A bucket's middle may lie above the longest call that is in it.
            Some((format!("p{percentile}"), value.min(max_ns.unwrap_or(u64::MAX))))
        };
        self.options.percentiles.iter().filter_map(named).collect()
    }

    /// Ticks between the readings to nanoseconds of the body.
    fn corrected(&self, ticks: f64) -> f64 {
        self.rate.ns_f64(ticks - self.costs.inside(ticks))
    }

    /// Buckets and single durations as ascending nanoseconds, the inner cost taken off.
    fn values(
        &self,
        histogram: &HashMap<usize, u64>,
        exact: &[u64],
        costs: &Costs,
    ) -> Vec<(f64, u64)> {
        let ns = |ticks: f64| self.rate.ns_f64(ticks - costs.inside(ticks));
        let mut counts: HashMap<usize, u64> = histogram.clone();
        for ticks in exact {
            *counts.entry(buckets::of(*ticks)).or_default() += 1;
        }
        let mut values: Vec<_> = counts
            .into_iter()
            .map(|(bucket, calls)| (ns(buckets::middle(bucket)), calls))
            .collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        values
    }

    fn async_times(&self, polled: &PolledSums) -> AsyncTimes {
        let values = self.values(&polled.histogram, &[], &Costs::default());
        let max_wall_ns = (polled.most_ticks > 0).then(|| self.rate.ns(polled.most_ticks));
        AsyncTimes {
            waiting_ns: polled.times.wall_ns.saturating_sub(polled.times.busy_ns),
            max_wall_ns,
            wall_quantiles: self.quantiles(&values, max_wall_ns),
            ..polled.times.clone()
        }
    }

    fn path_nodes(&self, paths: &[String], measured: bool) -> Vec<PathNode> {
        let counted = |count: i128| measured.then(|| count.clamp(0, u64::MAX.into()) as u64);
        let node = |node: &super::tree::Node| PathNode {
            path: paths.get(node.function).cloned().unwrap_or_default(),
            parent: node.parent,
            calls: node.calls,
            inclusive_ns: node.inclusive_ns as u64,
            exclusive_ns: node.exclusive_ns as u64,
            exclusive_allocations: counted(node.allocations),
            exclusive_allocated_bytes: counted(node.allocated_bytes),
        };
        self.tree.nodes.iter().map(node).collect()
    }
}

/// An open span.
#[derive(Clone, Debug)]
struct OpenFrame {
    edge: u64,
    ticks: u64,
    is_poll: bool,
    closed: bool,
    memory: Memory,
    peak_bytes: i64,
}

/// What a function did by itself, over its paths.
#[derive(Clone, Debug, Default)]
struct Own {
    exclusive_ns: f64,
    recording_ns: f64,
    allocations: i128,
    allocated_bytes: i128,
    freed_bytes: i128,
}

impl Memory {
    fn add(&mut self, other: Memory) {
        self.allocations = self.allocations.wrapping_add(other.allocations);
        self.allocated_bytes = self.allocated_bytes.wrapping_add(other.allocated_bytes);
        self.frees = self.frees.wrapping_add(other.frees);
        self.freed_bytes = self.freed_bytes.wrapping_add(other.freed_bytes);
    }

    fn live(&self) -> i64 {
        self.allocated_bytes.wrapping_sub(self.freed_bytes).cast_signed()
    }

    fn subtract(&mut self, other: Memory) {
        subtract(&mut self.allocations, other.allocations);
        subtract(&mut self.allocated_bytes, other.allocated_bytes);
        subtract(&mut self.frees, other.frees);
        subtract(&mut self.freed_bytes, other.freed_bytes);
    }
}

/// Tallies are read before edges, so a difference may be below zero for a while: it wraps, and wraps back.
fn subtract(from: &mut u64, what: u64) {
    *from = from.wrapping_sub(what);
}

fn least(known: Option<u64>, other: Option<u64>) -> Option<u64> {
    known.into_iter().chain(other).min()
}

/// A clock that stepped back took no time.
fn forward_only(ticks: u64) -> u64 {
    if ticks.cast_signed() < 0 { 0 } else { ticks }
}

fn weighted_sum(values: stats::Weighted<'_>) -> f64 {
    values.iter().map(|(value, count)| value * *count as f64).sum()
}

fn memory_columns(sums: &Sums, own: &Own, function: &mut Function) {
    let counted = |count: i128| Some(count.clamp(0, u64::MAX.into()) as u64);
    let memory = sums.memory;
    function.allocations = Some(memory.allocations);
    function.allocated_bytes = Some(memory.allocated_bytes);
    function.frees = Some(memory.frees);
    function.freed_bytes = Some(memory.freed_bytes);
    function.peak_bytes = Some(sums.peak_bytes);
    function.retained_bytes =
        Some(memory.allocated_bytes.wrapping_sub(memory.freed_bytes).cast_signed());
    function.exclusive_allocations = counted(own.allocations);
    function.exclusive_allocated_bytes = counted(own.allocated_bytes);
    function.exclusive_freed_bytes = counted(own.freed_bytes);
}

/// Adds the counts of a histogram in the segment.
fn histogram(view: View<'_>, root: &Record<'_>, into: &mut HashMap<usize, u64>) {
    for node in 0..buckets::NODES {
        let Some(leaves) = root.follow(histogram_root::nodes + node as u64) else { continue };
        for leaf in 0..buckets::LEAVES {
            let Some(counts) = leaves.follow(histogram_node::leaves + leaf as u64) else {
                continue;
            };
            let first = (node * buckets::LEAVES + leaf) * buckets::LEAF;
            for (place, count) in histogram_leaf_words(|word| counts.word(word)).enumerate() {
                if count > 0 {
                    *into.entry(first + place).or_default() += u64::from(count);
                }
            }
        }
    }
    for record in view.list(root.word(histogram_root::carries), carry::next) {
        let bucket = usize::try_from(record.word(carry::bucket)).unwrap_or(0) % buckets::ALL;
        *into.entry(bucket).or_default() += record.word(carry::count);
    }
}
