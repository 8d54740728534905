//! Allocations: exact, each charged to the call that made it, around any allocator, without those
//! of the profiler.
//!
//! This process is measured too, so each of its functions belongs to one test.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::thread;

use profile_core::{Function, ProfilingAllocator, Snapshot, capture, profile};
use tests::{Program, Run};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

const SYSTEM: &str = env!("CARGO_BIN_EXE_heap");
const OTHERS: [&str; 2] =
    [env!("CARGO_BIN_EXE_heap_jemalloc"), env!("CARGO_BIN_EXE_heap_mimalloc")];
const PLAIN: &str = env!("CARGO_BIN_EXE_heap_plain");

fn heap(scene: &str) -> Run {
    Program::new(SYSTEM, scene).run().successful()
}

/// A function of this file.
fn here(path: &str) -> Function {
    capture().function(path).cloned().unwrap_or_else(|| panic!("{path} was not called"))
}

/// Allocations, their bytes, frees, their bytes.
fn inclusive(row: &Function) -> [u64; 4] {
    let counts = [row.allocations, row.allocated_bytes, row.frees, row.freed_bytes];
    counts.map(|count| count.expect("the allocator is installed"))
}

/// Allocations, their bytes, bytes freed.
fn exclusive(row: &Function) -> [u64; 3] {
    let counts =
        [row.exclusive_allocations, row.exclusive_allocated_bytes, row.exclusive_freed_bytes];
    counts.map(|count| count.expect("the allocator is installed"))
}

fn by_name(snapshot: &Snapshot) -> HashMap<&str, [u64; 4]> {
    snapshot.functions.iter().map(|row| (&*row.name, inclusive(row))).collect()
}

#[test]
fn simple_functions_have_exact_counts() {
    let run = heap("simple");
    assert!(run.report().process.allocator);
    let counts = by_name(run.report());
    assert_eq!(counts["vector"], [10 * 2, 8000 * 2, 0, 0]);
    assert_eq!(counts["boxed"], [10 * 2, 640 * 2, 0, 0]);
    assert_eq!(counts["text"], [10, 1000, 0, 0]);
    assert_eq!(counts["nothing"], [0; 4]);
    assert_eq!(counts["caller"], [30, 10_000 + 8000 + 640, 10, 10_000]);
    // One allocation, and three changes of size: each a block of the new size for one of the old.
    assert_eq!(counts["doubles"], [40, 81_920, 30, 71_680]);
    assert_eq!(counts["aligned"], [0; 4]);
    assert_eq!(counts["wide"], [10, 7680, 0, 0]);
    assert_eq!(counts["frees"], [0, 0, 10, 4000]);
    let caller = run.report().function("caller").expect("it was called");
    assert_eq!(exclusive(caller), [10, 10_000, 10_000]);
}

#[test]
fn sizes_are_counted_if_they_are_enabled() {
    let run = Program::new(SYSTEM, "simple").env("PROFILE_SIZES", "1").run().successful();
    let sizes = |name| {
        let row = run.report().function(name).expect("it was called");
        let sizes = row.block_sizes.clone().unwrap_or_default();
        assert_eq!(Some(sizes.allocations()), row.exclusive_allocations, "{name}");
        (sizes.temporary, sizes.classes)
    };
    assert_eq!(sizes("vector"), (0, vec![[1024, 20]]));
    assert_eq!(sizes("boxed"), (0, vec![[64, 20]]));
    assert_eq!(sizes("nothing"), (0, vec![]));
    assert_eq!(sizes("caller"), (10, vec![[1024, 10]]));
    // Each change of size gives back the block that was allocated last.
    assert_eq!(sizes("doubles"), (30, vec![[1024, 20], [2048, 10], [4096, 10]]));
    let without = heap("simple");
    assert!(without.report().functions.iter().all(|row| row.block_sizes.is_none()));
}

#[test]
fn the_counts_are_the_same_around_every_allocator() {
    let run = heap("simple");
    for other in OTHERS {
        let other = Program::new(other, "simple").run().successful();
        assert_eq!(by_name(other.report()), by_name(run.report()));
    }
}

