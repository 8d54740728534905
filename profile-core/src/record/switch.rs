//! Switches the recording of all functions off, and on again, while the program runs.
//!
//! A signal handler does it, which may have interrupted the recorder: everything here is loads and
//! stores of single words, and nothing waits.

use std::sync::atomic::{AtomicU32, Ordering::AcqRel};

use super::sites;
use crate::callsite::{self, CallSite, Mode};
use crate::segment::layout::Header;
use crate::segment::writer;
use crate::sys;

/// Requests not yet done.
static REQUESTS: AtomicU32 = AtomicU32::new(0);

/// Switches all functions off that are on; the next time, those on again that this had switched
/// off.
pub(crate) fn switch_all() {
    // Whoever makes the first request does those of others that arrive meanwhile.
    if REQUESTS.fetch_add(1, AcqRel) > 0 {
        return;
    }
    loop {
        if let Some(header) = writer::header() {
            switch(header);
        }
        if REQUESTS.fetch_sub(1, AcqRel) == 1 {
            return;
        }
    }
}

fn switch(header: &Header) {
    let now = sys::monotonic_ns();
    match header.off_since_ns.get() {
        0 => {
            header.off_since_ns.set(now);
            callsite::linked().for_each(CallSite::suspend);
        }
        since => {
            callsite::linked().for_each(resume);
            sites::review_all(header);
            header.off_since_ns.set(0);
            header.off_ns.add(now.saturating_sub(since));
        }
    }
}

/// Resumes a site in the mode of a site that is switched on now: its budget may have changed, or
/// this process was forked meanwhile and has no record of it.
fn resume(site: &'static CallSite) {
    let mode = match site.suspended_mode() {
        None => return,
        Some(_) if site.record() == 0 => Mode::UNREGISTERED,
        Some(Mode::STOPPED) => Mode::STOPPED,
        Some(_) => sites::mode_of(site),
    };
    site.set_mode(mode);
}
