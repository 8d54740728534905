//! Whether a call kept its limits: what it took, and the sentence when that is more.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::ledger::{self, Line};
use super::plan::UsagePlan;
use crate::callsite::CallSite;
use crate::limits::CallLimits;
use crate::record::begin;
use crate::record::counters::HeapCounts;
use crate::record::judge::{self, Ended};
use crate::record::thread::Suspended;
use crate::segment::layout::heap;
use crate::segment::reader::View;
use crate::settings;
use crate::snapshot::read::{self, Options};
use crate::snapshot::{Function, Worst};
use crate::telling::{self, Complaint, OnError};
use crate::units;
use crate::warnings::{AllocationBudgetWarning, Category, RaisedWarning, TimeBudgetWarning};

/// Looks at a call of a function with limits that has ended, and tells what it broke.
///
/// # Panics
/// A filter makes that an error: with a [`RaisedWarning`](crate::warnings::RaisedWarning).
pub(crate) fn judge(ended: Ended) {
    let Some(limits) = ended.site.limits() else { return };
    let used = Used { counted: ended.heap, time_ns: ended.time_ns, resident: None };
    let Some(complaint) = used.against(ended.site, &limits.call) else { return };
    let throws = ended.may_throw && !limits.raises;
    let on_error = if throws { OnError::Throw } else { OnError::Tell };
    if let Some(raised) = telling::tell(&complaint, on_error) {
        std::panic::panic_any(raised);
    }
}

/// The same for a call that is about to return: what it returns is the error. `time_ns`: of an async function, whose frame is that of
/// the last poll.
pub(crate) fn before_the_end(
    site: &'static CallSite,
    time_ns: Option<u64>,
) -> Option<RaisedWarning> {
    let limits = site.limits()?;
    let ended = judge::before_the_end(site)?;
    let used = match time_ns {
        Some(_) => Used { counted: None, time_ns, resident: None },
        None => Used { counted: ended.heap, time_ns: ended.time_ns, resident: None },
    };
    telling::tell(&used.against(site, &limits.call)?, OnError::Return)
}

/// What one call took.
pub(crate) struct Used {
    /// `None`: it allocated nothing, or was not recorded.
    pub(crate) counted: Option<HeapCounts>,
    /// `None`: it was not timed.
    pub(crate) time_ns: Option<u64>,
    pub(crate) resident: Option<u64>,
}

/// A limit that was broken.
struct Broken {
    category: &'static Category,
    sentence: String,
    worst: Option<Worst>,
}

/// A limit, and what was used: `None` if that is not known.
struct Limit {
    name: &'static str,
    what: &'static str,
    unit: &'static str,
    most: Option<u64>,
    used: Option<u64>,
}

impl Limit {
    fn check(&self) -> Option<Broken> {
        let (most, used) = (self.most?, self.used?);
        if used <= most {
            return None;
        }
        let Limit { name, what, unit, .. } = self;
        let worst = Some(Worst::new(used, unit));
        Some(match *unit {
            "ns" => {
                let [used, most] = units::two_durations([used, most]);
                let sentence = format!("{name}: {used}, at most {most} allowed");
                Broken { category: &TimeBudgetWarning, sentence, worst }
            }
            _ => {
                let sentence = format!("{name}: {used} {what}, at most {most} allowed");
                Broken { category: &AllocationBudgetWarning, sentence, worst }
            }
        })
    }
}

impl Used {
    /// What there is to say against a call of a function that has limits by `#[profile]` or by a file. What is not known was not broken.
    fn against(&self, site: &'static CallSite, limits: &CallLimits) -> Option<Complaint> {
        let all = self.limits(limits, "warn_above");
        complaint(site, all.iter().filter_map(Limit::check).collect())
    }

    /// What there is to say against a call that was watched. What should be known and is not, is said too.
    pub(crate) fn against_plan(&self, site: &CallSite, plan: &UsagePlan) -> Option<Complaint> {
        let resident = Limit {
            name: "max_rss",
            what: "bytes resident",
            unit: "bytes",
            most: plan.max_resident_bytes,
            used: self.resident,
        };
        let all = self.limits(&plan.limits, "max_time").into_iter().chain([resident]);
        let broken = all.filter_map(|limit| match (limit.most, limit.used) {
            (Some(_), None) => Some(self.unknown(limit.name)),
            _ => limit.check(),
        });
        let ledger = self.not_in_ledger(site, plan).map(of_allocations);
        complaint(site, broken.chain(ledger).collect())
    }

    /// Each limit on a call; the one of time is called as it is where it was set.
    fn limits(&self, limits: &CallLimits, time: &'static str) -> [Limit; 5] {
        let retained = |counts: &[u64; heap::COUNTS]| {
            let live = counts[heap::ALLOCATED_BYTES].wrapping_sub(counts[heap::FREED_BYTES]);
            live.cast_signed().max(0).cast_unsigned()
        };
        let counts = self.counted.filter(|_| begin::allocator_counts());
        let of = |count: usize| counts.map(|(counts, _)| counts[count]);
        let limit = |name, what, unit, most, used| Limit { name, what, unit, most, used };
        [
            limit(
                "max_allocations",
                "allocations",
                "allocations",
                limits.allocations,
                of(heap::ALLOCATIONS),
            ),
            limit(
                "max_bytes",
                "bytes allocated",
                "bytes",
                limits.allocated_bytes,
                of(heap::ALLOCATED_BYTES),
            ),
            limit(
                "max_peak",
                "bytes held at a time",
                "bytes",
                limits.peak_bytes,
                counts.map(|(_, peak)| peak),
            ),
            limit(
                "max_retained",
                "bytes left behind",
                "bytes",
                limits.retained_bytes,
                counts.map(|(counts, _)| retained(&counts)),
            ),
            limit(time, "ns", "ns", limits.time_ns, self.time_ns),
        ]
    }

    fn unknown(&self, limit: &str) -> Broken {
        of_allocations(format!("{limit}: not available: {}", self.why_not(limit)))
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

    fn why_not(&self, limit: &str) -> &'static str {
        match limit {
            "max_rss" => "resident memory cannot be read here",
            _ if self.counted.is_none() => "the function is switched off, or was not recorded",
            _ => "ProfilingAllocator is not the global allocator",
        }
    }
}

fn of_allocations(sentence: String) -> Broken {
    Broken { category: &AllocationBudgetWarning, sentence, worst: None }
}

/// One warning for a call, of time if nothing else was broken.
fn complaint(site: &CallSite, broken: Vec<Broken>) -> Option<Complaint> {
    let is_memory = |it: &&Broken| !std::ptr::eq(it.category, &raw const TimeBudgetWarning);
    let main = broken.iter().find(is_memory).or(broken.first())?;
    let path = site.path();
    let sentences: Vec<&str> = broken.iter().map(|it| &*it.sentence).collect();
    let mut sentence = format!("{path}: {}", sentences.join("; "));
    if is_memory(&main) {
        for line in allocated_below(&path) {
            let _ = write!(sentence, "\n    {line}");
        }
    }
    Some(Complaint::about(site, main.category, sentence, main.worst.clone()))
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
