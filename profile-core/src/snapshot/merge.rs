//! Merges several snapshots into one: of processes of a pool, of machines, of runs.
//!
//! Counts and times are added. Distributions are merged by adding the counts of equal values, so
//! that every quantile and trimmed mean is that of all calls together. The order and grouping of
//! the merges do not matter, except for the last bits of doubles.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::read::add;
use super::{
    AsyncTimes, BlockSizes, BytesPerCall, Call, Function, Leak, Line, OnCpu, PathNode, Process,
    Returned, Returns, Snapshot, WarningRecord, Worst, weighted_values,
};
use crate::stats::weighted;

impl Snapshot {
    /// Merges everything that any of the snapshots recorded, as if in one process.
    /// [`Snapshot::processes`] lists the original processes.
    ///
    /// Functions are the same if path, file, line and column are. A function is listed as never
    /// called if no process called it. Advice is not merged: call [`Snapshot::advise`] on the
    /// result.
    ///
    /// ```
    /// use profile_core::Snapshot;
    ///
    /// #[profile_core::profile]
    /// fn work() {}
    ///
    /// work();
    /// let one = profile_core::capture();
    /// let both = Snapshot::merge([&one, &one]);
    /// assert_eq!(both.function("work").map(|row| row.calls), Some(2));
    /// assert_eq!(both.processes.len(), 2);
    /// ```
    #[must_use]
    pub fn merge<'a>(snapshots: impl IntoIterator<Item = &'a Snapshot>) -> Snapshot {
        let mut all = Snapshot::default();
        snapshots.into_iter().for_each(|snapshot| all.add(snapshot));
        all.advice.clear();
        all
    }

    fn add(&mut self, other: &Snapshot) {
        if self.schema_version == 0 {
            self.clone_from(other);
            self.schema_version = super::SCHEMA_VERSION;
            if self.processes.is_empty() {
                self.processes.push(other.process.clone());
            }
            return self.put_in_order();
        }
        match other.processes.is_empty() {
            true => self.processes.push(other.process.clone()),
            false => self.processes.extend_from_slice(&other.processes),
        }
        self.overhead = overhead(self, other);
        let trim = self.process.trim;
        join(&mut self.functions, &other.functions, owned_key, |sum, row| {
            add_function(sum, row, trim);
        });
        self.never_called.extend_from_slice(&other.never_called);
        self.call_tree = tree(&[&self.call_tree, &other.call_tree]);
        let key = |line: &Line| (line.file.clone(), line.line, line.path.clone());
        join(&mut self.lines, &other.lines, key, add_line);
        self.memory.extend_from_slice(&other.memory);
        self.not_instrumented.extend_from_slice(&other.not_instrumented);
        let key = |it: &WarningRecord| (it.category.clone(), it.message.clone(), it.path.clone());
        join(&mut self.warnings, &other.warnings, key, add_warning);
        self.put_in_order();
    }

    /// Makes the result independent of the order of merging.
    fn put_in_order(&mut self) {
        crate::sort::by(&mut self.processes, |a, b| process_key(a).cmp(&process_key(b)));
        self.process = summary(&self.processes);
        crate::sort::by(&mut self.functions, |a, b| {
            b.inclusive_ns.cmp(&a.inclusive_ns).then_with(|| key(a).cmp(&key(b)))
        });
        let called: BTreeSet<(&str, u32)> =
            self.functions.iter().map(|row| (row.path.as_str(), row.line)).collect();
        self.never_called.retain(|row| !called.contains(&(row.path.as_str(), row.line)));
        crate::sort::by(&mut self.never_called, Ord::cmp);
        self.never_called.dedup();
        crate::sort::by(&mut self.not_instrumented, Ord::cmp);
        self.not_instrumented.dedup();
        crate::sort::by(&mut self.memory, |a, b| {
            let key = |it: &super::MemoryRecord| (it.started_unix_ns, it.process_id);
            key(a).cmp(&key(b)).then_with(|| a.path.cmp(&b.path))
        });
    }
}

type Key<'a> = (&'a str, &'a str, u32, u32);

fn key(row: &Function) -> Key<'_> {
    (&row.path, &row.file, row.line, row.column)
}

fn owned_key(row: &Function) -> (String, String, u32, u32) {
    (row.path.clone(), row.file.clone(), row.line, row.column)
}

