//! The windows of memory as curves on a common time axis, for the `.dat` file and the picture.
//!
//! Windows may be nested or overlap, and each has its own readings, perhaps of the same process.
//! They are merged into one curve per process, and spans on it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::snapshot::{MemoryRecord, Reading, Snapshot, moment};

/// A reading with an absolute time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) unix_ns: u64,
    pub(crate) bytes: u64,
}

/// What was read. A curve only has readings of the same subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject<'a> {
    pub(crate) process_id: u32,
    pub(crate) backend: &'a str,
    /// Whether readings are sums over the process and its descendants.
    pub(crate) with_children: bool,
}

impl<'a> Subject<'a> {
    fn of(record: &'a MemoryRecord) -> Subject<'a> {
        let MemoryRecord { process_id, backend, includes_children, .. } = record;
        Subject { process_id: *process_id, backend, with_children: *includes_children }
    }
}

/// All readings of a subject, by time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Curve<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) points: Vec<Point>,
}

/// A window on the main curve.
#[derive(Debug)]
pub(crate) struct Span<'a> {
    pub(crate) record: &'a MemoryRecord,
    pub(crate) start: Point,
    pub(crate) end: Point,
    /// Number of windows that enclose it.
    pub(crate) level: usize,
    /// Whether its readings belong to the main curve. If not, they are another curve, and its ends
    /// are placed on the main one.
    pub(crate) reads_main: bool,
}

/// Everything to draw.
#[derive(Debug)]
pub(crate) struct Curves<'a> {
    /// The subject of the longest window of the measured process, or of any process if that has
    /// none.
    pub(crate) main: Curve<'a>,
    /// The curves of child processes and of other subjects.
    pub(crate) others: Vec<Curve<'a>>,
    /// All windows, by start, outer ones before inner ones.
    pub(crate) spans: Vec<Span<'a>>,
}

impl<'a> Curves<'a> {
    /// `None`: there are no readings.
    pub(crate) fn of(snapshot: &'a Snapshot) -> Option<Curves<'a>> {
        let own = snapshot.process.process_id;
        let read = snapshot.memory.iter().filter(|record| !record.readings.is_empty());
        let longest = read.max_by_key(|record| {
            (record.process_id == own, record.duration_ns, Reverse(record.started_unix_ns))
        })?;
        let of_longest = Subject::of(longest);
        let (mains, others): (Vec<Curve<'_>>, Vec<Curve<'_>>) =
            all(&snapshot.memory).into_iter().partition(|curve| curve.subject == of_longest);
        let main = mains.into_iter().next()?;
        let spans = spans(&snapshot.memory, &main);
        Some(Curves { main, others, spans })
    }
}

/// One curve per subject, merged from all windows that read it.
fn all(records: &[MemoryRecord]) -> Vec<Curve<'_>> {
    let mut points_of: BTreeMap<Subject<'_>, Vec<Point>> = BTreeMap::new();
    for record in records {
        let own = Subject::of(record);
        let children = record.children.iter().map(|child| {
            let alone = Subject { process_id: child.process_id, with_children: false, ..own };
            (alone, child.readings.as_slice())
        });
        for (subject, readings) in children.chain([(own, record.readings.as_slice())]) {
            let points = points_of.entry(subject).or_default();
            points.extend(readings.iter().map(|reading| point(record, reading)));
        }
    }
    let curve = |(subject, points)| Curve { subject, points: without_duplicates(points) };
    points_of.into_iter().map(curve).filter(|curve| !curve.points.is_empty()).collect()
}

fn point(record: &MemoryRecord, reading: &Reading) -> Point {
    let unix_ns = record.started_unix_ns.saturating_add(reading.at_ns);
    Point { unix_ns, bytes: reading.resident_bytes }
}

/// Sorts by time, and merges points with the same time in a `.dat` file. The highest one remains,
/// so that no peak is lost.
fn without_duplicates(mut points: Vec<Point>) -> Vec<Point> {
    crate::sort::by_key(&mut points, |point| point.unix_ns);
    points.dedup_by(|next, kept| {
        let same = moment(next.unix_ns) == moment(kept.unix_ns);
        if same {
            kept.bytes = kept.bytes.max(next.bytes);
        }
        same
    });
    points
}