#[test]
fn without_the_allocator_every_figure_of_memory_is_null() {
    let run = Program::new(PLAIN, "simple").run().successful();
    assert!(!run.report().process.allocator);
    for row in &run.report().functions {
        let json = serde_json::to_value(row).expect("a row in JSON");
        for (name, value) in json.as_object().expect("an object") {
            let of_memory =
                name.contains("bytes") || name.contains("alloc") || name.contains("frees");
            let is_nothing = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            assert!(!of_memory || is_nothing, "{}: {name} {value}", row.path);
        }
    }
    let nodes = &run.report().call_tree;
    assert!(nodes.iter().all(|node| node.exclusive_allocations.is_none()));
}

#[test]
fn an_untouched_gibibyte_of_zeroes_takes_no_memory() {
    let run = heap("zeroed");
    println!("1 GiB of zeroes: {} KiB", run.figure("growth") >> 10);
    assert!(run.figure("growth") < 2 << 20, "{}", run.figure("growth"));
    let sum = (1 << 30) + (1 << 20);
    assert_eq!(by_name(run.report())["zeroes"], [2, sum, 0, 0]);
}

#[test]
fn growth_is_left_to_the_allocator_which_copies_nothing() {
    let run = heap("grow");
    println!("growth to 512 MiB: {} KiB resident", run.figure("growth") >> 10);
    assert!(run.figure("growth") < 16 << 20, "{}", run.figure("growth"));
    let mebibytes = (1 + 2) + (1..=9).map(|power| 1 << power).sum::<u64>() + 1;
    let [allocations, bytes, frees, _] = by_name(run.report())["doubling"];
    assert_eq!((allocations, frees, bytes), (2 + 10, 10, mebibytes << 20));
}

#[test]
fn an_allocation_that_fails_is_not_counted() {
    let counts = |run: Run| {
        let counts = by_name(run.report());
        (counts["too_much"], counts["grows_too_much"])
    };
    let expected = ([0; 4], [10, 40_960, 10, 40_960]);
    assert_eq!(counts(heap("fail")), expected);
    let limited = Program::after("ulimit -v 4000000", SYSTEM, "fail").run().successful();
    assert_eq!(counts(limited), expected);
}

#[test]
fn what_one_thread_allocates_another_may_free() {
    let run = heap("cross");
    let row = |name| run.report().function(name).expect("it was called");
    let (produce, consume) = (row("produce"), row("consume"));
    assert_eq!(inclusive(produce), [1000, 1_024_000, 0, 0]);
    assert_eq!(produce.retained_bytes, Some(1_024_000));
    assert_eq!(produce.peak_bytes, Some(1_024_000));
    assert_eq!(inclusive(consume), [0, 0, 1000, 1_024_000]);
    assert_eq!(consume.retained_bytes, Some(-1_024_000));
    assert_eq!(consume.peak_bytes, Some(0));
}

#[test]
fn keeping_churning_and_growing_are_distinguished() {
    let run = heap("shapes");
    let figures = |name| {
        let row = run.report().function(name).expect("it was called");
        (row.allocations, row.allocated_bytes, row.peak_bytes, row.retained_bytes)
    };
    const MIB: u64 = 1 << 20;
    let outer = 10 * size_of::<Vec<u8>>() as u64;
    let kept = 10 * MIB + outer;
    assert_eq!(figures("keeps"), (Some(11), Some(kept), Some(kept), Some(kept.cast_signed())));
    assert_eq!(figures("churns"), (Some(10), Some(10 * MIB), Some(MIB), Some(0)));
    let (sum, ten) = ((1..=10).sum::<u64>() * MIB, 10 * MIB);
    assert_eq!(figures("grows"), (Some(10), Some(sum), Some(ten), Some(ten.cast_signed())));
}

#[test]
fn bytes_of_single_calls_have_no_upper_limit_and_growth_is_distinguished_from_allocation() {
    let run = heap("simple");
    let row = |name| run.report().function(name).expect("it was called");
    let doubles = row("doubles");
    assert_eq!((doubles.grown, doubles.shrunk), (Some(20), Some(10)));
    let bytes = row("vector").bytes_per_call.clone().expect("it is not async");
    assert_eq!((bytes.min_bytes, bytes.mean_bytes, bytes.max_bytes), (800, 800.0, 800));
    assert_eq!(bytes.quantiles["p99"], 800);
    let none = row("nothing").bytes_per_call.clone().expect("it is not async");
    assert_eq!((none.min_bytes, none.mean_bytes, none.max_bytes), (0, 0.0, 0));

    let run = heap("zeroed");
    let row = run.report().function("zeroes").expect("it was called");
    let bytes = row.bytes_per_call.clone().expect("it is not async");
    assert_eq!((bytes.min_bytes, bytes.max_bytes), (1 << 20, 1 << 30));
}

