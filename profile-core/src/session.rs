//! The composition root: joins recorder, snapshot and report, and sees to it that the report is written
//! however the program ends. Nothing names this room.

use std::io::{self, IsTerminal, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering::*};

use crate::budgets::{self, file::Pattern};
use crate::callsite::{self, CallSite, Kind, LinkedSkipped, Mode};
use crate::clock::{Anchor, Clock};
use crate::limits::{Limits, RunLimits};
use crate::memory::{kept, ledger, sampler, usage};
use crate::record::thread::{self, Suspended};
use crate::record::{begin, judge, live, on_cpu, sizes};
use crate::report::{self, Style, warned};
use crate::segment::layout::header;
use crate::segment::reader::{SegmentError, View};
use crate::settings::{self, Format, Output, Settings};
use crate::snapshot::read::{self, Options, windows};
use crate::snapshot::{
    Advice, AdviceKind, NeverCalled, NotInstrumented, Process, SCHEMA_VERSION, Snapshot,
    WarningRecord, Worst,
};
use crate::sys;
use crate::telling::{self, Complaint, OnError, end};
use crate::warnings::{self, ConfigurationWarning, RaisedWarning};

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
        judge::appoint(kept::judge);
        sys::around_fork(warnings::before_fork, warnings::after_fork);
        sys::around_fork(telling::before_fork, telling::after_fork);
        sys::at_fork_in_child(forget_warnings);
        let wrong_filters = filter_warnings();
        // A program that links the crate and annotates nothing is left as it is, unless it is asked for its memory.
        if callsite::linked().next().is_none() && settings::current().resident_interval.is_none() {
            return wrong_filters.iter().for_each(telling::tell_always);
        }
        warnings::prepare();
        // Before the first call, since threads keep the limits of what they have called.
        let wrong_limits = wrong_limits();
        begin::begin();
        // Now, since a service may never end.
        wrong_filters.iter().for_each(telling::tell_always);
        let wrong = settings::complaints().iter().cloned().chain(wrong_limits).map(of_setting);
        wrong.for_each(|complaint| drop(telling::tell(&complaint, OnError::Tell)));
        sys::at_fork_in_child(forget_sampler);
        install_panic_hook();
        read_whole_run();
        sample_processors();
    });
}

/// Something in the environment, or in a file that it names, was not understood.
fn of_setting(wrong: String) -> Complaint {
    Complaint::own(&ConfigurationWarning, None, wrong)
}

/// Filters as `PROFILE_WARNINGS` says; gives back what of it is none.
fn filter_warnings() -> Vec<Complaint> {
    let list = settings::warning_filters().unwrap_or_default();
    let wrong = warnings::set_options(list).into_iter();
    wrong.map(|it| of_setting(format!("PROFILE_WARNINGS: {it}; ignored"))).collect()
}

/// Gives the functions the limits that a file says; gives back what is wrong in it.
fn wrong_limits() -> Vec<String> {
    const DEFAULT: &str = "profile.toml";
    let named = settings::limits_file();
    let name = named.unwrap_or(DEFAULT);
    if name.is_empty() || sys::is_secure_execution() {
        return Vec::new();
    }
    let text = match read_short(Path::new(name)) {
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            return Vec::new();
        }
        Err(error) => {
            let from = if named.is_some() { "PROFILE_LIMITS: " } else { "" };
            return vec![format!("{from}the limits in {name} are not read: {error}")];
        }
        Ok(text) => text,
    };
    let (rules, mut wrong) = budgets::file::parse(&text);
    let all: Vec<_> = callsite::linked().map(|site| (site, site.path())).collect();
    for rule in rules {
        for Pattern { text: pattern, line } in &rule.functions {
            let found = all.iter().filter(|(_, path)| matches(pattern, path)).map(|(site, _)| site);
            let found: Vec<&CallSite> = found.copied().collect();
            found.iter().for_each(|site| site.set_limits(rule.limits));
            if let Some(site) = found.iter().find(|site| is_of_polls(site, &rule.limits)) {
                let path = site.path();
                wrong.push(format!(
                    "line {line}: `{path}` is async: limits on what a call allocates want #[memory_usage] there"
                ));
            }
            if found.is_empty() {
                let similar = all.iter().find(|(_, path)| crate::snapshot::is_path(path, pattern));
                let hint = similar
                    .map(|(_, path)| format!("; `{path}` is one, and `*::{pattern}` matches it"));
                let hint = hint.unwrap_or_default();
                wrong.push(format!("line {line}: no function matches `{pattern}`{hint}"));
            }
        }
    }
    wrong.into_iter().map(|wrong| format!("{name}: {wrong}; ignored")).collect()
}

