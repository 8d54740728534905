//! Snapshots of this process, and of segments of other processes.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::limits;
use crate::callsite::{self, CallSite, LinkedSkipped, Mode};
use crate::clock::{Anchor, Clock};
use crate::diagnostics::{self, end};
use crate::memory::sampler;
use crate::record::thread::{self, Suspended};
use crate::record::{calibrate, held, live, problems, scheduling};
use crate::report;
use crate::runs;
use crate::segment::layout::header;
use crate::segment::reader::{Allowance, SegmentError, View, words_of};
use crate::segment::writer;
use crate::settings::{self, Settings};
use crate::snapshot::read::{self, Options, windows};
use crate::snapshot::{
    Advice, AdviceKind, NeverCalled, NotInstrumented, Process, SCHEMA_VERSION, Snapshot,
    WarningRecord, Worst,
};
use crate::sys;
use crate::warnings::RaisedWarning;

/// A snapshot of everything recorded so far, and the warnings in it that filters turned into
/// errors. The session has started.
pub(super) fn captured() -> (Snapshot, Vec<RaisedWarning>) {
    calibrate::refine_costs();
    let _own = Suspended::new();
    let Some(view) = View::live() else { return Default::default() };
    let now = Anchor::now(Clock::current());
    thread::write_anchor(Clock::current());
    // Before anything is allocated for the snapshot, which is not the program's memory.
    let memory = memory_of_process(view);
    scheduling::note();
    let mut snapshot = snapshot_of(view, Some(now));
    memory.write_to(&mut snapshot.process);
    snapshot.warnings.extend(recorder_warnings());
    add_program(&mut snapshot);
    let errors = snapshot.filter_warnings();
    // These passed the filters when they occurred.
    snapshot.warnings.extend(diagnostics::emitted());
    snapshot.warnings.extend(end::raised());
    (snapshot, errors)
}

/// Adds what only the program knows: functions that were not called or not instrumented, and the
/// warnings that its limits and its advice result in.
fn add_program(snapshot: &mut Snapshot) {
    snapshot.never_called = never_called(snapshot);
    snapshot.not_instrumented = not_instrumented();
    let exceeded = limits::exceeded(snapshot);
    snapshot.warnings.extend(exceeded);
    snapshot.warnings.extend(snapshot.advice.iter().filter_map(warning_of));
}

/// The warning that a piece of advice is, if it is one.
fn warning_of(advice: &Advice) -> Option<WarningRecord> {
    let category = advice.kind.category()?;
    let (figure, unit) = match advice.kind {
        AdviceKind::RetainedGrowth => (advice.figures.bytes_per_call, "bytes"),
        _ => (advice.figures.recording_ns, "ns"),
    };
    let worst = Worst::new(figure.unwrap_or(0.0).round() as u64, unit);
    let (path, worst) = (Some(advice.path.clone()), Some(worst));
    Some(WarningRecord { path, worst, ..warning(category, &report::advice::sentence(advice), 1) })
}

/// Reads the segment of a process, while it runs or after it has ended in any way. [`runs`] finds
/// the segments that there are.
///
/// [`runs`]: crate::runs
///
/// # Errors
/// The file cannot be read ([`io::Error`]), or is no segment, cut off, or of an unknown version
/// ([`SegmentError`] inside an `io::Error` of kind `InvalidData`, with the byte concerned).
pub fn read_segment(path: impl AsRef<Path>) -> io::Result<Snapshot> {
    let own = Suspended::new();
    let read = snapshot_in(path.as_ref())?;
    drop(own);
    Ok(thread::for_caller(|| read))
}

fn snapshot_in(path: &Path) -> io::Result<Snapshot> {
    let (words, is_running) = words_of_file(path)?;
    let mut snapshot = snapshot_of_words(&words, is_running)?;
    // A folder in memory is of this machine.
    let is_in_memory = runs::default_folders().iter().any(|folder| path.starts_with(folder));
    if is_in_memory && snapshot.process.logical_cores == 0 {
        set_cores(&mut snapshot.process, sys::cores());
    }
    Ok(snapshot)
}

