//! The text around every table. Above: which program was measured and how. Below: functions that
//! were never called or not instrumented, lost calls, and warnings.

use super::list::{list, list_up_to};
use super::page::Page;
use super::text::safe_and_short as safe;
use super::{advice, warned};
use crate::options::Top;
use crate::snapshot::{Function, NeverCalled, NotInstrumented, Overhead, Process, Snapshot};
use crate::units;

/// The footnote of tables with shares.
pub(crate) const PER_CENT: &str =
    "%: of the time that threads spent in annotated functions, without recording";

/// The time that shares refer to, in ns. Snapshots of older versions only have the run's duration.
pub(crate) fn whole(snapshot: &Snapshot) -> u64 {
    match snapshot.overhead.annotated_ns {
        0 => snapshot.process.duration_ns,
        annotated => annotated,
    }
}

/// The lines above the table.
pub(crate) fn head(snapshot: &Snapshot, page: &mut Page) {
    let process = &snapshot.process;
    page.bold(&format!(
        "profile of {} (pid {}), {}, {} long",
        safe(&process.program),
        process.process_id,
        units::utc(process.started_unix_ns),
        units::duration(process.duration_ns),
    ));
    page.dim(&format!("{}; clock {}; {}", machine(process), safe(&process.clock), memory(process)));
    page.dim(&recording(&snapshot.overhead));
    if let Some(line) = heap_and_resident(process) {
        page.dim(&line);
    }
    if let Some(line) = uncounted(process) {
        page.plain(&line);
    }
    if let Some(line) = busy_machine(process) {
        page.bold(&line);
    }
    if let off_ns @ 1.. = snapshot.overhead.switched_off_ns {
        let off = units::duration(off_ns);
        page.bold(&format!("recording was switched off for {off}; calls made then are missing"));
    }
    if process.debug_assertions {
        page.bold("DEBUG BUILD: these times do not represent a release build");
    }
}

fn machine(process: &Process) -> String {
    let cores = |cores: usize| match cores {
        0 => "unknown".to_owned(),
        cores => cores.to_string(),
    };
    format!(
        "threads {}; cores: {} logical, {} physical, {} available",
        units::count(process.threads),
        cores(process.logical_cores),
        cores(process.physical_cores.unwrap_or(0)),
        cores(process.available_cores),
    )
}

fn memory(process: &Process) -> &'static str {
    match process.allocator {
        true => "memory measured",
        false => "memory not measured: install ProfilingAllocator",
    }
}