/// Adds rows to those with the same key, and sorts by key.
fn join<T: Clone, K: Ord>(
    rows: &mut Vec<T>,
    more: &[T],
    key: impl Fn(&T) -> K,
    add: impl Fn(&mut T, &T),
) {
    let mut known: BTreeMap<K, T> =
        std::mem::take(rows).into_iter().map(|row| (key(&row), row)).collect();
    for row in more {
        match known.entry(key(row)) {
            Entry::Occupied(mut sum) => add(sum.get_mut(), row),
            Entry::Vacant(entry) => {
                entry.insert(row.clone());
            }
        }
    }
    rows.extend(known.into_values());
}

fn process_key(process: &Process) -> (u64, u32, &str, u64) {
    (process.started_unix_ns, process.process_id, &process.program, process.duration_ns)
}

/// From the first start to the last end; text that differs becomes `several`.
fn summary(processes: &[Process]) -> Process {
    let Some(first) = processes.first() else { return Process::default() };
    if processes.len() == 1 {
        return first.clone();
    }
    let end = |it: &Process| it.started_unix_ns.saturating_add(it.duration_ns);
    let last = processes.iter().map(end).max().unwrap_or_default();
    let same = |of: fn(&Process) -> &str| {
        let all_same = processes.iter().all(|it| of(it) == of(first));
        if all_same { of(first).to_owned() } else { "several".to_owned() }
    };
    let sum = |of: fn(&Process) -> Option<u64>| {
        processes.iter().filter_map(of).fold(None, |sum, one| plus(sum, Some(one)))
    };
    Process {
        program: same(|it| &it.program),
        clock: same(|it| &it.clock),
        process_id: 0,
        started_unix_ns: first.started_unix_ns,
        duration_ns: last - first.started_unix_ns,
        tick_ns: processes.iter().map(|it| it.tick_ns).fold(0.0, f64::max),
        logical_cores: processes.iter().map(|it| it.logical_cores).max().unwrap_or(0),
        physical_cores: processes.iter().filter_map(|it| it.physical_cores).max(),
        available_cores: processes.iter().map(|it| it.available_cores).max().unwrap_or(0),
        allocator: processes.iter().any(|it| it.allocator),
        debug_assertions: processes.iter().any(|it| it.debug_assertions),
        threads: processes.iter().fold(0, |sum, it| sum.saturating_add(it.threads)),
        resident_bytes: sum(|it| it.resident_bytes),
        kernel_peak_bytes: sum(|it| it.kernel_peak_bytes),
        heap_bytes: sum(|it| it.heap_bytes),
        heap_peak_bytes: sum(|it| it.heap_peak_bytes),
        uncounted_heap_bytes: sum(|it| it.uncounted_heap_bytes),
        cpu_ns: sum(|it| it.cpu_ns),
        run_delay_ns: sum(|it| it.run_delay_ns),
        involuntary_switches: sum(|it| it.involuntary_switches),
        // A figure of the machine, not of the process: processes that ran at the same time saw the
        // same.
        cpu_pressure_ns: processes.iter().filter_map(|it| it.cpu_pressure_ns).max(),
        trim: processes.iter().map(|it| it.trim).fold(0.0, f64::max),
    }
}

/// If only one of both was measured, its value is used.
fn both<T: Clone>(one: Option<T>, other: &Option<T>, join: impl FnOnce(T, &T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(join(one, other)),
        (one, other) => one.or_else(|| other.clone()),
    }
}

fn plus(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    both(one, &other, |one, other| one.saturating_add(*other))
}

fn signed(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    both(one, &other, |one, other| one.saturating_add(*other))
}

/// Merges two lists of `[value, count]`.
fn merged(one: &[[u64; 2]], other: &[[u64; 2]]) -> Vec<[u64; 2]> {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for [value, count] in one.iter().chain(other) {
        add(counts.entry(*value).or_default(), *count);
    }
    counts.into_iter().map(|(value, count)| [value, count]).collect()
}

/// Every quantile that either of the two has, computed for both together.
fn quantiles(
    one: &BTreeMap<String, u64>,
    other: &BTreeMap<String, u64>,
    histogram: &[[u64; 2]],
) -> BTreeMap<String, u64> {
    let values = weighted_values(histogram);
    let of = |key: &String| {
        let percentile: f64 = key.strip_prefix('p')?.parse().ok()?;
        Some((key.clone(), weighted::quantile(&values, percentile / 100.0)? as u64))
    };
    one.keys().chain(other.keys()).filter_map(of).collect()
}

