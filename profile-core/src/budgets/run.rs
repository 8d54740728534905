//! What all calls of a function took together, against its limits on a run.

use crate::callsite::CallSite;
use crate::limits::RunLimits;
use crate::snapshot::{Function, Snapshot, WarningRecord, Worst};
use crate::units;

/// What the functions of a snapshot broke so far. `sites`: of which there are limits.
pub(crate) fn broken(
    snapshot: &Snapshot,
    sites: impl Iterator<Item = &'static CallSite>,
) -> Vec<WarningRecord> {
    let limited = sites.filter_map(|site| Some((site, &site.limits()?.run)));
    let of = |(site, limits): (&'static CallSite, &'static RunLimits)| {
        if *limits == RunLimits::NONE {
            return None;
        }
        let function = snapshot.functions.iter().find(|it| it.is_of(site))?;
        Some(records(function, site.module(), limits))
    };
    limited.filter_map(of).flatten().collect()
}

fn records(function: &Function, module: &str, limits: &RunLimits) -> Vec<WarningRecord> {
    let retained = function
        .allocated_bytes
        .zip(function.freed_bytes)
        .map(|(allocated, freed)| allocated.saturating_sub(freed));
    let all = [
        ("TimeBudgetWarning", "max_time", "ns", limits.time_ns, Some(function.inclusive_ns)),
        ("PerformanceWarning", "max_calls", "calls", limits.calls, Some(function.calls)),
        ("PerformanceWarning", "max_depth", "deep", limits.depth, Some(function.max_depth)),
        (
            "AllocationBudgetWarning",
            "max_allocations",
            "allocations",
            limits.allocations,
            function.allocations,
        ),
        (
            "AllocationBudgetWarning",
            "max_bytes",
            "bytes",
            limits.allocated_bytes,
            function.allocated_bytes,
        ),
        ("AllocationBudgetWarning", "max_retained", "bytes", limits.retained_bytes, retained),
    ];
    let record = |(category, name, unit, most, used): (&str, &str, &str, Option<u64>, _)| {
        let (most, used): (u64, u64) = (most?, used?);
        let [used_text, most_text] = match unit {
            "ns" => units::two_durations([used, most]),
            _ => [used, most].map(units::count),
        };
        let what = if unit == "ns" { String::new() } else { format!(" {unit}") };
        let path = &function.path;
        let message =
            format!("{path}: run({name}): {used_text}{what}, at most {most_text} allowed");
        (used > most).then(|| WarningRecord {
            category: category.to_owned(),
            message,
            path: Some(path.clone()),
            module: module.to_owned(),
            file: function.file.clone(),
            line: function.line,
            count: 1,
            worst: Some(Worst::new(used, unit)),
            ..WarningRecord::default()
        })
    };
    all.into_iter().filter_map(record).collect()
}
