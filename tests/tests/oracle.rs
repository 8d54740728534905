//! One run through every module with a mock clock: call site, recorder, segment, snapshot. Every
//! figure is known in advance, so each is asserted exactly.

use profile_core::__private::{set_mock_ticks, use_mock_clock};
use profile_core::{Snapshot, capture, profile};
use std::cell::Cell;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(1_000) };
}

/// Advances the clock by this many nanoseconds.
fn pass(ns: u64) {
    NOW.set(NOW.get() + ns);
    set_mock_ticks(NOW.get());
}

#[profile]
fn parent(children: u64) {
    pass(10);
    for turn in 0..children {
        child(turn);
    }
    pass(5);
}

/// Takes one nanosecond more each time.
#[profile]
fn child(turn: u64) {
    pass(100 + turn);
}

#[profile]
fn ping(depth: u32) {
    pass(1);
    if depth > 0 {
        pong(depth - 1);
    }
}

#[profile]
fn pong(depth: u32) {
    pass(10);
    if depth > 0 {
        ping(depth - 1);
    }
}

#[profile]
fn early_and_late() {
    let first = profile_core::span!("first");
    pass(3);
    let second = profile_core::span!("second");
    pass(4);
    drop(first);
    pass(5);
    drop(second);
    pass(6);
}

#[profile]
fn backwards() {
    NOW.set(NOW.get() - 50);
    set_mock_ticks(NOW.get());
}

#[profile]
fn unwinds() {
    pass(7);
    panic!("on purpose");
}

#[expect(dead_code, reason = "it is there to be never called")]
#[profile]
fn never() {}

fn times(snapshot: &Snapshot, path: &str) -> (u64, u64, u64) {
    let function = snapshot.function(path).unwrap_or_else(|| panic!("{path} was called"));
    (function.calls, function.inclusive_ns, function.exclusive_ns)
}

#[test]
fn one_run_is_recorded_exactly() {
    use_mock_clock();
    set_mock_ticks(NOW.get());

    // 40 children: two rings folded and one open, so folded and pending calls are both seen.
    parent(40);
    let snapshot = capture();
    let children: u64 = (0..40).map(|turn| 100 + turn).sum();
    assert_eq!(times(&snapshot, "child"), (40, children, children));
    assert_eq!(times(&snapshot, "parent"), (1, children + 15, 15));

    let child = snapshot.function("child").expect("called");
    assert_eq!((child.min_ns, child.max_ns), (Some(100), Some(139)));
    assert_eq!(child.mean_ns, Some(children as f64 / 40.0));
    assert_eq!(child.histogram.iter().map(|[_, calls]| calls).sum::<u64>(), 40);
    let median = child.quantiles["p50"] as f64;
    assert!((median - 119.0).abs() <= 119.0 / 128.0, "{median}");
    assert_eq!(child.path, "oracle::child");
    assert_eq!(child.documentation, "Takes one nanosecond more each time.");
    assert_eq!(child.signature, "fn child(turn: u64)");

    // Recursion: 1 + 10 + 1 + 10 + 1, counted once for each of the two.
    ping(4);
    let snapshot = capture();
    assert_eq!(times(&snapshot, "ping"), (3, 23, 3));
    assert_eq!(times(&snapshot, "pong"), (2, 22, 20));

    // A guard dropped before one that was opened later.
    early_and_late();
    let snapshot = capture();
    assert_eq!(times(&snapshot, "early_and_late").1, 18);
    assert_eq!(times(&snapshot, "first").1, 7);
    assert_eq!(times(&snapshot, "second").1, 9);

    // A clock that goes back: no time, no panic, one anomaly.
    backwards();
    let snapshot = capture();
    assert_eq!(times(&snapshot, "backwards"), (1, 0, 0));
    assert_eq!(snapshot.overhead.clock_anomalies, 1);
    assert!(snapshot.warnings.iter().any(|warning| warning.category == "ClockWarning"));

    // Unwinding: the call ended by a panic.
    std::panic::catch_unwind(unwinds).expect_err("it panics");
    let snapshot = capture();
    assert_eq!(times(&snapshot, "unwinds"), (1, 7, 7));
    assert_eq!(snapshot.function("unwinds").expect("called").panicked, 1);

    // Open spans count, with their time so far.
    {
        let _open = profile_core::span!("still open");
        pass(1_000);
        let snapshot = capture();
        assert_eq!(times(&snapshot, "still open"), (1, 1_000, 1_000));
        assert_eq!(snapshot.function("still open").expect("called").open, 1);
    }

    // A call longer than an hour.
    {
        let _long = profile_core::span!("long");
        pass(2 * 3_600_000_000_000);
    }
    let snapshot = capture();
    assert_eq!(times(&snapshot, "long").1, 2 * 3_600_000_000_000);

    assert!(snapshot.never_called.iter().any(|function| function.path == "oracle::never"));
    assert_eq!(capture().functions, snapshot.functions, "capturing changes nothing");
}
