//! Estimates under an overhead budget, compared with a mock clock, with which every total is known.
//!
//! The mock clock belongs to the process, so all scenes run in one test.

use profile_core::__private::{set_mock_ticks, use_mock_clock};
use profile_core::{Budget, Function, capture, find, profile};
use std::cell::Cell;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(1_000) };
}

fn pass(ns: u64) {
    NOW.set(NOW.get() + ns);
    set_mock_ticks(NOW.get());
}

#[profile]
fn phases(ns: u64) {
    pass(ns);
}

#[profile]
fn varies(turn: u64) {
    pass(100 + turn % 1_000);
}

#[profile]
fn recurses(depth: u64) {
    pass(10);
    if depth > 0 {
        recurses(depth - 1);
    }
}

#[profile]
fn seldom() {
    pass(70);
}

fn row(path: &str) -> Function {
    capture().function(path).cloned().expect("it was called")
}

fn sample(path: &str) {
    find(path).expect("it is annotated").set_budget(Some(Budget::OneIn(64)));
}

/// The total is within its own interval, and the interval is not wide.
fn assert_estimate(row: &Function, total: u64) {
    let [low, high] = row.inclusive_interval_ns.expect("an estimate");
    assert!((low..=high).contains(&total), "{total} ns: {low} to {high}");
    assert!(high - low < total / 5, "{total} ns: {low} to {high}");
    let error = row.inclusive_ns.abs_diff(total) as f64 / total as f64;
    assert!(error < 0.05, "{} of {total} ns", row.inclusive_ns);
}

#[test]
fn estimated_totals_hold_over_phases_variation_and_recursion() {
    use_mock_clock();
    set_mock_ticks(NOW.get());

    // A thousand long calls, all timed, then a million short ones, of which one in 64 is.
    (0..1_000).for_each(|_| phases(1_000_000));
    sample("budget::phases");
    (0..1_000_000).for_each(|_| phases(50));
    let sampled = row("phases");
    assert_eq!(sampled.calls, 1_001_000);
    assert!((10_000..30_000).contains(&sampled.timed_calls), "{}", sampled.timed_calls);
    assert_estimate(&sampled, 1_000_000_000 + 50_000_000);
    // Of the calls 99.9 % are short, though of the timed ones only 94 % were.
    assert_eq!(sampled.quantiles["p99"], 50);
    let counted: u64 = sampled.histogram.iter().map(|[_, calls]| calls).sum();
    assert!(counted.abs_diff(sampled.calls) < sampled.calls / 50, "{counted}");

    sample("budget::varies");
    (0..200_000).for_each(varies);
    assert_estimate(&row("varies"), (0..200_000).map(|turn| 100 + turn % 1_000).sum());

    // Counted once: the outermost call alone.
    sample("budget::recurses");
    let before = NOW.get();
    (0..20_000).for_each(|_| recurses(9));
    let recursive = row("recurses");
    assert_eq!(recursive.calls, 200_000);
    let took = NOW.get() - before;
    assert!(recursive.inclusive_ns < took + took / 5, "{} of {took} ns", recursive.inclusive_ns);

    // One timed call says nothing about the variance of the others.
    sample("budget::seldom");
    (0..10).for_each(|_| seldom());
    let few = row("seldom");
    assert_eq!((few.calls, few.inclusive_ns), (10, 700));
    find("budget::seldom").expect("it is annotated").set_budget(None);
    (0..10).for_each(|_| seldom());
    assert_eq!(row("seldom").calls, 20);
    assert!(row("seldom").timed_calls >= 11, "exact again");
}
