//! Call sites at run time: registration at the first call, enabling and disabling, budgets.

use std::fmt::{self, Display};
use std::sync::atomic::Ordering::{Relaxed, Release};

use super::thread::{self, Suspended};
use super::{policy, startup, turns};
use crate::callsite::{self, CallSite, Mode};
use crate::clock::Clock;
use crate::segment::layout::{Header, Link, SiteRecord, Tally, ThreadBlock};
use crate::segment::writer::{self, write_display, write_text};
use crate::settings::Budget;

/// Registers a site at its first call. Returns `false` if there is no memory for its record; the
/// call is then lost.
pub(super) fn ensure_registered(site: &'static CallSite) -> bool {
    if site.mode() == Mode::UNREGISTERED {
        register(site);
    }
    // Registration has changed the mode.
    let is_registered = site.mode() != Mode::UNREGISTERED;
    if !is_registered {
        thread::lose_call();
    }
    is_registered
}

/// Handles the first call of a site: creates its record in the segment and sets its mode.
#[cold]
pub(crate) fn register(site: &'static CallSite) {
    startup::run_before_first_call();
    if register_record(site).is_some() {
        // A signal may have switched it off meanwhile.
        site.set_first_mode(mode_of(site));
        thread::write_anchor(Clock::current());
    }
}

/// The location of the site's path in the segment.
pub(crate) fn path_text(site: &'static CallSite) -> Option<u64> {
    register_record(site)?;
    // SAFETY: a record of this segment, which is never freed.
    let record = unsafe { (site.record() as *const SiteRecord).as_ref() }?;
    Some(record.path.get())
}

/// Creates the site's record, whether it is enabled or not.
fn register_record(site: &'static CallSite) -> Option<()> {
    startup::begin();
    let _own = Suspended::new();
    record(site)
}

/// Creates the site's record in whichever thread comes first.
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
    // SAFETY: fresh zeroed memory of the right size and alignment, not shared with other threads
    // yet.
    let record = unsafe { &*address };
    let source = site.source();
    record.site.set(std::ptr::from_ref(site) as u64);
    record.kind.set(source.kind.code());
    record.position.set(u64::from(source.line) | u64::from(source.column) << 32);
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

/// How calls of a site are recorded, unless it is disabled.
pub(super) fn mode_of(site: &CallSite) -> u8 {
    match (policy::budget_of(site), Clock::current()) {
        (Budget::Exact, Clock::Tsc) => Mode::EXACT,
        (Budget::Exact, _) => Mode::GENERAL,
        (_, Clock::Tsc) => Mode::PACED,
        _ => Mode::PACED_GENERAL,
    }
}

/// Enables or disables a site.
pub(crate) fn set_enabled(site: &'static CallSite, enabled: bool) {
    // All functions may be switched off now: this choice is newer.
    let _ = site.suspended_mode();
    if enabled {
        if register_record(site).is_some() {
            site.set_mode(mode_of(site));
            thread::write_anchor(Clock::current());
        }
    } else {
        site.set_mode(Mode::OFF);
    }
    force_review(site);
}

/// Sets the budget of all sites without their own, including those already called.
pub(crate) fn set_budget(budget: Budget) {
    policy::set_budget(budget);
    callsite::linked().for_each(follow_budget);
}

/// Sets the budget of one site.
pub(crate) fn set_budget_of(site: &CallSite, budget: Option<Budget>) {
    site.set_budget_word(budget.map_or(0, policy::encode));
    follow_budget(site);
}

/// Makes the site's calls follow its budget from now on.
fn follow_budget(site: &CallSite) {
    if !matches!(site.mode(), Mode::UNREGISTERED | Mode::OFF) {
        site.set_mode(mode_of(site));
        force_review(site);
    }
}

/// Makes every thread review the pace at the site's next call, however many calls it was to leave
/// out. A call that is being counted right now may be attributed to the calls before.
fn force_review(site: &CallSite) {
    let Some(header) = writer::header() else { return };
    for block in thread::blocks(header) {
        if let Some(tally) = tallies(block).find(|tally| std::ptr::eq(tally.site.get(), site)) {
            review(tally);
        }
    }
}

/// The same for all sites. Takes no lock and allocates nothing, for signal handlers.
pub(super) fn review_all(header: &Header) {
    thread::blocks(header).flat_map(tallies).for_each(review);
}

fn tallies(block: &'static ThreadBlock) -> impl Iterator<Item = &'static Tally> {
    // SAFETY: links of this segment lead to records that are never freed.
    let target = |link: &Link<Tally>| unsafe { link.get().as_ref() };
    std::iter::successors(target(&block.first_tally), move |tally| target(&tally.next))
}

fn review(tally: &Tally) {
    turns::reset(tally);
    tally.pace.set(0);
}
