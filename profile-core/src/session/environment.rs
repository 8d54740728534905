//! What the environment says beside the settings: filters of warnings, and reports.

use crate::diagnostics::Diagnostic;
use crate::report::outputs;
use crate::settings;
use crate::warnings::{self, ConfigurationWarning};

/// Something in the environment, or in a file that it names, was not understood.
pub(super) fn of_setting(wrong: String) -> Diagnostic {
    Diagnostic::own(&ConfigurationWarning, None, wrong)
}

/// Filters as `PROFILE_WARNINGS` says; returns what of it is none.
pub(super) fn filter_warnings() -> Vec<Diagnostic> {
    let list = settings::warning_filters().unwrap_or_default();
    let wrong = warnings::set_options(list).into_iter();
    wrong.map(|it| of_setting(format!("PROFILE_WARNINGS: {it}; ignored"))).collect()
}

/// What is wrong with `PROFILE_REPORT`.
pub(super) fn wrong_reports() -> Vec<String> {
    let Some(text) = settings::reports_asked_for() else { return Vec::new() };
    let (_, wrong) = outputs::parse_variable(text);
    wrong.iter().map(|wrong| format!("PROFILE_REPORT: {wrong}; ignored")).collect()
}
