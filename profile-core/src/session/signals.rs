//! The report of a process that a signal ends: asked for at the start, printed by a second process
//! of the same program (see `sys`), which comes here before its `main` and ends here.

use std::ffi::{CString, OsString};
use std::path::PathBuf;

use super::capture::snapshot_of_parent;
use super::environment::filter_warnings;
use super::reports::{print, start_folder};
use crate::segment::writer;
use crate::settings::{self, Settings};
use crate::sys;

/// Says to the second process what it is for. The value is the folder in which the first one began.
const PRINT: &str = "PROFILE_PRINT_SEGMENT";

/// If enabled, a signal that ends the process has its report printed from now on, as the settings
/// in force say. To be called again when these have changed.
pub(super) fn report_on_signals() {
    let settings = settings::current();
    if settings.signals && !sys::is_secure_execution() {
        sys::set_report_environment(environment(settings));
        sys::report_on_signals(writer::used);
    }
}

/// The program's variables, and the settings in code that concern a report, as variables. A
/// variable that the program has was in force already.
fn environment(settings: &Settings) -> Vec<CString> {
    let mut variables: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    variables.retain(|(name, _)| !settings::is_report_variable(name));
    let of_settings = settings.as_variables();
    variables.extend(of_settings.into_iter().map(|(name, value)| (name.into(), value.into())));
    variables.push((PRINT.into(), start_folder().into_os_string()));
    let joined = |(mut name, value): (OsString, OsString)| {
        name.push("=");
        name.push(value);
        CString::new(name.into_encoded_bytes()).ok()
    };
    variables.into_iter().filter_map(joined).collect()
}

/// In the second process: prints the report of the first, and ends. Returns in every other.
pub(super) fn print_if_asked() {
    let Some(folder) = std::env::var_os(PRINT).filter(|_| !sys::is_secure_execution()) else {
        return;
    };
    let Some(mut snapshot) = snapshot_of_parent() else { return };
    drop(filter_warnings());
    drop(snapshot.filter_warnings());
    print(&snapshot, PathBuf::from(folder));
    sys::end_at_once();
}