fn spans<'a>(records: &'a [MemoryRecord], main: &Curve<'_>) -> Vec<Span<'a>> {
    let mut spans: Vec<Span<'a>> = records.iter().map(|record| span(record, main)).collect();
    crate::sort::by_key(&mut spans, |span| (span.start.unix_ns, Reverse(span.end.unix_ns)));
    // Ends and levels of open windows. A window is one level below the deepest of them, so that
    // windows of two threads that only overlap have different levels too.
    let mut open: Vec<(u64, usize)> = Vec::new();
    for span in &mut spans {
        open.retain(|(end, _)| *end > span.start.unix_ns);
        span.level = open.iter().map(|(_, level)| level + 1).max().unwrap_or(0);
        open.push((span.end.unix_ns, span.level));
    }
    spans
}

fn span<'a>(record: &'a MemoryRecord, main: &Curve<'_>) -> Span<'a> {
    let reads_main = !record.readings.is_empty() && Subject::of(record) == main.subject;
    let end = |unix_ns, bytes| {
        let bytes = if reads_main { bytes } else { bytes_at(&main.points, unix_ns) };
        Point { unix_ns, bytes }
    };
    let started = record.started_unix_ns;
    Span {
        record,
        start: end(started, record.baseline_bytes),
        end: end(started.saturating_add(record.duration_ns), record.end_bytes),
        level: 0,
        reads_main,
    }
}

/// The curve at this time: interpolated between two readings, constant before the first and after
/// the last one.
fn bytes_at(points: &[Point], unix_ns: u64) -> u64 {
    let next = points.partition_point(|point| point.unix_ns <= unix_ns);
    match (next.checked_sub(1).and_then(|before| points.get(before)), points.get(next)) {
        (Some(before), Some(after)) => between(before, after, unix_ns),
        (Some(only), None) | (None, Some(only)) => only.bytes,
        (None, None) => 0,
    }
}

