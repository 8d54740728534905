//! What stands around every table for people: above it which program was measured and how, below it what
//! was never called, not instrumented, lost or doubtful.

use super::page::Page;
use super::text::safe_and_short as safe;
use super::{advice, units, warned};
use crate::snapshot::{NeverCalled, NotInstrumented, Overhead, Process, Snapshot};

/// Entries of a list before "and 12 more".
pub(crate) const LONGEST_LIST: usize = 20;

/// Below a table with a share above 1.
pub(crate) const ABOVE_100: &str =
    "%: of the run's duration; what ran on several threads at once can exceed 100";

/// Above the table.
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
    if process.debug_assertions {
        page.bold("DEBUG BUILD: these times say little about a release build");
    }
}

fn machine(process: &Process) -> String {
    let physical =
        process.physical_cores.map_or_else(|| "unknown".to_owned(), |cores| cores.to_string());
    format!(
        "threads {}; cores: {} logical, {physical} physical, {} available",
        units::count(process.threads),
        process.logical_cores,
        process.available_cores,
    )
}

fn memory(process: &Process) -> &'static str {
    match process.allocator {
        true => "memory measured",
        false => "memory not measured: install ProfilingAllocator",
    }
}

/// Beside each other, since what lies between the two is stacks, mapped files, and memory that the allocator holds on to.
fn heap_and_resident(process: &Process) -> Option<String> {
    let pair = |name, now: Option<u64>, most: Option<u64>| {
        Some(format!("{name} {}, at most {}", units::bytes(now?), units::bytes(most?)))
    };
    let heap = pair("live heap", process.heap_bytes, process.heap_peak_bytes);
    let resident = pair("resident", process.resident_bytes, process.kernel_peak_bytes);
    let parts: Vec<String> = heap.into_iter().chain(resident).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn recording(overhead: &Overhead) -> String {
    let mut line = format!(
        "recording took {}, {} of the run, taken off ({} a call, {} a long one)",
        units::duration(overhead.recording_ns),
        units::percent(overhead.share),
        units::duration_f64(overhead.span_ns),
        units::range(overhead.span_range_ns),
    );
    if overhead.counted_calls > 0 {
        let calls = overhead.timed_calls.saturating_add(overhead.counted_calls);
        let (timed, calls) = (units::count(overhead.timed_calls), units::count(calls));
        line.push_str(&format!("; {timed} of {calls} calls were timed"));
    }
    line
}

/// In place of a table without rows.
pub(crate) fn nothing_called(snapshot: &Snapshot, page: &mut Page) {
    page.blank();
    page.plain("No annotated function was called.");
    page.plain(match snapshot.never_called.len() {
        0 => "Put #[profile] on the functions you want to know about and run the program again.",
        _ => "The program has these, and this run did not come to them:",
    });
}

/// Below the table.
pub(crate) fn foot(snapshot: &Snapshot, page: &mut Page) {
    never_called(&snapshot.never_called, page);
    not_instrumented(&snapshot.not_instrumented, page);
    advice::section(snapshot, page);
    losses(&snapshot.overhead, page);
    warned::section(snapshot, page);
}

fn never_called(functions: &[NeverCalled], page: &mut Page) {
    list("never called", functions, page, |function, page| {
        page.path_item(&safe(&function.path), &place(&function.file, function.line));
    });
}

fn not_instrumented(items: &[NotInstrumented], page: &mut Page) {
    list("not instrumented", items, page, |item, page| {
        let place = place(&item.file, item.line);
        page.item(&format!("{}: {}{place}", safe(&item.path), safe(&item.reason)));
    });
}

fn losses(overhead: &Overhead, page: &mut Page) {
    let mut losses = Vec::new();
    if overhead.lost_calls > 0 {
        losses.push(format!(
            "{} calls found no memory to be recorded in",
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

/// A list under a head with its length; the head is left out with an empty list.
pub(crate) fn list<T>(head: &str, entries: &[T], page: &mut Page, show: impl Fn(&T, &mut Page)) {
    if entries.is_empty() {
        return;
    }
    page.blank();
    page.bold(&format!("{head} ({})", units::count(entries.len() as u64)));
    for entry in entries.iter().take(LONGEST_LIST) {
        show(entry, page);
    }
    more(entries.len(), page);
}

/// How many entries a list does not show.
pub(crate) fn more(entries: usize, page: &mut Page) {
    if let Some(more @ 1..) = entries.checked_sub(LONGEST_LIST) {
        page.dim(&format!("  and {} more", units::count(more as u64)));
    }
}

pub(crate) fn place(file: &str, line: u32) -> String {
    match file {
        "" => String::new(),
        _ => format!(" ({}:{line})", safe(file)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::settings::Format;

    #[test]
    fn the_head_says_what_was_measured_and_how() {
        let text = samples::rendered(Format::Table, &samples::ordinary(), None);
        let head: Vec<&str> = text.lines().take(5).collect();
        assert_eq!(
            head,
            [
                "profile of target/release/survey (pid 4711), 2026-01-31 12:30:00 UTC, 22.6 s long",
                "threads 8; cores: 8 logical, 4 physical, 2 available; clock tsc; memory measured",
                "recording took 700 ms, 3.10 % of the run, taken off (25.0 ns a call, 5.00 ns to 30.0 ns a long one)",
                "live heap 2.50 MiB, at most 45.0 MiB; resident 12.0 MiB, at most 60.0 MiB",
                "",
            ]
        );
    }

    #[test]
    fn a_range_is_never_inverted() {
        let mut snapshot = samples::ordinary();
        snapshot.overhead.span_range_ns = [16.6, 10.6];
        let text = samples::rendered(Format::Table, &snapshot, None);
        assert!(text.contains("10.6 ns to 16.6 ns a long one"), "{text}");
    }

    #[test]
    fn a_debug_build_and_an_absent_allocator_are_said() {
        let mut snapshot = samples::ordinary();
        snapshot.process.debug_assertions = true;
        snapshot.process.allocator = false;
        snapshot.process.physical_cores = None;
        let text = samples::rendered(Format::Table, &snapshot, None);
        assert!(text.contains("unknown physical"), "{text}");
        assert!(text.contains("memory not measured: install ProfilingAllocator\n"), "{text}");
        assert!(text.contains("\nDEBUG BUILD"), "{text}");
        assert!(!text.contains("allocations"), "{text}");
    }

    #[test]
    fn with_nothing_called_two_lines_say_what_to_do() {
        let text = samples::rendered(Format::Table, &Snapshot::default(), Some(100));
        assert!(text.ends_with(
            "\n\nNo annotated function was called.\n\
             Put #[profile] on the functions you want to know about and run the program again.\n"
        ));
        let never_called = vec![samples::never_called("a::b")];
        let snapshot = Snapshot { never_called, ..Snapshot::default() };
        let text = samples::rendered(Format::Tree, &snapshot, None);
        assert!(
            text.ends_with("not come to them:\n\nnever called (1)\n  a::b (src/a.rs:7)\n"),
            "{text}"
        );
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let mut snapshot = samples::ordinary();
        snapshot.never_called =
            (0..32).map(|n| samples::never_called(&format!("a::f{n}"))).collect();
        let text = samples::rendered(Format::Table, &snapshot, Some(80));
        assert!(text.contains("never called (32)\n  a::f0 (src/a.rs:7)\n"), "{text}");
        assert!(text.contains("  a::f19 (src/a.rs:7)\n  and 12 more\n"), "{text}");
    }

    #[test]
    fn losses_warnings_and_what_was_not_instrumented_are_listed() {
        let text = samples::rendered(Format::Table, &samples::extreme(), None);
        for line in [
            "not instrumented (1)\n  a::LIMIT: a const fn runs in the compiler (src/a.rs:9)\n",
            "lost (3)\n  18,446,744,073,709,551,615 calls found no memory",
            "warnings (1)\n  ClockWarning: a::f: The clock is slow. (3 times)\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
