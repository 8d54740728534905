//! The beginning of recording in a process, and of each site in it. Cold, once each.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Once, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use super::calibrate::{self, Costs};
use super::thread::{self, Suspended};
use super::{counters, held, lines, scheduling, sizes, turns};
use crate::callsite::{CallSite, Mode};
use crate::clock::{Anchor, Clock, Rate};
use crate::segment::layout::{Edge, Header, SiteRecord, Word, heap};
use crate::segment::writer;
use crate::settings::{self, Budget};
use crate::sys;

static BEGIN: Once = Once::new();
/// The first thing recording had to complain of, and the first span of each kind; the session reports them.
static COMPLAINT: OnceLock<Cow<'static, str>> = OnceLock::new();
static SPAN_COMPLAINTS: [OnceLock<String>; 3] = [const { OnceLock::new() }; 3];
/// Where segments go, if anywhere: as it was at the beginning, whatever is chosen later.
static RUN_DIR: OnceLock<Option<PathBuf>> = OnceLock::new();
/// The budget of all sites that have none of their own, see [`encode`].
static BUDGET: AtomicU64 = AtomicU64::new(0);
/// See [`prices`]; bits of `f64`.
static PRICES: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

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
        // Looking for physical cores takes long on a large machine, and only a file is read elsewhere, or after the process was killed.
        if writer::is_file() {
            scheduling::write_cores(header);
        }
        // No site has been called yet, so none need be told; there may be many.
        BUDGET.store(encode(settings.budget), Relaxed);
        sizes::want(settings.block_sizes);
        let costs = calibrate::measure(clock);
        set_prices(&costs);
        costs.store(header);
        // A first rate of the clock, for a reader of a process that is killed at once.
        thread::write_anchor(clock);
    });
}

/// Looks again at what recording costs, from time to time: a reader of figures may ask often.
pub(crate) fn refine_costs() {
    /// Ticks; a third of a second.
    const AT_MOST_EVERY: u64 = 1 << 30;
    static LAST: AtomicU64 = AtomicU64::new(0);
    let Some(header) = writer::header() else { return };
    let (now, last) = (Clock::current().now(), LAST.load(Relaxed));
    // Where the recorder itself is at work, a span records nothing, and costs nothing.
    let is_recorded =
        thread::here().is_some_and(|(block, frame)| !thread::is_suspended(block, frame));
    let is_due = is_recorded && (last == 0 || now.wrapping_sub(last) > AT_MOST_EVERY);
    if is_due && LAST.compare_exchange(last, now.max(1), Relaxed, Relaxed).is_ok() {
        calibrate::refine(header);
    }
}

/// Makes the mock clock the clock, and recording free of cost; for tests, before the first call of anything
/// annotated.
pub fn use_mock_clock() {
    begin();
    Clock::Mock.select();
    if let Some(header) = writer::header() {
        describe(header, Clock::Mock);
        set_prices(&Costs::default());
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
    scheduling::begin(header);
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

/// Something a person should know of, for the report: the first of them.
fn complain(sentence: impl Into<Cow<'static, str>>) {
    let _ = COMPLAINT.set(sentence.into());
}

/// What a span is complained of for.
#[derive(Clone, Copy)]
pub(super) enum Complaint {
    /// Its guard was there when a poll ended.
    HeldGuard,
    /// A future waited in it, and a span of another task was open when it closed.
    Waiting,
    /// It closed below more spans than are looked at.
    Crowd,
}

impl Complaint {
    fn sentence(self, path: &str) -> String {
        match self {
            Complaint::HeldGuard => format!(
                "the guard of `{path}` was held across an .await: its span ends with the poll, and its calls are not exact"
            ),
            Complaint::Waiting => format!(
                "the guard of `{path}` was open while a future waited, as if held across an .await: what other tasks did meanwhile is in its time"
            ),
            Complaint::Crowd => format!(
                "`{path}` closed while more than a thousand spans that opened later were open: the call tree shows all of these below it"
            ),
        }
    }
}

/// The same of a span, which is named. Formatted once for each kind, in the recorder's own frame: else whoever is measured
/// would pay for it.
#[cold]
pub(super) fn complain_of_span(what: Complaint, edge: &Edge) {
    let known = &SPAN_COMPLAINTS[what as usize];
    // SAFETY: null, or a static.
    let site = unsafe { edge.site.get().as_ref() };
    if let Some(site) = site.filter(|_| known.get().is_none()) {
        let _own = Suspended::new();
        let _ = known.set(what.sentence(&site.path()));
    }
}

/// What there is to complain of.
pub(crate) fn complaints() -> impl Iterator<Item = &'static str> {
    let first = COMPLAINT.get().map(|sentence| &**sentence);
    first.into_iter().chain(SPAN_COMPLAINTS.iter().filter_map(|it| it.get().map(String::as_str)))
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
        record.line_parts.set(write_text(lines.parts));
    }
    publish(address, record)
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
        look_again(site);
    }
}