mod leaks {
    use super::*;
    use profile_core::Leak;
    use std::cell::RefCell;

    thread_local! {
        static KEPT: RefCell<Vec<[u8; 48]>> = const { RefCell::new(Vec::new()) };
    }

    #[profile]
    fn leaks() {
        std::mem::forget(black_box(Box::new([0_u8; 48])));
    }

    #[profile]
    fn churns() {
        drop(black_box(Box::new([0_u8; 48])));
    }

    /// A cache that its first call fills.
    #[profile]
    fn fills(first: bool) {
        if first {
            KEPT.with_borrow_mut(|kept| kept.extend([[0_u8; 48]; 1000]));
        }
    }

    fn verdict(path: &str) -> Leak {
        here(path).leak.expect("enough calls")
    }

    #[test]
    fn a_leak_is_distinguished_from_a_cache_and_from_churn() {
        for turn in 0..1_000 {
            leaks();
            churns();
            fills(turn == 0);
        }
        assert_eq!(verdict("leaks::leaks").to_string(), "leaks 48 ± 0 bytes a call");
        assert_eq!(verdict("leaks::churns").to_string(), "steady");
        assert_eq!(verdict("leaks::fills").to_string(), "steady");
    }
}

/// 1,600 threads, sixteen at a time, over the same thousand blocks.
#[test]
fn live_bytes_are_the_truth_when_sixteen_threads_exchange_blocks() {
    let run = heap("storm");
    let (held, counted) = (run.figure("held"), run.figure("counted"));
    assert!(held > 1 << 20, "{held}");
    assert_eq!(counted, held);
    let counts = by_name(run.report());
    let [allocations, bytes, frees, freed] = counts["exchange"];
    assert!(allocations > 300_000 && frees < allocations, "{allocations} {frees}");
    assert_eq!((bytes - freed).cast_signed(), held);
}

#[test]
fn sums_over_threads_that_exchange_blocks_are_exact() {
    let run = heap("threads");
    let row = run.report().function("here_and_there").expect("it was called");
    let outer = 1000 * 8;
    let bytes = 1000 * 8 + outer;
    assert_eq!(row.calls, 800);
    assert_eq!(inclusive(row), [800 * 1001, 800 * bytes, 792 * 1001, 792 * bytes]);
    assert_eq!(row.retained_bytes, Some(8 * bytes.cast_signed()));
}

mod own {
    use super::*;

    #[profile]
    fn looks() -> usize {
        (0..5).map(|_| black_box(capture()).functions.len()).sum()
    }

    #[profile]
    fn looks_elsewhere() -> u64 {
        let mut found = 0;
        for site in profile_core::functions() {
            found += site.statistics().map_or(0, |row| row.calls);
        }
        found + profile_core::find("own::looks").map_or(0, |_| 1)
    }

    #[test]
    fn a_snapshot_is_charged_to_its_owner_and_its_creation_to_nobody() {
        looks();
        let row = here("own::looks");
        assert_eq!((row.retained_bytes, row.allocations), (Some(0), row.frees));
        looks_elsewhere();
        assert_eq!(here("own::looks_elsewhere").peak_bytes.map(|peak| peak < 100_000), Some(true));
    }

    #[profile]
    fn empty() {}

    #[profile]
    fn calls_many() {
        for _ in 0..10_000 {
            empty();
        }
        thread::scope(|scope| {
            drop(scope.spawn(empty));
        });
    }

    #[test]
    fn recording_allocates_nothing() {
        calls_many();
        assert_eq!(inclusive(&here("own::empty")), [0; 4]);
        let [allocations, ..] = inclusive(&here("own::calls_many"));
        // Those of the thread, which the same program without the profiler makes too.
        assert!(allocations < 20, "{allocations}");
    }
}

mod nested {
    use super::*;

    #[profile]
    fn level(depth: u32) -> Vec<Vec<u8>> {
        let own = black_box(Vec::with_capacity(100));
        let mut all = if depth > 1 { level(depth - 1) } else { black_box(Vec::with_capacity(100)) };
        all.push(own);
        all
    }

