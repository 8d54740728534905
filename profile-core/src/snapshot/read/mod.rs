//! Builds a snapshot from a segment: the only reader of the memory format.
//!
//! It may run while the threads keep recording. A path that changes while it is read is read again,
//! so its calls and its time belong together; between paths, a few calls may differ. Calls that a
//! killed thread left in a ring or half folded are completed here.

mod calls;
mod edges;
mod frames;
mod held;
mod last_moment;
mod lines;
mod rows;
mod sums;
pub(crate) mod windows;

pub(crate) use frames::live_blocks;

use std::collections::HashMap;

use self::sums::{CallSums, LinesOfFunction};
use super::tree::Tree;
use super::{AsyncTimes, BlockSizes, Function, Line, Overhead, PathNode};
use crate::clock::{Anchor, Clock, Rate};
use crate::segment::costs::Costs;
use crate::segment::layout::{
    self, buckets, carry, extras, header, heap, heap_tally, histogram_leaf_words, histogram_node,
    histogram_root, pacing, polled, return_tally, site_record, size_tally, tally, thread_block,
};
use crate::segment::reader::{Record, View};
use crate::stats::weighted;

/// Options of the reader.
#[derive(Clone, Debug)]
pub(crate) struct Options<'a> {
    pub(crate) percentiles: &'a [f64],
    pub(crate) trim: f64,
    /// Ticks and nanoseconds at the moment of reading; `None` if the segment's own last values
    /// apply.
    pub(crate) now: Option<Anchor>,
}

/// Everything read from the segment: functions and paths.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) functions: Vec<Function>,
    pub(crate) call_tree: Vec<PathNode>,
    pub(crate) lines: Vec<Line>,
    pub(crate) overhead: Overhead,
    pub(crate) threads: u64,
    pub(crate) tick_ns: f64,
    pub(crate) duration_ns: u64,
}

/// Reads the whole segment.
pub(crate) fn read(view: View<'_>, options: &Options<'_>) -> Contents {
    let mut reading = Reading::new(view, options);
    let in_file = view.header(header::first_block_in_file);
    let newest = view.header(header::first_block);
    let blocks = view.list_in_file(newest, in_file, thread_block::next);
    for block in &blocks {
        reading.tallies(block);
    }
    reading.compute_call_costs();
    if options.now.is_none() {
        reading.extend_to_last_moment(&blocks);
    }
    for block in &blocks {
        let open = reading.open_frames(block);
        reading.edges(block, open);
    }
    reading.finish()
}

/// What is kept of each call site while reading: its place in lists and maps, and its sums.
const SITE_BYTES: usize = size_of::<Record<'static>>() + 64 + size_of::<Sums>() + size_of::<Own>();

/// What a row takes in a list that grows, with its names and quantiles.
const FUNCTION_BYTES: usize = 2 * size_of::<Function>() + 1024;

/// Sums over all calls of one function, over threads and paths.
#[derive(Debug, Default)]
struct Sums {
    ended: u64,
    timed: u64,
    open: u64,
    panicked: u64,
    /// Inclusive time with recursion counted once, before the recording of callees is subtracted.
    ns: f64,
    /// The timed calls and those they represent, and their time without what recording added.
    known: Known,
    known_ns: f64,
    /// Cost of recording one of them, in ticks: between its readings, and in total.
    cost: Option<(f64, f64)>,
    /// See the layout's `spread`.
    spread: [f64; 3],
    least_ticks: Option<u64>,
    most_ticks: u64,
    first_ticks: Option<u64>,
    /// Whether a call was open within another of the same function.
    recurses: bool,
    /// Whether some of its calls may not have been timed.
    has_pace: bool,
    /// When recording was stopped.
    stopped_ticks: Option<u64>,
    /// 0 if no call was open within another.
    max_depth: u64,
    histogram: Buckets,
    exact: Vec<u64>,
    memory: Memory,
    peak_bytes: u64,
    /// Over all ended calls, including recursive ones.
    ended_memory: Memory,
    heap: HeapSums,
    lines: Option<LinesOfFunction>,
    returns: Option<ReturnSums>,
    calls: Option<CallSums>,
    /// Time of spawned work.
    carried_ns: f64,
    polled_calls: u64,
    polled: Option<PolledSums>,
}

impl Sums {
    /// Mean of the calls whose ticks are known, before the recording of callees is subtracted.
    fn mean_ns(&self) -> f64 {
        if self.known.calls > 0.0 { self.known_ns / self.known.calls } else { 0.0 }
    }
}

