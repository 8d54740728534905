//! The default budget: short functions are counted exactly and timed now and then, and estimates
//! are consistent. With the real clock, but nothing is asserted that a busy machine could change.

use profile_core::{Budget, Snapshot, capture, find, profile};
use std::hint::black_box;

const MANY: u64 = 400_000;

#[profile]
fn tiny(number: u64) -> u64 {
    black_box(number ^ number >> 7)
}

#[profile]
fn calls_tiny(turns: u64) -> u64 {
    (0..turns).fold(0, |sum, number| sum ^ tiny(number))
}

#[profile]
fn allocates(number: u64) -> Box<u64> {
    Box::new(black_box(number))
}

#[profile]
fn in_between(number: u64) -> u64 {
    tiny_below(number) + 1
}

#[profile]
fn tiny_below(number: u64) -> u64 {
    black_box(number + 1)
}

#[profile]
fn expensive(number: u64) -> u64 {
    black_box(number + 3)
}

fn calls_of(snapshot: &Snapshot, name: &str) -> u64 {
    snapshot.function(name).map_or(0, |function| function.calls)
}

#[test]
fn every_call_of_a_short_function_is_counted_in_any_number_of_threads() {
    std::thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(|| calls_tiny(MANY))));
    });
    (0..MANY).for_each(|number| drop(black_box(allocates(number))));
    black_box((0..MANY).map(in_between).max());
    let snapshot = capture();
    assert_eq!(calls_of(&snapshot, "tiny"), 4 * MANY);
    assert_eq!(calls_of(&snapshot, "calls_tiny"), 4);
    assert_eq!(calls_of(&snapshot, "allocates"), MANY);
    // A function that calls annotated functions has a frame for each call, so that these are below
    // it.
    assert_eq!(calls_of(&snapshot, "in_between"), MANY);
    assert_eq!(calls_of(&snapshot, "tiny_below"), MANY);
    for name in ["tiny", "allocates", "in_between"] {
        let row = snapshot.function(name).expect("it was called");
        assert!(row.timed_calls < row.calls && row.is_estimated(), "{name}: {row:?}");
        assert!(row.inclusive_ns > 0 && row.stopped_ns.is_none(), "{name}: {row:?}");
    }
    let tree = &snapshot.call_tree;
    let path = |name: &str| tree.iter().position(|node| node.path.ends_with(name));
    let below = path("::tiny_below").expect("it was called");
    assert_eq!(tree[below].parent, path("::in_between"));
    assert_consistent(&snapshot);
}

/// With an explicit share, functions that cost too much to count are stopped, and may be recorded
/// again.
#[test]
fn a_function_that_costs_more_than_its_budget_is_stopped_and_says_so() {
    let site = find("pacing::expensive").expect("it is annotated");
    site.set_budget(Some(Budget::Share(0.0001)));
    black_box((0..MANY * 10).map(expensive).max());
    let row = |snapshot: &Snapshot| snapshot.function("expensive").cloned().expect("it was called");
    let stopped = row(&capture());
    assert!(stopped.stopped_ns.is_some() && stopped.calls < MANY * 10, "{stopped:?}");
    expensive(0);
    assert_eq!(row(&capture()).calls, stopped.calls);
    site.set_budget(Some(Budget::Exact));
    expensive(0);
    assert_eq!(row(&capture()).calls, stopped.calls + 1);
}

/// A node of a random tree of calls.
#[profile]
fn branch(state: &mut fastrand::Rng, depth: u32) -> u64 {
    match depth {
        0 => leaf(state.u64(..)),
        _ => (0..state.u32(1..6)).fold(0, |sum, _| sum ^ other_branch(state, depth - 1)),
    }
}

#[profile]
fn other_branch(state: &mut fastrand::Rng, depth: u32) -> u64 {
    match state.u32(..4) {
        0 => (0..state.u32(1..40)).fold(0, |sum, turn| sum ^ leaf(u64::from(turn))),
        1 => slow_leaf(state.u64(..500)),
        _ => branch(state, depth.saturating_sub(1)),
    }
}

#[profile]
fn leaf(number: u64) -> u64 {
    black_box(number >> 3)
}

#[profile]
fn slow_leaf(turns: u64) -> u64 {
    (0..turns).fold(1, |sum: u64, turn| black_box(sum.wrapping_mul(turn | 1)))
}

#[test]
fn in_random_trees_of_calls_no_callee_exceeds_its_caller() {
    let mut state = fastrand::Rng::with_seed(12);
    for _ in 0..300 {
        for _ in 0..20 {
            black_box(branch(&mut state, 5));
        }
        assert_consistent(&capture());
    }
}

/// Self time and callees add up to a path's total; no called function has 0 ns.
fn assert_consistent(snapshot: &Snapshot) {
    let tree = &snapshot.call_tree;
    let mut of_callees = vec![0; tree.len()];
    for node in tree {
        if let Some(parent) = node.parent {
            of_callees[parent] += node.inclusive_ns;
        }
    }
    for (node, callees) in tree.iter().zip(of_callees) {
        let sum = node.exclusive_ns + callees;
        // Each figure is rounded down.
        let rounding = tree.len() as u64 + 1;
        assert!(node.inclusive_ns.abs_diff(sum) <= rounding, "{node:?}: {callees} below");
    }
    for function in &snapshot.functions {
        assert!(function.calls == 0 || function.inclusive_ns > 0, "{function:?}");
        let mean = function.mean_ns.unwrap_or(0.0) * function.calls as f64;
        let is_simple = function.max_depth == 1 && function.open == 0;
        let differs = (mean - function.inclusive_ns as f64).abs() > mean / 1e6 + 1.0;
        assert!(!is_simple || !differs, "{mean} {function:?}");
    }
}
