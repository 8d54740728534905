//! Snapshots for tests of reports.

use super::format::{Style, render};
use super::registry;
use crate::snapshot::{
    AsyncTimes, ChildCurve, Function, MemoryRecord, NeverCalled, NotInstrumented, Overhead,
    PathNode, Process, Reading, SCHEMA_VERSION, Snapshot, WarningRecord,
};

/// Names that break naive reports.
pub(crate) const HOSTILE: &[&str] = &[
    "\u{1b}[2J\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{1b}]8;;http://x.example\u{1b}\\link\u{1b}]8;;\u{1b}\\",
    "\u{9b}31mred\u{85}\u{7f}",
    "a\nb\r\nc\td\0\u{8}",
    "\u{202e}gnp.exe\u{2066}\u{2069}\u{200f}\u{2028}",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "＝1",
    "a;b 12 34",
    "a 17",
    "b 1e5",
    "a,b\"c\"",
    "| a | `b` | [c](d)",
    "</script><script>\"><img onerror=x> ]]> &amp;",
    "",
    " ",
    "::",
    "<<<>>>::<a::b",
    "漢字かな::👩‍👩‍👧‍👦::é\u{301}\u{301}",
    "{}{0}%s%n",
    match std::str::from_utf8(&[b'x'; 100_000]) {
        Ok(text) => text,
        Err(_) => "",
    },
];

pub(crate) fn rendered(format: &str, snapshot: &Snapshot, columns: Option<u16>) -> String {
    rendered_in(format, snapshot, &Style { columns, ..Style::default() })
}

pub(crate) fn rendered_in(format: &str, snapshot: &Snapshot, style: &Style) -> String {
    let format = registry::format(format).expect("a format of this build");
    let mut bytes = Vec::new();
    render(format, snapshot, style, &mut bytes).expect("a vector takes everything");
    String::from_utf8(bytes).expect("a report is text")
}

pub(crate) fn never_called(path: &str) -> NeverCalled {
    NeverCalled { path: path.to_owned(), file: "src/a.rs".to_owned(), line: 7 }
}

/// A run of a small program.
pub(crate) fn ordinary() -> Snapshot {
    Snapshot {
        schema_version: SCHEMA_VERSION,
        process: process(),
        functions: vec![
            Function {
                retained_bytes: Some(-64),
                ..function("survey::main", 1, 22_500_000_000, 400_000_000)
            },
            Function {
                peak_bytes: Some(1 << 20),
                retained_bytes: Some(-512),
                ..function("survey::parse::Parser::run", 12_345, 21_900_000_000, 20_900_000_000)
            },
            Function {
                too_short: true,
                ..function("survey::parse::peek", 48_120_334, 1_000_000_000, 1_000_000_000)
            },
            Function {
                polled: Some(polled()),
                open: 2,
                kind: "async".to_owned(),
                ..function("survey::fetch", 200, 100_000_000, 100_000_000)
            },
            Function {
                panicked: 3,
                inclusive_interval_ns: Some([97_000_000, 103_000_000]),
                timed_calls: 64,
                ..function("survey::report::to_table", 4_096, 100_000_000, 100_000_000)
            },
        ],
        never_called: vec![never_called("survey::report::to_html")],
        call_tree: vec![
            node("survey::main", None, 22_500_000_000, 400_000_000),
            node("survey::report::to_table", Some(0), 100_000_000, 100_000_000),
            node("survey::parse::Parser::run", Some(0), 21_900_000_000, 20_900_000_000),
            node("survey::parse::peek", Some(2), 1_000_000_000, 1_000_000_000),
            node("survey::fetch", Some(0), 100_000_000, 100_000_000),
        ],
        memory: vec![run(), inner()],
        overhead: Overhead {
            timed_calls: 48_000_000,
            recording_ns: 700_000_000,
            share: 0.031,
            span_ns: 25.0,
            span_range_ns: [5.0, 30.0],
            ..Overhead::default()
        },
        ..Snapshot::default()
    }
}

/// The window of the whole run.
fn run() -> MemoryRecord {
    let child = ChildCurve { process_id: 4_712, readings: curve(&[(2_000, 20), (3_000, 32)]) };
    let readings = curve(&[(0, 40), (1_000, 82), (2_500, 240), (4_000, 120), (10_000, 49)]);
    let window = window("survey::main", 0, readings);
    MemoryRecord {
        kernel_peak_bytes: Some(66 << 20),
        heap_baseline_bytes: Some(1 << 20),
        heap_peak_bytes: Some(41 << 20),
        heap_end_bytes: Some(5 << 19),
        children: vec![child],
        ..window
    }
}

