//! Source lines: hits and allocations as counted by hand, next to the code.
//!
//! A line with a statement ends in `//= hits`, or `//= hits allocations bytes net`. Other lines
//! have no figures.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use std::cell::RefCell;
use std::hint::black_box;
use std::panic::catch_unwind;
use std::task::Poll;
use std::thread;

use profile_core::{Line, ProfilingAllocator, Snapshot, capture, profile};
use tests::{Program, row};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

const SCENES: &str = env!("CARGO_BIN_EXE_lined");

/// Hits, and optionally allocations, bytes and net bytes.
fn expected(line: &Line) -> Option<Vec<i64>> {
    let (_, figures) = line.source.split_once("//=")?;
    Some(figures.split_whitespace().map(|figure| figure.parse().expect("a figure")).collect())
}

fn found(line: &Line, figures: usize) -> Option<Vec<i64>> {
    let number = |number: Option<u64>| number.expect("a figure").cast_signed();
    line.hits?;
    let mut all = vec![number(line.hits)];
    if figures > 1 {
        all.extend([number(line.allocations), number(line.allocated_bytes)]);
        all.push(line.net_bytes.expect("a figure"));
    }
    Some(all)
}

/// Every line of the function has the figures in its comment.
fn check(snapshot: &Snapshot, path: &str) {
    let lines: Vec<&Line> =
        snapshot.lines.iter().filter(|line| line.path.ends_with(path)).collect();
    assert!(!lines.is_empty(), "{path} has no lines");
    let mut wrong = Vec::new();
    for line in lines {
        let expected = expected(line);
        let found = found(line, expected.as_ref().map_or(1, Vec::len));
        if found != expected {
            wrong.push(format!("{found:?} at {}: {}", line.line, line.source));
        }
    }
    assert!(wrong.is_empty(), "{path}:\n{}", wrong.join("\n"));
}

#[rustfmt::skip]
#[profile(lines)]
fn branches(turns: u32) -> u32 {
    let mut sum = 0; //= 1

    // A comment, and a blank line.
    for turn in 0..turns { //= 11
        if turn == 3 { //= 10
            continue; //= 1
        } else if turn == 4 { //= 9
            sum += 100; //= 1
        } else if let 5 | 6 = turn { //= 8
            sum += 10; //= 2
        } else {
            sum += 1; //= 6
        }
        let kind = match turn { //= 9
            0 => 1, //= 1
            1 | 2 => { //
                let two = 2; //= 2
                two //= 2
            }
            _ if turn > 100 => 9, //= 0
            _ => black_box(3), //= 6
        };
        sum += kind; //= 9
    }
    sum //= 1
}

#[rustfmt::skip]
#[profile(lines)]
fn loops() -> u32 {
    let mut left = 3; //= 1
    while left > 0 { //= 4
        left -= 1; //= 3
    }
    let mut stack = vec![1, 2]; //= 1 1 8 8
    while let Some(top) = stack.pop() { //= 3
        black_box(top); //= 2
    }
    let found = 'outer: loop { //= 1
        for n in 0.. { //= 6
            if n == 5 { //= 6
                break 'outer n; //= 1
            }
        }
    };
    let twice = 'block: { //= 1
        if found == 5 { //= 1
            break 'block 2; //= 1
        }
        3 //= 0
    };
    loop { //= 1
        left += 1; //= 4
        if left == 4 { break; } //= 4
    }
    found + twice + left //= 1
} //= 1 0 0 -8

/// Each turn of a loop, and each run of a block, is one arrival, however much of it is on the line.
#[rustfmt::skip]
#[allow(clippy::never_loop, reason = "its hits are what is looked at")]
#[profile(lines)]
fn on_one_line(turns: u32) -> u32 {
    let a = 'a: loop { break 'a turns }; //= 1
    let mut b = 0; while b < 3 { b += 1 } //= 4
    for n in 0..3 { b += n } //= 4
    loop { b += 1; if b > 9 { break } } //= 4
    match b { //= 1
        10 => for n in 0..2 { b += n }, //= 3
        _ => while b > 0 { b -= 1 }, //= 0
    }
    for _ in 0..3 { //= 4
        b += run(async { pause().await; a }); //= 3
        b += run(async { //= 3
            pause().await; //= 3
            a //= 3
        });
    }
    b //= 1
}

