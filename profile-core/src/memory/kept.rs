//! Whether a call kept its limits: what it took, and the sentence when that is more.

use std::collections::BTreeMap;
use std::path::Path;

use super::ledger::{self, Line};
use super::plan::UsagePlan;
use crate::callsite::CallSite;
use crate::limits::CallLimits;
use crate::record::SpanGuard;
use crate::record::begin;
use crate::record::counters::HeapCounts;
use crate::record::judge::{self, Ended, Open};
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
    let used = Used { counted: ended.heap, time_ns: ended.time_ns, resident: None, is_over: true };
    let throws = ended.may_throw && !limits.raises && ended.site.can_unwind();
    let on_error = if throws { OnError::Throw } else { OnError::Tell };
    if let Some(raised) = tell_all(used.against(ended.site, &limits.call), on_error) {
        telling::throw(raised);
    }
}

/// Tells all; gives back the first that is an error which somebody takes. But for that nothing is charged to whoever called.
pub(crate) fn tell_all(complaints: Vec<Complaint>, on_error: OnError) -> Option<RaisedWarning> {
    let taken = complaints.iter().fold(None, |first, complaint| {
        let is_taken = telling::tell(complaint, on_error);
        first.or(is_taken.then_some(complaint))
    });
    let raised = taken.map(Complaint::raised);
    let _own = Suspended::new();
    drop(complaints);
    raised
}

/// The same for a call that is about to return: what it returns is the error.
pub(crate) fn before_the_end(guard: &SpanGuard) -> Option<RaisedWarning> {
    let call = judge::open_call(guard)?;
    let (counted, time_ns) = (Some(call.heap), call.time_ns);
    judge_open(&call, &Used { counted, time_ns, resident: None, is_over: false })
}

/// A call that is about to return an error is not judged again: that error is counted by then.
pub(crate) fn leave_alone(guard: &SpanGuard) {
    if let Some(call) = judge::open_call(guard) {
        call.is_judged();
    }
}

/// And for that of an async function: of what it allocates each poll has only a part.
pub(crate) fn before_the_last_poll_ends(
    site: &'static CallSite,
    time_ns: u64,
) -> Option<RaisedWarning> {
    let call = judge::open_poll(site)?;
    let time_ns = Some(time_ns);
    judge_open(&call, &Used { counted: None, time_ns, resident: None, is_over: false })
}

fn judge_open(call: &Open, used: &Used) -> Option<RaisedWarning> {
    let limits = call.site.limits()?;
    let complaints = used.against(call.site, &limits.call);
    if complaints.is_empty() {
        return None;
    }
    call.is_judged();
    tell_all(complaints, OnError::Return)
}

/// What one call took.
pub(crate) struct Used {
    /// `None`: it allocated nothing, or was not recorded.
    pub(crate) counted: Option<HeapCounts>,
    /// `None`: it was not timed.
    pub(crate) time_ns: Option<u64>,
    pub(crate) resident: Option<u64>,
    /// Whether what it has left behind is known: locals go after a value is there.
    pub(crate) is_over: bool,
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
        let Limit { name, what, unit, .. } = *self;
        let category: &'static Category =
            if unit == "ns" { &TimeBudgetWarning } else { &AllocationBudgetWarning };
        let sentence = units::too_much(name, what, unit, used, most);
        Some(Broken { category, sentence, worst: Some(Worst::new(used, unit)) })
    }
}

impl Used {
    /// What there is to say against a call of a function that has limits by `#[profile]` or by a file. What is not known was not broken.
    fn against(&self, site: &'static CallSite, limits: &CallLimits) -> Vec<Complaint> {
        let _own = Suspended::new();
        let all = self.limits(limits, "warn_above");
        complaints(site, &all.iter().filter_map(Limit::check).collect::<Vec<_>>())
    }

    /// What there is to say against a call that was watched. What should be known and is not, is said too.
    pub(crate) fn against_plan(&self, site: &CallSite, plan: &UsagePlan) -> Vec<Complaint> {
        let _own = Suspended::new();
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
            _ if limit.name == "max_rss" => limit.check().map(|it| self.of_whole_process(it)),
            _ => limit.check(),
        });
        let ledger = self.not_in_ledger(site, plan).map(of_allocations);
        complaints(site, &broken.chain(ledger).collect::<Vec<_>>())
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
                limits.retained_bytes.filter(|_| self.is_over),
                counts.map(|(counts, _)| retained(&counts)),
            ),
            limit(time, "ns", "ns", limits.time_ns, self.time_ns),
        ]
    }

    /// Other threads may have taken what one call is blamed for, such as tests beside it.
    fn of_whole_process(&self, broken: Broken) -> Broken {
        let own = self.counted.filter(|_| begin::allocator_counts()).map(|(_, peak)| peak);
        let own = own.map_or_else(String::new, |peak| {
            format!("; this call itself held at most {} of its heap", units::bytes(peak))
        });
        let sentence = format!("{} (of the whole process{own})", broken.sentence);
        Broken { sentence, ..broken }
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

/// One warning of each category that there is something to say of.
fn complaints(site: &CallSite, broken: &[Broken]) -> Vec<Complaint> {
    if broken.is_empty() {
        return Vec::new();
    }
    let of = |category: &'static Category| {
        let broken = broken.iter().filter(|it| std::ptr::eq(it.category, category));
        let sentences: Vec<&str> = broken.clone().map(|it| &*it.sentence).collect();
        let worst = broken.clone().find_map(|it| it.worst.clone());
        let message = format!("{}: {}", site.path(), sentences.join("; "));
        (!sentences.is_empty()).then(|| Complaint::about(site, category, message, worst))
    };
    let memory = of(&AllocationBudgetWarning)
        .map(|complaint| Complaint { details: Some(allocated_below), ..complaint });
    memory.into_iter().chain(of(&TimeBudgetWarning)).collect()
}

/// The functions below a path that allocated most, over all its calls so far, with their places.
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
    crate::sort::by_key(&mut below, |(_, (allocations, _))| std::cmp::Reverse(*allocations));
    let line = |(path, (allocations, bytes)): (&str, (u64, u64))| {
        let place = contents.functions.iter().find(|function| function.path == path);
        let place = place
            .map_or_else(String::new, |Function { file, line, .. }| format!(" ({file}:{line})"));
        let [allocations, bytes] = [allocations, bytes].map(units::count);
        format!("{path}{place}: {allocations} allocations, {bytes} bytes in all calls so far")
    };
    below.into_iter().take(MOST).map(line).collect()
}
