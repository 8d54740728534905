//! Lists in a report for people: a head with their length, and as many entries as can be looked over.

use super::page::Page;
use crate::units;

/// Entries of a list before "and 12 more".
pub(crate) const LONGEST_LIST: usize = 20;

/// A list under a head with its length; the head is left out with an empty list.
pub(crate) fn list<T>(head: &str, entries: &[T], page: &mut Page, show: impl Fn(&T, &mut Page)) {
    if entries.is_empty() {
        return;
    }
    page.blank();
    page.bold(&format!("{head} ({})", units::count(entries.len() as u64)));
    for entry in entries.iter().take(LONGEST_LIST) {
        show(entry, page);
    }
    more(entries.len(), page);
}

/// How many entries a list does not show.
pub(crate) fn more(entries: usize, page: &mut Page) {
    if let Some(more @ 1..) = entries.checked_sub(LONGEST_LIST) {
        page.dim(&format!("  and {} more", units::count(more as u64)));
    }
}
