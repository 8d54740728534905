//! The section on warnings: what was raised, how often, where first, the worst figure; and how many a filter hid.

use super::page::Page;
use super::text::safe_and_short as safe;
use super::{frame, units};
use crate::snapshot::{Snapshot, WarningRecord, Worst};

pub(crate) fn section(snapshot: &Snapshot, page: &mut Page) {
    let visible: Vec<&WarningRecord> = visible(snapshot).collect();
    let sentence = |warning: &WarningRecord| {
        let (category, more) = (safe(&warning.category), figures(warning).join("; "));
        let more = if more.is_empty() { more } else { format!(" ({more})") };
        format!("{category}: {}{more}", message(warning))
    };
    frame::list("warnings", &visible, page, |warning, page| page.item(&sentence(warning)));
    let hidden = snapshot.warnings.iter().fold(0, |sum: u64, it| sum.saturating_add(it.hidden));
    if hidden > 0 {
        if visible.is_empty() {
            page.blank();
        }
        page.dim(&format!("warnings hidden by filters: {}", units::count(hidden)));
    }
}

/// Those that a filter did not hide, and that do not stand among the advice.
pub(crate) fn visible(snapshot: &Snapshot) -> impl Iterator<Item = &WarningRecord> {
    let advised = |warning: &WarningRecord| snapshot.advice.iter().any(|it| warning.is_of(it));
    snapshot.warnings.iter().filter(move |it| it.count > it.hidden && !advised(it))
}

/// The text, and before it the function if the text does not begin with it.
pub(crate) fn message(warning: &WarningRecord) -> String {
    let text = match &*warning.message {
        "" => "further texts",
        text => text,
    };
    match &warning.path {
        Some(path) if !text.starts_with(&**path) => format!("{}: {}", safe(path), safe(text)),
        _ => safe(text).into_owned(),
    }
}

/// How often, the worst, and where first.
pub(crate) fn figures(warning: &WarningRecord) -> Vec<String> {
    let times = (warning.count > 1).then(|| format!("{} times", units::count(warning.count)));
    let hidden = (warning.hidden > 0).then(|| format!("{} hidden", units::count(warning.hidden)));
    let worst = warning.worst.as_ref().filter(|_| warning.count > 1);
    let worst = worst.map(|worst| format!("worst {}", figure(worst)));
    let place = (!warning.file.is_empty())
        .then(|| format!("first at {}:{}", safe(&warning.file), warning.line));
    [times, hidden, worst, place].into_iter().flatten().collect()
}

fn figure(worst: &Worst) -> String {
    match &*worst.unit {
        "ns" => units::duration(worst.value),
        "bytes" => units::bytes(worst.value),
        unit => format!("{} {}", units::count(worst.value), safe(unit)),
    }
}
