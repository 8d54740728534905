//! Leak verdicts: memory that functions allocate and the process still holds is reported, memory
//! that passes through is not.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use profile_core::{MemoryOptions, ProfilingAllocator, assert_no_leak, measure};
use tests::{Program, Run};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

fn run(scene: &str) -> Run {
    Program::new(env!("CARGO_BIN_EXE_leaks"), scene).run().successful()
}

/// Checks every function of a run by its name, and returns their number.
fn check_verdicts(run: &Run) -> usize {
    for row in &run.report().functions {
        let leak = row.leak.expect("enough calls");
        let held = row.exclusive_held_bytes;
        assert_eq!(
            leak.is_leaking(),
            row.name.starts_with("leaks_"),
            "{}: {leak} {held:?}",
            row.name
        );
    }
    run.report().functions.len()
}

#[test]
fn leaks_are_distinguished_from_values_that_are_returned_sent_cached_or_collected() {
    let run = run("small");
    assert_eq!(check_verdicts(&run), 24);
    let row = |name| run.report().function(name).expect("it was called");
    let verdict = |name| row(name).leak.expect("enough calls").to_string();
    assert_eq!(verdict("leaks_blocks"), "leaks 48 ± 0 bytes a call");
    assert_eq!(verdict("leaks_beside_buffers"), "leaks 24 ± 0 bytes a call");
    assert_eq!(verdict("parses"), "steady");
    let held = |name| row(name).exclusive_held_bytes.expect("the allocator is installed");
    assert_eq!(held("leaks_blocks"), 9_600);
    assert_eq!(held("leaks_in_threads"), 20_000);
    assert_eq!(held("leaks_by_doubling"), 8 * 256);
    assert_eq!(held("begins_once"), 100_000);
    assert_eq!((held("parses"), held("is_freed_at_the_end"), held("sends")), (0, 0, 0));
    let advised = run.report().advice.iter().filter(|advice| advice.path.contains("leaks_"));
    assert!(advised.count() >= 9, "{:?}", run.report().advice);
}

#[test]
fn verdicts_are_right_where_blocks_are_drawn() {
    let run = run("large");
    assert_eq!(check_verdicts(&run), 5);
    let row = |name| run.report().function(name).expect("it was called");
    let leak = row("leaks_in_a_large_program").leak.expect("enough calls");
    let [low, high] = [-3.0, 3.0].map(|of| leak.bytes_per_call + of * leak.margin_bytes);
    assert!(low <= 300.0 && 300.0 <= high, "{leak}");
    // A block of 2 MiB is nearly always drawn. It counts as 1 / p blocks, p being 1 or a little
    // less, by how far the table was thinned.
    let held = row("leaks_by_doubling").exclusive_held_bytes.expect("the allocator is installed");
    assert!((8 << 18..=(8 << 18) * 101 / 100).contains(&held), "{held}");
}

fn fails(work: impl FnOnce()) -> Option<String> {
    let error = catch_unwind(AssertUnwindSafe(work)).err()?;
    Some(*error.downcast::<String>().expect("a message"))
}

#[test]
fn an_assertion_sees_what_is_left_whatever_else_is_freed_sent_or_captured() {
    let (to, from) = mpsc::channel::<Vec<u8>>();
    let (answer, answers) = mpsc::channel();
    let consumer = thread::spawn(move || {
        from.into_iter().for_each(|block| {
            drop(block);
            answer.send(()).expect("somebody listens");
        });
    });
    let hand_on = || {
        to.send(vec![1; 500]).expect("somebody listens");
        answers.recv().expect("an answer");
    };
    // The channel's own blocks, which serve many messages.
    (0..100).for_each(|_| hand_on());
    assert_no_leak!(hand_on());
    drop(to);
    consumer.join().expect("it ends");

    assert_no_leak!(profile_core::capture());
    let mut older = vec![0_u8; 1000];
    assert_no_leak!(older.shrink_to_fit());
    assert_no_leak!(older.shrink_to(10));
    let mut older = Some(older);
    let leak = || std::mem::forget(black_box(vec![1_u8; 500]));
    let message = fails(|| assert_no_leak!((leak(), older.take(), profile_core::capture())));
    assert!(message.expect("it leaks").ends_with("leaves 500 bytes behind, blocks: 1"));
    let message = fails(|| {
        assert_no_leak!(profile_core::thread::spawn(leak).join().expect("it ends"));
    });
    assert!(message.expect("it leaks").ends_with("leaves 500 bytes behind, blocks: 1"));
    let mut list = vec![1_u8];
    let message = fails(|| assert_no_leak!(list.reserve_exact(99)));
    assert!(message.expect("it grows").ends_with("leaves 100 bytes behind, blocks: 1"));
}

#[profile_core::profile]
fn asked_about() {}

#[test]
fn what_the_profiler_returns_is_charged_to_the_caller_and_nothing_else_is() {
    asked_about();
    fn balance(work: impl FnOnce()) -> (Option<i64>, bool) {
        let measured = measure(work);
        (measured.retained_bytes, measured.allocations == measured.frees)
    }
    let nothing = (Some(0), true);
    assert_eq!(balance(|| drop(profile_core::capture())), nothing);
    assert_eq!(balance(|| drop(profile_core::functions())), nothing);
    assert_eq!(balance(|| drop(profile_core::find_all("*"))), nothing);
    let options = MemoryOptions::new();
    assert_eq!(balance(|| drop(profile_core::memory_usage(&options, || ()))), nothing);
    let site = profile_core::find("asked_about").expect("it is annotated");
    assert_eq!(balance(|| drop(site.statistics())), nothing);
    // A snapshot that the caller holds counts as held.
    let measured = measure(profile_core::capture);
    assert!(measured.retained_bytes > Some(0));
    let freed = measure(|| drop(measured.value)).freed_bytes;
    assert_eq!(freed.map(u64::cast_signed), measured.retained_bytes);
    assert_eq!(measure(|| profile_core::find("asked_about")).allocations, Some(0));
}
