//! The beginning of recording in a process, and of each site in it. Cold, once each.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Once, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use super::calibrate::{self, Costs};
use super::thread::{self, Suspended};
use super::{counters, held, lines, sizes};
use crate::callsite::{CallSite, Mode};
use crate::clock::{Anchor, Clock, Rate};
use crate::segment::layout::{Header, SiteRecord, heap};
use crate::segment::writer;
use crate::settings::{self, Budget};
use crate::sys;

static BEGIN: Once = Once::new();
/// The first thing recording had to complain of; the session reports it.
static COMPLAINT: OnceLock<Cow<'static, str>> = OnceLock::new();
/// Where segments go, if anywhere: as it was at the beginning, whatever is chosen later.
static RUN_DIR: OnceLock<Option<PathBuf>> = OnceLock::new();
/// The budget of all sites that have none of their own, see [`encode`].
static BUDGET: AtomicU64 = AtomicU64::new(0);
/// Bits of an `f64`: ticks of one timed span.
static SPAN_COST: AtomicU64 = AtomicU64::new(0);

/// Begins recording, once in a process.
pub(crate) fn begin() {
    BEGIN.call_once(|| {
        let settings = settings::current();
        let clock = settings.clock.unwrap_or_else(Clock::best);
        clock.select();
        let path = RUN_DIR.get_or_init(|| settings.run_dir.clone()).as_deref().map(segment_path);
        let (header, outcome) = writer::create(path.as_deref());
        let Some(header) = header else {
            return complain("no memory to record into: nothing is recorded");
        };
        if let (Some(path), Err(error)) = (&path, outcome) {
            let place = path.display();
            complain(format!(
                "PROFILE_RUN_DIR: cannot record into {place}: {error}; recording in memory"
            ));
        }
        counters::begin();
        sys::on_thread_exit(thread::release);
        sys::at_fork_in_child(restart_in_child);
        describe(header, clock);
        // No site has been called yet, so none need be told; there may be many.
        BUDGET.store(encode(settings.budget), Relaxed);
        sizes::want(settings.block_sizes);
        let costs = calibrate::measure(clock);
        SPAN_COST.store(costs.empty.to_bits(), Relaxed);
        costs.store(header);
        // A first rate of the clock, for a reader of a process that is killed at once.
        thread::write_anchor(clock);
    });
}

/// Makes the mock clock the clock, and recording free of cost; for tests, before the first call of anything
/// annotated.
pub fn use_mock_clock() {
    begin();
    Clock::Mock.select();
    if let Some(header) = writer::header() {
        describe(header, Clock::Mock);
        Costs::default().store(header);
    }
}

/// One file per process: id and start time name it, and `create_new` refuses a second of that name.
fn segment_path(folder: &Path) -> PathBuf {
    let _ = std::fs::create_dir_all(folder);
    folder.join(format!("{}-{}.segment", std::process::id(), unix_ns()))
}

pub(crate) fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// What a reader must know of the process.
fn describe(header: &Header, clock: Clock) {
    let anchor = Anchor::now(clock);
    header.clock.set(clock as u64);
    header.first_ticks.set(anchor.ticks);
    header.first_monotonic_ns.set(anchor.monotonic_ns);
    header.last_ticks.set(anchor.ticks);
    header.last_monotonic_ns.set(anchor.monotonic_ns);
    header.started_unix_ns.set(unix_ns());
    header.debug_assertions.set(u64::from(cfg!(debug_assertions)));
    header.allocator.set(u64::from(allocator_is_installed()));
    let program = std::env::args_os().next().unwrap_or_default();
    header.program.set(write_text(&program.to_string_lossy()));
}

/// Whether an allocation reaches the recorder: asked of the allocator itself.
fn allocator_is_installed() -> bool {
    let seen = || thread::here().map_or(0, |(_, frame)| frame.heap[heap::ALLOCATIONS].get());
    let before = seen();
    drop(std::hint::black_box(Box::new(0_u8)));
    seen() != before
}

/// Whether this process's allocations are counted.
pub(crate) fn allocator_counts() -> bool {
    writer::header().is_some_and(|header| header.allocator.get() != 0)
}

/// Something a person should know of, for the report: the first of them. A sentence that is there already costs no
/// allocation, which would be charged to whoever is measured.
pub(super) fn complain(sentence: impl Into<Cow<'static, str>>) {
    let _ = COMPLAINT.set(sentence.into());
}

/// What there is to complain of.
pub(crate) fn complaint() -> Option<&'static str> {
    COMPLAINT.get().map(|sentence| &**sentence)
}

/// The first call of a site: it gets a record in the segment, and its mode.
#[cold]
pub(crate) fn register(site: &'static CallSite) {
    begin();
    let _own = Suspended::new();
    if record(site).is_some() {
        site.set_mode(mode_of(site));
        thread::write_anchor(Clock::current());
    }
}

/// Where the site's path stands in the segment.
pub(crate) fn path_text(site: &'static CallSite) -> Option<u64> {
    register_record(site)?;
    // SAFETY: a record of this segment, which is never freed.
    let record = unsafe { (site.record() as *const SiteRecord).as_ref() }?;
    Some(record.path.get())
}