/// Calls whose ticks are known: timed calls, and calls that a timed one represents.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    calls: f64,
    ticks: f64,
}

impl Known {
    fn mean(&self) -> f64 {
        if self.calls > 0.0 { self.ticks / self.calls } else { self.ticks }
    }

    fn add(&mut self, other: &Known) {
        self.calls += other.calls;
        self.ticks += other.ticks;
    }
}

/// Heap counters, see the layout's `heap`. Tallies are read before edges, so a difference may be
/// temporarily negative: it wraps, and wraps back.
#[derive(Clone, Copy, Debug, Default)]
struct Memory([u64; heap::COUNTS]);

impl Memory {
    /// Reads the words of a record.
    fn at(record: &Record<'_>, first: u64) -> Memory {
        Memory(std::array::from_fn(|index| record.word(first + index as u64)))
    }

    fn add(&mut self, other: Memory) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum = sum.wrapping_add(count));
    }

    fn subtract(&mut self, other: Memory) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum = sum.wrapping_sub(count));
    }

    fn live(&self) -> i64 {
        self.0[heap::ALLOCATED_BYTES].wrapping_sub(self.0[heap::FREED_BYTES]).cast_signed()
    }
}

/// Allocations of single calls of a function.
#[derive(Debug, Default)]
struct HeapSums {
    calls: u64,
    least_bytes: Option<u64>,
    most_bytes: u64,
    histogram: Buckets,
    sizes: Option<BlockSizes>,
}

#[derive(Debug, Default)]
struct PolledSums {
    times: AsyncTimes,
    histogram: Buckets,
    most_ticks: u64,
}

struct Reading<'a> {
    view: View<'a>,
    options: &'a Options<'a>,
    rate: Rate,
    costs: Costs,
    now: Anchor,
    sites: Vec<Record<'a>>,
    by_address: HashMap<u64, usize>,
    sums: Vec<Sums>,
    tree: Tree,
    overhead: Overhead,
    /// Threads that recorded something, including ended ones.
    threads: u64,
}