/// Polls a future to its end.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// Drops at the end of a block are on its closing brace, which has hits if there may be something
/// to drop.
#[rustfmt::skip]
#[profile(lines)]
fn ends(given: Option<Vec<u8>>) -> usize {
    let own = black_box(vec![0_u8; 16]); //= 2 2 32 32
    for turn in 0..3_usize { //= 8
        let inner = black_box(vec![0_u8; 8]); //= 6 6 48 48
        black_box(inner.len() + turn); //= 6 0 0 0
    } //= 6 0 0 -48
    if let Some(given) = given { //= 2
        black_box(given.len()); //= 1 0 0 0
    } else { //= 1 0 0 -5
        let number = black_box(own.len()); //= 1
        black_box(number); //= 1
    }
    let length = { //= 2
        let part = black_box(vec![0_u8; 4]); //= 2 2 8 8
        part.len() //= 2 0 0 0
    }; //= 2 0 0 -8
    own.len() + length //= 2 0 0 0
} //= 2 0 0 -32

#[rustfmt::skip]
#[profile(lines)]
fn parts(flag: bool) -> usize {
    let boxed = Box::new([0_u8; 32]); //= 1 1 32 32
    let text = String::from(if flag { //= 1 1 3 3
        "yes" //= 1
    } else {
        "no" //= 0
    });
    let Some(first) = text.chars().next() else { //= 1
        return 0; //= 0
    };
    let all: Vec<usize> = (0..4).map(|n| { //= 1 1 32 32
        n + 1
    }).collect();
    drop(boxed); //= 1 0 0 -32
    println!("{first} {}", all.len()); //= 1
    // SAFETY: there are four.
    unsafe { black_box(all.as_ptr()).add(1).read() } //= 1
} //= 1 0 0 -35

#[test]
fn every_construct_is_counted_as_by_hand() {
    assert_eq!(branches(10), 6 + 100 + 20 + 1 + 4 + 18);
    assert_eq!(loops(), 5 + 2 + 4);
    assert_eq!(parts(true), 2);
    assert_eq!(on_one_line(2), 3 + 3 + 4 + 1 + 3 * 4);
    assert_eq!(ends(Some(black_box(vec![1_u8; 5]))) + ends(None), 40);
    let snapshot = capture();
    for path in ["::branches", "::loops", "::parts", "::on_one_line", "::ends"] {
        check(&snapshot, path);
    }
}

#[rustfmt::skip]
#[profile(lines)]
fn recursive(depth: u32) -> Vec<u8> {
    if depth == 0 { //= 4
        return Vec::new(); //= 1
    }
    let mut bytes = recursive(depth - 1); //= 3 0 0 0
    bytes.reserve_exact(10 * depth as usize - bytes.len()); //= 3 3 60 30
    bytes.resize(10 * depth as usize, 0); //= 3
    bytes //= 3
}

#[rustfmt::skip]
#[profile(lines)]
fn indirect(depth: u32) -> usize {
    if depth == 0 { //= 4
        return 0; //= 1
    }
    let own = black_box(vec![0_u8; 10]); //= 3 3 30 30
    let inner = between(depth - 1); //= 3 3 300 0
    own.len() + inner //= 3
} //= 3 0 0 -30

#[profile]
fn between(depth: u32) -> usize {
    let own = black_box(vec![0_u8; 100]);
    indirect(depth) + own.len()
}

#[test]
fn what_an_inner_call_allocates_is_on_its_lines_alone() {
    assert_eq!(recursive(3).len(), 30);
    assert_eq!(indirect(3), 330);
    let snapshot = capture();
    check(&snapshot, "::recursive");
    check(&snapshot, "::indirect");
    for path in ["lines::recursive", "lines::indirect"] {
        let sum = |of: fn(&Line) -> Option<u64>| -> u64 {
            let own = snapshot.lines.iter().filter(|line| line.path == path);
            own.filter_map(of).sum()
        };
        let row = row(&snapshot, path);
        assert_eq!(Some(sum(|line| line.allocations)), row.allocations, "{path}");
        assert_eq!(Some(sum(|line| line.allocated_bytes)), row.allocated_bytes, "{path}");
        assert_eq!(Some(sum(|line| line.freed_bytes)), row.freed_bytes, "{path}");
    }
}

