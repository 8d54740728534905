//! The composition root: joins recorder, snapshot and report, and sees to it that the report is written
//! however the program ends. Nothing names this room.

mod capture;
mod environment;
mod limits;
mod limits_file;
mod reports;
mod sites;

pub use capture::{capture, read_segment};
pub use reports::write_reports;
pub use sites::{find, find_all, functions};

use std::panic;
use std::sync::Once;

use crate::callsite;
use crate::memory::{sampler, usage};
use crate::record::{calibrate, checks, on_cpu};
use crate::settings;
use crate::sys;
use crate::telling::{self, OnError};
use crate::warnings;
use environment::{filter_warnings, of_setting};
use limits_file::wrong_limits;
use reports::{complain, report_at_exit};

/// Runs before `main`, so that a program in which nothing annotated is ever called reports that, and the
/// start of the run is the start of the program.
#[cfg(all(target_os = "linux", not(profile_fallback)))]
#[used]
// SAFETY: the section holds pointers to functions that the C library calls before `main`; `start` has the
// right type, is called once, and needs nothing that is not there yet.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = start;

extern "C" fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        sys::at_exit(report_at_exit);
        checks::set_check(telling::limits::check_ended);
        sys::around_fork(warnings::before_fork, warnings::after_fork);
        sys::at_fork_in_child(forget_warnings);
        let wrong_filters = filter_warnings();
        // A program that links the crate and annotates nothing is left as it is, unless it is asked for its memory.
        if callsite::linked().next().is_none() && settings::current().resident_interval.is_none() {
            return wrong_filters.iter().for_each(telling::tell_always);
        }
        warnings::prepare();
        // Before the first call, since threads keep the limits of what they have called.
        let wrong_limits = wrong_limits();
        calibrate::begin();
        // Now, since a service may never end.
        wrong_filters.iter().for_each(telling::tell_always);
        let wrong = settings::complaints().iter().cloned().chain(wrong_limits).map(of_setting);
        wrong.for_each(|complaint| {
            telling::tell(&complaint, OnError::Tell);
        });
        sys::at_fork_in_child(forget_sampler);
        install_panic_hook();
        read_whole_run();
        sample_processors();
    });
}

fn sample_processors() {
    if let Some(interval) = settings::current().cpu_interval {
        on_cpu::start(interval);
    }
}

/// Opens the window of the whole run, if one is asked for and there is none yet.
fn read_whole_run() {
    static OPENED: Once = Once::new();
    let Some(interval) = settings::current().resident_interval else { return };
    OPENED.call_once(|| {
        if let Err(why) = usage::open_for_the_run(interval) {
            complain(&format!("the memory of the run is not read: {why}"));
        }
    });
}

extern "C" fn forget_sampler() {
    sampler::forget();
}

extern "C" fn forget_warnings() {
    telling::forget();
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

/// Whether the process is about to abort: a panic while unwinding, or in a function that must not unwind.
/// The standard library tells only by these two messages.
fn cannot_unwind(info: &panic::PanicHookInfo<'_>) -> bool {
    // `payload_as_str` is of Rust 1.91.
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("");
    message == "panic in a destructor during cleanup"
        || message == "panic in a function that cannot unwind"
}