/// Reads a segment from memory: for fuzzing, which has no time for files.
#[doc(hidden)]
pub fn read_segment_bytes(bytes: &[u8]) -> io::Result<Snapshot> {
    let own = Suspended::new();
    let words = words_of(bytes, bytes.len() as u64)?;
    let read = snapshot_of_words(&words, false)?;
    drop(words);
    drop(own);
    Ok(thread::for_caller(|| read))
}

fn snapshot_of_words(words: &[AtomicU64], is_running: bool) -> io::Result<Snapshot> {
    let invalid = |error: SegmentError| io::Error::new(io::ErrorKind::InvalidData, error);
    let allowance = Allowance::for_words(words);
    let view = View::from_words(words, &allowance).map_err(invalid)?;
    let clock = Clock::from_code(view.header(header::clock));
    // The clocks of a process that runs are those of this machine.
    let is_now = is_running && clock != Clock::Mock;
    let mut snapshot = snapshot_of(view, is_now.then(|| Anchor::now(clock)));
    if view.header(header::memory_from) != 0 {
        let message = "the segment holds only part of the run: there was no more room on the \
                       disk, or files were limited";
        snapshot.warnings.push(warning("DataLossWarning", message, 1));
    }
    if allowance.is_exceeded() {
        let message = "the segment is damaged: it leads to more rows than a file of its size holds";
        snapshot.warnings.push(warning("DataLossWarning", message, 1));
    }
    Ok(snapshot)
}

/// The snapshot of the process that had this one started, from the segment that it passed on.
pub(super) fn snapshot_of_other() -> Option<Snapshot> {
    let (id, segment) = sys::passed_segment()?;
    let read = |view: View<'_>| {
        // A child of `_Fork` has the segment of its parent, which reports it.
        if view.header(header::process_id) != u64::from(id) {
            return None;
        }
        // On this machine and just now, so open calls have lasted until now.
        let now = Anchor::now(Clock::from_code(view.header(header::clock)));
        Some(snapshot_of(view, Some(now)))
    };
    let words = words_of(&*segment, segment.len() as u64).ok()?;
    drop(segment);
    let allowance = Allowance::for_words(&words);
    let mut snapshot = View::from_words(&words, &allowance).map(read).ok()??;
    let process = &mut snapshot.process;
    set_cores(process, sys::cores());
    process.resident_bytes = sys::memory_of(id, sys::Resident::Rss).ok().flatten();
    process.kernel_peak_bytes = sys::kernel_peak_bytes(id).ok();
    add_program(&mut snapshot);
    Some(snapshot)
}

/// Logical, physical and available ones; 0 where unknown.
fn set_cores(process: &mut Process, cores: [u64; 3]) {
    let [logical, physical, available] = cores.map(|it| usize::try_from(it).unwrap_or(0));
    (process.logical_cores, process.available_cores) = (logical, available);
    process.physical_cores = Some(physical).filter(|cores| *cores > 0);
}

/// The bytes of a file, and whether the process that records into it runs, on this machine.
/// Devices and pipes are refused, since they may have no end.
fn words_of_file(path: &Path) -> io::Result<(Vec<AtomicU64>, bool)> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let file = File::open(path)?;
    let is_running = sys::is_locked(&file);
    Ok((words_of(file, about.len())?, is_running))
}

