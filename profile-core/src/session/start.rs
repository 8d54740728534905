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
use crate::record::{calibrate, checks, on_cpu, startup};
use crate::settings;
use crate::sys;
use crate::warnings;

// Before `main`, so that the run starts with the program, and a program that calls nothing
// annotated has a report as well.
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
        wrong_filters.iter().for_each(diagnostics::emit_always);
        // A program that links the crate and annotates nothing is left alone, unless its memory is
        // to be sampled. Functions are listed by constructors, as this function is called, and the
        // linker decides on their order, which differs with link-time optimization. So there may be
        // some after all.
        if callsite::linked().next().is_none() && settings::current().resident_interval.is_none() {
            return startup::before_first_call(complete);
        }
        complete();
    });
}

/// Does what only a program with annotations needs, when all of them are listed.
fn complete() {
    warnings::prepare();
    // Before the first call, since threads cache the limits of functions they have called.
    let wrong_limits = wrong_limits();
    calibrate::begin();
    // Reported now, since a service may never end.
    let of_settings = wrong_reports().into_iter().chain(settings::diagnostics().iter().cloned());
    let of_settings = of_settings.chain(record_only(settings::only()));
    of_settings.chain(wrong_limits).map(of_setting).for_each(|diagnostic| {
        diagnostics::emit(&diagnostic, OnError::Emit);
    });
    report_on_signals();
    sys::at_fork_in_child(forget_sampler);
    install_panic_hook();
    read_whole_run();
    sample_processors();
}

pub(super) fn sample_processors() {
    if let Some(interval) = settings::current().cpu_interval {
        on_cpu::start(interval);
    }
}

/// Opens the memory window of the whole run, if enabled and not open yet.
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

/// Writes the report in the panic hook if no code will run at exit.
fn install_panic_hook() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        before(info);
        if cfg!(panic = "abort") || cannot_unwind(info) {
            report_at_exit();
        }
    }));
}

/// Whether the process is about to abort: a panic during unwinding, or in a function that cannot
/// unwind. Only these two messages of the standard library reveal it.
fn cannot_unwind(info: &panic::PanicHookInfo<'_>) -> bool {
    // `payload_as_str` is of Rust 1.91.
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("");
    message == "panic in a destructor during cleanup"
        || message == "panic in a function that cannot unwind"
}
