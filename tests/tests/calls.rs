//! What one thread can do to its calls: recursion, unwinding, guards dropped out of order or never.
//!
//! Each test has its own functions and its own thread, so the tests may share the process.

use std::hint::black_box;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use profile_core::{Function, PathNode, capture, profile, span};

/// Statistics of a function of this file.
fn row(path: &str) -> Function {
    capture().function(path).cloned().unwrap_or_else(|| panic!("{path} was not called"))
}

/// The tree's entries of a function, each with the path of its caller.
fn callers(path: &str) -> Vec<(u64, Option<String>)> {
    let tree = capture().call_tree;
    let nodes = tree.iter().filter(|node| node.path.ends_with(path));
    let caller = |node: &PathNode| node.parent.map(|parent| tree[parent].path.clone());
    nodes.map(|node| (node.calls, caller(node))).collect()
}

/// Ends the current call as a panic does, without the message.
fn unwind() -> ! {
    resume_unwind(Box::new(()))
}

fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        black_box(0);
    }
}

mod recursion {
    use super::*;

    #[profile]
    fn descend(depth: u32) {
        spin(Duration::from_micros(20));
        if depth > 1 {
            descend(depth - 1);
        }
    }

    #[test]
    fn a_recursive_function_is_counted_once_in_its_inclusive_time() {
        let start = Instant::now();
        descend(100);
        let wall = start.elapsed().as_nanos() as u64;
        let row = row("recursion::descend");
        assert_eq!(row.calls, 100);
        // The calls of all levels together lasted fifty times as long as the outermost.
        assert!(row.inclusive_ns >= 1_900_000, "{row:?}");
        assert!(row.inclusive_ns <= wall + wall / 50, "{} of {wall} ns", row.inclusive_ns);
        assert!(row.exclusive_ns <= row.inclusive_ns);
        assert_eq!(callers("recursion::descend"), [(100, None)]);
    }

    #[profile]
    fn even(number: u32) -> bool {
        spin(Duration::from_micros(10));
        number == 0 || odd(number - 1)
    }

    #[profile]
    fn odd(number: u32) -> bool {
        spin(Duration::from_micros(10));
        number != 0 && even(number - 1)
    }

    #[test]
    fn functions_that_call_each_other_are_each_counted_once() {
        let start = Instant::now();
        assert!(even(100));
        let wall = start.elapsed().as_nanos() as u64;
        let (even, odd) = (row("recursion::even"), row("recursion::odd"));
        assert_eq!((even.calls, odd.calls), (51, 50));
        let limit = wall + wall / 50;
        let all = [even.inclusive_ns, odd.inclusive_ns, even.exclusive_ns, odd.exclusive_ns];
        assert!(all[0] <= limit && all[1] <= limit, "{all:?} of {wall} ns");
        assert!(all[2] + all[3] <= limit, "{all:?} of {wall} ns");
        assert_eq!(callers("recursion::odd"), [(50, Some(even.path))]);
    }

    #[profile]
    fn shallow(levels: u32) {
        if levels > 0 {
            shallow(levels - 1);
        }
    }

    #[profile]
    fn other_way(levels: u32) {
        shallow(levels);
    }

    #[test]
    fn recursion_from_two_callers_is_kept_apart() {
        (0..10).for_each(|_| shallow(3));
        (0..10).for_each(|_| other_way(3));
        let way = row("recursion::other_way").path;
        assert_eq!(row("recursion::shallow").calls, 80);
        let mut callers = callers("recursion::shallow");
        callers.sort();
        assert_eq!(callers, [(40, None), (40, Some(way))]);
    }
}

mod unwinding {
    use super::*;

    #[profile]
    fn level(depth: u32) {
        if depth == 0 {
            unwind();
        }
        level(depth - 1);
    }

    #[profile]
    fn marker() {}

    #[test]
    fn a_hundred_thousand_caught_panics_leave_the_thread_where_it_was() {
        for _ in 0..100_000 {
            assert!(catch_unwind(|| level(9)).is_err());
        }
        marker();
        let row = row("unwinding::level");
        assert_eq!((row.calls, row.panicked, row.open), (1_000_000, 1_000_000, 0));
        assert_eq!(callers("unwinding::marker"), [(1, None)]);
    }

    struct Cleans;

    impl Drop for Cleans {
        fn drop(&mut self) {
            clean();
        }
    }

    #[profile]
    fn clean() {
        clean_deeper();
    }

    #[profile]
    fn clean_deeper() {}

    #[profile]
    fn dirty() {
        let _cleans = Cleans;
        unwind();
    }

    #[test]
    fn what_runs_in_a_destructor_during_unwinding_has_not_panicked() {
        for _ in 0..100 {
            assert!(catch_unwind(dirty).is_err());
        }
        let counts = |path| (row(path).calls, row(path).panicked);
        assert_eq!(counts("unwinding::dirty"), (100, 100));
        assert_eq!(counts("unwinding::clean"), (100, 0));
        assert_eq!(counts("unwinding::clean_deeper"), (100, 0));
        assert_eq!(callers("unwinding::clean"), [(100, Some(row("unwinding::dirty").path))]);
    }

