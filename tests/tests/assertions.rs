//! Assertions on allocations in `cargo test`: in parallel, next to other threads that allocate, and
//! against a ledger.

use std::hint::black_box;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use profile_core::{
    ProfilingAllocator, assert_allocations, assert_no_leak, capture, context, measure,
    memory_usage, span,
};
use tests::{Program, Workspace, core_dependency};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

fn message(work: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = catch_unwind(work).expect_err("it fails");
    payload.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn what_was_measured_is_what_the_work_took_and_its_peak_begins_with_it() {
    let held = black_box(vec![0_u8; 5000]);
    let measured = measure(|| {
        drop(black_box(vec![0_u8; 300]));
        black_box(vec![0_u8; 100])
    });
    assert_eq!(measured.value.len(), 100);
    assert_eq!((measured.allocations, measured.frees), (Some(2), Some(1)));
    assert_eq!((measured.allocated_bytes, measured.freed_bytes), (Some(400), Some(300)));
    assert_eq!((measured.peak_bytes, measured.retained_bytes), (Some(300), Some(100)));
    let freed = measure(|| drop(held));
    assert_eq!((freed.peak_bytes, freed.retained_bytes), (Some(0), Some(-5000)));
}

#[test]
fn work_that_panics_leaves_the_peak_around_it() {
    const MUCH: u64 = 10 << 20;
    let measured = measure(|| {
        drop(black_box(vec![1_u8; MUCH as usize]));
        let inner = || measure(|| drop(black_box(vec![1_u8; 100])));
        let failing = || measure(|| std::panic::resume_unwind(Box::new(())));
        assert_eq!(inner().peak_bytes, Some(100));
        assert!(catch_unwind(failing).is_err());
        assert_eq!(inner().peak_bytes, Some(100));
    });
    assert_eq!(measured.peak_bytes, Some(MUCH));
}

#[test]
fn work_that_closes_the_span_it_began_in_is_not_counted_and_harms_no_later_span() {
    let outer = span!("closed inside");
    let closing = measure(|| {
        drop(black_box(vec![1_u8; 10 << 20]));
        drop(outer);
        black_box(vec![1_u8; 100]);
    });
    assert_eq!((closing.allocations, closing.peak_bytes), (None, None));
    {
        let _later = span!("later");
        drop(black_box(vec![1_u8; 300]));
    }
    let functions = capture().functions;
    let later = functions.iter().find(|it| it.path.ends_with("::later")).expect("called");
    assert_eq!(later.peak_bytes, Some(300));
}

#[test]
fn a_thread_that_was_given_the_context_counts() {
    let measured = measure(|| {
        let context = context();
        thread::scope(|scope| {
            let work = || drop(black_box(vec![0_u8; 1 << 20]));
            scope.spawn(context.wrap(work));
            scope.spawn(work);
        });
    });
    let bytes = measured.allocated_bytes.expect("counted");
    assert!((1 << 20..2 << 20).contains(&bytes), "{bytes}");
}

#[test]
fn an_assertion_that_fails_says_what_was_expected_of_which_work() {
    assert_eq!(assert_allocations!(== 1, String::from("text")), "text");
    assert_allocations!(<= 2, black_box(vec![1, 2, 3]).clone());
    let message = message(|| {
        assert_allocations!(== 0, black_box(vec![1_u8; 3]));
    });
    let expected = "`black_box(vec![1_u8; 3])` made 1 allocations, expected == 0";
    assert_eq!(message, expected);
}

#[test]
fn a_leak_is_found_and_a_value_that_is_dropped_is_none() {
    assert_no_leak!(black_box(vec![0_u8; 100]));
    let message = message(|| assert_no_leak!(std::mem::forget(black_box(vec![0_u8; 100]))));
    let end = "leaves 100 bytes behind, blocks: 1";
    assert!(message.ends_with(end), "{message}");
}

#[memory_usage(max_allocations = 1)]
fn within(blocks: usize) {
    for _ in 0..blocks {
        drop(black_box(Box::new(0_u64)));
    }
}

/// As many parallel tests as in a large suite on a large machine: no result is wrong in either
/// direction.
#[test]
fn sixty_four_threads_with_allocating_neighbours_never_count_for_each_other() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let neighbour = || {
        while !STOP.load(Relaxed) {
            drop(black_box(vec![0_u8; 64]));
        }
    };
    let test = |number: usize| {
        for _ in 0..1000 {
            assert_allocations!(== 2, (black_box(Box::new(number)), black_box(Box::new(number))));
            within(number % 2);
            let counted = measure(|| drop(black_box(vec![0_u8; 10 + number]))).allocated_bytes;
            assert_eq!(counted, Some(10 + number as u64));
        }
    };
    thread::scope(|scope| {
        (0..2).for_each(|_| drop(scope.spawn(neighbour)));
        let tests: Vec<_> = (0..64).map(|number| scope.spawn(move || test(number))).collect();
        tests.into_iter().for_each(|test| test.join().expect("no result is wrong"));
        STOP.store(true, Relaxed);
    });
    // One that exceeds its limit is found.
    assert!(message(|| within(2)).contains("max_allocations: 2 allocations, at most 1 allowed"));
}