#[rustfmt::skip]
#[profile(lines)]
fn in_threads(turns: usize) -> usize {
    let mut sum = 0; //= 4
    for turn in 0..turns { //= 404
        sum += black_box(vec![0_u8; turn + 1]).len(); //= 400 400 20200 0
    }
    sum //= 4
}

#[rustfmt::skip]
#[profile(lines)]
fn cannot_be_split(numbers: &mut [u32]) -> usize {
    numbers.sort_by(|a, b| { //= 1
        let order = a.cmp(b); //~ 1 closure
        order.reverse() //~ 1 closure
    }); //~ 1 closure
    assert_eq!( //= 1
        numbers.len(), //~ 5 assert_eq!
        { //~ 5 assert_eq!
            3 //~ 5 assert_eq!
        } //~ 5 assert_eq!
    ); //~ 5 assert_eq!
    numbers.len() //= 1
}

#[test]
fn lines_of_closures_and_macros_name_the_line_that_has_their_figures() {
    assert_eq!(cannot_be_split(&mut [1, 3, 2]), 3);
    let snapshot = capture();
    check(&snapshot, "::cannot_be_split");
    let own: Vec<&Line> =
        snapshot.lines.iter().filter(|line| line.path.ends_with("::cannot_be_split")).collect();
    let first = row(&snapshot, "lines::cannot_be_split").line;
    for line in own {
        let named = line.counted_on.zip(line.part_of.as_deref());
        let named = named.map(|(on, what)| format!("{} {what}", on - first));
        let expected = line.source.split_once("//~ ").map(|(_, words)| words.to_owned());
        assert_eq!(named, expected, "{}", line.source);
    }
}

#[test]
fn threads_are_merged() {
    thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(|| in_threads(100))));
    });
    check(&capture(), "::in_threads");
}

#[rustfmt::skip]
#[profile(lines)]
fn unwinds(at: u32) {
    let bytes = black_box(vec![0_u8; 7]); //= 2 2 14 14
    for turn in 0..5 { //= 9
        if turn == at { //= 8
            std::panic::resume_unwind(Box::new(turn)); //= 1
        }
    }
    drop(bytes); //= 1
}

#[test]
fn a_call_that_panics_keeps_its_lines() {
    unwinds(9);
    catch_unwind(|| unwinds(2)).expect_err("it panics");
    check(&capture(), "::unwinds");
}

/// Yields once.
async fn pause() {
    let mut is_over = false;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut is_over, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[rustfmt::skip]
#[profile(lines)]
async fn awaits(turns: u32) -> usize {
    let mut all = Vec::with_capacity(8); //= 3 3 24 24
    for turn in 0..turns { //= 15
        pause().await; //= 12
        let next = async { //= 12
            pause().await; //= 12
            turn as u8 //= 12
        };
        all.push(next.await); //= 12
    } //= 12
    all.len() //= 3
} //= 3 0 0 -24

#[test]
fn lines_of_async_functions_are_counted_wherever_they_are_polled() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build();
    let lengths = runtime.expect("a runtime").block_on(async {
        let tasks: Vec<_> = (0..3).map(|_| tokio::spawn(awaits(4))).collect();
        let mut lengths = Vec::new();
        for task in tasks {
            lengths.push(task.await.expect("it ends"));
        }
        lengths
    });
    assert_eq!(lengths, [4, 4, 4]);
    check(&capture(), "::awaits");
}

thread_local! {
    static DROPPED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

struct Noisy(&'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(self.0));
    }
}

impl Noisy {
    fn value(&self) -> Option<u32> {
        Some(1)
    }
}

/// Pairs of functions with and without lines: the order of drops and the results are the same.
macro_rules! twins {
    ($($name:ident: $body:block)*) => {$(
        mod $name {
            use super::*;

            pub fn plain() -> u32 $body

            #[profile(lines)]
            pub fn lined() -> u32 $body
        }
    )*
        #[test]
        fn values_and_the_order_of_drops_are_those_of_the_twin_without_lines() {
            $({
                let result = [$name::plain, $name::lined].map(|run| {
                    let value = catch_unwind(run).unwrap_or(99);
                    (value, DROPPED.with_borrow_mut(std::mem::take))
                });
                assert_eq!(result[0], result[1], stringify!($name));
            })*
        }
    };
}

