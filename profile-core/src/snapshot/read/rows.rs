//! From a function's sums to its row.

use std::collections::BTreeMap;

use super::held::History;
use super::{Buckets, Own, PolledSums, Reading, ReturnSums, Sums, sort_and_join};
use crate::callsite::Kind;
use crate::segment::layout::{buckets, header, heap, site_record};
use crate::segment::reader::Record;
use crate::snapshot::{AsyncTimes, BlockSizes, BytesPerCall, Function, OnCpu, Returned, Returns};
use crate::stats::weighted;

/// The tree holds what other threads did, too; a function's total is that of its own thread. And
/// what a function took that is called again further down stands further up.
fn inclusive_ns(sums: &Sums, own: &Own) -> f64 {
    let alone = sums.ns - own.recording_ns;
    match (own.is_mixed, own.folds) {
        (true, _) => alone.max(own.exclusive_ns).max(0.0),
        (false, true) => alone.max(own.inclusive_ns),
        (false, false) => own.inclusive_ns,
    }
}

/// Calls of an async function that have begun, and neither finished nor were cancelled.
fn in_flight(sums: &Sums) -> u64 {
    sums.polled.as_ref().map_or(0, |polled| {
        let ended = polled.times.finished.saturating_add(polled.times.cancelled);
        sums.polled_calls.saturating_sub(ended)
    })
}

fn on_cpu(site: &Record<'_>) -> Option<OnCpu> {
    let sampled_ns = site.word(site_record::sampled_ns);
    (sampled_ns > 0).then(|| OnCpu {
        sampled_ns,
        on_cpu_ns: site.word(site_record::on_cpu_ns),
        run_delay_ns: site.word(site_record::run_delay_ns),
    })
}