/// The mean of both, each weighted by its number of values.
fn mean(one: (Option<f64>, u64), other: (Option<f64>, u64)) -> Option<f64> {
    match (one, other) {
        ((Some(a), m), (Some(b), n)) if m > 0 && n > 0 => {
            let (m, n) = (m as f64, n as f64);
            Some((a * m + b * n) / (m + n))
        }
        ((a, 0), (b, _)) => b.or(a),
        ((a, _), (b, _)) => a.or(b),
    }
}

fn add_warning(sum: &mut WarningRecord, other: &WarningRecord) {
    add(&mut sum.count, other.count);
    add(&mut sum.hidden, other.hidden);
    sum.is_error |= other.is_error;
    Worst::raise(&mut sum.worst, other.worst.as_ref());
    // The smaller of the two locations, so that the order of merging does not matter.
    let locations =
        [(&sum.file, sum.line), (&other.file, other.line)].map(|(file, line)| (file.clone(), line));
    let known = locations.into_iter().filter(|(file, _)| !file.is_empty());
    (sum.file, sum.line) = known.min().unwrap_or_default();
}

fn add_function(sum: &mut Function, row: &Function, trim: f64) {
    let ended = |row: &Function| row.calls.saturating_sub(row.open);
    let counts = [ended(sum), ended(row)];
    sum.leak = leak(sum.leak, counts[0], row.leak, counts[1]);
    add_distribution(sum, row, counts, trim);
    add_counts(sum, row);
    add_memory(sum, row);
    sum.on_cpu = both(sum.on_cpu, &row.on_cpu, |one, other| OnCpu {
        sampled_ns: one.sampled_ns.saturating_add(other.sampled_ns),
        on_cpu_ns: one.on_cpu_ns.saturating_add(other.on_cpu_ns),
        run_delay_ns: one.run_delay_ns.saturating_add(other.run_delay_ns),
    });
    sum.slowest = most(&sum.slowest, &row.slowest, |call| call.duration_ns);
    sum.most_allocating =
        most(&sum.most_allocating, &row.most_allocating, |call| Some(call.allocated_bytes));
    sum.returns = both(sum.returns.take(), &row.returns, returns);
    sum.polled = both(sum.polled.take(), &row.polled, polled);
}

/// Merges everything derived from the times of single calls. Must run before the counts are added:
/// the interval is computed from the separate sums.
fn add_distribution(sum: &mut Function, row: &Function, ended: [u64; 2], trim: f64) {
    sum.inclusive_interval_ns = interval(sum, row);
    sum.mean_ns = mean((sum.mean_ns, ended[0]), (row.mean_ns, ended[1]));
    sum.histogram = merged(&sum.histogram, &row.histogram);
    sum.quantiles = quantiles(&sum.quantiles, &row.quantiles, &sum.histogram);
    sum.trimmed_mean_ns = weighted::trimmed_mean(&weighted_values(&sum.histogram), trim);
    sum.min_ns = both(sum.min_ns, &row.min_ns, |one, other| one.min(*other));
    sum.max_ns = sum.max_ns.max(row.max_ns);
    sum.first_ns = sum.first_ns.max(row.first_ns);
    sum.max_depth = sum.max_depth.max(row.max_depth);
    sum.too_short &= row.too_short;
}

fn add_counts(sum: &mut Function, row: &Function) {
    for (sum, more) in [
        (&mut sum.calls, row.calls),
        (&mut sum.panicked, row.panicked),
        (&mut sum.open, row.open),
        (&mut sum.timed_calls, row.timed_calls),
        (&mut sum.inclusive_ns, row.inclusive_ns),
        (&mut sum.exclusive_ns, row.exclusive_ns),
        (&mut sum.carried_ns, row.carried_ns),
    ] {
        add(sum, more);
    }
}

fn add_memory(sum: &mut Function, row: &Function) {
    for (sum, more) in [
        (&mut sum.allocations, row.allocations),
        (&mut sum.allocated_bytes, row.allocated_bytes),
        (&mut sum.frees, row.frees),
        (&mut sum.freed_bytes, row.freed_bytes),
        (&mut sum.grown, row.grown),
        (&mut sum.shrunk, row.shrunk),
        (&mut sum.exclusive_allocations, row.exclusive_allocations),
        (&mut sum.exclusive_allocated_bytes, row.exclusive_allocated_bytes),
        (&mut sum.exclusive_grown, row.exclusive_grown),
        (&mut sum.exclusive_frees, row.exclusive_frees),
        (&mut sum.exclusive_freed_bytes, row.exclusive_freed_bytes),
        (&mut sum.exclusive_held_bytes, row.exclusive_held_bytes),
    ] {
        *sum = plus(*sum, more);
    }
    for (sum, more) in [
        (&mut sum.retained_bytes, row.retained_bytes),
        (&mut sum.exclusive_retained_bytes, row.exclusive_retained_bytes),
    ] {
        *sum = signed(*sum, more);
    }
    sum.peak_bytes = sum.peak_bytes.max(row.peak_bytes);
    sum.bytes_per_call = both(sum.bytes_per_call.take(), &row.bytes_per_call, bytes_per_call);
    sum.block_sizes = both(sum.block_sizes.take(), &row.block_sizes, |one, other| BlockSizes {
        temporary: one.temporary.saturating_add(other.temporary),
        classes: merged(&one.classes, &other.classes),
    });
}

