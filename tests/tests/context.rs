//! Work spawned on other threads: its memory is charged to the function that spawned it, its calls
//! appear below it.

use std::hint::black_box;
use std::sync::mpsc;
use std::thread;

use profile_core::{
    Function, PathNode, ProfilingAllocator, Snapshot, capture, context, memory_usage, profile,
};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

const MIB: u64 = 1 << 20;

fn row(path: &str) -> Function {
    capture().function(path).cloned().unwrap_or_else(|| panic!("{path} was not called"))
}

/// The path of the caller of each entry of a function in the tree.
fn callers(snapshot: &Snapshot, path: &str) -> Vec<Option<String>> {
    let nodes = snapshot.call_tree.iter().filter(|node| node.path.ends_with(path));
    let caller = |node: &PathNode| node.parent.map(|at| snapshot.call_tree[at].path.clone());
    nodes.map(caller).collect()
}

mod joined {
    use super::*;

    #[profile]
    fn outer() {
        spawns();
    }

    #[profile]
    fn spawns() {
        let context = context();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(context.wrap(|| {
                    helper();
                    // Not in its own annotated function.
                    drop(black_box(vec![0_u8; 1 << 20]));
                }));
            }
        });
    }

    #[profile]
    fn helper() {
        std::mem::forget(black_box(vec![0_u8; 5 << 20]));
    }

    #[test]
    fn memory_and_calls_of_a_joined_thread_are_those_of_the_function_that_spawned_it() {
        outer();
        let snapshot = capture();
        let spawned = row("joined::spawns");
        let allocated = spawned.allocated_bytes.expect("counted");
        assert!((12 * MIB..12 * MIB + 100_000).contains(&allocated), "{allocated}");
        let own = spawned.exclusive_allocated_bytes.expect("counted");
        assert!((2 * MIB..2 * MIB + 100_000).contains(&own), "{own}");
        assert!(spawned.retained_bytes >= Some(10 << 20), "{:?}", spawned.retained_bytes);
        assert!(spawned.carried_ns > 0);
        assert_eq!(spawned.calls, 1);
        assert_eq!(row("joined::helper").allocated_bytes, Some(10 * MIB));
        assert_eq!(row("joined::outer").allocated_bytes, spawned.allocated_bytes);
        assert_eq!(row("joined::outer").exclusive_allocated_bytes, Some(0));
        assert_eq!(callers(&snapshot, "joined::helper"), [Some(spawned.path.clone())]);
        assert_eq!(callers(&snapshot, "joined::spawns"), [Some(row("joined::outer").path)]);
        assert!(spawned.exclusive_ns <= spawned.inclusive_ns + spawned.carried_ns);
    }
}

mod detached {
    use super::*;

    #[profile]
    fn hands_on(gate: mpsc::Receiver<()>) -> thread::JoinHandle<()> {
        thread::spawn(context().wrap(move || {
            gate.recv().expect("the gate opens");
            late();
            std::mem::forget(black_box(vec![0_u8; 3 << 20]));
        }))
    }

    #[profile]
    fn late() {
        std::mem::forget(black_box(vec![0_u8; 2 << 20]));
    }

    #[profile]
    fn meanwhile() {
        drop(black_box(vec![0_u8; 1000]));
    }

    #[test]
    fn work_after_the_function_has_ended_is_charged_to_it_alone() {
        let (open, gate) = mpsc::channel();
        let thread = hands_on(gate);
        meanwhile();
        open.send(()).expect("it waits");
        thread.join().expect("it ends");
        meanwhile();
        let bytes = row("detached::hands_on").allocated_bytes.expect("counted");
        assert!((5 * MIB..5 * MIB + 100_000).contains(&bytes), "{bytes}");
        assert_eq!(row("detached::meanwhile").allocated_bytes, Some(2000));
        let caller = callers(&capture(), "detached::late");
        assert_eq!(caller, [Some(row("detached::hands_on").path)]);
    }
}

mod nested {
    use super::*;