/// The snapshot of a segment, without what only the program knows.
fn snapshot_of(view: View<'_>, now: Option<Anchor>) -> Snapshot {
    let Settings { percentiles, trim, thresholds, .. } = settings::current();
    let contents = read::read(view, &Options { percentiles, trim: *trim, now });
    let clock = Clock::from_code(view.header(header::clock));
    let scheduled = |index| view.header(header::scheduling + index).checked_sub(1);
    let mut process = Process {
        program: view.text(view.header(header::program)),
        process_id: view.header(header::process_id) as u32,
        started_unix_ns: view.header(header::started_unix_ns),
        duration_ns: contents.duration_ns,
        clock: clock.name().to_owned(),
        tick_ns: contents.tick_ns,
        allocator: view.header(header::allocator) != 0,
        debug_assertions: view.header(header::debug_assertions) != 0,
        threads: contents.threads,
        cpu_ns: scheduled(0),
        run_delay_ns: scheduled(1),
        involuntary_switches: scheduled(2),
        cpu_pressure_ns: scheduled(3),
        trim: *trim,
        ..Process::default()
    };
    set_cores(&mut process, [0, 1, 2].map(|index| view.header(header::cores + index)));
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

/// Memory of the process at a point in time.
struct ProcessMemory {
    resident_bytes: Option<u64>,
    kernel_peak_bytes: Option<u64>,
    heap_bytes: u64,
    heap_peak_bytes: u64,
    uncounted_heap_bytes: Option<u64>,
}

fn memory_of_process(view: View<'_>) -> ProcessMemory {
    held::publish();
    ProcessMemory {
        uncounted_heap_bytes: sys::c_heap_bytes().map(|in_use| uncounted(in_use, view)),
        heap_bytes: live::bytes(),
        heap_peak_bytes: live::peak_bytes(),
        resident_bytes: sampler::resident_bytes(),
        kernel_peak_bytes: sampler::run_kernel_peak_bytes(),
    }
}

impl ProcessMemory {
    fn write_to(self, process: &mut Process) {
        process.resident_bytes = self.resident_bytes;
        process.kernel_peak_bytes = self.kernel_peak_bytes;
        process.heap_bytes = process.allocator.then_some(self.heap_bytes);
        process.heap_peak_bytes = process.allocator.then_some(self.heap_peak_bytes);
        process.uncounted_heap_bytes = self.uncounted_heap_bytes.filter(|_| process.allocator);
    }
}

/// What the C library's heap holds beyond what was counted, at least. It counts more for the same
/// blocks, and not more than this: for each 31 bytes, or a page where it is large enough for one of
/// its own; for each thread the blocks that it keeps for the next allocation, and what [`live`] has
/// not heard of yet.
fn uncounted(in_use: u64, view: View<'_>) -> u64 {
    const OF_A_BLOCK: u64 = 31;
    const PART_OF_A_LARGE_ONE: u64 = 32;
    const OF_A_THREAD: u64 = 320 << 10;
    let counted = live::bytes();
    let (blocks, threads) = read::live_blocks(view);
    let unknown = threads.saturating_mul(OF_A_THREAD);
    if in_use.saturating_add(unknown) < counted {
        // The program's own blocks come from elsewhere.
        return in_use.saturating_sub(unknown);
    }
    let spent = blocks.saturating_mul(OF_A_BLOCK).saturating_add(counted / PART_OF_A_LARGE_ONE);
    in_use.saturating_sub(counted.saturating_add(spent).saturating_add(unknown))
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
    if snapshot.overhead.switched_off_ns > 0 {
        // It is unknown whether a function was called while it was switched off.
        return Vec::new();
    }
    let candidates = callsite::linked().filter(|site| site.mode() != Mode::OFF);
    let sites = candidates.filter(|site| !is_called(site)).map(|site| NeverCalled {
        path: site.path(),
        file: site.file().to_owned(),
        line: site.line(),
    });
    let mut never: Vec<_> = sites.collect();
    crate::sort::by(&mut never, Ord::cmp);
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
    crate::sort::by(&mut skipped, Ord::cmp);
    skipped
}

/// Warnings of the recorder.
pub(super) fn recorder_warnings() -> impl Iterator<Item = WarningRecord> {
    let is_partial = writer::file_is_full().then(|| {
        let message = "PROFILE_RUN_DIR: no more room on the disk, or files are limited: the segment's file holds only part of the run; this report has all";
        warning("DataLossWarning", message, 1)
    });
    let of_recording = problems::all().map(|message| warning("ConfigurationWarning", message, 1));
    of_recording.chain(is_partial)
}

/// Warnings about losses and limits of recording.
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
