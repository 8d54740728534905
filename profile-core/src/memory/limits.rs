//! The limits of a call: what it may take, what it took, and the sentence when that is more.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::ledger::{self, Line};
use super::window::Backend;
use crate::callsite::CallSite;
use crate::record::begin;
use crate::record::thread::Suspended;
use crate::segment::layout::heap;
use crate::segment::reader::View;
use crate::settings;
use crate::snapshot::Function;
use crate::snapshot::read::{self, Options};
use crate::warnings::{AllocationBudgetWarning, Category, TimeBudgetWarning};

/// What the attribute asks for; its fields are the attribute's options.
#[derive(Clone, Copy, Debug)]
pub struct UsagePlan {
    /// Whether a window is opened.
    pub is_sampled: bool,
    /// Time between two readings.
    pub interval_ns: u64,
    /// What is read.
    pub backend: Backend,
    /// Readings are sums over all descendants.
    pub include_children: bool,
    /// Each descendant has a curve.
    pub multiprocess: bool,
    /// `max_allocations`
    pub max_allocations: Option<u64>,
    /// `max_bytes`
    pub max_allocated_bytes: Option<u64>,
    /// `max_peak`
    pub max_peak_bytes: Option<u64>,
    /// `max_retained`
    pub max_retained_bytes: Option<u64>,
    /// `max_rss`
    pub max_resident_bytes: Option<u64>,
    /// `max_time`
    pub max_time_ns: Option<u64>,
    /// `ledger`: the folder it lies in.
    pub ledger: Option<&'static str>,
    /// A broken limit is a panic: in a crate that is built for tests.
    pub fails: bool,
}

/// What one call took.
pub(crate) struct Used {
    /// See the layout's `heap`, and the peak. `None`: the call was not recorded.
    pub(crate) counted: Option<([u64; heap::COUNTS], u64)>,
    pub(crate) time_ns: u64,
    pub(crate) resident: Option<u64>,
}

impl Used {
    /// What there is to say against the call, if anything, and of which category that is.
    pub(crate) fn complaint(
        &self,
        site: &CallSite,
        plan: &UsagePlan,
    ) -> Option<(&'static Category, String)> {
        let mut broken = self.broken(plan);
        let is_time = |sentence: &String| sentence.starts_with("max_time");
        let category: &'static Category = match !broken.is_empty() && broken.iter().all(is_time) {
            true => &TimeBudgetWarning,
            false => &AllocationBudgetWarning,
        };
        broken.extend(self.not_in_ledger(site, plan));
        if broken.is_empty() {
            return None;
        }
        let path = site.path();
        let mut sentence = format!("{path}: {}", broken.join("; "));
        for line in allocated_below(&path) {
            let _ = write!(sentence, "\n    {line}");
        }
        Some((category, sentence))
    }

    /// What the ledger says against the call.
    fn not_in_ledger(&self, site: &CallSite, plan: &UsagePlan) -> Option<String> {
        let folder = Path::new(plan.ledger?);
        let Some((counts, _)) = self.counted.filter(|_| begin::allocator_counts()) else {
            return Some(format!("ledger: not available: {}", self.why_not("ledger")));
        };
        let line = Line::new(counts[heap::ALLOCATIONS], counts[heap::ALLOCATED_BYTES]);
        ledger::check(folder, &site.path(), line, settings::is_blessing()).err()
    }

    /// A sentence for each limit that was broken, or could not be looked at.
    fn broken(&self, plan: &UsagePlan) -> Vec<String> {
        let retained = |counts: &[u64; heap::COUNTS]| {
            let live = counts[heap::ALLOCATED_BYTES].wrapping_sub(counts[heap::FREED_BYTES]);
            live.cast_signed().max(0).cast_unsigned()
        };
        let counts = self.counted.filter(|_| begin::allocator_counts());
        let of = |count: usize| counts.map(|(counts, _)| counts[count]);
        let limits = [
            ("max_allocations", "allocations", plan.max_allocations, of(heap::ALLOCATIONS)),
            ("max_bytes", "bytes allocated", plan.max_allocated_bytes, of(heap::ALLOCATED_BYTES)),
            ("max_peak", "bytes held at a time", plan.max_peak_bytes, counts.map(|it| it.1)),
            (
                "max_retained",
                "bytes left behind",
                plan.max_retained_bytes,
                counts.map(|(counts, _)| retained(&counts)),
            ),
            ("max_rss", "bytes resident", plan.max_resident_bytes, self.resident),
            ("max_time", "ns", plan.max_time_ns, Some(self.time_ns)),
        ];
        let broken = limits.into_iter().filter_map(|(name, what, most, used)| match (most, used) {
            (Some(most), Some(used)) if used > most => {
                Some(format!("{name}: {used} {what}, at most {most} allowed"))
            }
            (Some(_), None) => Some(format!("{name}: not available: {}", self.why_not(name))),
            _ => None,
        });
        broken.collect()
    }

    fn why_not(&self, limit: &str) -> &'static str {
        match limit {
            "max_rss" => "resident memory cannot be read here",
            _ if self.counted.is_none() => "the function is switched off, or was not recorded",
            _ => "ProfilingAllocator is not the global allocator",
        }
    }
}

/// The functions below a path that allocated most, over all its calls, with their places.
fn allocated_below(path: &str) -> Vec<String> {
    const MOST: usize = 5;
    let _own = Suspended::new();
    let Some(view) = View::live() else { return Vec::new() };
    let contents = read::read(view, &Options { percentiles: &[], trim: 0.0, now: None });
    let mut is_below = Vec::with_capacity(contents.call_tree.len());
    let mut below: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for node in &contents.call_tree {
        let inside = node.path == path
            || node.parent.and_then(|parent| is_below.get(parent).copied()).unwrap_or(false);
        is_below.push(inside);
        let allocations = node.exclusive_allocations.unwrap_or(0);
        if inside && allocations > 0 {
            let sum = below.entry(&node.path).or_default();
            sum.0 += allocations;
            sum.1 += node.exclusive_allocated_bytes.unwrap_or(0);
        }
    }
    let mut below: Vec<_> = below.into_iter().collect();
    below.sort_by_key(|(_, (allocations, _))| std::cmp::Reverse(*allocations));
    let line = |(path, (allocations, bytes)): (&str, (u64, u64))| {
        let place = contents.functions.iter().find(|function| function.path == path);
        let place = place
            .map_or_else(String::new, |Function { file, line, .. }| format!(" ({file}:{line})"));
        format!("{path}{place}: {allocations} allocations, {bytes} bytes")
    };
    below.into_iter().take(MOST).map(line).collect()
}