#[expect(clippy::needless_late_init, reason = "a let of each kind")]
mod twins {
    use super::*;
    twins! {
        temporaries_of_a_scrutinee: {
            let _first = Noisy("first");
            match Noisy("scrutinee").value() {
                Some(n) => {
                    let _inner = Noisy("inner");
                    n
                }
                None => 0,
            }
        }
        temporaries_of_a_tail: {
            let _local = Noisy("local");
            Noisy("tail").value().unwrap_or(0)
        }
        while_let_holds_its_temporaries: {
            let mut turns = 0;
            while let Some(n) = Noisy("head").value() {
                let _body = Noisy("body");
                turns += n;
                if turns == 2 {
                    break;
                }
            }
            turns
        }
        while_drops_its_temporaries_before_the_body: {
            let mut turns = 0;
            while Noisy("condition").value() == Some(1) && turns < 2 {
                let _body = Noisy("body");
                turns += 1;
            }
            turns
        }
        if_let_else: {
            let value = if let Some(n) = Noisy("if let").value() {
                let _then = Noisy("then");
                n
            } else {
                let _else = Noisy("else");
                0
            };
            value + if Noisy("if").value().is_none() { 1 } else { Noisy("otherwise").value().unwrap_or(0) }
        }
        for_holds_its_temporaries: {
            let mut sum = 0;
            for n in Noisy("iterated").value().iter() {
                let _body = Noisy("body");
                sum += *n;
            }
            sum
        }
        places_stay_places: {
            let pair = (Noisy("left"), String::from("x"));
            match pair.1.as_str() {
                "x" => {}
                _ => return 0,
            }
            let (left, ref right) = pair;
            let _ = left;
            right.len() as u32
        }
        question_marks_and_early_returns: {
            fn inner() -> Option<u32> {
                None
            }
            let _local = Noisy("local");
            let run = || -> Option<u32> {
                let _in_closure = Noisy("in closure");
                Some(inner()? + 1)
            };
            if run().is_none() {
                let _early = Noisy("early");
                return 7;
            }
            1
        }
        panics_in_the_middle: {
            let _local = Noisy("local");
            let _part = (Noisy("part"), {
                let _deep = Noisy("deep");
                if black_box(true) {
                    std::panic::resume_unwind(Box::new(()));
                }
            });
            1
        }
        lets_of_all_kinds: {
            let late;
            let Some(n) = Noisy("let else").value() else { return 0 };
            late = Noisy("late");
            let shadow = Noisy("shadow");
            let shadow = (shadow, n).1;
            let _ = Noisy("at once");
            let extended = &Noisy("extended");
            shadow + late.value().unwrap_or(0) + extended.value().unwrap_or(0)
        }
        blocks_in_operands: {
            let sum = {
                let _a = Noisy("a");
                1
            } + {
                let _b = Noisy("b");
                2
            };
            u32::max(sum, {
                let _c = Noisy("c");
                match sum {
                    3 => {
                        let _d = Noisy("d");
                        4
                    }
                    _ => 0,
                }
            })
        }
    }
}

#[test]
fn one_line_may_hold_several_statements_and_counts_once_a_turn() {
    #[rustfmt::skip]
    #[profile(lines)]
    fn one_liner(n: u32) -> u32 { let a = n; let b = a + 1; if b > 0 { drop(Box::new(b)); } b } //= 5 5 20 0

    (0..5).for_each(|n| assert_eq!(one_liner(n), n + 1));
    check(&capture(), "::one_liner");
}