/// A text file. A pipe or a device would keep the program from beginning, and so would what has no end.
fn read_short(path: &Path) -> io::Result<String> {
    const LONGEST: u64 = 4 << 20;
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if about.len() > LONGEST {
        return Err(io::Error::other("it is longer than 4 MiB"));
    }
    std::fs::read_to_string(path)
}

/// What a call of an async function allocates is not known without a future of ours around it.
fn is_of_polls(site: &CallSite, limits: &Limits) -> bool {
    site.kind() == Kind::Async && limits.call.are_of_heap()
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

/// What was recorded in this process so far. Changes nothing; may be called at any time, from any thread.
///
/// What the calling thread allocates meanwhile is not charged to its functions. Without memory to record in, the
/// snapshot is empty.
#[must_use]
pub fn capture() -> Snapshot {
    captured().0
}

/// And what the filters make errors of that which only shows at the end.
fn captured() -> (Snapshot, Vec<RaisedWarning>) {
    start();
    let _own = Suspended::new();
    let Some(view) = View::live() else { return Default::default() };
    let now = Anchor::now(Clock::current());
    thread::write_anchor(Clock::current());
    // Before anything is allocated for the snapshot: that is not the program's.
    let memory = memory_of_process();
    let mut snapshot = snapshot_of(view, Some(now));
    memory.tell(&mut snapshot.process);
    snapshot.never_called = never_called(&snapshot);
    snapshot.not_instrumented = not_instrumented();
    snapshot.warnings.extend(complaints());
    let broken = budgets::run::broken(&snapshot, callsite::linked());
    snapshot.warnings.extend(broken);
    snapshot.warnings.extend(snapshot.advice.iter().filter_map(warning_of));
    let errors = snapshot.filter_warnings();
    // These have passed the filters when they came up.
    snapshot.warnings.extend(telling::told());
    snapshot.warnings.extend(end::raised());
    (snapshot, errors)
}

/// Advice on what is a warning too.
fn warning_of(advice: &Advice) -> Option<WarningRecord> {
    let category = advice.kind.category()?;
    let worst = match advice.kind {
        AdviceKind::RetainedGrowth => {
            Worst::new(advice.figure("bytes_per_call").round() as u64, "bytes")
        }
        _ => Worst::new(advice.figure("recording_ns").round() as u64, "ns"),
    };
    let (path, worst) = (Some(advice.path.clone()), Some(worst));
    Some(WarningRecord { path, worst, ..warning(category, &report::advice::sentence(advice), 1) })
}

/// Reads the segment that a process with `PROFILE_RUN_DIR` set writes: while it runs, or after it ended in
/// whatever way.
///
/// # Errors
/// The file cannot be read ([`io::Error`]), or is no segment, cut off, or of an unknown version
/// ([`SegmentError`] inside an `io::Error` of kind `InvalidData`, with the byte concerned).
pub fn read_segment(path: impl AsRef<Path>) -> io::Result<Snapshot> {
    let _own = Suspended::new();
    let bytes = std::fs::read(path)?;
    let words: Vec<_> = bytes.chunks_exact(8).map(word_of).collect();
    let invalid = |error: SegmentError| io::Error::new(io::ErrorKind::InvalidData, error);
    let steps = View::steps_for(&words);
    let view = View::from_words(&words, &steps).map_err(invalid)?;
    Ok(snapshot_of(view, None))
}

fn word_of(bytes: &[u8]) -> std::sync::atomic::AtomicU64 {
    let word = bytes.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    word.into()
}

/// What can be known from the segment alone.
fn snapshot_of(view: View<'_>, now: Option<Anchor>) -> Snapshot {
    let Settings { percentiles, trim, thresholds, .. } = settings::current();
    let contents = read::read(view, &Options { percentiles, trim: *trim, now });
    let clock = Clock::from_code(view.header(header::clock));
    let process = Process {
        program: view.text(view.header(header::program)),
        process_id: view.header(header::process_id) as u32,
        started_unix_ns: view.header(header::started_unix_ns),
        duration_ns: contents.duration_ns,
        clock: clock.name().to_owned(),
        tick_ns: contents.tick_ns,
        logical_cores: sys::logical_cores(),
        physical_cores: sysinfo::System::physical_core_count().ok(),
        available_cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        allocator: view.header(header::allocator) != 0,
        debug_assertions: view.header(header::debug_assertions) != 0,
        threads: contents.threads,
        trim: *trim,
        ..Process::default()
    };
    let mut snapshot = Snapshot { schema_version: SCHEMA_VERSION, process, ..Snapshot::default() };
    snapshot.functions = contents.functions;
    snapshot.call_tree = contents.call_tree;
    snapshot.lines = contents.lines;
    snapshot.overhead = contents.overhead;
    snapshot.advice = snapshot.advise(thresholds);
    snapshot.memory = windows::read(view, now.map(|now| now.monotonic_ns));
    snapshot.warnings = losses(&snapshot);
    snapshot
}

/// Memory of the process at a moment.
struct ProcessMemory {
    resident_bytes: Option<u64>,
    kernel_peak_bytes: Option<u64>,
    heap_bytes: u64,
    heap_peak_bytes: u64,
}

fn memory_of_process() -> ProcessMemory {
    live::publish();
    ProcessMemory {
        heap_bytes: live::bytes(),
        heap_peak_bytes: live::peak_bytes(),
        resident_bytes: sampler::resident_bytes(),
        kernel_peak_bytes: sampler::run_kernel_peak_bytes(),
    }
}

impl ProcessMemory {
    fn tell(self, process: &mut Process) {
        process.resident_bytes = self.resident_bytes;
        process.kernel_peak_bytes = self.kernel_peak_bytes;
        process.heap_bytes = process.allocator.then_some(self.heap_bytes);
        process.heap_peak_bytes = process.allocator.then_some(self.heap_peak_bytes);
    }
}

fn never_called(snapshot: &Snapshot) -> Vec<NeverCalled> {
    let called: std::collections::HashSet<_> = snapshot
        .functions
        .iter()
        .map(|function| (&*function.path, &*function.file, function.line, function.column))
        .collect();
    let is_called = |site: &&CallSite| {
        called.contains(&(&*site.path(), site.file(), site.line(), site.column()))
    };
    let sites = callsite::linked().filter(|site| !is_called(site)).map(|site| NeverCalled {
        path: site.path(),
        file: site.file().to_owned(),
        line: site.line(),
    });
    let mut never: Vec<_> = sites.collect();
    never.sort();
    never
}

fn not_instrumented() -> Vec<NotInstrumented> {
    let linked = inventory::iter::<LinkedSkipped>.into_iter().map(|linked| linked.0);
    let mut skipped: Vec<_> = linked
        .map(|skipped| NotInstrumented {
            path: format!("{}::{}", skipped.module, skipped.name),
            file: skipped.file.to_owned(),
            line: skipped.line,
            reason: skipped.reason.to_owned(),
        })
        .collect();
    skipped.sort();
    skipped
}

/// What recording complained of.
fn complaints() -> impl Iterator<Item = WarningRecord> {
    begin::complaint().into_iter().map(|message| warning("ConfigurationWarning", message, 1))
}

/// What was lost or capped.
fn losses(snapshot: &Snapshot) -> Vec<WarningRecord> {
    let overhead = &snapshot.overhead;
    let lost = "calls were not recorded: no memory for them";
    let backwards = "readings of the clock went backwards; these calls count as 0 ns";
    let capped =
        "more call paths than are kept for a thread; the others are under <other> in the tree";
    let all = [
        ("DataLossWarning", lost, overhead.lost_calls),
        ("ClockWarning", backwards, overhead.clock_anomalies),
        ("DataLossWarning", capped, u64::from(overhead.capped_paths)),
    ];
    let some = all.into_iter().filter(|(.., count)| *count > 0);
    some.map(|(category, message, count)| warning(category, message, count)).collect()
}

fn warning(category: &str, message: &str, count: u64) -> WarningRecord {
    let (category, message) = (category.to_owned(), message.to_owned());
    WarningRecord { category, message, count, ..WarningRecord::default() }
}

/// Every annotated function and span of the program, called or not, by path.
///
/// ```
/// # #[cfg(feature = "profile")] {
/// #[profile_core::profile]
/// fn rarely() {}
///
/// let found = profile_core::functions().iter().any(|site| site.name() == "rarely");
/// assert!(found);
/// # }
/// ```
#[must_use]
pub fn functions() -> Vec<&'static CallSite> {
    let mut sites: Vec<_> = callsite::linked().collect();
    sites.sort_by_cached_key(|site| (site.path(), site.file(), site.line()));
    sites
}