impl Reading<'_> {
    pub(super) fn function(&self, index: usize, own: &Own, measured: bool) -> Function {
        let (site, sums) = (&self.sites[index], &self.sums[index]);
        let view = self.view;
        let text = |word| view.text(site.word(word));
        let position = site.word(site_record::position);
        let kind = Kind::from_code(site.word(site_record::kind));
        let in_flight = in_flight(sums);
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
            calls: sums.ended.saturating_add(sums.open).saturating_add(sums.polled_calls),
            panicked: sums.panicked,
            open: sums.open.saturating_add(in_flight),
            timed_calls: sums.timed.saturating_add(sums.polled_calls - in_flight),
            inclusive_ns: inclusive_ns(sums, own) as u64,
            exclusive_ns: own.exclusive_ns as u64,
            carried_ns: sums.carried_ns as u64,
            max_depth: sums.max_depth.max(1),
            recording_ns: own.recording_in_ns as u64,
            stopped_ns: sums.stopped_ticks.map(|ticks| self.since_start(ticks)),
            ..Function::default()
        };
        self.distribution(sums, own, &mut function);
        if let Some(calls) = &sums.calls {
            function.slowest = calls.first(0);
            function.most_allocating = calls.first(1);
        }
        function.on_cpu = on_cpu(site);
        function.returns = sums.returns.as_ref().map(|returns| self.returns(returns));
        if measured {
            self.memory(site, sums, own, &mut function);
        }
        function.polled = sums.polled.as_ref().map(|polled| self.async_times(polled));
        function
    }

    fn memory(&self, site: &Record<'_>, sums: &Sums, own: &Own, function: &mut Function) {
        memory_columns(sums, own, function);
        function.bytes_per_call = self.bytes_per_call(sums);
        let held = site.follow(site_record::held);
        let history = held.as_ref().map_or_else(History::default, History::read);
        function.exclusive_held_bytes = Some(history.bytes);
        function.leak = history.leak(sums.ended.saturating_add(sums.polled_calls));
        function.block_sizes = block_sizes(sums);
    }

    fn returns(&self, sums: &ReturnSums) -> Returns {
        let one = |outcome: usize| {
            let (calls, timed) = (sums.calls[outcome], sums.timed[outcome]);
            let (ticks, mean) =
                (sums.ticks[outcome] as f64, sums.ticks[outcome] as f64 / timed.max(1) as f64);
            let ns = self.rate.ns_f64((ticks - timed as f64 * self.costs.inside(mean)).max(0.0));
            // Those that were not timed take as long as those that were.
            let inclusive_ns = ns * calls as f64 / timed.max(1) as f64;
            Returned { calls, inclusive_ns: inclusive_ns as u64 }
        };
        let kind = ["", "result", "option"].get(sums.kind as usize).copied().unwrap_or_default();
        Returns { kind: kind.to_owned(), ok: one(0), err: one(1) }
    }

    fn since_start(&self, ticks: u64) -> u64 {
        self.rate.ns(ticks.saturating_sub(self.view.header(header::first_ticks)))
    }

    /// Everything that follows from the single calls' times: what recording cost within is taken
    /// off each in proportion, so that mean times calls is the total.
    fn distribution(&self, sums: &Sums, own: &Own, function: &mut Function) {
        let range = (sums.least_ticks.unwrap_or(0), sums.most_ticks);
        let alone = |ticks: f64| self.rate.ns_f64(ticks - self.costs.inside(ticks));
        let shown = values(&sums.histogram, &sums.exact, range, alone);
        let fit = fit(sums, function, own);
        let corrected = |ticks: f64| alone(ticks) * fit;
        let values: Vec<_> = shown.iter().map(|(value, calls)| (value * fit, *calls)).collect();
        let nearest = |ticks: Option<u64>| ticks.map(|it| corrected(it as f64).round() as u64);
        function.min_ns = nearest(sums.least_ticks);
        function.max_ns = nearest(sums.least_ticks.map(|_| sums.most_ticks));
        function.first_ns = nearest(sums.first_ticks);
        let known = weighted::total(&values);
        let mean_ns = if sums.polled_calls > 0 {
            weighted_sum(&values) / known as f64
        } else {
            sums.mean_ns() * fit
        };
        function.mean_ns = (known > 0).then_some(mean_ns);
        function.trimmed_mean_ns = weighted::trimmed_mean(&values, self.options.trim);
        function.quantiles = self.quantiles(&values);
        function.histogram = whole(&values);
        let short = self.rate.ns_f64(self.costs.empty);
        // By the median: one call that was interrupted makes no short function a long one.
        function.too_short = weighted::quantile(&values, 0.5).is_some_and(|median| median < short);
        function.inclusive_interval_ns = self.interval(sums, own, function, &shown);
    }

    /// What the total may as well be: calls that were not timed may have taken longer or shorter
    /// than those that were; recording below may have cost less than was subtracted, down to
    /// nothing, or more, up to what cannot be measured. `None` for what is known to a fiftieth.
    fn interval(
        &self,
        sums: &Sums,
        own: &Own,
        function: &Function,
        shown: weighted::Weighted<'_>,
    ) -> Option<[u64; 2]> {
        const EXACT: f64 = 0.02;
        let total = function.inclusive_ns as f64;
        let drawn = if sums.timed < sums.ended { self.margin(sums, shown) } else { Some(0.0) }?;
        let unmeasured = self.rate.ns_f64(self.costs.most_unmeasured()) * own.calls_below as f64;
        let (below, above) = (drawn + unmeasured, drawn + own.recording_ns);
        if below.max(above) <= total * EXACT && sums.timed == sums.ended {
            return None;
        }
        // By so much, two runs of one program differ in any case.
        let noise = total * EXACT;
        Some([(total - below - noise).max(0.0) as u64, (total + above + noise) as u64])
    }

    /// Of an async function it is not known: its polls are what is settled.
    fn bytes_per_call(&self, sums: &Sums) -> Option<BytesPerCall> {
        if sums.polled_calls > 0 || sums.ended == 0 {
            return None;
        }
        let of_calls = &sums.heap;
        let range = (of_calls.least_bytes.unwrap_or(0), of_calls.most_bytes);
        let mut values = values(&of_calls.histogram, &[], range, |bytes| bytes);
        let without = sums.ended.saturating_sub(of_calls.calls);
        if without > 0 {
            values.insert(0, (0.0, without));
        }
        Some(BytesPerCall {
            min_bytes: if without > 0 { 0 } else { range.0 },
            mean_bytes: sums.ended_memory.0[heap::ALLOCATED_BYTES] as f64 / sums.ended as f64,
            max_bytes: range.1,
            quantiles: self.quantiles(&values),
            histogram: whole(&values),
        })
    }

    /// Half the width of the 95 % confidence interval of a total of which only some calls were
    /// timed; `None` if fewer than two were.
    ///
    /// The variance is that of Horvitz and Thompson's estimate of calls drawn with different
    /// probabilities, about the mean that the estimate itself gives (Särndal, Swensson and Wretman,
    /// "Model Assisted Survey Sampling", 5.6); and for the calls after the last timed one, that of
    /// a mean of the timed ones.
    fn margin(&self, sums: &Sums, values: weighted::Weighted<'_>) -> Option<f64> {
        let t = weighted::students_t(sums.timed)?;
        let (mean, [one, ticks, squares]) = (sums.known.mean(), sums.spread);
        let drawn = (squares - 2.0 * mean * ticks + mean * mean * one).max(0.0);
        let beyond = (sums.ended as f64 - sums.known.calls).max(0.0);
        let unseen = weighted::variance(values)? * (beyond + beyond * beyond / sums.timed as f64);
        Some(t * (drawn * self.rate.ns_f64(1.0).powi(2) + unseen).sqrt())
    }

    fn quantiles(&self, values: weighted::Weighted<'_>) -> BTreeMap<String, u64> {
        let named = |percentile: &f64| {
            let value = weighted::quantile(values, percentile / 100.0)?.round() as u64;
            Some((format!("p{percentile}"), value))
        };
        self.options.percentiles.iter().filter_map(named).collect()
    }

    fn async_times(&self, polled: &PolledSums) -> AsyncTimes {
        let (range, ns) = ((0, polled.most_ticks), |ticks| self.rate.ns_f64(ticks));
        let values = values(&polled.histogram, &[], range, ns);
        let max_wall_ns = (polled.most_ticks > 0).then(|| self.rate.ns(polled.most_ticks));
        AsyncTimes {
            waiting_ns: polled.times.wall_ns.saturating_sub(polled.times.busy_ns),
            max_wall_ns,
            wall_quantiles: self.quantiles(&values),
            wall_histogram: whole(&values),
            ..polled.times.clone()
        }
    }
}

