//! The limits on all calls of a run together, checked against a snapshot.

use crate::callsite;
use crate::limits::{Exceeded, Figures, HeapFigures, Limits, Scope};
use crate::snapshot::{Function, Snapshot, WarningRecord, Worst};
use crate::units;

/// Whether the end of a run has to check any.
pub(super) fn any_at_the_end() -> bool {
    let at_the_end = |limits: &Limits| limits.cover(Scope::Run) || limits.cover_heap();
    callsite::linked().any(|site| site.limits().is_some_and(at_the_end))
}

/// The limits on all calls of a run that the functions of a snapshot have exceeded so far.
pub(super) fn exceeded(snapshot: &Snapshot) -> Vec<WarningRecord> {
    let limited = callsite::linked().filter_map(|site| Some((site, site.limits()?)));
    let called = limited.filter_map(|(site, limits)| {
        Some((site, limits, snapshot.functions.iter().find(|it| it.is_of(site))?))
    });
    let called: Vec<_> = called.collect();
    let exceeded = called.iter().flat_map(|(site, limits, function)| {
        let exceeded = limits.exceeded(Scope::Run, figures(function));
        exceeded.map(|it| record(function, site.module(), &it))
    });
    let blind = called.iter().filter(|(_, limits, _)| limits.cover_heap());
    let blind = (!snapshot.process.allocator).then(|| blind.map(|(.., it)| *it).collect());
    exceeded.chain(blind.and_then(|functions: Vec<_>| not_checked(&functions))).collect()
}

/// What all calls of a function took together.
fn figures(function: &Function) -> Figures {
    let heap = || {
        Some(HeapFigures {
            allocations: function.allocations?,
            allocated_bytes: function.allocated_bytes?,
            freed_bytes: function.freed_bytes?,
            peak_bytes: function.peak_bytes?,
        })
    };
    Figures {
        time_ns: Some(function.inclusive_ns),
        calls: Some(function.calls),
        depth: Some(function.max_depth),
        heap: heap(),
        ..Figures::default()
    }
}

/// Functions with limits of which nothing is known.
fn not_checked(functions: &[&Function]) -> Option<WarningRecord> {
    let (first, others) = functions.split_first()?;
    let others = match others.len() {
        0 => String::new(),
        n => format!(" and {} more", units::count(n as u64)),
    };
    let path = &first.path;
    Some(WarningRecord {
        category: "ConfigurationWarning".to_owned(),
        message: format!(
            "limits on what {path}{others} may allocate are not checked: \
             ProfilingAllocator is not the global allocator"
        ),
        count: 1,
        ..WarningRecord::default()
    })
}

fn record(function: &Function, module: &str, exceeded: &Exceeded) -> WarningRecord {
    let path = &function.path;
    WarningRecord {
        category: exceeded.row().category.name().to_owned(),
        message: format!("{path}: {}", exceeded.sentence()),
        path: Some(path.clone()),
        module: module.to_owned(),
        file: function.file.clone(),
        line: function.line,
        count: 1,
        worst: Some(Worst::new(exceeded.used(), exceeded.unit())),
        ..WarningRecord::default()
    }
}
