//! Lists in a text report: a heading with the number of entries, and the first entries.

use super::page::Page;
use crate::units;

/// Maximum number of entries before "and 12 more".
pub(crate) const LONGEST_LIST: usize = 20;

/// Prints a list of at most [`LONGEST_LIST`] entries under a heading with their number; nothing if
/// there are none.
pub(crate) fn list<T>(head: &str, entries: &[T], page: &mut Page, show: impl Fn(&T, &mut Page)) {
    list_up_to(LONGEST_LIST, head, entries, page, show);
    more(entries.len(), page);
}

/// The same with another maximum. Does not print how many entries are left out.
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

/// Prints how many entries the list left out.
pub(crate) fn more(entries: usize, page: &mut Page) {
    if let Some(more @ 1..) = entries.checked_sub(LONGEST_LIST) {
        page.dim(&format!("  and {} more", units::count(more as u64)));
    }
}