/// Errors of independent estimates add up in quadrature.
fn interval(one: &Function, other: &Function) -> Option<[u64; 2]> {
    if one.inclusive_interval_ns.is_none() && other.inclusive_interval_ns.is_none() {
        return None;
    }
    let ends = |row: &Function| row.inclusive_interval_ns.unwrap_or([row.inclusive_ns; 2]);
    let ([low, high], [other_low, other_high]) = (ends(one), ends(other));
    Some([low.saturating_add(other_low), high.saturating_add(other_high)])
}

/// The mean over the calls of both. Errors of independent estimates add up in quadrature.
fn leak(one: Option<Leak>, m: u64, other: Option<Leak>, n: u64) -> Option<Leak> {
    let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
    let (m, n) = (m as f64, n as f64);
    let bytes_per_call = (a.bytes_per_call * m + b.bytes_per_call * n) / (m + n);
    let margin_bytes = (a.margin_bytes * m).hypot(b.margin_bytes * n) / (m + n);
    Some(Leak { bytes_per_call, margin_bytes })
}

fn bytes_per_call(one: BytesPerCall, other: &BytesPerCall) -> BytesPerCall {
    let calls = |it: &BytesPerCall| {
        it.histogram.iter().fold(0_u64, |sum, [_, calls]| sum.saturating_add(*calls))
    };
    let known = (Some(one.mean_bytes), calls(&one));
    let histogram = merged(&one.histogram, &other.histogram);
    BytesPerCall {
        min_bytes: one.min_bytes.min(other.min_bytes),
        mean_bytes: mean(known, (Some(other.mean_bytes), calls(other))).unwrap_or(0.0),
        max_bytes: one.max_bytes.max(other.max_bytes),
        quantiles: quantiles(&one.quantiles, &other.quantiles, &histogram),
        histogram,
    }
}

/// The calls with the largest figure. Ties are broken by everything else, so that the order of
/// merging does not matter.
fn most(one: &[Call], other: &[Call], figure: impl Fn(&Call) -> Option<u64>) -> Vec<Call> {
    let mut both = [one, other].concat();
    crate::sort::by(&mut both, |a, b| {
        let rest = |call: &Call| (call.started_ns, call.thread_id, call.allocations);
        figure(b).cmp(&figure(a)).then_with(|| rest(a).cmp(&rest(b))).then_with(|| {
            (&a.arguments, &a.caller, &a.thread).cmp(&(&b.arguments, &b.caller, &b.thread))
        })
    });
    both.truncate(Call::MOST);
    both
}

fn returns(one: Returns, other: &Returns) -> Returns {
    let sum = |a: Returned, b: Returned| Returned {
        calls: a.calls.saturating_add(b.calls),
        inclusive_ns: a.inclusive_ns.saturating_add(b.inclusive_ns),
    };
    Returns {
        kind: one.kind.max(other.kind.clone()),
        ok: sum(one.ok, other.ok),
        err: sum(one.err, other.err),
    }
}

fn polled(mut sum: AsyncTimes, other: &AsyncTimes) -> AsyncTimes {
    for (sum, more) in [
        (&mut sum.wall_ns, other.wall_ns),
        (&mut sum.busy_ns, other.busy_ns),
        (&mut sum.waiting_ns, other.waiting_ns),
        (&mut sum.polls, other.polls),
        (&mut sum.finished, other.finished),
        (&mut sum.cancelled, other.cancelled),
    ] {
        add(sum, more);
    }
    sum.max_wall_ns = sum.max_wall_ns.max(other.max_wall_ns);
    sum.wall_histogram = merged(&sum.wall_histogram, &other.wall_histogram);
    sum.wall_quantiles = quantiles(&sum.wall_quantiles, &other.wall_quantiles, &sum.wall_histogram);
    sum
}

