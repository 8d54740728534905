//! Lists in a report for people: a head with their length, and as many entries as can be looked
//! over.

use super::page::Page;
use crate::units;

/// Entries of a list before "and 12 more".
pub(crate) const LONGEST_LIST: usize = 20;

/// A list under a head with its length, cut at [`LONGEST_LIST`]; nothing for an empty one.
pub(crate) fn list<T>(head: &str, entries: &[T], page: &mut Page, show: impl Fn(&T, &mut Page)) {
    list_up_to(LONGEST_LIST, head, entries, page, show);
    more(entries.len(), page);
}

/// The same, of at most so many entries, which does not say how many it leaves out.
pub(crate) fn list_up_to<T>(
    most: usize,
    head: &str,
    entries: &[T],
    page: &mut Page,
    show: impl Fn(&T, &mut Page),
) {
    if entries.is_empty() {
        return;
    }
    page.blank();
    page.bold(&format!("{head} ({})", units::count(entries.len() as u64)));
    entries.iter().take(most).for_each(|entry| show(entry, page));
}

/// How many entries a list does not show.
pub(crate) fn more(entries: usize, page: &mut Page) {
    if let Some(more @ 1..) = entries.checked_sub(LONGEST_LIST) {
        page.dim(&format!("  and {} more", units::count(more as u64)));
    }
}