const LEDGER: &str = "//! Two lines of a ledger: one of work, one of a function.
#[global_allocator]
static ALLOCATOR: profile_core::ProfilingAllocator = profile_core::ProfilingAllocator::system();

#[profile_core::memory_usage(ledger)]
fn of_a_function(blocks: usize) {
    (0..blocks).for_each(|_| drop(std::hint::black_box(Box::new(0_u64))));
}

fn main() {
    let calls = std::env::args().nth(1).unwrap_or_default();
    let calls: Vec<usize> = calls.split(' ').map(|it| it.parse().unwrap()).collect();
    if let [blocks] = calls[..] {
        of_a_function(blocks);
        profile_core::assert_ledger!(\"of work\", of_a_function(2 * blocks));
    } else {
        calls.into_iter().for_each(of_a_function);
    }
}
";

#[test]
fn a_ledger_is_written_when_blessed_and_growth_fails() {
    let plain = "[profile.release]\nopt-level = 0\n";
    let workspace = Workspace::new(env!("CARGO_TARGET_TMPDIR"), "ledger", &["ledger"], plain);
    workspace.add("ledger", &core_dependency(""), &[("src/main.rs", LEDGER)]);
    workspace.build();
    let file = workspace.path("ledger/allocations.json");
    let _ = std::fs::remove_file(&file);
    let run = |blocks: &str, bless: &str| {
        Program::new(&workspace.program("ledger"), blocks).env("PROFILE_BLESS", bless).run()
    };
    let written = || std::fs::read_to_string(&file).expect("the ledger");
    let first = run("3", "0");
    assert!(first.stderr().contains("there is no ledger; PROFILE_BLESS=1"), "{}", first.stderr());
    assert_eq!(first.status().code(), Some(101));

    run("3", "1").successful();
    assert_eq!(
        written(),
        "{\n  \"tolerance_percent\": 0,\n  \
         \"ledger::of_a_function\": { \"allocations\": 6, \"bytes\": 48 },\n  \
         \"of work\": { \"allocations\": 6, \"bytes\": 48 }\n}\n"
    );
    assert_eq!(run("3", "0").successful().diagnostics(), [""; 0]);

    let grown = run("4", "0");
    assert_eq!(grown.status().code(), Some(101));
    assert!(grown.stderr().contains("allocations grew from 6 to 8"), "{}", grown.stderr());
    let diagnostics = grown.diagnostics();
    assert!(diagnostics[0].contains("ledger::of_a_function"), "{diagnostics:?}");

    let fallen = run("2", "0").successful();
    assert!(
        fallen.stderr().contains("of work: allocations fell from 6 to 4"),
        "{}",
        fallen.stderr()
    );
    let tolerant = written().replace("percent\": 0", "percent\": 50");
    std::fs::write(&file, tolerant.replace("allocations\": 6", "allocations\": 9")).expect("write");
    run("4", "0").successful();

    // The most expensive of several calls is blessed, whatever its position.
    for calls in ["10 3", "3 10", "3 10 4"] {
        run("1 1", "1").successful();
        run(calls, "1").successful();
        assert!(written().contains("\"allocations\": 10, \"bytes\": 80 }"), "{}", written());
        run(calls, "0").successful();
    }

    // Other content of the file remains; invalid content is reported, not overwritten.
    let with_words = written().replacen('{', "{\n  \"_why\": \"see the wiki\",", 1);
    std::fs::write(&file, &with_words).expect("write");
    run("5 5", "1").successful();
    assert!(written().contains("\"_why\": \"see the wiki\""), "{}", written());
    let wrong = written().replace("percent\": 50", "percent\": \"5\"");
    std::fs::write(&file, &wrong).expect("write");
    for bless in ["0", "1"] {
        let run = run("5 5", bless);
        let sentence = "`tolerance_percent`: expected a non-negative number, found \"5\"";
        assert!(run.stderr().contains(sentence), "{}", run.stderr());
        assert_eq!(written(), wrong);
    }
    let folder = std::fs::read_dir(workspace.path("ledger")).expect("the folder");
    let names: Vec<_> = folder.map(|entry| entry.expect("an entry").file_name()).collect();
    let left: Vec<_> = names.iter().filter(|it| it.to_string_lossy().contains("json.")).collect();
    assert!(left.is_empty(), "{names:?}");
}