fn add_line(sum: &mut Line, line: &Line) {
    for (sum, more) in [
        (&mut sum.hits, line.hits),
        (&mut sum.timed_hits, line.timed_hits),
        (&mut sum.inclusive_ns, line.inclusive_ns),
        (&mut sum.waiting_ns, line.waiting_ns),
        (&mut sum.allocations, line.allocations),
        (&mut sum.allocated_bytes, line.allocated_bytes),
        (&mut sum.freed_bytes, line.freed_bytes),
    ] {
        *sum = plus(*sum, more);
    }
    sum.net_bytes = signed(sum.net_bytes, line.net_bytes);
    sum.resident_increment_bytes =
        signed(sum.resident_increment_bytes, line.resident_increment_bytes);
    sum.resident_bytes = sum.resident_bytes.max(line.resident_bytes);
    if sum.source.is_empty() {
        sum.source.clone_from(&line.source);
    }
    // The line may have figures of its own in only one of both.
    if sum.hits.is_some() {
        (sum.counted_on, sum.part_of) = (None, None);
    }
}

fn overhead(one: &Snapshot, other: &Snapshot) -> super::Overhead {
    let (a, b) = (&one.overhead, &other.overhead);
    let counts = [a.timed_calls, b.timed_calls];
    let each = |a: f64, b: f64| mean((Some(a), counts[0]), (Some(b), counts[1])).unwrap_or(0.0);
    // What the share is relative to.
    let whole = |it: &super::Overhead| {
        if it.share > 0.0 { it.recording_ns as f64 / it.share } else { 0.0 }
    };
    let recording_ns = a.recording_ns.saturating_add(b.recording_ns);
    let whole = whole(a) + whole(b);
    super::Overhead {
        timed_calls: counts[0].saturating_add(counts[1]),
        counted_calls: a.counted_calls.saturating_add(b.counted_calls),
        recording_ns,
        annotated_ns: a.annotated_ns.saturating_add(b.annotated_ns),
        unmeasured_ns: a.unmeasured_ns.saturating_add(b.unmeasured_ns),
        share: if whole > 0.0 { recording_ns as f64 / whole } else { 0.0 },
        span_ns: each(a.span_ns, b.span_ns),
        span_range_ns: [0, 1].map(|end| each(a.span_range_ns[end], b.span_range_ns[end])),
        counted_ns: each(a.counted_ns, b.counted_ns),
        left_out_ns: each(a.left_out_ns, b.left_out_ns),
        lost_calls: a.lost_calls.saturating_add(b.lost_calls),
        clock_anomalies: a.clock_anomalies.saturating_add(b.clock_anomalies),
        capped_paths: a.capped_paths | b.capped_paths,
        windows_left_out: a.windows_left_out.saturating_add(b.windows_left_out),
        switched_off_ns: a.switched_off_ns.saturating_add(b.switched_off_ns),
    }
}

/// Merges call trees: paths of the same functions are the same path. Depth first, children by name.
fn tree(trees: &[&[PathNode]]) -> Vec<PathNode> {
    let mut paths: BTreeMap<Vec<&str>, PathNode> = BTreeMap::new();
    for tree in trees {
        let mut keys: Vec<Vec<&str>> = Vec::with_capacity(tree.len());
        for node in *tree {
            // A parent comes before its children; in a damaged file one that does not is none.
            let mut key = node.parent.and_then(|at| keys.get(at)).cloned().unwrap_or_default();
            key.push(&node.path);
            let sum = paths
                .entry(key.clone())
                .or_insert_with(|| PathNode { path: node.path.clone(), ..PathNode::default() });
            add(&mut sum.calls, node.calls);
            add(&mut sum.inclusive_ns, node.inclusive_ns);
            add(&mut sum.exclusive_ns, node.exclusive_ns);
            sum.exclusive_allocations = plus(sum.exclusive_allocations, node.exclusive_allocations);
            sum.exclusive_allocated_bytes =
                plus(sum.exclusive_allocated_bytes, node.exclusive_allocated_bytes);
            keys.push(key);
        }
    }
    let places: BTreeMap<&[&str], usize> =
        paths.keys().enumerate().map(|(index, key)| (key.as_slice(), index)).collect();
    let parent = |key: &[&str]| places.get(&key[..key.len() - 1]).copied();
    paths.iter().map(|(key, node)| PathNode { parent: parent(key), ..node.clone() }).collect()
}