fn between(before: &Point, after: &Point, unix_ns: u64) -> u64 {
    let passed = (unix_ns - before.unix_ns) as f64 / (after.unix_ns - before.unix_ns) as f64;
    let (from, to) = (before.bytes as f64, after.bytes as f64);
    (from + (to - from) * passed).round() as u64
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::snapshot::{ChildCurve, Process};

    const MS: u64 = 1_000_000;

    fn record(process_id: u32, start_ms: u64, bytes: &[u64]) -> MemoryRecord {
        let reading = |(at, bytes): (usize, &u64)| Reading {
            at_ns: at as u64 * 10 * MS,
            resident_bytes: *bytes,
        };
        MemoryRecord {
            process_id,
            backend: "rss".to_owned(),
            started_unix_ns: start_ms * MS,
            duration_ns: (bytes.len() as u64).saturating_sub(1) * 10 * MS,
            baseline_bytes: bytes.first().copied().unwrap_or(0),
            end_bytes: bytes.last().copied().unwrap_or(0),
            readings: bytes.iter().enumerate().map(reading).collect(),
            ..MemoryRecord::default()
        }
    }

    fn snapshot(memory: Vec<MemoryRecord>) -> Snapshot {
        let process = Process { process_id: 7, ..Process::default() };
        Snapshot { process, memory, ..Snapshot::default() }
    }

    fn shown(curve: &Curve<'_>) -> Vec<(u64, u64)> {
        curve.points.iter().map(|point| (point.unix_ns / MS, point.bytes)).collect()
    }

    #[test]
    fn windows_of_one_process_are_one_curve_and_the_highest_reading_of_a_moment_stays() {
        let mut inner = record(7, 10, &[5, 9]);
        inner.started_unix_ns += 20_000;
        let snapshot = snapshot(vec![inner, record(7, 0, &[1, 6, 4, 2])]);
        let curves = Curves::of(&snapshot).expect("it was read");
        assert_eq!(shown(&curves.main), [(0, 1), (10, 6), (20, 9), (30, 2)]);
        assert!(curves.others.is_empty());
    }

    #[test]
    fn the_measured_process_is_the_main_curve_however_long_another_ran() {
        let mut other = record(8, 0, &[1; 10]);
        other.children = vec![ChildCurve {
            process_id: 9,
            readings: vec![Reading { at_ns: MS, resident_bytes: 3 }],
        }];
        let snapshot = snapshot(vec![other, record(7, 20, &[40, 60])]);
        let curves = Curves::of(&snapshot).expect("it was read");
        assert_eq!(shown(&curves.main), [(20, 40), (30, 60)]);
        let others: Vec<u32> = curves.others.iter().map(|curve| curve.subject.process_id).collect();
        assert_eq!(others, [8, 9]);
        assert_eq!(shown(&curves.others[1]), [(1, 3)]);
    }

    #[test]
    fn the_ends_of_a_window_with_other_readings_are_on_the_main_curve() {
        let mut heap = record(7, 5, &[1, 1]);
        heap.backend = "heap".to_owned();
        let snapshot = snapshot(vec![record(7, 0, &[100, 200, 300]), heap]);
        let curves = Curves::of(&snapshot).expect("it was read");
        assert_eq!(curves.main.subject.backend, "rss");
        let span = &curves.spans[1];
        assert_eq!((span.start.bytes, span.end.bytes, span.reads_main), (150, 250, false));
    }

    #[test]
    fn readings_with_children_and_without_are_two_curves() {
        let mut with_children = record(7, 0, &[100, 900, 100]);
        with_children.includes_children = true;
        with_children.children = vec![ChildCurve {
            process_id: 9,
            readings: vec![Reading { at_ns: 10 * MS, resident_bytes: 800 }],
        }];
        let snapshot = snapshot(vec![record(7, 0, &[100, 110, 120, 130]), with_children]);
        let curves = Curves::of(&snapshot).expect("it was read");
        assert_eq!(shown(&curves.main), [(0, 100), (10, 110), (20, 120), (30, 130)]);
        let others: Vec<_> = curves
            .others
            .iter()
            .map(|curve| (curve.subject.process_id, curve.subject.with_children, shown(curve)))
            .collect();
        let sums = vec![(0, 100), (10, 900), (20, 100)];
        assert_eq!(others, [(7, true, sums), (9, false, vec![(10, 800)])]);
        assert_eq!(curves.spans.iter().filter(|span| span.reads_main).count(), 1);
    }

    #[test]
    fn a_level_is_one_below_the_deepest_open_window() {
        let bytes = |readings| vec![1; readings];
        let snapshot = snapshot(vec![
            record(7, 60, &bytes(3)),
            record(7, 10, &bytes(2)),
            record(7, 0, &bytes(11)),
            record(7, 10, &bytes(5)),
            record(7, 55, &bytes(2)),
        ]);
        let curves = Curves::of(&snapshot).expect("it was read");
        let levels: Vec<(u64, usize)> =
            curves.spans.iter().map(|span| (span.start.unix_ns / MS, span.level)).collect();
        assert_eq!(levels, [(0, 0), (10, 1), (10, 2), (55, 1), (60, 2)]);
    }

    #[test]
    fn without_a_reading_there_are_no_curves_and_no_number_is_too_large() {
        assert!(Curves::of(&snapshot(vec![record(7, 0, &[])])).is_none());
        let extreme = samples::extreme();
        let curves = Curves::of(&extreme).expect("it was read");
        assert_eq!(curves.main.points.last().map(|point| point.bytes), Some(u64::MAX));
    }

    #[test]
    fn a_curve_goes_straight_from_reading_to_reading() {
        let points = [Point { unix_ns: 10, bytes: 100 }, Point { unix_ns: 20, bytes: 0 }];
        let at = |unix_ns| bytes_at(&points, unix_ns);
        assert_eq!([0, 10, 13, 20, 99].map(at), [100, 100, 70, 0, 0]);
        assert_eq!(bytes_at(&[], 5), 0);
    }
}
