//! Reports that signals and a timer request. A second process of the same program prints them (see
//! `sys`): it gets here before its `main`, and ends here.

use std::ffi::{CString, OsString};

use super::capture::snapshot_of_other;
use super::environment::filter_warnings;
use super::reports::{print_line, start_folder, write_all};
use crate::record::{startup, switch};
use crate::segment::writer;
use crate::settings::{self, Signals};
use crate::sys;

/// If enabled, signals and a timer request reports from now on, by the current settings. To be
/// called again when these have changed.
pub(super) fn report_on_signals() {
    let Signals { handled, every } = settings::current().signals;
    let is_enabled = handled || every.is_some();
    if is_enabled && !sys::is_secure_execution() {
        prepare();
        if handled {
            sys::handle_signals(switch::switch_all);
        }
    }
    if let Err(why) = sys::report_every(every) {
        print_line(&format!("no report is written from time to time: {why}"));
    }
}

fn prepare() {
    let variables = settings::variables_to_print_segment();
    let variables = variables.into_iter().filter_map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        text(name)
    });
    let folder = start_folder().map(|folder| folder.as_os_str().to_owned());
    let folder = folder.and_then(text).unwrap_or_default();
    sys::prepare_reports(writer::used, startup::discard_run, variables.collect(), folder);
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
    let Some(mut snapshot) = snapshot_of_other() else { return };
    drop(filter_warnings());
    drop(snapshot.filter_warnings());
    write_all(&snapshot);
    sys::end_at_once();
}