/// Both on one line. They differ by stacks, mapped files, and memory that the allocator has not
/// returned.
fn heap_and_resident(process: &Process) -> Option<String> {
    let pair = |name, now: Option<u64>, most: Option<u64>| {
        Some(format!("{name} {}, at most {}", units::bytes(now?), units::bytes(most?)))
    };
    let heap = pair("live heap", process.heap_bytes, process.heap_peak_bytes);
    let resident = pair("resident", process.resident_bytes, process.kernel_peak_bytes);
    let parts: Vec<String> = heap.into_iter().chain(resident).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Memory allocated by C code, unless it is little.
fn uncounted(process: &Process) -> Option<String> {
    const LEAST: u64 = 1 << 20;
    let bytes = process.uncounted_heap_bytes.filter(|bytes| *bytes >= LEAST)?;
    let bytes = units::bytes(bytes);
    Some(format!(
        "the C heap holds at least {bytes} more, allocated by C code and not counted here"
    ))
}

/// Warns that the program had to share the processors, so its times are not comparable to others.
fn busy_machine(process: &Process) -> Option<String> {
    /// A smaller slowdown is within the variation between runs.
    const NOTABLE: f64 = 1.02;
    let slowdown = process.slowdown().filter(|slowdown| *slowdown >= NOTABLE)?;
    let run_delay_ns = process.run_delay_ns?;
    // Average number of threads that were running or waiting for a processor.
    let wanted = process.cpu_ns?.saturating_add(run_delay_ns) as f64 / process.duration_ns as f64;
    let why = if wanted > process.available_cores as f64 {
        "more threads than processors"
    } else {
        "a busy machine"
    };
    let mut line = format!(
        "waited {} for a processor: {why}; times are {slowdown:.1} x what they would be alone",
        units::duration(run_delay_ns),
    );
    if let Some(switches) = process.involuntary_switches {
        line.push_str(&format!("; {} involuntary switches", units::count(switches)));
    }
    let pressure = process.cpu_pressure_ns.and_then(|ns| units::share(ns, process.duration_ns));
    if let Some(pressure) = pressure {
        line.push_str(&format!("; pressure {} %", units::per_cent(pressure.min(1.0))));
    }
    Some(line)
}

fn recording(overhead: &Overhead) -> String {
    /// A smaller share is not mentioned.
    const NOTABLE: f64 = 0.01;
    let mut line = format!(
        "overhead: {} ({} of the time in annotated functions), subtracted; {} per short call, \
         {} per long call",
        units::duration(overhead.recording_ns),
        units::percent(overhead.share),
        units::duration_f64(overhead.span_ns),
        units::range(overhead.span_range_ns),
    );
    let unmeasured = units::share(overhead.unmeasured_ns, with_recording(overhead));
    if let Some(share) = unmeasured.filter(|share| *share >= NOTABLE) {
        let share = units::percent(share);
        line.push_str(&format!("; up to {share} more that cannot be measured"));
    }
    if overhead.counted_calls > 0 {
        let calls = overhead.timed_calls.saturating_add(overhead.counted_calls);
        let (timed, calls) = (units::count(overhead.timed_calls), units::count(calls));
        line.push_str(&format!("; {timed} of {calls} calls timed"));
    }
    line
}

/// Time in annotated functions, including recording.
fn with_recording(overhead: &Overhead) -> u64 {
    overhead.annotated_ns.saturating_add(overhead.recording_ns)
}

/// The text in place of an empty table.
pub(crate) fn nothing_called(snapshot: &Snapshot, page: &mut Page) {
    page.blank();
    page.plain("No annotated function was called.");
    page.plain(match snapshot.never_called.len() {
        0 => "Add #[profile] to functions and run the program again.",
        _ => "These functions are annotated and were not called:",
    });
}

/// The sections below the table.
pub(crate) fn foot(snapshot: &Snapshot, top: Top, page: &mut Page) {
    never_called(snapshot, top, page);
    not_instrumented(&snapshot.not_instrumented, page);
    advice::section(snapshot, page);
    costly(snapshot, page);
    losses(&snapshot.overhead, page);
    warned::section(snapshot, page);
}

/// Lists functions that were never called, or prints only their number if rows are limited and the
/// list is long. If nothing was called there are no other rows, so they are listed.
fn never_called(snapshot: &Snapshot, top: Top, page: &mut Page) {
    const FEW: usize = 5;
    let show = |function: &NeverCalled, page: &mut Page| {
        page.path_item(&safe(&function.path), &location(&function.file, function.line));
    };
    let functions = &snapshot.never_called;
    if functions.is_empty() {
        return;
    }
    if top == Top::All {
        return list_up_to(usize::MAX, "never called", functions, page, show);
    }
    if functions.len() <= FEW || snapshot.functions.is_empty() {
        return list("never called", functions, page, show);
    }
    let all = functions.len() + snapshot.functions.len();
    let [count, all] = [functions.len(), all].map(|number| units::count(number as u64));
    page.blank();
    page.plain(&format!("never called: {count} of {all} functions (PROFILE_TOP=all lists them)"));
}

fn not_instrumented(items: &[NotInstrumented], page: &mut Page) {
    list("not instrumented", items, page, |item, page| {
        let location = location(&item.file, item.line);
        page.item(&format!("{}: {}{location}", safe(&item.path), safe(&item.reason)));
    });
}

/// Functions whose annotation costs too much, the most costly first: recording took a notable share
/// of the run, and more than half as long as the function itself.
fn costly(snapshot: &Snapshot, page: &mut Page) {
    const NOTABLE: f64 = 0.01;
    let overhead = &snapshot.overhead;
    let all_ns = with_recording(overhead);
    let share = |function: &Function| units::share(function.recording_ns, all_ns).unwrap_or(0.0);
    let is_costly = |function: &&Function| {
        share(function) >= NOTABLE
            && function.recording_ns.saturating_mul(2) > function.exclusive_ns
    };
    let mut functions: Vec<&Function> = snapshot.functions.iter().filter(is_costly).collect();
    crate::sort::by_key(&mut functions, |function| std::cmp::Reverse(function.recording_ns));
    list("costly annotations", &functions, page, |function, page| {
        page.item(&format!(
            "{}: recording {} calls took {}, {} of the run; consider removing #[profile]",
            safe(&function.path),
            units::count(function.calls),
            units::duration(function.recording_ns),
            units::percent(share(function)),
        ));
    });
}

fn losses(overhead: &Overhead, page: &mut Page) {
    let mut losses = Vec::new();
    if overhead.lost_calls > 0 {
        losses.push(format!(
            "{} calls were not recorded for lack of memory",
            units::count(overhead.lost_calls)
        ));
    }
    if overhead.clock_anomalies > 0 {
        let times = units::count(overhead.clock_anomalies);
        losses.push(format!("the clock went backwards {times} times; these calls count as 0 ns"));
    }
    if overhead.capped_paths {
        losses.push("there were too many call paths; the tree has the rest as <other>".to_owned());
    }
    list("lost", &losses, page, |loss, page| page.item(loss));
}

pub(crate) fn location(file: &str, line: u32) -> String {
    match file {
        "" => String::new(),
        _ => format!(" ({}:{line})", safe(file)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_head_says_what_was_measured_and_how() {
        let text = samples::rendered("table", &samples::ordinary(), None);
        let head: Vec<&str> = text.lines().take(5).collect();
        assert_eq!(
            head,
            [
                "profile of target/release/survey (pid 4711), 2026-01-31 12:30:00 UTC, 22.6 s long",
                "threads 8; cores: 8 logical, 4 physical, 2 available; clock tsc; memory measured",
                "overhead: 700 ms (3.10 % of the time in annotated functions), subtracted; \
                 25.0 ns per short call, 5.00 ns to 30.0 ns per long call",
                "live heap 2.50 MiB, at most 45.0 MiB; resident 12.0 MiB, at most 60.0 MiB",
                "",
            ]
        );
    }

    #[test]
    fn memory_of_c_code_is_reported_if_it_is_large() {
        let mut snapshot = samples::ordinary();
        let line =
            "\nthe C heap holds at least 82.0 MiB more, allocated by C code and not counted here\n";
        for (bytes, is_shown) in [(None, false), (Some(500_000), false), (Some(82 << 20), true)] {
            snapshot.process.uncounted_heap_bytes = bytes;
            let text = samples::rendered("table", &snapshot, None);
            assert_eq!(text.contains(line), is_shown, "{text}");
        }
    }

    #[test]
    fn the_time_without_recording_is_in_the_header() {
        let mut snapshot = samples::ordinary();
        assert!(!samples::rendered("table", &snapshot, None).contains("switched off"));
        snapshot.overhead.switched_off_ns = 3_200_000_000;
        let text = samples::rendered("table", &snapshot, None);
        let line = "\nrecording was switched off for 3.20 s; calls made then are missing\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_busy_machine_and_too_many_threads_are_reported() {
        let mut snapshot = samples::ordinary();
        let process = &mut snapshot.process;
        process.cpu_ns = Some(4_750_000_000);
        process.run_delay_ns = Some(1_900_000_000);
        process.cpu_pressure_ns = Some(11_300_000_000);
        let line = "\nwaited 1.90 s for a processor: a busy machine; times are 1.4 x what they would be alone; \
            340 involuntary switches; pressure 50.0 %\n";
        let text = samples::rendered("table", &snapshot, None);
        assert!(text.contains(line), "{text}");
        snapshot.process.cpu_ns = Some(45_200_000_000);
        snapshot.process.run_delay_ns = Some(45_200_000_000);
        let text = samples::rendered("table", &snapshot, None);
        assert!(text.contains("more threads than processors; times are 2.0 x"), "{text}");
        snapshot.process.run_delay_ns = None;
        assert!(!samples::rendered("table", &snapshot, None).contains("waited"));
    }

    #[test]
    fn costly_annotations_are_listed_the_most_costly_first() {
        let mut snapshot = samples::ordinary();
        snapshot.overhead.annotated_ns = 900_000_000;
        snapshot.overhead.recording_ns = 100_000_000;
        let costs =
            [(60_000_000, 1_000), (5_000_000, 1_000), (80_000_000, 100), (90_000_000, u64::MAX)];
        for (function, (recording_ns, exclusive_ns)) in snapshot.functions.iter_mut().zip(costs) {
            (function.recording_ns, function.exclusive_ns) = (recording_ns, exclusive_ns);
        }
        let text = samples::rendered("table", &snapshot, None);
        let (_, section) = text.split_once("costly annotations (2)\n").expect("two of them");
        let costs: Vec<&str> =
            section.lines().take(2).filter_map(|line| line.split("took ").nth(1)).collect();
        assert!(
            costs[0].starts_with("80.0 ms, 8.00 %") && costs[1].starts_with("60.0 ms, 6.00 %"),
            "{costs:?}"
        );
    }

    #[test]
    fn a_range_is_never_inverted() {
        let mut snapshot = samples::ordinary();
        snapshot.overhead.span_range_ns = [16.6, 10.6];
        let text = samples::rendered("table", &snapshot, None);
        assert!(text.contains("10.6 ns to 16.6 ns per long call"), "{text}");
    }

    #[test]
    fn a_debug_build_and_a_missing_allocator_are_reported() {
        let mut snapshot = samples::ordinary();
        snapshot.process.debug_assertions = true;
        snapshot.process.allocator = false;
        snapshot.process.physical_cores = None;
        let text = samples::rendered("table", &snapshot, None);
        assert!(text.contains("unknown physical"), "{text}");
        assert!(text.contains("memory not measured: install ProfilingAllocator\n"), "{text}");
        assert!(text.contains("\nDEBUG BUILD"), "{text}");
        assert!(!text.contains("allocations"), "{text}");
    }

    #[test]
    fn with_nothing_called_two_lines_say_what_to_do() {
        let text = samples::rendered("table", &Snapshot::default(), Some(100));
        assert!(text.ends_with(
            "\n\nNo annotated function was called.\n\
             Add #[profile] to functions and run the program again.\n"
        ));
        let never_called = vec![samples::never_called("a::b")];
        let snapshot = Snapshot { never_called, ..Snapshot::default() };
        let text = samples::rendered("tree", &snapshot, None);
        assert!(
            text.ends_with("and were not called:\n\nnever called (1)\n  b (src/a.rs:7)\n"),
            "{text}"
        );
    }

    #[test]
    fn a_long_list_is_truncated_with_a_note() {
        let mut snapshot = samples::ordinary();
        snapshot.never_called =
            (0..32).map(|n| samples::never_called(&format!("a::f{n}"))).collect();
        let text = samples::rendered("table", &snapshot, Some(80));
        assert!(text.contains("never called (32)\n  f0 (src/a.rs:7)\n"), "{text}");
        assert!(text.contains("  f31 (src/a.rs:7)\n"), "{text}");
        snapshot.not_instrumented = vec![samples::extreme().not_instrumented.swap_remove(0); 32];
        let text = samples::rendered("table", &snapshot, Some(80));
        assert!(text.contains("not instrumented (32)\n"), "{text}");
        assert!(text.contains("\n  and 12 more\n"), "{text}");
    }

    #[test]
    fn losses_warnings_and_what_was_not_instrumented_are_listed() {
        let text = samples::rendered("table", &samples::extreme(), None);
        for line in [
            "not instrumented (1)\n  a::LIMIT: a const fn runs in the compiler (src/a.rs:9)\n",
            "lost (3)\n  18,446,744,073,709,551,615 calls were not recorded",
            "warnings (1)\n  ClockWarning: a::f: The clock is slow. (3 times)\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