/// The site has a record, whether it is switched on or not.
fn register_record(site: &'static CallSite) -> Option<()> {
    begin();
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
    record.path.set(write_text(&site.path()));
    record.module.set(write_text(site.module()));
    record.file.set(write_text(site.file()));
    record.documentation.set(write_text(site.documentation()));
    record.signature.set(write_text(site.signature()));
    if let Some(lines) = source.lines {
        let numbers: Vec<String> = lines.numbers.iter().map(u32::to_string).collect();
        record.first_line.set(u64::from(lines.first_line));
        record.source.set(write_text(lines.text));
        record.line_numbers.set(write_text(&numbers.join(",")));
        record.with_resident.set(u64::from(lines.with_resident));
    }
    publish(address, record)
}

fn publish(address: *mut SiteRecord, record: &SiteRecord) -> Option<()> {
    let first = &writer::header()?.first_site;
    let push = |head: *mut SiteRecord| {
        record.next.set(head);
        Some(address)
    };
    first.shared().try_update(Release, Relaxed, push).ok().map(|_| ())
}

/// A text in the segment; 0 if there is no room.
pub(crate) fn write_text(text: &str) -> u64 {
    let words = 1 + text.len().div_ceil(8);
    let Some(start) = writer::take((words * 8).next_multiple_of(64), 64) else { return 0 };
    let length = [(text.len() as u64).to_le_bytes()];
    let bytes = length.iter().flatten().chain(text.as_bytes());
    for (place, byte) in bytes.enumerate() {
        // SAFETY: `words * 8` bytes were taken, and nobody else knows them yet.
        unsafe { start.add(place).write(*byte) };
    }
    start as u64
}

/// How calls of a site are recorded, unless somebody switched it off.
fn mode_of(site: &CallSite) -> u8 {
    match (budget_of(site), Clock::current()) {
        (Budget::Exact, Clock::Tsc) => Mode::EXACT,
        (Budget::Exact, _) => Mode::GENERAL,
        _ => Mode::BUDGETED,
    }
}

/// Switches a site on or off.
pub(crate) fn set_enabled(site: &'static CallSite, enabled: bool) {
    if enabled { register(site) } else { site.set_mode(Mode::OFF) }
}

/// Sets the budget of all sites without one of their own, also of those already called.
pub(crate) fn set_budget(budget: Budget) {
    BUDGET.store(encode(budget), Relaxed);
    crate::callsite::linked().for_each(follow_budget);
}

/// Sets the budget of one site.
pub(crate) fn set_budget_of(site: &CallSite, budget: Option<Budget>) {
    site.set_budget_word(budget.map_or(0, encode));
    follow_budget(site);
}

/// From now on the site's calls are recorded as its budget says.
fn follow_budget(site: &CallSite) {
    if !matches!(site.mode(), Mode::UNREGISTERED | Mode::OFF) {
        site.set_mode(mode_of(site));
    }
}

/// The budget that holds for a site: the one it was given, else that of its attribute, else the run's.
pub(crate) fn budget_of(site: &CallSite) -> Budget {
    let given = decode(site.budget());
    let attribute = || Some(site.source().overhead).filter(|it| *it > 0.0).map(Budget::Share);
    let run = || decode(BUDGET.load(Relaxed)).unwrap_or(Budget::Exact);
    given.or_else(attribute).unwrap_or_else(run)
}

/// How long a tick lasts, as well as it is known by now.
pub(super) fn rate() -> Rate {
    let clock = Clock::current();
    let first = writer::header().map(|header| Anchor {
        ticks: header.first_ticks.get(),
        monotonic_ns: header.first_monotonic_ns.get(),
    });
    Rate::of(clock, first.unwrap_or_default(), Anchor::now(clock))
}

/// What one timed span costs, in ticks.
pub(crate) fn span_cost_ticks() -> f64 {
    f64::from_bits(SPAN_COST.load(Relaxed))
}

const EXACT: u64 = u64::MAX;

/// 0 is left for "none": below 2^32: one in so many; else the bits of a share, whose sign bit is free for a mark.
fn encode(budget: Budget) -> u64 {
    match budget {
        Budget::Exact => EXACT,
        Budget::OneIn(calls) => u64::from(calls.max(1)),
        Budget::Share(share) => share.to_bits() | 1 << 63,
    }
}

fn decode(word: u64) -> Option<Budget> {
    match word {
        0 => None,
        EXACT => Some(Budget::Exact),
        calls if calls >> 63 == 0 => Some(Budget::OneIn(calls as u32)),
        share => Some(Budget::Share(f64::from_bits(share & !(1 << 63)))),
    }
}

static FORKED: AtomicBool = AtomicBool::new(false);

/// Whether this process is the child of a `fork` of an instrumented one.
pub(crate) fn is_forked_child() -> bool {
    FORKED.load(Relaxed)
}

/// In the child of a `fork`: an empty segment of its own; the parent's figures are the parent's.
extern "C" fn restart_in_child() {
    FORKED.store(true, Relaxed);
    // Until the segment is our own, what is allocated here must not find the parent's.
    thread::forget_block();
    sizes::forget();
    held::forget();
    lines::forget();
    let path = RUN_DIR.get().and_then(Option::as_deref).map(segment_path);
    let parent = writer::header().map(calibrate::stored);
    if !writer::restart_after_fork(path.as_deref()) {
        return;
    }
    thread::allow_block();
    for site in crate::callsite::linked() {
        site.forget_record();
        if site.mode() != Mode::OFF {
            site.set_mode(Mode::UNREGISTERED);
        }
    }
    if let Some(header) = writer::header() {
        describe(header, Clock::current());
        parent.unwrap_or_default().store(header);
    }
}