/// A window inside that one.
fn inner() -> MemoryRecord {
    let readings = curve(&[(0, 82), (1_500, 240), (3_000, 120)]);
    MemoryRecord {
        unavailable: vec!["kernel peak: not available: clear_refs: read-only".to_owned()],
        ..window("<survey::Parser as Run>::run", 1_000, readings)
    }
}

/// A window with these readings, from which its other figures are derived.
fn window(path: &str, start_ms: u64, readings: Vec<Reading>) -> MemoryRecord {
    let ends = readings.first().zip(readings.last()).map(|(first, last)| (*first, *last));
    let (first, last) = ends.unwrap_or_default();
    let taken = readings.len() as u64;
    MemoryRecord {
        path: path.to_owned(),
        process_id: process().process_id,
        backend: "rss".to_owned(),
        started_unix_ns: process().started_unix_ns + start_ms * 1_000_000,
        duration_ns: last.at_ns,
        interval_ns: 100_000_000,
        achieved_interval_ns: last.at_ns.checked_div(taken.saturating_sub(1)),
        baseline_bytes: first.resident_bytes,
        peak_bytes: readings.iter().map(|reading| reading.resident_bytes).max().unwrap_or(0),
        end_bytes: last.resident_bytes,
        readings_taken: taken,
        readings,
        ..MemoryRecord::default()
    }
}

/// Readings from milliseconds and quarters of a MiB.
fn curve(points: &[(u64, u64)]) -> Vec<Reading> {
    let reading = |(ms, quarters): &(u64, u64)| Reading {
        at_ns: ms * 1_000_000,
        resident_bytes: quarters << 18,
    };
    points.iter().map(reading).collect()
}

fn process() -> Process {
    Process {
        trim: 0.1,
        program: "target/release/survey".to_owned(),
        process_id: 4_711,
        started_unix_ns: 1_769_862_600_000_000_000,
        duration_ns: 22_600_000_000,
        clock: "tsc".to_owned(),
        tick_ns: 0.4,
        logical_cores: 8,
        physical_cores: Some(4),
        available_cores: 2,
        allocator: true,
        debug_assertions: false,
        threads: 8,
        resident_bytes: Some(12 << 20),
        kernel_peak_bytes: Some(60 << 20),
        heap_bytes: Some(5 << 19),
        heap_peak_bytes: Some(45 << 20),
        uncounted_heap_bytes: None,
        cpu_ns: Some(20_000_000_000),
        run_delay_ns: Some(12_000_000),
        involuntary_switches: Some(340),
        cpu_pressure_ns: Some(50_000_000),
    }
}

fn function(path: &str, calls: u64, inclusive_ns: u64, exclusive_ns: u64) -> Function {
    let mean = inclusive_ns / calls.max(1);
    let quantile = |key: &str| (key.to_owned(), mean);
    Function {
        path: path.to_owned(),
        file: "src/main.rs".to_owned(),
        line: 12,
        kind: "function".to_owned(),
        calls,
        timed_calls: calls,
        inclusive_ns,
        exclusive_ns,
        max_ns: Some(mean.saturating_mul(3)),
        mean_ns: Some(mean as f64),
        trimmed_mean_ns: Some(mean as f64),
        quantiles: ["p50", "p95", "p99"].map(quantile).into(),
        allocations: Some(calls.saturating_mul(3)),
        allocated_bytes: Some(calls.saturating_mul(200)),
        ..Function::default()
    }
}

fn polled() -> AsyncTimes {
    AsyncTimes {
        wall_histogram: vec![[5_000_000, 3], [9_000_000, 1]],
        wall_ns: 9_000_000_000,
        busy_ns: 100_000_000,
        waiting_ns: 8_900_000_000,
        max_wall_ns: Some(80_000_000),
        wall_quantiles: [("p50".to_owned(), 45_000_000), ("p95".to_owned(), 61_000_000)].into(),
        polls: 1_234,
        finished: 190,
        cancelled: 8,
    }
}

fn node(path: &str, parent: Option<usize>, inclusive_ns: u64, exclusive_ns: u64) -> PathNode {
    PathNode {
        path: path.to_owned(),
        parent,
        calls: 1_000,
        inclusive_ns,
        exclusive_ns,
        exclusive_allocations: Some(12),
        exclusive_allocated_bytes: Some(4_096),
    }
}

