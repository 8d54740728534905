//! The start of the session, before `main` or with the first call.

use std::panic;
use std::sync::Once;

use super::environment::{filter_warnings, of_setting, wrong_reports};
use super::limits_file::wrong_limits;
use super::only::record_only;
use super::reports::{note_start_folder, print_line, report_at_exit};
use super::signals::{print_if_asked, report_on_signals};
use crate::callsite;
use crate::diagnostics::{self, OnError};
use crate::memory::{sampler, usage};
use crate::record::{calibrate, checks, on_cpu};
use crate::settings;
use crate::sys;
use crate::warnings;

// So that a program in which nothing annotated is ever called reports that, and the start of the
// run is the start of the program.
sys::before_main!(start);

pub(super) extern "C" fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        note_start_folder();
        print_if_asked();
        sys::at_exit(report_at_exit);
        checks::set_check(diagnostics::limits::check_ended);
        sys::around_fork(warnings::before_fork, warnings::after_fork);
        sys::at_fork_in_child(forget_warnings);
        let wrong_filters = filter_warnings();
        // A program that links the crate and annotates nothing is left as it is, unless it is asked
        // for its memory.
        if callsite::linked().next().is_none() && settings::current().resident_interval.is_none() {
            return wrong_filters.iter().for_each(diagnostics::emit_always);
        }
        warnings::prepare();
        // Before the first call, since threads keep the limits of what they have called.
        let wrong_limits = wrong_limits();
        calibrate::begin();
        // Now, since a service may never end.
        wrong_filters.iter().for_each(diagnostics::emit_always);
        let of_settings =
            wrong_reports().into_iter().chain(settings::diagnostics().iter().cloned());
        let of_settings = of_settings.chain(record_only(settings::only()));
        of_settings.chain(wrong_limits).map(of_setting).for_each(|diagnostic| {
            diagnostics::emit(&diagnostic, OnError::Emit);
        });
        report_on_signals();
        sys::at_fork_in_child(forget_sampler);
        install_panic_hook();
        read_whole_run();
        sample_processors();
    });
}

pub(super) fn sample_processors() {
    if let Some(interval) = settings::current().cpu_interval {
        on_cpu::start(interval);
    }
}

/// Opens the window of the whole run, if one is requested and there is none yet.
pub(super) fn read_whole_run() {
    static OPENED: Once = Once::new();
    let Some(interval) = settings::current().resident_interval else { return };
    OPENED.call_once(|| {
        if let Err(why) = usage::open_for_the_run(interval) {
            print_line(&format!("the memory of the run is not read: {why}"));
        }
    });
}

extern "C" fn forget_sampler() {
    sampler::forget();
}

extern "C" fn forget_warnings() {
    diagnostics::forget();
    warnings::forget_raised();
}

/// A panic after which no code runs at exit: the report is written in the hook.
fn install_panic_hook() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        before(info);
        if cfg!(panic = "abort") || cannot_unwind(info) {
            report_at_exit();
        }
    }));
}

/// Whether the process is about to abort: a panic while unwinding, or in a function that must not
/// unwind. The standard library tells only by these two messages.
fn cannot_unwind(info: &panic::PanicHookInfo<'_>) -> bool {
    // `payload_as_str` is of Rust 1.91.
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("");
    message == "panic in a destructor during cleanup"
        || message == "panic in a function that cannot unwind"
}