    #[test]
    fn recursion_counts_every_allocation_once() {
        drop(level(100));
        let bytes = 100 * 100 + 100 * size_of::<Vec<u8>>() as u64;
        let row = here("nested::level");
        assert_eq!((row.calls, inclusive(&row)), (100, [101, bytes, 0, 0]));
        assert_eq!(exclusive(&row), [101, bytes, 0]);
        assert_eq!(row.peak_bytes, Some(bytes));
    }

    #[profile]
    fn outer() {
        let kept = black_box(vec![0_u8; 1000]);
        inner();
        inner();
        drop(kept);
    }

    #[profile]
    fn inner() {
        drop(black_box(vec![0_u8; 500]));
    }

    #[test]
    fn a_callees_peak_adds_to_what_its_caller_held() {
        outer();
        let (outer, inner) = (here("nested::outer"), here("nested::inner"));
        assert_eq!((outer.peak_bytes, inner.peak_bytes), (Some(1500), Some(500)));
        assert_eq!(inclusive(&outer), [3, 2000, 3, 2000]);
        assert_eq!(exclusive(&outer), [1, 1000, 1000]);
        assert_eq!(outer.retained_bytes, Some(0));
    }

    #[profile]
    fn runs() -> Function {
        let kept = black_box(vec![0_u8; 700]);
        let row = here("nested::runs");
        drop(black_box(kept));
        row
    }

    #[test]
    fn what_an_open_call_has_allocated_so_far_is_counted() {
        let open = runs();
        assert_eq!((open.open, inclusive(&open)[1]), (1, 700));
    }

    #[profile]
    fn unwinds() {
        let _kept = black_box(vec![0_u8; 300]);
        std::panic::resume_unwind(Box::new(()));
    }

    #[test]
    fn what_unwinding_frees_is_counted() {
        assert!(std::panic::catch_unwind(unwinds).is_err());
        let row = here("nested::unwinds");
        assert_eq!(row.panicked, 1);
        assert!(row.freed_bytes >= Some(300) && row.allocated_bytes >= Some(300), "{row:?}");
    }
}

mod asynchronous {
    use super::*;

    #[profile]
    async fn holds() {
        let _kept = black_box(vec![0_u8; 1 << 20]);
        pending::<()>().await;
    }

    #[test]
    fn what_a_cancelled_future_frees_is_its_own() {
        let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(holds());
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
        drop(future);
        let row = here("asynchronous::holds");
        assert_eq!(inclusive(&row), [1, 1 << 20, 1, 1 << 20]);
    }

    #[profile]
    async fn allocates() {
        for _ in 0..10 {
            drop(black_box(vec![0_u8; 100]));
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn an_async_function_is_charged_for_its_own_polls_alone() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
        let runtime = runtime.expect("a runtime");
        let mut tasks = Vec::new();
        for _ in 0..100 {
            tasks.push(runtime.spawn(allocates()));
            tasks.push(runtime.spawn(async {
                for _ in 0..10 {
                    drop(black_box(vec![0_u8; 100_000]));
                    tokio::task::yield_now().await;
                }
            }));
        }
        for task in tasks {
            runtime.block_on(task).expect("it ends");
        }
        let row = here("asynchronous::allocates");
        let strangers = row.allocated_bytes.map(|bytes| bytes >= 100_000 + 100 * 1000);
        assert_eq!(strangers, Some(false), "{row:?}");
        assert!(row.allocated_bytes >= Some(100 * 1000));
        assert_eq!(row.peak_bytes.map(|peak| peak < 100_000), Some(true), "{row:?}");
    }
}

#[test]
fn what_a_forked_child_allocates_is_the_childs() {
    let program = Program::new(SYSTEM, "forks").env("PROFILE_REPORT", "json:/dev/null");
    let run = program.recording_into_files().run().successful();
    let counts = |snapshot: &Snapshot| {
        let row = snapshot.function("heap::scenes::vector").expect("it was called");
        (
            row.calls,
            row.exclusive_allocations.expect("measured"),
            row.exclusive_allocated_bytes.expect("measured"),
        )
    };
    let mut counts: Vec<_> = run.folder.segments().iter().map(counts).collect();
    counts.sort_unstable();
    let (parent, children) = counts.split_last().expect("segments");
    assert_eq!(*parent, (41, 41, 41 * 800));
    assert_eq!(children, [(2, 2, 1_600); 40]);
}
