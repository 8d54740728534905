//! Random call trees on several threads: the recorded calls are the actual ones, whatever the
//! shape, recursion and mutual recursion included. The expectation is computed by a second, naive
//! evaluation of the same tree.

use profile_core::{Function, ProfilingAllocator, Snapshot, capture, profile};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

/// A call of one of five functions, which allocates a number of blocks and then makes the calls
/// below.
#[derive(Clone, Debug)]
struct Call {
    function: usize,
    blocks: usize,
    below: Vec<Call>,
}

const FUNCTIONS: [fn(&Call); 5] = [f0, f1, f2, f3, f4];
const BLOCK: usize = 48;

#[profile]
fn f0(call: &Call) {
    act(call);
}

#[profile]
fn f1(call: &Call) {
    act(call);
}

#[profile]
fn f2(call: &Call) {
    act(call);
}

#[profile]
fn f3(call: &Call) {
    act(call);
}

#[profile]
fn f4(call: &Call) {
    let _span = profile_core::span!("inner");
    act(call);
}

fn act(call: &Call) {
    for _ in 0..call.blocks {
        drop(std::hint::black_box(vec![0_u8; BLOCK]));
    }
    call.below.iter().for_each(|below| FUNCTIONS[below.function](below));
}

/// The expected figures of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Expected {
    calls: u64,
    allocations: u64,
    exclusive_allocations: u64,
}

impl Expected {
    fn of(function: &Function) -> Expected {
        Expected {
            calls: function.calls,
            allocations: function.allocations.expect("the allocator is installed"),
            exclusive_allocations: function
                .exclusive_allocations
                .expect("the allocator is installed"),
        }
    }

    fn since(self, before: Expected) -> Expected {
        Expected {
            calls: self.calls - before.calls,
            allocations: self.allocations - before.allocations,
            exclusive_allocations: self.exclusive_allocations - before.exclusive_allocations,
        }
    }
}

/// Evaluates the tree as simply as possible. Returns the blocks allocated in it.
fn expect(call: &Call, open: &mut Vec<usize>, expected: &mut [Expected; 5]) -> u64 {
    let outermost = !open.contains(&call.function);
    open.push(call.function);
    let below: u64 = call.below.iter().map(|below| expect(below, open, expected)).sum();
    open.pop();
    let own = call.blocks as u64;
    let row = &mut expected[call.function];
    row.calls += 1;
    // All of f4's own allocations belong to its inner span.
    row.exclusive_allocations += if call.function == 4 { 0 } else { own };
    row.allocations += if outermost { own + below } else { 0 };
    own + below
}

fn rows(snapshot: &Snapshot) -> [Expected; 5] {
    std::array::from_fn(|place| {
        snapshot.function(&format!("property::f{place}")).map(Expected::of).unwrap_or_default()
    })
}

fn calls() -> impl Strategy<Value = Call> {
    let leaf = (0..5_usize, 0..3_usize).prop_map(|(function, blocks)| Call {
        function,
        blocks,
        below: vec![],
    });
    leaf.prop_recursive(6, 60, 4, |inner| {
        (0..5_usize, 0..3_usize, prop::collection::vec(inner, 0..4))
            .prop_map(|(function, blocks, below)| Call { function, blocks, below })
    })
}

/// A path's time is its own time plus that of the paths below.
fn assert_tree_adds_up(snapshot: &Snapshot) {
    let mut below = vec![0_u64; snapshot.call_tree.len()];
    for node in &snapshot.call_tree {
        if let Some(parent) = node.parent {
            below[parent] += node.inclusive_ns;
        }
    }
    for (node, below) in snapshot.call_tree.iter().zip(below) {
        let sum = node.exclusive_ns + below;
        // Each of the parts is rounded down to a nanosecond.
        assert!(
            node.inclusive_ns.abs_diff(sum) <= 1 + snapshot.call_tree.len() as u64,
            "{node:?} {sum}"
        );
    }
}

#[test]
fn what_was_called_is_what_is_recorded() {
    let mut runner =
        TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    let trees = prop::collection::vec(calls(), 1..5);
    let outcome = runner.run(&trees, |trees| {
        let before = rows(&capture());
        std::thread::scope(|scope| {
            trees.iter().for_each(|tree| {
                scope.spawn(|| FUNCTIONS[tree.function](tree));
            });
        });
        let snapshot = capture();
        let after = rows(&snapshot);
        let mut expected = [Expected::default(); 5];
        for tree in &trees {
            expect(tree, &mut Vec::new(), &mut expected);
        }
        let recorded: Vec<_> =
            after.iter().zip(before).map(|(after, before)| after.since(before)).collect();
        prop_assert_eq!(&recorded[..], &expected[..]);
        assert_tree_adds_up(&snapshot);
        for function in &snapshot.functions {
            prop_assert_eq!(function.open, 0);
            prop_assert!(function.exclusive_ns <= function.inclusive_ns);
            let counted: u64 = function.histogram.iter().map(|[_, calls]| calls).sum();
            prop_assert_eq!(counted, function.calls);
        }
        Ok(())
    });
    outcome.expect("every tree is recorded as it was called");
}
