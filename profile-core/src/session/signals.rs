//! The report of a process that a signal ends. A second process of the same program prints it (see
//! `sys`): it gets here before its `main`, and ends here.

use std::ffi::{CString, OsString};

use super::capture::snapshot_of_parent;
use super::environment::filter_warnings;
use super::reports::{start_folder, write_all};
use crate::segment::writer;
use crate::settings;
use crate::sys;

/// If enabled, a signal that ends the process has its report printed from now on, by the current
/// settings. To be called again when these have changed.
pub(super) fn report_on_signals() {
    if settings::current().signals && !sys::is_secure_execution() {
        let variables = settings::variables_to_print_segment();
        let variables = variables.into_iter().filter_map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            text(name)
        });
        let folder = start_folder().map(|folder| folder.as_os_str().to_owned());
        let folder = folder.and_then(text).unwrap_or_default();
        sys::report_on_signals(writer::used, variables.collect(), folder);
    }
}

/// For the system; `None` if there is a NUL in it, which no variable and no path has.
fn text(text: OsString) -> Option<CString> {
    CString::new(text.into_encoded_bytes()).ok()
}

/// In the second process: prints the report of the first, and ends. Returns in every other.
pub(super) fn print_if_asked() {
    if !settings::prints_segment() {
        return;
    }
    let Some(mut snapshot) = snapshot_of_parent() else { return };
    drop(filter_warnings());
    drop(snapshot.filter_warnings());
    write_all(&snapshot);
    sys::end_at_once();
}
