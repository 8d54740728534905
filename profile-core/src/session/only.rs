//! `PROFILE_ONLY`: selects the functions to record, at the start.

use super::pattern::matches;
use crate::callsite;
use crate::record::sites;

/// Switches off all functions that `PROFILE_ONLY` does not match, by a pattern of the path or of
/// its end. Returns a message for each pattern without a match. If no pattern matches, all
/// functions stay on, since an empty report helps nobody.
pub(super) fn record_only(patterns: &[String]) -> Vec<String> {
    let is_named = |pattern: &String, path: &str| {
        matches(pattern, path) || matches(&format!("*::{pattern}"), path)
    };
    let sites: Vec<_> = callsite::linked().map(|site| (site, site.path())).collect();
    let (mut unmatched, mut named) = (Vec::new(), vec![false; sites.len()]);
    for pattern in patterns {
        let found: Vec<_> = sites.iter().map(|(_, path)| is_named(pattern, path)).collect();
        if !found.contains(&true) {
            unmatched.push(format!("PROFILE_ONLY: `{pattern}` matches no function"));
        }
        named.iter_mut().zip(found).for_each(|(named, found)| *named |= found);
    }
    if named.contains(&true) {
        let others = sites.iter().zip(named).filter(|(_, named)| !named);
        others.for_each(|((site, _), _)| sites::set_enabled(site, false));
    }
    unmatched
}
