//! Calls that exceeded a limit: their messages, and who receives the error if the filters turn one
//! into an error.

use std::collections::BTreeMap;

use super::{Diagnostic, OnError, emit, throw};
use crate::callsite::CallSite;
use crate::limits::{Exceeded, Figures, Limits, Scope};
use crate::record::SpanGuard;
use crate::record::checks::{self, Ended, Open};
use crate::record::thread::Suspended;
use crate::segment::reader::View;
use crate::snapshot::read::{self, Options};
use crate::snapshot::{Function, Worst};
use crate::units;
use crate::warnings::{AllocationLimitWarning, Category, RaisedWarning};

/// Checks a finished call of a function with limits from `#[profile]` or from a file.
///
/// # Panics
/// With a [`RaisedWarning`], if a filter turns an exceeded limit into an error.
pub(crate) fn check_ended(ended: Ended) {
    let Ended { site, figures, may_throw } = ended;
    let Some(limits) = site.limits() else { return };
    let throws = may_throw && !limits.raises() && site.can_unwind();
    let on_error = if throws { OnError::Throw } else { OnError::Emit };
    if let Some(raised) = emit_all(exceeded(site, limits, &figures), on_error) {
        throw(raised);
    }
}

/// Checks a call that is about to return, and returns the error it should return instead.
pub(crate) fn check_before_return(guard: &SpanGuard) -> Option<RaisedWarning> {
    let call = guard.frame().and_then(checks::open_call)?;
    let heap = checks::counted_figures(Some(call.heap));
    check_open(&call, &Figures { heap, time_ns: call.time_ns, is_open: true, ..Figures::default() })
}

/// The same for an async function, each poll of which sees only a part of its allocations.
pub(crate) fn check_before_last_poll_ends(
    site: &'static CallSite,
    time_ns: u64,
) -> Option<RaisedWarning> {
    let call = checks::open_poll(site)?;
    let time_ns = Some(time_ns);
    check_open(&call, &Figures { time_ns, is_open: true, ..Figures::default() })
}

fn check_open(call: &Open, figures: &Figures) -> Option<RaisedWarning> {
    let diagnostics = exceeded(call.site, call.site.limits()?, figures);
    if diagnostics.is_empty() {
        return None;
    }
    call.set_checked();
    emit_all(diagnostics, OnError::Return)
}

/// A call that is about to return an error is not checked again: the error has been counted.
pub(crate) fn set_checked(guard: &SpanGuard) {
    if let Some(call) = guard.frame().and_then(checks::open_call) {
        call.set_checked();
    }
}

/// Emits all; returns the first that is an error to be thrown or returned. Only creating that error
/// is charged to the caller.
pub(crate) fn emit_all(diagnostics: Vec<Diagnostic>, on_error: OnError) -> Option<RaisedWarning> {
    let taken = diagnostics.iter().fold(None, |first, diagnostic| {
        let is_taken = emit(diagnostic, on_error);
        first.or(is_taken.then_some(diagnostic))
    });
    let raised = taken.map(Diagnostic::raised);
    let _own = Suspended::new();
    drop(diagnostics);
    raised
}

/// One limit that a call exceeded.
pub(crate) struct Finding {
    category: &'static Category,
    sentence: String,
    worst: Option<Worst>,
}

impl From<Exceeded> for Finding {
    fn from(exceeded: Exceeded) -> Finding {
        let worst = Some(Worst::new(exceeded.used(), exceeded.unit()));
        Finding { category: exceeded.row().category, sentence: exceeded.sentence(), worst }
    }
}

impl Finding {
    /// About allocations, without a figure.
    pub(crate) fn of_allocations(sentence: String) -> Finding {
        Finding { category: &AllocationLimitWarning, sentence, worst: None }
    }

    pub(crate) fn with_remark(self, remark: &str) -> Finding {
        Finding { sentence: format!("{} ({remark})", self.sentence), ..self }
    }
}

/// An unknown figure exceeds no limit.
fn exceeded(site: &CallSite, limits: &Limits, figures: &Figures) -> Vec<Diagnostic> {
    let _own = Suspended::new();
    let findings: Vec<_> = limits.exceeded(Scope::Call, *figures).map(Finding::from).collect();
    diagnostics(site, &findings)
}

/// One diagnostic for each category, in the order of their first findings.
pub(crate) fn diagnostics(site: &CallSite, findings: &[Finding]) -> Vec<Diagnostic> {
    let mut categories: Vec<&'static Category> = Vec::new();
    for Finding { category, .. } in findings {
        if !categories.iter().any(|known| std::ptr::eq(*known, *category)) {
            categories.push(category);
        }
    }
    categories.into_iter().map(|category| diagnostic(site, category, findings)).collect()
}

fn diagnostic(site: &CallSite, category: &'static Category, findings: &[Finding]) -> Diagnostic {
    let of_category = findings.iter().filter(|it| std::ptr::eq(it.category, category));
    let sentences: Vec<&str> = of_category.clone().map(|it| &*it.sentence).collect();
    let worst = of_category.clone().find_map(|it| it.worst.clone());
    let message = format!("{}: {}", site.path(), sentences.join("; "));
    let is_of_memory = std::ptr::eq(category, &raw const AllocationLimitWarning);
    let details = is_of_memory.then_some(allocated_below as fn(&str) -> Vec<String>);
    Diagnostic { details, ..Diagnostic::about(site, category, message, worst) }
}

/// The functions called below a path that allocated most, over all calls so far, with their
/// locations.
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
        let location = contents.functions.iter().find(|function| function.path == path);
        let location = location
            .map_or_else(String::new, |Function { file, line, .. }| format!(" ({file}:{line})"));
        let [allocations, bytes] = [allocations, bytes].map(units::count);
        format!("{path}{location}: {allocations} allocations, {bytes} bytes in all calls so far")
    };
    below.into_iter().take(MOST).map(line).collect()
}
