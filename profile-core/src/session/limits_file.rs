//! The file with limits, `profile.toml` or what `PROFILE_LIMITS` names.

#[cfg(feature = "toml")]
use std::io;
use std::path::Path;

#[cfg(feature = "toml")]
use super::sites::matches;
#[cfg(feature = "toml")]
use crate::budgets::file::{self, Rule, line_at};
#[cfg(feature = "toml")]
use crate::callsite::{self, CallSite, Kind};
#[cfg(feature = "toml")]
use crate::limits::Limits;
use crate::settings;
use crate::sys;

const DEFAULT: &str = "profile.toml";

/// Gives the functions the limits that a file says; gives back what is wrong in it.
#[cfg(feature = "toml")]
pub(super) fn wrong_limits() -> Vec<String> {
    let named = settings::limits_file();
    let name = named.unwrap_or(DEFAULT);
    if name.is_empty() || sys::is_secure_execution() {
        return Vec::new();
    }
    let text = match read_short(Path::new(name)) {
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            return Vec::new();
        }
        Err(error) => {
            let from = if named.is_some() { "PROFILE_LIMITS: " } else { "" };
            return vec![format!("{from}the limits in {name} are not read: {error}")];
        }
        Ok(text) => text,
    };
    let (rules, mut wrong) = file::parse(&text);
    let all: Vec<_> = callsite::linked().map(|site| (site, site.path())).collect();
    for Rule { functions, limits } in rules {
        for pattern in functions {
            let complaint = limit(&all, &pattern.text, limits);
            wrong.extend(
                complaint.map(|what| format!("line {}: {what}", line_at(&text, pattern.at))),
            );
        }
    }
    wrong.into_iter().map(|wrong| format!("{name}: {wrong}; ignored")).collect()
}

/// Limits that nobody looks at are worse than none: says so if there is such a file.
#[cfg(not(feature = "toml"))]
pub(super) fn wrong_limits() -> Vec<String> {
    let named = settings::limits_file();
    let name = named.unwrap_or(DEFAULT);
    let is_there = named.is_some() || Path::new(name).is_file();
    if name.is_empty() || sys::is_secure_execution() || !is_there {
        return Vec::new();
    }
    vec![format!(
        "the limits in {name} are not read: this program was built without the feature `toml` of profile-core"
    )]
}

/// Gives those of all functions that match the limits. What is wrong with that.
#[cfg(feature = "toml")]
fn limit(all: &[(&'static CallSite, String)], pattern: &str, limits: Limits) -> Option<String> {
    let found: Vec<_> = all.iter().filter(|(_, path)| matches(pattern, path)).collect();
    found.iter().for_each(|(site, _)| site.set_limits(limits));
    if let Some((_, path)) = found.iter().find(|(site, _)| is_of_polls(site, &limits)) {
        return Some(format!(
            "`{path}` is async: limits on what a call allocates want #[memory_usage] there"
        ));
    }
    if !found.is_empty() {
        return None;
    }
    let similar = all.iter().find(|(_, path)| crate::snapshot::is_path(path, pattern));
    let hint = similar.map(|(_, path)| format!("; `{path}` is one, and `*::{pattern}` matches it"));
    Some(format!("no function matches `{pattern}`{}", hint.unwrap_or_default()))
}

/// A text file. A pipe or a device would keep the program from beginning, and so would what has no end.
#[cfg(feature = "toml")]
fn read_short(path: &Path) -> io::Result<String> {
    const LONGEST: u64 = 4 << 20;
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if about.len() > LONGEST {
        return Err(io::Error::other("it is longer than 4 MiB"));
    }
    std::fs::read_to_string(path)
}

/// What a call of an async function allocates is not known without a future of ours around it.
#[cfg(feature = "toml")]
fn is_of_polls(site: &CallSite, limits: &Limits) -> bool {
    site.kind() == Kind::Async && limits.call.are_of_heap()
}