/// The annotated function whose path is `path` or ends in `::path`; the first by path if several do.
#[must_use]
pub fn find(path: &str) -> Option<&'static CallSite> {
    functions().into_iter().find(|site| crate::snapshot::is_path(&site.path(), path))
}

/// The annotated functions whose path matches a pattern, in which `*` stands for any text.
///
/// ```
/// for site in profile_core::find_all("shop::cart::*") {
///     site.set_enabled(false);
/// }
/// ```
#[must_use]
pub fn find_all(pattern: &str) -> Vec<&'static CallSite> {
    functions().into_iter().filter(|site| matches(pattern, &site.path())).collect()
}

/// Whether the text is the pattern with every `*` replaced by something.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(place) = rest.find(part) else { return false };
        rest = &rest[place + part.len()..];
    }
    rest.ends_with(last)
}

impl Settings {
    /// Puts the choices in force, from now on and for the report at exit.
    pub fn apply(self) {
        begin::set_budget(settings::choose(self));
        sizes::want(settings::current().block_sizes);
        read_whole_run();
        sample_processors();
    }
}

impl CallSite {
    /// Whether its calls are recorded.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.mode() != Mode::OFF
    }

    /// Switches recording of its calls on or off, from the next call on.
    pub fn set_enabled(&'static self, enabled: bool) {
        begin::set_enabled(self, enabled);
    }

    /// Gives its calls a budget of their own, from the next call on. `None`: again that of its attribute, or of the run.
    ///
    /// ```
    /// # #[cfg(feature = "profile")]
    /// for site in profile_core::find_all("parser::*") {
    ///     site.set_budget(Some(profile_core::Budget::OneIn(64)));
    /// }
    /// ```
    pub fn set_budget(&self, budget: Option<settings::Budget>) {
        begin::set_budget_of(self, budget);
    }

    /// Its statistics as they stand; `None` if it was not called.
    #[must_use]
    pub fn statistics(&self) -> Option<crate::snapshot::Function> {
        let _own = Suspended::new();
        capture().functions.into_iter().find(|function| function.is_of(self))
    }
}

