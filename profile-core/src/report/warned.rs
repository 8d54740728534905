//! The section on warnings: how often each was raised, where first, and its worst figure; and how
//! many were hidden by filters.

use std::collections::BTreeMap;

use super::list::list;
use super::page::Page;
use super::text::safe_and_short as safe;
use crate::snapshot::{Snapshot, WarningRecord, Worst};
use crate::units;

pub(crate) fn section(snapshot: &Snapshot, page: &mut Page) {
    let visible: Vec<&WarningRecord> = visible(snapshot).collect();
    let sentence = |warning: &WarningRecord| {
        let more: Vec<_> = figures(warning).into_iter().chain(location(warning)).collect();
        let more = more.join("; ");
        let more = if more.is_empty() { more } else { format!(" ({more})") };
        format!("{warning}{more}")
    };
    list("warnings", &visible, page, |warning, page| page.item(&sentence(warning)));
    let hidden = hidden(snapshot);
    if !hidden.is_empty() {
        if visible.is_empty() {
            page.blank();
        }
        page.dim(&format!("warnings hidden by filters: {}", hidden.join(", ")));
    }
}

/// How many warnings of each category were hidden by filters.
fn hidden(snapshot: &Snapshot) -> Vec<String> {
    let mut hidden: BTreeMap<&str, u64> = BTreeMap::new();
    for warning in snapshot.warnings.iter().filter(|it| it.hidden > 0) {
        let sum = hidden.entry(&warning.category).or_default();
        *sum = sum.saturating_add(warning.hidden);
    }
    let one = |(category, count)| format!("{} {}", units::count(count), safe(category));
    hidden.into_iter().map(one).collect()
}

/// Warnings that are not hidden by a filter. Those that are also advice are omitted, unless they
/// are errors.
pub(crate) fn visible(snapshot: &Snapshot) -> impl Iterator<Item = &WarningRecord> {
    let advised = |warning: &WarningRecord| snapshot.advice.iter().any(|it| warning.is_of(it));
    let shows = move |it: &&WarningRecord| it.count > it.hidden && (it.is_error || !advised(it));
    snapshot.warnings.iter().filter(shows)
}

/// Whether a filter made it an error, how often it was raised and hidden, and its worst figure.
pub(crate) fn figures(warning: &WarningRecord) -> Vec<String> {
    let times = (warning.count > 1).then(|| format!("{} times", units::count(warning.count)));
    let hidden = (warning.hidden > 0).then(|| format!("{} hidden", units::count(warning.hidden)));
    let worst = warning.worst.as_ref().filter(|_| warning.count > 1);
    let worst = worst.map(|worst| format!("worst {}", figure(worst)));
    let error = warning.is_error.then(|| "an error".to_owned());
    [error, times, hidden, worst].into_iter().flatten().collect()
}

/// Where it was raised first.
fn location(warning: &WarningRecord) -> Option<String> {
    let known = !warning.file.is_empty();
    known.then(|| format!("first at {}:{}", safe(&warning.file), warning.line))
}

fn figure(worst: &Worst) -> String {
    match &*worst.unit {
        "ns" => units::duration(worst.value),
        "bytes" => units::bytes(worst.value),
        unit => format!("{} {}", units::count(worst.value), safe(unit)),
    }
}