/// Every thread looks at the site's next call, however many it was to leave out. What one of them is just counting may be counted
/// for the calls before.
fn look_again(site: &CallSite) {
    let Some(header) = writer::header() else { return };
    // SAFETY: links of this segment lead to records that are never freed.
    unsafe {
        let first = header.first_block.shared().load(Acquire).as_ref();
        for block in std::iter::successors(first, |block| block.next.get().as_ref()) {
            let first = block.first_tally.get().as_ref();
            let mut all = std::iter::successors(first, |tally| tally.next.get().as_ref());
            if let Some(tally) = all.find(|tally| std::ptr::eq(tally.site.get(), site)) {
                turns::reset(tally);
                tally.pace.set(0);
            }
        }
    }
}

/// The budget that holds for a site: the one it was given, else that of its attribute, else the run's.
pub(crate) fn budget_of(site: &CallSite) -> Budget {
    let given = decode(site.budget());
    let attribute = || Some(site.source().overhead).filter(|it| *it > 0.0).map(Budget::Share);
    let run = || decode(BUDGET.load(Relaxed)).unwrap_or(Budget::Exact);
    match given.or_else(attribute).unwrap_or_else(run) {
        // A limit is for each call.
        Budget::Auto if site.limits().is_some() => Budget::Exact,
        budget => budget,
    }
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

/// What calls cost that are timed, one of a burst, counted, or left out, and what lies between the two readings of an empty one; in ticks.
pub(super) struct Prices {
    pub(super) span: f64,
    pub(super) burst: f64,
    pub(super) counted: f64,
    pub(super) left_out: f64,
    pub(super) reading: f64,
}

pub(super) fn prices() -> Prices {
    let [span, burst, counted, left_out, reading] =
        PRICES.each_ref().map(|price| f64::from_bits(price.load(Relaxed)));
    Prices { span, burst, counted, left_out, reading }
}

fn set_prices(costs: &Costs) {
    let all = [costs.empty, costs.burst, costs.counted, costs.left_out, costs.reading];
    PRICES.iter().zip(all).for_each(|(price, cost)| price.store(cost.to_bits(), Relaxed));
}

/// What one timed span costs, in ticks.
pub(crate) fn span_cost_ticks() -> f64 {
    prices().span
}

const EXACT: u64 = u64::MAX;
const AUTO: u64 = u64::MAX - 1;

/// 0 is left for "none": below 2^32: one in so many; else the bits of a share, whose sign bit is free for a mark.
fn encode(budget: Budget) -> u64 {
    match budget {
        Budget::Exact => EXACT,
        Budget::Auto => AUTO,
        Budget::OneIn(calls) => u64::from(calls.max(1)),
        Budget::Share(share) => share.to_bits() | 1 << 63,
    }
}

fn decode(word: u64) -> Option<Budget> {
    match word {
        0 => None,
        EXACT => Some(Budget::Exact),
        AUTO => Some(Budget::Auto),
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
    super::handed::forget();
    let path = RUN_DIR.get().and_then(Option::as_deref).map(segment_path);
    let parent = writer::header()
        .map(|header| (calibrate::stored(header), header.cores.each_ref().map(Word::get)));
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
        let (costs, cores) = parent.unwrap_or_default();
        costs.store(header);
        header.cores.iter().zip(cores).for_each(|(word, cores)| word.set(cores));
    }
}