/// What recording below left of the times that the clock showed, so that mean times calls is the
/// total. Where calls are still open, or within each other, the total is of other calls than the
/// mean.
fn fit(sums: &Sums, function: &Function, own: &Own) -> f64 {
    let (total, calls) = (function.inclusive_ns as f64, function.calls as f64);
    let fit = if sums.polled_calls > 0 {
        1.0
    } else if sums.recurses || sums.open > 0 {
        1.0 - (own.recording_ns / sums.ns).min(1.0)
    } else {
        total / (sums.mean_ns() * calls)
    };
    if fit.is_finite() { fit } else { 1.0 }
}

/// As it is in a snapshot. Values that round to the same stand together.
fn whole(values: weighted::Weighted<'_>) -> Vec<[u64; 2]> {
    let mut whole: Vec<(u64, u64)> =
        values.iter().map(|(value, count)| (value.round() as u64, *count)).collect();
    weighted::join_equal(&mut whole);
    whole.into_iter().map(|(value, count)| [value, count]).collect()
}

/// Buckets and single durations as ascending nanoseconds.
fn values(
    histogram: &Buckets,
    exact: &[u64],
    (least, most): (u64, u64),
    ns: impl Fn(f64) -> f64,
) -> Vec<(f64, u64)> {
    let mut counts = histogram.clone();
    counts.extend(exact.iter().map(|ticks| (buckets::of(*ticks), 1)));
    sort_and_join(&mut counts);
    // A bucket's middle may lie beyond the shortest or the longest call, which are known.
    let middle = |bucket| buckets::middle(bucket).max(least as f64).min(most as f64);
    let mut values: Vec<_> =
        counts.into_iter().map(|(bucket, calls)| (ns(middle(bucket)), calls)).collect();
    crate::sort::by(&mut values, |a, b| a.0.total_cmp(&b.0));
    // What is nothing but cost falls together at 0.
    weighted::join_equal(&mut values);
    values
}

/// Without the classes in which there is nothing.
fn block_sizes(sums: &Sums) -> Option<BlockSizes> {
    let mut sizes = sums.heap.sizes.clone()?;
    sizes.classes.retain(|[_, allocations]| *allocations > 0);
    Some(sizes)
}

fn weighted_sum(values: weighted::Weighted<'_>) -> f64 {
    values.iter().map(|(value, count)| value * *count as f64).sum()
}

fn memory_columns(sums: &Sums, own: &Own, function: &mut Function) {
    let exclusive = |count: usize| Some(own.heap[count].clamp(0, u64::MAX.into()) as u64);
    let inclusive = |count: usize| Some(sums.memory.0[count]);
    function.allocations = inclusive(heap::ALLOCATIONS);
    function.allocated_bytes = inclusive(heap::ALLOCATED_BYTES);
    function.frees = inclusive(heap::FREES);
    function.freed_bytes = inclusive(heap::FREED_BYTES);
    function.grown = inclusive(heap::GROWN);
    function.shrunk = inclusive(heap::SHRUNK);
    function.peak_bytes = Some(sums.peak_bytes);
    function.retained_bytes = Some(sums.memory.live());
    function.exclusive_allocations = exclusive(heap::ALLOCATIONS);
    function.exclusive_allocated_bytes = exclusive(heap::ALLOCATED_BYTES);
    function.exclusive_grown = exclusive(heap::GROWN);
    function.exclusive_frees = exclusive(heap::FREES);
    function.exclusive_freed_bytes = exclusive(heap::FREED_BYTES);
    function.exclusive_retained_bytes =
        i64::try_from(own.heap[heap::ALLOCATED_BYTES] - own.heap[heap::FREED_BYTES]).ok();
}