/// Writes the reports that the settings ask for, now; at exit they are written again, with all.
///
/// For the endings at which no code runs: before `_exit`, `exec` or `abort`.
pub fn write_reports() {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        let _own = Suspended::new();
        let outputs = &settings::current().outputs;
        if outputs.is_empty() && !has_more_to_tell() {
            return complaints().for_each(|warning| complain_of(&warning));
        }
        sampler::read_now();
        let snapshot = capture();
        tell_warnings(outputs, &snapshot);
        for output in outputs {
            write_output(output, &snapshot);
        }
        if settings::is_on_github() && !outputs.iter().any(|it| it.format == Format::Github) {
            write_output(&Output { format: Format::Github, file: None }, &snapshot);
        }
    }));
    if outcome.is_err() {
        complain("the report failed; this is a mistake in profile-core");
    }
}

/// After `main`, or in `exit`: once, whatever the number of threads that exit at the same time.
extern "C" fn report_at_exit() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.swap(true, AcqRel) || has_nothing_to_say() || is_silent_child() {
        return;
    }
    if !begin::is_forked_child() {
        ledger::tell_falls();
    }
    write_reports();
    // In a plugin this is the moment before its code goes, and threads that called it may end later.
    sys::forget_thread_exit();
    if let Some(code) = failure() {
        sys::fail_at_exit(code);
    }
}

/// Whether the end of the run may bring up what a person wants to know without a report, too.
fn has_more_to_tell() -> bool {
    let at_the_end = |it: &Limits| it.run != RunLimits::NONE || it.are_of_heap();
    let has_limits = |site: &CallSite| site.limits().is_some_and(at_the_end);
    warnings::may_raise() || callsite::linked().any(has_limits)
}

/// The exit code of a run that has failed by a warning which a filter made an error: the one that was asked for, or that of a panic.
fn failure() -> Option<u8> {
    const PANICKED: u8 = 101;
    let failed = panic::catch_unwind(|| {
        let _own = Suspended::new();
        telling::has_failed() || (warnings::may_raise() && !captured().1.is_empty())
    });
    failed.unwrap_or(false).then(|| settings::current().exit_code.unwrap_or(PANICKED))
}

