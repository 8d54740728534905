//! Filters of warnings from the environment.

use crate::settings;
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