    struct FailsInside;

    impl Drop for FailsInside {
        fn drop(&mut self) {
            assert!(catch_unwind(fails_inside).is_err());
        }
    }

    #[profile]
    fn fails_inside() {
        unwind();
    }

    #[profile]
    fn fails_outside() {
        let _fails = FailsInside;
        unwind();
    }

    #[test]
    fn a_panic_caught_in_a_destructor_during_unwinding_leaves_the_thread_where_it_was() {
        for _ in 0..100 {
            assert!(catch_unwind(fails_outside).is_err());
        }
        let counts = |path| (row(path).calls, row(path).open);
        assert_eq!(counts("unwinding::fails_inside"), (100, 0));
        assert_eq!(counts("unwinding::fails_outside"), (100, 0));
        assert_eq!(row("unwinding::fails_outside").panicked, 100);
        let inside = callers("unwinding::fails_inside");
        assert_eq!(inside, [(100, Some(row("unwinding::fails_outside").path))]);
    }

    #[profile]
    fn survives() -> bool {
        catch_unwind(AssertUnwindSafe(|| {
            let _span = span!("thrown away");
            unwind();
        }))
        .is_err()
    }

    #[test]
    fn the_function_that_catches_has_not_panicked_and_the_span_in_it_has() {
        assert!((0..50).all(|_| survives()));
        assert_eq!(row("unwinding::survives").panicked, 0);
        assert_eq!(row("unwinding::survives::thrown away").panicked, 50);
    }
}

mod guards {
    use super::*;

    #[profile]
    fn inside() {}

    #[test]
    fn guards_dropped_in_the_order_of_their_creation_close_their_own_spans() {
        for _ in 0..40 {
            let first = span!("first");
            let second = span!("second");
            let third = span!("third");
            drop(first);
            inside();
            drop(second);
            drop(third);
        }
        let test = "guards_dropped_in_the_order_of_their_creation_close_their_own_spans";
        for name in ["first", "second", "third"] {
            let row = row(&format!("{test}::{name}"));
            assert_eq!((row.calls, row.open), (40, 0), "{name}");
        }
        // Whatever was dropped too early, the next call is at the root again.
        let _last = span!("last");
        assert_eq!(callers(&format!("{test}::last")), [(1, None)]);
        assert_eq!(row("guards::inside").calls, 40);
    }

    #[profile]
    fn forgets() {
        mem::forget(span!("forgotten"));
    }

    #[profile]
    fn after() {}

    #[test]
    fn a_span_whose_guard_is_forgotten_stays_open_and_nothing_else_does() {
        for _ in 0..40 {
            forgets();
            after();
        }
        let counts = |path| (row(path).calls, row(path).open);
        assert_eq!(counts("guards::forgets"), (40, 0));
        assert_eq!(counts("guards::forgets::forgotten"), (40, 40));
        assert_eq!(counts("guards::after"), (40, 0));
    }

    /// A guard may be returned: its span continues after the function that created it has ended.
    #[profile]
    fn begins() -> profile_core::SpanGuard {
        span!("goes on")
    }

    #[test]
    fn a_guard_that_leaves_its_function_keeps_its_span_open_until_it_is_dropped() {
        for _ in 0..40 {
            let guard = begins();
            assert_eq!(row("guards::begins").open, 0);
            assert_eq!(row("guards::begins::goes on").open, 1);
            drop(guard);
            end();
        }
        assert_eq!(row("guards::begins::goes on").open, 0);
        assert_eq!(callers("guards::end"), [(40, None)]);
    }

    #[profile]
    fn end() {}

    #[profile]
    fn runs() -> (u64, u64) {
        let row = row("guards::runs");
        (row.calls, row.open)
    }

    #[test]
    fn a_call_that_runs_is_open() {
        assert_eq!([runs(), runs()], [(1, 1), (2, 1)]);
        assert_eq!(row("guards::runs").open, 0);
    }

    const KEEPS: &str = "keeps_until_the_end_of_its_thread";

    #[profile]
    fn keeps_until_the_end_of_its_thread() {
        mem::forget(span!("kept"));
    }

    #[test]
    fn a_thread_that_ends_with_open_spans_closes_them() {
        std::thread::spawn(|| mem::forget(span!("never closed"))).join().expect("it ends");
        std::thread::spawn(keeps_until_the_end_of_its_thread).join().expect("it ends");
        let test = "a_thread_that_ends_with_open_spans_closes_them";
        for path in [format!("{test}::never closed"), format!("guards::{KEEPS}::kept")] {
            assert_eq!((row(&path).calls, row(&path).open), (1, 0), "{path}");
        }
    }
}