impl<'a> Reading<'a> {
    fn new(view: View<'a>, options: &'a Options<'a>) -> Reading<'a> {
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
        let rate = Rate::of(clock, first, now);
        let in_file = view.header(header::first_site_in_file);
        let newest = view.header(header::first_site);
        let mut sites = view.list_in_file(newest, in_file, site_record::next);
        let known = sites.iter().take_while(|_| view.may_keep(SITE_BYTES)).count();
        sites.truncate(known);
        let by_address = sites
            .iter()
            .enumerate()
            .map(|(index, site)| (site.word(site_record::site), index))
            .collect();
        let words = std::array::from_fn(|index| view.header(header::costs + index as u64));
        let costs = Costs::from_words(words);
        let sums = sites.iter().map(|_| Sums::default()).collect();
        let off_since = Some(view.header(header::off_since_ns)).filter(|since| *since != 0);
        let off_now = off_since.map_or(0, |since| now.monotonic_ns.saturating_sub(since));
        let overhead = Overhead {
            windows_left_out: view.header(header::windows_left_out),
            switched_off_ns: view.header(header::off_ns).saturating_add(off_now),
            ..Overhead::default()
        };
        let tree = Tree::default();
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

    fn tallies(&mut self, block: &Record<'a>) {
        add(&mut self.threads, block.word(thread_block::threads));
        add(&mut self.overhead.lost_calls, block.word(thread_block::lost_calls));
        add(&mut self.overhead.clock_anomalies, block.word(thread_block::anomalies));
        self.overhead.capped_paths |= block.word(thread_block::paths) > layout::MAX_PATHS;
        let in_file = block.word(thread_block::first_tally_in_file);
        let newest = block.word(thread_block::first_tally);
        let tallies = self.view.list_in_file(newest, in_file, tally::next);
        tallies.iter().for_each(|tally| self.tally(tally));
        self.view.forget(&tallies);
    }

    /// What recording cost a call of each function, by how its calls are distributed. Not by their
    /// mean: one call that was interrupted for a millisecond says nothing of the cost of all
    /// others.
    fn compute_call_costs(&mut self) {
        let costs = self.costs;
        for sums in &mut self.sums {
            sort_and_join(&mut sums.histogram);
            let calls = calls_in(&sums.histogram);
            if calls == 0 {
                continue;
            }
            let of_all = |cost: &dyn Fn(f64) -> f64| {
                let cost =
                    |(bucket, calls): &(usize, u64)| cost(buckets::middle(*bucket)) * *calls as f64;
                sums.histogram.iter().map(cost).sum::<f64>() / calls as f64
            };
            let slower = slower(sums, &costs);
            let inside = of_all(&|ticks| costs.inside(ticks));
            sums.cost = Some((inside, of_all(&|ticks| costs.span(ticks / slower) * slower)));
        }
    }

    /// The pseudo function of paths that exceeded the limit.
    fn other(&self) -> usize {
        self.sites.len()
    }

    /// Adds the tally of a function in one thread.
    fn tally(&mut self, record: &Record<'a>) {
        let Some(index) = self.by_address.get(&record.word(tally::site)).copied() else { return };
        let sums = &mut self.sums[index];
        add(&mut sums.panicked, record.word(tally::panicked));
        sums.max_depth = sums.max_depth.max(record.word(tally::open));
        sums.least_ticks = least(sums.least_ticks, record.word(tally::min_ticks).checked_sub(1));
        sums.most_ticks = sums.most_ticks.max(record.word(tally::max_ticks));
        sums.first_ticks = sums.first_ticks.max(record.word(tally::first_ticks).checked_sub(1));
        if let Some(root) = record.follow(tally::histogram) {
            histogram(self.view, &root, &mut sums.histogram);
        }
        if let Some(record) = record.follow(tally::pacing) {
            sums.has_pace = true;
            let stopped = Some(record.word(pacing::stopped)).filter(|ticks| *ticks > 0);
            sums.stopped_ticks = least(sums.stopped_ticks, stopped);
        }
        if let Some(record) = record.follow(tally::heap) {
            self.heap(index, &record);
        }
        if let Some(record) = record.follow(tally::extras) {
            self.extras(index, &record);
        }
        if let Some(record) = record.follow(tally::lines) {
            self.lines(index, &record);
        }
    }

    fn extras(&mut self, index: usize, record: &Record<'a>) {
        let sums = &mut self.sums[index];
        sums.max_depth = sums.max_depth.max(record.word(extras::deepest));
        if let Some(record) = record.follow(extras::returns) {
            returns(&record, sums.returns.get_or_insert_default());
        }
        if let Some(record) = record.follow(extras::sizes) {
            block_sizes(&record, sums.heap.sizes.get_or_insert_default());
        }
        if let Some(record) = record.follow(extras::calls) {
            self.calls(index, &record);
        }
        if let Some(record) = record.follow(extras::polled) {
            self.polled(index, &record);
        }
    }

    fn heap(&mut self, index: usize, record: &Record<'a>) {
        let sums = &mut self.sums[index];
        sums.peak_bytes = sums.peak_bytes.max(record.word(heap_tally::peak_bytes));
        let recursive = Memory::at(record, heap_tally::recursive);
        sums.memory.subtract(recursive);
        let heap = &mut sums.heap;
        add(&mut heap.calls, record.word(heap_tally::calls));
        heap.least_bytes =
            least(heap.least_bytes, record.word(heap_tally::least_bytes).checked_sub(1));
        heap.most_bytes = heap.most_bytes.max(record.word(heap_tally::most_bytes));
        if let Some(root) = record.follow(heap_tally::bytes) {
            histogram(self.view, &root, &mut heap.histogram);
        }
    }

    fn polled(&mut self, index: usize, record: &Record<'a>) {
        let polled = self.sums[index].polled.get_or_insert_default();
        let times = &mut polled.times;
        add(&mut times.polls, record.word(polled::polls));
        add(&mut times.finished, record.word(polled::finished));
        add(&mut times.cancelled, record.word(polled::cancelled));
        add(&mut times.wall_ns, self.rate.ns(record.word(polled::wall_ticks)));
        add(&mut times.busy_ns, self.rate.ns(record.word(polled::busy_ticks)));
        polled.most_ticks = polled.most_ticks.max(record.word(polled::max_wall_ticks));
        if let Some(root) = record.follow(polled::wall_histogram) {
            histogram(self.view, &root, &mut polled.histogram);
        }
    }

    fn finish(mut self) -> Contents {
        self.tree.sum_up();
        // The last one is for `<other>`, which is not a function.
        let mut own = vec![Own::default(); self.sites.len() + 1];
        for node in &self.tree.nodes {
            let own = &mut own[node.function];
            own.exclusive_ns += node.exclusive_ns;
            own.inclusive_ns += node.inclusive_ns;
            own.recording_in_ns += node.recording_in_ns;
            own.is_mixed |= node.is_mixed;
            own.folds |= node.folds;
            own.recording_ns += node.recording_ns - node.recording_elsewhere_ns;
            add(&mut own.calls_below, node.calls_below);
            own.heap.iter_mut().zip(node.heap).for_each(|(sum, count)| *sum += count);
        }
        let measured = self.view.header(header::allocator) != 0;
        let (mut functions, mut lines) = (Vec::new(), Vec::new());
        let mut paths = Vec::with_capacity(self.sites.len() + 1);
        for (index, own) in own[..self.sites.len()].iter().enumerate() {
            let function = self.function(index, own, measured);
            paths.push(function.path.clone());
            lines.extend(self.lines_of_function(index, &function, measured));
            // The sums are of no more use: a row takes about as much.
            self.sums[index] = Sums::default();
            let bytes = FUNCTION_BYTES + size_of_val(&*function.histogram);
            if function.calls > 0 && self.view.may_keep(bytes) {
                functions.push(function);
            }
        }
        paths.push("<other>".to_owned());
        let call_tree = self.path_nodes(&paths, measured);
        crate::sort::by(&mut functions, |a, b| {
            (b.inclusive_ns, &a.path).cmp(&(a.inclusive_ns, &b.path))
        });
        let duration_ns = self.duration_ns();
        add(&mut self.overhead.lost_calls, self.view.header(header::lost_calls));
        self.compute_overhead();
        Contents {
            functions,
            call_tree,
            lines,
            overhead: self.overhead,
            threads: self.threads,
            tick_ns: self.rate.ns_f64(1.0),
            duration_ns,
        }
    }

    fn duration_ns(&self) -> u64 {
        self.now.monotonic_ns.saturating_sub(self.view.header(header::first_monotonic_ns))
    }

    /// What recording cost in total: what it cost below the paths that begin threads, and these
    /// themselves. The share is of the time that threads spent in annotated functions.
    fn compute_overhead(&mut self) {
        let first = || self.tree.nodes.iter().filter(|node| node.parent.is_none());
        let recording: f64 = first().map(|node| node.recording_in_ns + node.recording_ns).sum();
        let annotated: f64 = first().map(|node| node.inclusive_ns).sum();
        let overhead = &mut self.overhead;
        overhead.span_ns = self.rate.ns_f64(self.costs.empty);
        let range = [self.costs.waiting, self.costs.busy].map(|ticks| self.rate.ns_f64(ticks));
        // On a busy machine either may be the lower one.
        overhead.span_range_ns = [range[0].min(range[1]), range[0].max(range[1])];
        overhead.counted_ns = self.rate.ns_f64(self.costs.counted);
        overhead.left_out_ns = self.rate.ns_f64(self.costs.left_out);
        overhead.recording_ns = recording as u64;
        overhead.annotated_ns = annotated as u64;
        let calls = first().map(|node| node.calls.saturating_add(node.calls_below));
        let calls = calls.fold(0, u64::saturating_add);
        overhead.unmeasured_ns =
            self.rate.ns_f64(self.costs.usually_unmeasured() * calls as f64) as u64;
        let in_all = annotated + recording;
        overhead.share = if in_all > 0.0 { recording / in_all } else { 0.0 };
    }

    fn path_nodes(&self, paths: &[String], measured: bool) -> Vec<PathNode> {
        let counted = |count: i128| measured.then(|| count.clamp(0, u64::MAX.into()) as u64);
        let node = |node: &super::tree::Node| PathNode {
            path: paths.get(node.function).cloned().unwrap_or_default(),
            parent: node.parent,
            calls: node.calls,
            inclusive_ns: node.inclusive_ns as u64,
            exclusive_ns: node.exclusive_ns as u64,
            exclusive_allocations: counted(node.heap[heap::ALLOCATIONS]),
            exclusive_allocated_bytes: counted(node.heap[heap::ALLOCATED_BYTES]),
        };
        let bytes = |node: &super::tree::Node| {
            2 * size_of::<PathNode>() + paths.get(node.function).map_or(0, String::len)
        };
        let nodes = self.tree.nodes.iter();
        nodes.take_while(|node| self.view.may_keep(bytes(node))).map(node).collect()
    }
}

/// Exclusive figures of a function, over its paths.
#[derive(Clone, Debug, Default)]
struct Own {
    exclusive_ns: f64,
    inclusive_ns: f64,
    /// Cost of recording the calls below it, and its own calls.
    recording_ns: f64,
    recording_in_ns: f64,
    calls_below: u64,
    heap: [i128; heap::COUNTS],
    /// Whether its time is not the sum over its paths: see these fields of `Node`.
    is_mixed: bool,
    folds: bool,
}

fn least(known: Option<u64>, other: Option<u64>) -> Option<u64> {
    known.into_iter().chain(other).min()
}

/// Adds, saturating instead of panicking: counts from a damaged file may be any number.
pub(super) fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

/// Counts by bucket, appended thread by thread: a bucket may occur more than once. (A map took half
/// of the time of a report.)
type Buckets = Vec<(usize, u64)>;

/// What one takes in a list that grows.
const BUCKET_BYTES: usize = 3 * size_of::<(usize, u64)>() / 2;

/// Number of calls in a histogram.
fn calls_in(histogram: &Buckets) -> u64 {
    histogram.iter().fold(0, |sum, (_, calls)| sum.saturating_add(*calls))
}

/// Each bucket once, ascending.
fn sort_and_join(histogram: &mut Buckets) {
    crate::sort::by_key(histogram, |(bucket, _)| *bucket);
    weighted::join_equal(histogram);
}

/// How much slower the processor was when the function was called than during the calibration.
/// Determined only from functions so short that they show nothing but the clock readings, and only
/// if all their calls were timed: for others it makes no difference.
fn slower(sums: &Sums, costs: &Costs) -> f64 {
    const MOST: f64 = 3.0;
    if sums.has_pace {
        return 1.0;
    }
    let counts: Vec<(f64, u64)> =
        sums.histogram.iter().map(|(bucket, calls)| (buckets::middle(*bucket), *calls)).collect();
    let shown = weighted::quantile(&counts, 0.25).unwrap_or(0.0) / costs.reading;
    if shown < MOST { shown.max(1.0) } else { 1.0 }
}

/// How calls returned: `[ok, err]`.
#[derive(Debug, Default)]
struct ReturnSums {
    kind: u64,
    calls: [u64; 2],
    timed: [u64; 2],
    ticks: [u64; 2],
}

fn returns(record: &Record<'_>, into: &mut ReturnSums) {
    into.kind = into.kind.max(record.word(return_tally::kind));
    for outcome in 0..2 {
        let word = |first: u64| record.word(first + outcome as u64);
        add(&mut into.calls[outcome], word(return_tally::calls));
        add(&mut into.timed[outcome], word(return_tally::timed));
        add(&mut into.ticks[outcome], word(return_tally::ticks));
    }
}

/// Adds the size classes of one thread; all of them exist from the start.
fn block_sizes(record: &Record<'_>, into: &mut BlockSizes) {
    add(&mut into.temporary, record.word(size_tally::temporary));
    into.classes.resize(layout::SIZE_CLASSES, [0, 0]);
    for (class, [bytes, allocations]) in into.classes.iter_mut().enumerate() {
        *bytes = 1 << class;
        add(allocations, record.word(size_tally::classes + class as u64));
    }
}

/// Adds the counts of a histogram in the segment.
fn histogram(view: View<'_>, root: &Record<'_>, into: &mut Buckets) {
    for node in 0..buckets::NODES {
        let Some(leaves) = root.follow(histogram_root::nodes + node as u64) else { continue };
        for leaf in 0..buckets::LEAVES {
            let Some(counts) = leaves.follow(histogram_node::leaves + leaf as u64) else {
                continue;
            };
            if !view.may_visit(buckets::LEAF as u64 / 2) {
                return;
            }
            let first = (node * buckets::LEAVES + leaf) * buckets::LEAF;
            for (index, count) in histogram_leaf_words(|word| counts.word(word)).enumerate() {
                if count > 0 && view.may_keep(BUCKET_BYTES) {
                    into.push((first + index, u64::from(count)));
                }
            }
        }
    }
    for record in view.list(root.word(histogram_root::carries), carry::next) {
        let bucket = usize::try_from(record.word(carry::bucket)).unwrap_or(0) % buckets::ALL;
        if view.may_keep(BUCKET_BYTES) {
            into.push((bucket, record.word(carry::count)));
        }
    }
}
