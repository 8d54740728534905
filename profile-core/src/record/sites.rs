//! Call sites as the running program may change them: registered at the first call, switched on and
//! off, given a budget.

use std::fmt::{self, Display};
use std::sync::atomic::Ordering::{Relaxed, Release};

use super::thread::{self, Suspended};
use super::{policy, startup, turns};
use crate::callsite::{self, CallSite, Mode};
use crate::clock::Clock;
use crate::segment::layout::{Link, SiteRecord, Tally};
use crate::segment::writer::{self, write_display, write_text};
use crate::settings::Budget;

/// Registers a site at its first call. `false`: there is no room for its record, and the call is
/// lost.
pub(super) fn ensure_registered(site: &'static CallSite) -> bool {
    if site.mode() == Mode::UNREGISTERED {
        register(site);
    }
    // Registered, it has another mode.
    let is_registered = site.mode() != Mode::UNREGISTERED;
    if !is_registered {
        thread::lose_call();
    }
    is_registered
}

/// The first call of a site: it gets a record in the segment, and its mode.
#[cold]
pub(crate) fn register(site: &'static CallSite) {
    if register_record(site).is_some() {
        site.set_mode(mode_of(site));
        thread::write_anchor(Clock::current());
    }
}

/// Where the site's path is in the segment.
pub(crate) fn path_text(site: &'static CallSite) -> Option<u64> {
    register_record(site)?;
    // SAFETY: a record of this segment, which is never freed.
    let record = unsafe { (site.record() as *const SiteRecord).as_ref() }?;
    Some(record.path.get())
}

/// The site has a record, whether it is switched on or not.
fn register_record(site: &'static CallSite) -> Option<()> {
    startup::begin();
    let _own = Suspended::new();
    record(site)
}

/// The site's record, written by whichever thread comes first.
fn record(site: &'static CallSite) -> Option<()> {
    writer::header()?;
    if site.record() != 0 {
        return Some(());
    }
    let address =
        writer::take(size_of::<SiteRecord>().next_multiple_of(64), 64)?.cast::<SiteRecord>();
    if !site.claim_record(address as u64) {
        return Some(());
    }
    // SAFETY: fresh zeroed room of the right size and alignment; this thread alone knows it.
    let record = unsafe { &*address };
    let source = site.source();
    record.site.set(std::ptr::from_ref(site) as u64);
    record.kind.set(source.kind.code());
    record.place.set(u64::from(source.line) | u64::from(source.column) << 32);
    record.name.set(write_text(site.name()));
    record.path.set(write_display(&Joined("", &site.path_parts())));
    record.module.set(write_text(site.module()));
    record.file.set(write_text(site.file()));
    record.documentation.set(write_text(site.documentation()));
    record.signature.set(write_text(site.signature()));
    if let Some(lines) = source.lines {
        record.first_line.set(u64::from(lines.first_line));
        record.source.set(write_text(lines.text));
        record.line_numbers.set(write_display(&Joined(",", lines.numbers)));
        record.with_resident.set(u64::from(lines.with_resident));
        record.line_parts.set(write_text(lines.parts));
    }
    publish(address, record)
}

/// Values with a separator between them.
struct Joined<'a, T>(&'static str, &'a [T]);

impl<T: Display> Display for Joined<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        self.1
            .iter()
            .try_for_each(|value| write!(f, "{}{value}", std::mem::replace(&mut separator, self.0)))
    }
}

fn publish(address: *mut SiteRecord, record: &SiteRecord) -> Option<()> {
    let header = writer::header()?;
    let first = &header.first_site;
    let push = |head: *mut SiteRecord| {
        writer::keep_in_file(&header.first_site_in_file, head, address);
        record.next.set(head);
        Some(address)
    };
    first.shared().fetch_update(Release, Relaxed, push).ok().map(|_| ())
}

/// How calls of a site are recorded, unless somebody switched it off.
fn mode_of(site: &CallSite) -> u8 {
    match (policy::budget_of(site), Clock::current()) {
        (Budget::Exact, Clock::Tsc) => Mode::EXACT,
        (Budget::Exact, _) => Mode::GENERAL,
        (_, Clock::Tsc) => Mode::PACED,
        _ => Mode::PACED_GENERAL,
    }
}

/// Switches a site on or off.
pub(crate) fn set_enabled(site: &'static CallSite, enabled: bool) {
    if enabled {
        register(site);
    } else {
        site.set_mode(Mode::OFF);
    }
    look_again(site);
}

/// Sets the budget of all sites without one of their own, also of those already called.
pub(crate) fn set_budget(budget: Budget) {
    policy::set_budget(budget);
    callsite::linked().for_each(follow_budget);
}

/// Sets the budget of one site.
pub(crate) fn set_budget_of(site: &CallSite, budget: Option<Budget>) {
    site.set_budget_word(budget.map_or(0, policy::encode));
    follow_budget(site);
}

/// From now on the site's calls are recorded as its budget says.
fn follow_budget(site: &CallSite) {
    if !matches!(site.mode(), Mode::UNREGISTERED | Mode::OFF) {
        site.set_mode(mode_of(site));
        look_again(site);
    }
}

/// Every thread looks at the site's next call, however many it was to leave out. What one of them
/// is just counting may be counted for the calls before.
fn look_again(site: &CallSite) {
    let Some(header) = writer::header() else { return };
    for block in thread::blocks(header) {
        // SAFETY: links of this segment lead to records that are never freed.
        let behind = |link: &Link<Tally>| unsafe { link.get().as_ref() };
        let mut all =
            std::iter::successors(behind(&block.first_tally), |tally| behind(&tally.next));
        if let Some(tally) = all.find(|tally| std::ptr::eq(tally.site.get(), site)) {
            turns::reset(tally);
            tally.pace.set(0);
        }
    }
}