#[test]
fn a_body_of_a_macro_that_is_all_on_one_line_adds_up_there() {
    #[rustfmt::skip]
    macro_rules! made {
        ($name:ident) => {
            #[profile(lines)]
            fn $name() -> usize { let bytes = vec![0_u8; 3]; let more = vec![0_u8; 4]; bytes.len() + more.len() }
        };
    }
    made!(from_a_macro);
    assert_eq!(from_a_macro(), 7);
    let snapshot = capture();
    let own: Vec<&Line> =
        snapshot.lines.iter().filter(|it| it.path.ends_with("from_a_macro")).collect();
    let allocated: u64 = own.iter().filter_map(|line| line.allocated_bytes).sum();
    assert_eq!((allocated, own.iter().filter(|line| line.has_run()).count()), (7, 1));
}

#[profile(lines(rss))]
fn resident(mebibytes: usize) -> u8 {
    let bytes = vec![1_u8; mebibytes << 20];
    let sum = bytes[0] + bytes[bytes.len() - 1];
    drop(bytes);
    sum
}

#[test]
fn resident_memory_of_a_line_is_the_sum_of_its_changes() {
    const MIB: i64 = 1 << 20;
    (0..3).for_each(|_| assert_eq!(resident(50), 2));
    let snapshot = capture();
    let first = row(&snapshot, "lines::resident").line;
    let increment = |line: u32| {
        let line = snapshot.line("lines::resident", first + line).expect("a line");
        line.resident_increment_bytes.expect("read")
    };
    // Other tests allocate meanwhile, but not fifty mebibytes at once.
    assert!((increment(1) - 150 * MIB).abs() < 30 * MIB, "{}", increment(1));
    assert!((increment(3) + 150 * MIB).abs() < 30 * MIB, "{}", increment(3));
}

mod other_processes {
    use super::*;

    #[test]
    fn under_a_budget_hits_and_allocations_are_exact_and_times_estimates() {
        let run = Program::new(SCENES, "work").env("PROFILE_OVERHEAD", "1/64").run().successful();
        check(run.report(), "::work");
        let snapshot = run.report();
        let timed = |line: &Line| line.timed_hits.unwrap_or(0);
        let own = || snapshot.lines.iter().filter(|line| line.path.ends_with("::work"));
        assert!(own().any(|line| timed(line) > 0), "{:?}", snapshot.lines);
        // Each timed stay stands for 64, so the estimate is the true number, within random error.
        let (timed, hits) =
            (own().map(timed).sum::<u64>(), own().filter_map(|line| line.hits).sum::<u64>());
        assert!(timed > hits / 2 && timed <= hits, "{timed} of {hits}");
    }

    #[test]
    fn every_clock_counts_the_same() {
        for clock in ["tsc", "fenced", "monotonic"] {
            let run = Program::new(SCENES, "work").env("PROFILE_CLOCK", clock).run().successful();
            check(run.report(), "::work");
        }
    }

    #[test]
    fn the_lines_of_a_killed_process_are_in_its_segment() {
        let run = Program::new(SCENES, "killed").recording_into_files().run();
        check(&run.segment(), "::work");
    }

    #[test]
    fn a_forked_child_has_lines_of_its_own() {
        let run = Program::new(SCENES, "forks").run().successful();
        assert_eq!(run.reports.len(), 2);
        for report in &run.reports {
            check(report, "::work");
        }
    }

    #[test]
    fn a_child_forked_in_the_middle_of_a_call_continues_and_does_not_change_its_lines() {
        let run = Program::new(SCENES, "forks_inside").run().successful();
        assert_eq!(run.reports.len(), 2);
        let (parent, child): (Vec<&Snapshot>, Vec<&Snapshot>) =
            run.reports.iter().partition(|report| report.function("forks_inside").is_some());
        check(parent[0], "::forks_inside");
        check(parent[0], "::work");
        // In the child it was called once more within the call, which belongs to the parent.
        let calls = row(child[0], "work").calls;
        assert_eq!(calls, 3, "{calls}");
    }

    #[test]
    fn a_function_of_thousands_of_lines_has_them_all() {
        // More than a pipe can buffer.
        let run = Program::new(SCENES, "long").env("PROFILE_REPORT", "json").run().successful();
        let report: Snapshot = serde_json::from_slice(&run.output.stderr).expect("a report");
        let of_long = report.lines.iter().filter(|line| line.path.ends_with("::long"));
        assert_eq!(of_long.filter(|line| line.has_run()).count(), 14_002);
    }
}