/// Has the name everywhere a name can occur.
pub(crate) fn named(name: &str) -> Snapshot {
    let text = || name.to_owned();
    let mut snapshot = ordinary();
    snapshot.process.program = text();
    snapshot.process.clock = text();
    for function in &mut snapshot.functions {
        function.path = text();
        function.file = text();
        function.kind = text();
        function.documentation = text();
        function.quantiles = [(text(), 5)].into();
    }
    snapshot.never_called = vec![NeverCalled { path: text(), file: text(), line: 1 }];
    snapshot.not_instrumented =
        vec![NotInstrumented { path: text(), file: text(), line: 1, reason: text() }];
    snapshot.warnings = vec![WarningRecord {
        category: text(),
        message: text(),
        path: Some(text()),
        file: text(),
        count: 1,
        ..WarningRecord::default()
    }];
    for record in &mut snapshot.memory {
        record.path = text();
        record.backend = text();
        record.unavailable = vec![text()];
    }
    snapshot.call_tree = vec![node(name, None, 5, 2), node(name, Some(0), 3, 3)];
    snapshot
}

/// Every number is the largest one or NaN.
pub(crate) fn extreme() -> Snapshot {
    const MAX: u64 = u64::MAX;
    let worst = Function {
        panicked: MAX,
        open: MAX,
        timed_calls: MAX,
        inclusive_interval_ns: Some([MAX, 0]),
        mean_ns: Some(f64::NAN),
        trimmed_mean_ns: Some(f64::INFINITY),
        quantiles: [("p50".to_owned(), MAX)].into(),
        too_short: true,
        allocations: None,
        polled: Some(AsyncTimes { wall_ns: MAX, polls: MAX, ..AsyncTimes::default() }),
        ..function(&"long::".repeat(200), MAX, MAX, MAX)
    };
    Snapshot {
        process: Process { started_unix_ns: MAX, duration_ns: MAX, tick_ns: f64::NAN, ..process() },
        functions: vec![worst.clone(), worst],
        call_tree: (0..200)
            .map(|index: usize| node("deep::f", index.checked_sub(1), MAX, MAX))
            .collect(),
        not_instrumented: vec![NotInstrumented {
            path: "a::LIMIT".to_owned(),
            file: "src/a.rs".to_owned(),
            line: 9,
            reason: "a const fn runs in the compiler".to_owned(),
        }],
        warnings: vec![WarningRecord {
            category: "ClockWarning".to_owned(),
            message: "The clock is slow.".to_owned(),
            path: Some("a::f".to_owned()),
            count: 3,
            ..WarningRecord::default()
        }],
        memory: vec![largest(), MemoryRecord { open: true, ..largest() }],
        overhead: Overhead {
            timed_calls: MAX,
            counted_calls: MAX,
            recording_ns: MAX,
            share: f64::INFINITY,
            span_ns: f64::NAN,
            span_range_ns: [f64::INFINITY, -1.0],
            lost_calls: MAX,
            clock_anomalies: MAX,
            capped_paths: true,
            ..Overhead::default()
        },
        ..Snapshot::default()
    }
}

/// A window in which every number is the largest one.
fn largest() -> MemoryRecord {
    const MAX: u64 = u64::MAX;
    let largest = Reading { at_ns: MAX, resident_bytes: MAX };
    let readings = vec![Reading::default(), largest];
    MemoryRecord {
        started_unix_ns: MAX,
        kernel_peak_bytes: Some(MAX),
        heap_baseline_bytes: Some(MAX),
        heap_peak_bytes: Some(MAX),
        heap_end_bytes: Some(MAX),
        readings_taken: MAX,
        children: vec![ChildCurve { process_id: u32::MAX, readings: vec![largest] }],
        unavailable: vec!["kernel peak: not available: ".to_owned() + &"x".repeat(1_000)],
        ..window(&"long::".repeat(200), 0, readings)
    }
}

/// A call without any data, in a run without duration.
pub(crate) fn zero() -> Snapshot {
    Snapshot {
        functions: vec![Function { polled: Some(AsyncTimes::default()), ..Function::default() }],
        call_tree: vec![PathNode::default()],
        memory: vec![MemoryRecord::default()],
        ..Snapshot::default()
    }
}
