//! The file with limits: `profile.toml`, or what `PROFILE_LIMITS` names.

#[cfg(feature = "toml")]
use std::io;
use std::path::Path;

#[cfg(feature = "toml")]
use super::pattern::matches;
#[cfg(feature = "toml")]
use crate::callsite::{self, CallSite, Kind};
#[cfg(feature = "toml")]
use crate::limits::Limits;
#[cfg(feature = "toml")]
use crate::limits::file::{self, Rule, line_at};
use crate::settings;
use crate::sys;

const DEFAULT: &str = "profile.toml";

/// Gives the functions the limits that a file says; returns what is wrong in it.
#[cfg(feature = "toml")]
pub(super) fn wrong_limits() -> Vec<String> {
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
            let diagnostic = set_limits(&all, &pattern.text, limits);
            wrong.extend(
                diagnostic.map(|what| format!("line {}: {what}", line_at(&text, pattern.at))),
            );
        }
    }
    wrong.into_iter().map(|wrong| format!("{name}: {wrong}; ignored")).collect()
}

/// Limits that nobody checks are worse than none: reports it if there is such a file.
#[cfg(not(feature = "toml"))]
pub(super) fn wrong_limits() -> Vec<String> {
    let named = settings::limits_file();
    let name = named.unwrap_or(DEFAULT);
    let exists = named.is_some() || Path::new(name).is_file();
    if name.is_empty() || sys::is_secure_execution() || !exists {
        return Vec::new();
    }
    vec![format!(
        "cannot read limits from {name}: this program was built without the feature `toml` of profile-core"
    )]
}

/// Sets the limits of all functions that match. What is wrong with that.
#[cfg(feature = "toml")]
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
#[cfg(feature = "toml")]
fn is_of_polls(site: &CallSite, limits: &Limits) -> bool {
    site.kind() == Kind::Async && limits.cover_heap_of_calls()
}
