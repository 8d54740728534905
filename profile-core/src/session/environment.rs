//! What the environment says beside the settings: filters of warnings, reports, and the file with limits.

use std::io;
use std::path::Path;

use super::pattern::matches;
use crate::budgets::file::{self, Rule, line_at};
use crate::callsite::{self, CallSite, Kind};
use crate::limits::Limits;
use crate::report::outputs;
use crate::settings;
use crate::sys;
use crate::telling::Complaint;
use crate::warnings::{self, ConfigurationWarning};

/// Something in the environment, or in a file that it names, was not understood.
pub(super) fn of_setting(wrong: String) -> Complaint {
    Complaint::own(&ConfigurationWarning, None, wrong)
}

/// Filters as `PROFILE_WARNINGS` says; gives back what of it is none.
pub(super) fn filter_warnings() -> Vec<Complaint> {
    let list = settings::warning_filters().unwrap_or_default();
    let wrong = warnings::set_options(list).into_iter();
    wrong.map(|it| of_setting(format!("PROFILE_WARNINGS: {it}; ignored"))).collect()
}

/// What is wrong with `PROFILE_REPORT`.
pub(super) fn wrong_reports() -> Option<String> {
    let (_, wrong) = outputs::parse_variable(settings::reports_asked_for()?);
    wrong.map(|wrong| format!("PROFILE_REPORT: {wrong}; ignored"))
}

/// Gives the functions the limits that a file says; gives back what is wrong in it.
pub(super) fn wrong_limits() -> Vec<String> {
    const DEFAULT: &str = "profile.toml";
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

/// Gives those of all functions that match the limits. What is wrong with that.
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
fn is_of_polls(site: &CallSite, limits: &Limits) -> bool {
    site.kind() == Kind::Async && limits.call.are_of_heap()
}