/// Nothing is annotated, and no memory was asked for.
fn has_nothing_to_say() -> bool {
    let has_window = View::live().is_some_and(|view| view.header(header::first_window) != 0);
    !has_window && callsite::linked().next().is_none()
}

/// A child of `fork` that recorded nothing of its own has nothing to say.
fn is_silent_child() -> bool {
    begin::is_forked_child() && View::live().is_none_or(|view| view.header(header::first_site) == 0)
}

/// A report in the form of data has no room for complaints; a person must see them all the same.
fn tell_warnings(outputs: &[Output], snapshot: &Snapshot) {
    let shown = |output: &Output| output.file.is_none() && output.format == Format::Table;
    if outputs.iter().any(shown) {
        return;
    }
    // These have been told when they came up.
    let (told, raised) = (telling::told(), end::raised());
    let known: Vec<WarningRecord> = told.into_iter().chain(raised).collect();
    let is_known = |warning: &&WarningRecord| known.iter().any(|it| it.message == warning.message);
    warned::visible(snapshot).filter(|warning| !is_known(warning)).for_each(complain_of);
}

fn complain_of(warning: &WarningRecord) {
    complain(&warning.to_string());
}

/// Writes one report, or says in a line why it is not there or not whole.
fn write_output(output: &Output, snapshot: &Snapshot) {
    let written = check_png(output).and_then(|()| match &output.file {
        Some(path) => write_file(path, output, snapshot),
        None => write_stderr(output, snapshot),
    });
    let place = || match &output.file {
        Some(path) => path.display().to_string(),
        None => "standard error".to_owned(),
    };
    match written {
        Ok(None) => {}
        Ok(Some(missing)) => complain(&format!("the report in {} lacks {missing}", place())),
        Err(error) => {
            complain(&format!("the report could not be written to {}: {error}", place()));
        }
    }
}

/// Asked before the file is made.
///
/// # Errors
/// It is a PNG, and would go to a terminal, to which its bytes are commands, or overflow the stack.
fn check_png(output: &Output) -> io::Result<()> {
    // Drawing takes 310 KiB in a debug build. No thread of its own with such a stack: where a plugin is let go, the
    // loader's lock is held, and that thread could wait for it for ever.
    const STACK: usize = 1 << 20;
    if output.format != Format::Png {
        return Ok(());
    }
    if output.file.is_none() && io::stderr().is_terminal() {
        return Err(io::Error::other("a terminal shows no PNG; name a file, as in png:FILE"));
    }
    if sys::stack_left().is_some_and(|left| left < STACK) {
        let why =
            "drawing a PNG takes 1 MiB of stack, which this thread does not have; svg needs less";
        return Err(io::Error::other(why));
    }
    Ok(())
}

fn write_file(
    path: &Path,
    output: &Output,
    snapshot: &Snapshot,
) -> io::Result<Option<&'static str>> {
    let plain = Style { columns: None, color: false, sort: sort() };
    sys::without_file_size_signal(|| {
        let mut file = sys::create_report_file(path)?;
        report::render(output.format, snapshot, &plain, &mut file)
    })
}

fn write_stderr(output: &Output, snapshot: &Snapshot) -> io::Result<Option<&'static str>> {
    let mut stderr = sys::raw_stderr();
    let style = Style { columns: sys::terminal_columns(), color: wants_color(), sort: sort() };
    let mut whole = Vec::new();
    let missing = report::render(output.format, snapshot, &style, &mut whole)?;
    // One write: lines of other threads do not come between.
    stderr.write_all(&whole)?;
    Ok(missing)
}

fn sort() -> settings::Sort {
    settings::current().sort
}

/// Colour only for a person at a terminal who has not refused it.
fn wants_color() -> bool {
    io::stderr().is_terminal() && settings::color_allowed()
}

/// One line on standard error; if that is gone too, nothing.
fn complain(sentence: &str) {
    let _ = sys::raw_stderr().write_all(format!("profile: {sentence}\n").as_bytes());
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
    let message = info.payload_as_str().unwrap_or("");
    message == "panic in a destructor during cleanup"
        || message == "panic in a function that cannot unwind"
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("a::*::f", "a::b::c::f"));
        assert!(matches("*", ""));
        assert!(matches("a::b", "a::b"));
        assert!(!matches("a::b", "a::bc"));
        assert!(!matches("a*b*c", "acb"));
        assert!(!matches("ab*b", "ab"));
    }
}
