//! The section on memory over time: a row per window, with its curve below.

use super::layout::{Column, Grid, Name};
use super::list::{LONGEST_LIST, more};
use super::page::Page;
use super::sparkline::sparkline;
use super::text::optional;
use super::text::safe_and_short as safe;
use crate::snapshot::{MemoryRecord, Snapshot};
use crate::units;

/// Prints nothing if there are no windows.
pub(crate) fn section(snapshot: &Snapshot, page: &mut Page) {
    let records = &snapshot.memory;
    if records.is_empty() {
        return;
    }
    page.blank();
    page.bold(&format!("memory ({})", units::count(records.len() as u64)));
    let shown = &records[..records.len().min(LONGEST_LIST)];
    let grid =
        Grid { head: "window", names: shown.iter().map(name).collect(), columns: columns(shown) };
    let width = page.width_inside();
    page.table_with_lines(grid, |row| below(&shown[row], width));
    more(records.len(), page);
    if let left_out @ 1.. = snapshot.overhead.windows_left_out {
        let left_out = units::count(left_out);
        page.dim(&format!("  windows dropped in favor of others that added more: {left_out}"));
    }
}

fn name(record: &MemoryRecord) -> Name {
    let mut marks = String::new();
    if record.backend != "rss" {
        marks.push_str(&format!(" {}", safe(&record.backend)));
    }
    if record.open {
        marks.push_str(" (open)");
    }
    Name { indent: String::new(), path: safe(&record.path).into_owned(), marks }
}

/// A narrow terminal drops the increment and the peaks last, since limits apply to them.
fn columns(records: &[MemoryRecord]) -> Vec<Column> {
    let column = |head: &str, importance, cell: &dyn Fn(&MemoryRecord) -> String| {
        Column::new(head.to_owned(), importance, records.iter().map(cell).collect())
    };
    let read = |record: &MemoryRecord, bytes| {
        optional((record.readings_taken > 0).then_some(bytes), units::bytes)
    };
    vec![
        column("baseline", 50, &|record| read(record, record.baseline_bytes)),
        column("peak", 100, &|record| read(record, record.peak_bytes)),
        column("end", 40, &|record| read(record, record.end_bytes)),
        column("increment", 90, &|record| read(record, record.increment_bytes())),
        column("kernel\npeak", 80, &|record| optional(record.kernel_peak_bytes, units::bytes)),
        column("heap\npeak", 70, &|record| optional(record.heap_peak_bytes, units::bytes)),
        column("readings", 20, &|record| units::count(record.readings_taken)),
        column("interval", 10, &|record| optional(record.achieved_interval_ns, units::duration)),
    ]
}

/// The lines below a row.
fn below(record: &MemoryRecord, width: usize) -> Vec<String> {
    const WIDEST_CURVE: usize = 60;
    let curve = sparkline(&record.readings, width.min(WIDEST_CURVE));
    let lines = std::iter::once(curve).filter(|curve| !curve.is_empty());
    let reasons = record.unavailable.iter().map(|reason| reason_or_none(reason));
    lines.chain(heap_and_resident(record)).chain(reasons).collect()
}

/// An empty reason is replaced, since a blank line would look like the end of the section.
fn reason_or_none(reason: &str) -> String {
    match safe(reason) {
        reason if reason.trim().is_empty() => units::NONE.to_owned(),
        reason => reason.into_owned(),
    }
}

/// Both on one line. They differ by memory that was mapped but not yet touched, or freed but not
/// returned.
fn heap_and_resident(record: &MemoryRecord) -> Option<String> {
    let (baseline, peak) = (record.heap_baseline_bytes?, record.heap_peak_bytes?);
    let heap = units::bytes(peak.saturating_sub(baseline));
    let read = units::bytes(record.increment_bytes());
    (record.backend == "rss").then(|| format!("live heap +{heap}, resident +{read}"))
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use crate::snapshot::Snapshot;

    fn section(format: &str, snapshot: &Snapshot, columns: u16) -> String {
        let text = samples::rendered(format, snapshot, Some(columns));
        let (_, section) = text.split_once("\nmemory (").expect("a section");
        section.split("\n\n").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn each_window_has_its_figures_and_its_curve_below() {
        for format in ["table", "tree"] {
            assert_eq!(
                section(format, &samples::ordinary(), 120),
                "\
2)
                                                                         kernel      heap
window                        baseline      peak       end  increment      peak      peak  readings  interval
─────────────────────────────────────────────────────────────────────────────────────────────────────────────
main                          10.0 MiB  60.0 MiB  12.2 MiB   50.0 MiB  66.0 MiB  41.0 MiB         5    2.50 s
  ▂█▃▃▁
  live heap +40.0 MiB, resident +50.0 MiB
<survey::Parser as Run>::run  20.5 MiB  60.0 MiB  30.0 MiB   39.5 MiB         -         -         3    1.50 s
  ▁█▂
  kernel peak: not available: clear_refs: read-only"
            );
        }
    }

    #[test]
    fn a_narrow_terminal_keeps_peaks_and_increments() {
        let text = section("table", &samples::ordinary(), 50);
        assert_eq!(
            text,
            "\
2)
                                     kernel
window baseline     peak increment     peak
───────────────────────────────────────────
main   10.0 MiB 60.0 MiB  50.0 MiB 66.0 MiB
  ▂█▃▃▁
  live heap +40.0 MiB, resident +50.0 MiB
…::run 20.5 MiB 60.0 MiB  39.5 MiB        -
  ▁█▂
  kernel peak: not available: clear_refs:
  read-only"
        );
    }

    #[test]
    fn what_was_not_read_is_a_dash_and_never_0() {
        let text = section("table", &samples::zero(), 120);
        let row = text.lines().last().expect("a row");
        assert_eq!(row.split_whitespace().collect::<String>(), "------0-");
    }

    #[test]
    fn nothing_is_printed_without_windows() {
        for format in ["table", "tree"] {
            let snapshot = Snapshot { memory: Vec::new(), ..samples::ordinary() };
            assert!(!samples::rendered(format, &snapshot, None).contains("memory ("));
        }
    }

    #[test]
    fn dropped_windows_are_counted() {
        let mut snapshot = samples::ordinary();
        let line = "\n  windows dropped in favor of others that added more: 3,744\n";
        for (left_out, is_said) in [(0, false), (3_744, true)] {
            snapshot.overhead.windows_left_out = left_out;
            let text = samples::rendered("table", &snapshot, None);
            assert_eq!(text.contains(line), is_said, "{text}");
        }
    }

    #[test]
    fn a_long_list_is_truncated_with_a_note() {
        let mut snapshot = samples::ordinary();
        snapshot.memory = vec![snapshot.memory[1].clone(); 32];
        let text = samples::rendered("table", &snapshot, None);
        assert!(text.contains("\nmemory (32)\n"), "{text}");
        assert_eq!(text.matches("Run>::run ").count(), 20, "{text}");
        assert!(text.contains("\n  and 12 more\n"), "{text}");
    }
}
