//! The limits of functions that stand outside the code, and those on a whole run: given to the
//! functions at the start, and checked against a snapshot.

use std::io;
use std::path::Path;

use super::sites::matches;
use crate::callsite::{self, CallSite, Kind};
use crate::limits::file::{self, Rule, line_at};
use crate::limits::{Exceeded, Figures, HeapFigures, Limits, Scope};
use crate::settings;
use crate::snapshot::{Function, Snapshot, WarningRecord, Worst};
use crate::sys;
use crate::units;

/// Gives the functions the limits that a file says; gives back what is wrong in it.
pub(super) fn wrong_limits() -> Vec<String> {
    const DEFAULT: &str = "profile.toml";
    let named = settings::limits_file();
    let name = named.unwrap_or(DEFAULT);
    if name.is_empty() || sys::is_secure_execution() {
        return Vec::new();
    }
    let text = match file::read(Path::new(name)) {
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            return Vec::new();
        }
        Err(error) => {
            let from = if named.is_some() { "PROFILE_LIMITS: " } else { "" };
            return vec![format!("{from}cannot read limits from {name}: {error}")];
        }
        Ok(text) => text,
    };
    let (rules, mut wrong) = file::parse(&text);
    let all: Vec<_> = callsite::linked().map(|site| (site, site.path())).collect();
    for Rule { functions, limits } in rules {
        for pattern in functions {
            let complaint = set_limits(&all, &pattern.text, limits);
            wrong.extend(
                complaint.map(|what| format!("line {}: {what}", line_at(&text, pattern.at))),
            );
        }
    }
    wrong.into_iter().map(|wrong| format!("{name}: {wrong}; ignored")).collect()
}

/// Sets the limits of all functions that match. What is wrong with that.
fn set_limits(
    all: &[(&'static CallSite, String)],
    pattern: &str,
    limits: Limits,
) -> Option<String> {
    let found: Vec<_> = all.iter().filter(|(_, path)| matches(pattern, path)).collect();
    found.iter().for_each(|(site, _)| site.set_limits(limits));
    if let Some((_, path)) = found.iter().find(|(site, _)| is_of_polls(site, &limits)) {
        return Some(format!(
            "`{path}` is async; limits on what its calls allocate need #[memory_usage] on it"
        ));
    }
    if !found.is_empty() {
        return None;
    }
    let similar = all.iter().find(|(_, path)| crate::snapshot::is_path(path, pattern));
    let hint = similar.map(|(_, path)| format!("; `*::{pattern}` would match `{path}`"));
    Some(format!("no function matches `{pattern}`{}", hint.unwrap_or_default()))
}

/// What a call of an async function allocates is not known without a future of ours around it.
fn is_of_polls(site: &CallSite, limits: &Limits) -> bool {
    site.kind() == Kind::Async && limits.cover_heap_of_calls()
}

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
