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
    let limited = sites.filter_map(|site| Some((site, site.limits()?)));
    let called = limited.filter_map(|(site, limits)| {
        Some((site, limits, snapshot.functions.iter().find(|it| it.is_of(site))?))
    });
    let called: Vec<_> = called.collect();
    let broken = called
        .iter()
        .filter(|(_, limits, _)| limits.run != RunLimits::NONE)
        .flat_map(|(site, limits, function)| records(function, site.module(), &limits.run));
    let blind = called.iter().filter(|(_, limits, _)| limits.are_of_heap());
    let blind = (!snapshot.process.allocator).then(|| blind.map(|(.., it)| *it).collect());
    broken.chain(blind.and_then(|functions: Vec<_>| not_looked_at(&functions))).collect()
}

/// Functions with limits that nothing is known of.
fn not_looked_at(functions: &[&Function]) -> Option<WarningRecord> {
    let (first, others) = functions.split_first()?;
    let others = match others.len() {
        0 => String::new(),
        n => format!(" and {} more", units::count(n as u64)),
    };
    let path = &first.path;
    Some(WarningRecord {
        category: "ConfigurationWarning".to_owned(),
        message: format!(
            "limits on what {path}{others} may allocate are not looked at: ProfilingAllocator is not the global allocator"
        ),
        count: 1,
        ..WarningRecord::default()
    })
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
        if used <= most {
            return None;
        }
        let path = &function.path;
        let broken = units::too_much(&format!("run({name})"), unit, unit, used, most);
        Some(WarningRecord {
            category: category.to_owned(),
            message: format!("{path}: {broken}"),
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