    #[profile]
    fn top() {
        let context = context();
        thread::scope(|scope| {
            scope.spawn(context.wrap(middle));
        });
    }

    #[profile]
    fn middle() {
        let context = context();
        thread::scope(|scope| {
            scope.spawn(context.wrap(bottom));
        });
    }

    #[profile]
    fn bottom() {
        std::mem::forget(black_box(vec![0_u8; 4 << 20]));
    }

    #[test]
    fn the_context_propagates_through_several_threads() {
        top();
        for path in ["nested::top", "nested::middle", "nested::bottom"] {
            let bytes = row(path).allocated_bytes.expect("counted");
            assert!((4 * MIB..4 * MIB + 100_000).contains(&bytes), "{path}: {bytes}");
        }
        let snapshot = capture();
        assert_eq!(callers(&snapshot, "nested::bottom"), [Some(row("nested::middle").path)]);
        assert_eq!(callers(&snapshot, "nested::middle"), [Some(row("nested::top").path)]);
    }
}

mod tasks {
    use super::*;

    #[profile]
    fn blocks_on() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
        let runtime = runtime.expect("a runtime");
        let context = context();
        runtime.block_on(async {
            let task = tokio::spawn(context.follow(later()));
            let blocking = tokio::task::spawn_blocking(context.wrap(holds));
            task.await.expect("it ends");
            blocking.await.expect("it ends");
        });
    }

    #[profile]
    async fn later() {
        tokio::task::yield_now().await;
        holds();
    }

    #[profile]
    fn holds() {
        std::mem::forget(black_box(vec![0_u8; 1 << 20]));
    }

    #[test]
    fn tasks_of_a_runtime_can_be_followed() {
        blocks_on();
        let bytes = row("tasks::blocks_on").allocated_bytes.expect("counted");
        assert!(bytes >= 2 * MIB, "{bytes}");
        let mut callers = callers(&capture(), "tasks::holds");
        callers.sort();
        assert_eq!(callers, [Some(row("tasks::blocks_on").path), Some(row("tasks::later").path)]);
    }
}

mod ready {
    use super::*;
    use profile_core::thread::ScopeExt as _;

    #[profile]
    fn by_threads() {
        thread::scope(|scope| drop(scope.spawn_here(holds)));
        profile_core::thread::spawn(holds).join().expect("it ends");
    }

    #[profile]
    fn by_rayon() {
        profile_core::rayon::join(holds, holds);
    }

    #[profile]
    fn by_tokio() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
        runtime.expect("a runtime").block_on(async {
            profile_core::tokio::spawn(async { holds() }).await.expect("it ends");
            profile_core::tokio::spawn_blocking(holds).await.expect("it ends");
        });
    }

    #[profile]
    fn holds() {
        std::mem::forget(black_box(vec![0_u8; 1 << 20]));
    }

    #[test]
    fn every_wrapper_charges_the_function_that_spawned_the_work() {
        by_threads();
        by_rayon();
        by_tokio();
        for path in ["ready::by_threads", "ready::by_rayon", "ready::by_tokio"] {
            let bytes = row(path).allocated_bytes.expect("counted");
            assert!((2 * MIB..2 * MIB + 500_000).contains(&bytes), "{path}: {bytes}");
        }
    }
}

mod limited {
    use super::*;

    #[memory_usage(max_bytes = "1 MiB")]
    fn limited() {
        let context = context();
        thread::scope(|scope| {
            scope.spawn(context.wrap(|| drop(black_box(vec![0_u8; 2 << 20]))));
        });
    }

    #[test]
    fn a_limit_counts_spawned_work() {
        let payload = std::panic::catch_unwind(limited).expect_err("the limit is broken");
        let message = payload.downcast_ref::<String>().expect("a message");
        assert!(message.contains("max_bytes: 2"), "{message}");
    }
}

#[test]
fn a_context_of_nowhere_does_nothing() {
    let nowhere = thread::spawn(context).join().expect("it ends");
    assert_eq!(nowhere.run(|| 5), 5);
}
