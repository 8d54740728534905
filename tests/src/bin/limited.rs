//! Functions that exceed their limits, selected by the first argument. Times are those of the mock
//! clock.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use std::fmt;
use std::future::Future;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use profile_core::__private::use_mock_clock;
use profile_core::warnings::{
    Action, AllocationLimitWarning, RaisedWarning, Warning, catch_process_warnings, catch_warnings,
    filters, set_show_warning,
};
use profile_core::{ProfilingAllocator, memory_usage, profile};
use tests::pass;

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

const MS: u64 = 1_000_000;

#[memory_usage(max_allocations = 0)]
fn allocates(bytes: usize) -> usize {
    black_box(vec![0_u8; bytes]).len()
}

#[memory_usage(max_time = "1ns")]
fn takes_time() {
    black_box((0..10_000_u64).fold(0, |sum, n| sum ^ black_box(n)));
}

#[profile(warn_above = "10 ms")]
fn slow(ms: u64) -> u64 {
    pass(ms * MS);
    ms
}

#[profile]
fn unlimited(ms: u64) {
    pass(ms * MS);
}

#[profile]
fn calls_slow(ms: u64) -> u64 {
    slow(ms) + 1
}

#[profile(run(max_depth = 3, max_calls = 20))]
fn deep(depth: u64) -> u64 {
    if depth == 1 { 1 } else { 1 + deep(depth - 1) }
}

#[profile(run(max_time = "30 ms", max_allocations = 2))]
fn often(ms: u64) {
    pass(ms * MS);
    black_box(vec![0_u8; 10]);
}

#[profile]
fn plain(blocks: usize) -> Vec<String> {
    (0..blocks).map(|_| "8 bytes.".to_owned()).collect()
}

#[profile]
async fn waits(ms: u64) -> u64 {
    pass(ms * MS);
    std::future::ready(ms).await
}

/// The function's own error, or an exceeded limit.
#[derive(Debug)]
enum Failure {
    Own,
    Limit(RaisedWarning),
}

impl From<RaisedWarning> for Failure {
    fn from(raised: RaisedWarning) -> Failure {
        Failure::Limit(raised)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Own => write!(f, "its own"),
            Failure::Limit(raised) => write!(f, "{}", raised.0.message),
        }
    }
}

fn own_error(fails: bool) -> Result<(), Failure> {
    if fails { Err(Failure::Own) } else { Ok(()) }
}

#[profile(warn_above = "10 ms", raise)]
fn raises(ms: u64, fails: bool) -> Result<u64, Failure> {
    pass(ms * MS);
    own_error(fails)?;
    if ms == 1 {
        return Ok(0);
    }
    Ok(ms)
}

#[profile(warn_above = "10 ms", raise, returns)]
async fn raises_later(ms: u64, fails: bool) -> Result<u64, Failure> {
    pass(ms * MS);
    own_error(fails)?;
    Ok(ms)
}

#[memory_usage(max_allocations = 1, raise)]
fn raises_by_memory(blocks: u64, fails: bool) -> Result<u64, Failure> {
    black_box((0..blocks).map(Box::new).collect::<Vec<_>>());
    own_error(fails)?;
    Ok(blocks)
}

#[memory_usage(max_allocations = 1, raise)]
async fn raises_by_memory_later(blocks: u64, fails: bool) -> Result<u64, Failure> {
    black_box((0..blocks).map(Box::new).collect::<Vec<_>>());
    own_error(fails)?;
    Ok(blocks)
}

/// A value that takes time to drop.
struct Lasting(u64);

impl Drop for Lasting {
    fn drop(&mut self) {
        unlimited(self.0);
    }
}

#[profile(warn_above = "10 ms", raise)]
fn raises_with_slow_local(ms: u64, after: u64) -> Result<u64, Failure> {
    let _lasting = Lasting(after);
    pass(ms * MS);
    Ok(ms)
}

#[memory_usage(max_retained = 0, raise)]
fn keeps_nothing() -> Result<u64, Failure> {
    let block = black_box(vec![1_u8; 100]);
    Ok(u64::from(block[0]))
}

#[profile(warn_above = "10 ms")]
extern "C" fn foreign(ms: u64) -> u64 {
    pass(ms * MS);
    ms
}

#[memory_usage(max_allocations = 0, max_time = "1ns")]
fn both() {
    black_box(vec![0_u8; 10]);
    black_box((0..10_000_u64).fold(0, |sum, n| sum ^ black_box(n)));
}

#[profile]
fn calls_both() {
    (0..5).for_each(|_| both());
}

fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

struct SlowWhenDropped;

impl Drop for SlowWhenDropped {
    fn drop(&mut self) {
        slow(50);
    }
}

fn print(what: &str, outcome: Result<u64, Failure>) {
    match outcome {
        Ok(value) => println!("{what}: {value}"),
        Err(failure) => println!("{what}: {failure}"),
    }
}

/// The panic payload of a call.
fn thrown(call: impl FnOnce()) -> String {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(()) => "nothing".to_owned(),
        Err(payload) => match payload.downcast::<RaisedWarning>() {
            Ok(raised) => raised.0.message,
            Err(_) => "another payload".to_owned(),
        },
    }
}

fn all() {
    let calls = || {
        for bytes in [1, 2, 3] {
            allocates(bytes);
            takes_time();
        }
    };
    let Err(payload) = catch_unwind(calls) else { return };
    let Ok(raised) = payload.downcast::<RaisedWarning>() else { panic!("another payload") };
    println!("{}", raised.0.category.is_a(&AllocationLimitWarning));
    println!("{raised}");
}

fn time() {
    for ms in [5, 10, 11, 30, 12] {
        slow(ms);
        unlimited(ms * 100);
    }
}

fn throw() {
    println!(
        "{}",
        thrown(|| {
            calls_slow(5);
        })
    );
    println!(
        "{}",
        thrown(|| {
            calls_slow(11);
        })
    );
    let unwinds = || {
        let _slow = SlowWhenDropped;
        panic!("on purpose");
    };
    println!("{}", thrown(unwinds));
    println!(
        "{}",
        thrown(|| {
            finish(waits(20));
        })
    );
    // Guards that are dropped out of order.
    let ordered = || {
        let outer = profile_core::span!("outer");
        let inner = profile_core::span!("inner");
        drop(outer);
        pass(20 * MS);
        drop(inner);
    };
    println!("{}", thrown(ordered));
    println!(
        "{}",
        thrown(|| {
            calls_slow(6);
        })
    );
}

fn raise() {
    for (ms, fails) in [(5, false), (5, true), (1, false), (11, false), (11, true)] {
        print("raises", raises(ms, fails));
        print("raises_later", finish(raises_later(ms, fails)));
        let blocks = ms / 10;
        print("raises_by_memory", raises_by_memory(blocks, fails));
        print("raises_by_memory_later", finish(raises_by_memory_later(blocks * 2, fails)));
    }
}

fn locals() {
    print("raises_with_slow_local", raises_with_slow_local(11, 1_000));
    print("keeps_nothing", keeps_nothing());
}

/// The function that shows warnings calls functions with limits, and opens spans.
fn hooks() {
    set_show_warning(Some(|warning: &Warning| {
        let _span = profile_core::span!("in a hook");
        let outcome = raises(20, false);
        println!("{}: {}", warning.category.name(), outcome.is_ok());
    }));
    slow(11);
    slow(12);
    profile_core::warn!("by itself").expect("no error");
}

/// Work in the context of the function that spawned it, in which a span stays open to its end.
#[profile(warn_above = "10 ms", raise)]
fn raises_within_a_context(ms: u64) -> Result<u64, Failure> {
    let context = profile_core::context();
    pass(ms * MS);
    let _entered = context.enter();
    let _span = profile_core::span!("the rest");
    Ok(ms)
}

fn contexts() {
    print("raises_within_a_context", raises_within_a_context(11));
    // The function is disabled while it calls itself: the inner call is not recorded.
    print("calls_itself", calls_itself(true));
}

#[profile(warn_above = "10 ms", raise)]
fn calls_itself(again: bool) -> Result<u64, Failure> {
    if again {
        pass(11 * MS);
        let this = profile_core::find("calls_itself").expect("it is called");
        this.set_enabled(false);
        print("within", calls_itself(false));
        this.set_enabled(true);
    }
    Ok(1)
}

fn late() {
    print("raises_with_slow_local", raises_with_slow_local(1, 30));
}

fn catch() {
    for _ in 0..2 {
        let caught = catch_warnings().record();
        slow(11);
        slow(12);
        println!("recorded {}", caught.recorded().len());
    }
    slow(13);
    slow(14);
}

/// How many of a hundred slow calls panicked, while three threads warn as fast as they can.
fn busy() {
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let _ignored = catch_warnings();
                while !ends.load(Relaxed) {
                    let _ = profile_core::warn!("busy");
                    drop(catch_process_warnings());
                }
            });
        }
        let calls = || {
            slow(11);
        };
        let throws = (0..100).filter(|_| thrown(calls) != "nothing").count();
        ends.store(true, Relaxed);
        println!("{throws} threw");
    });
    deep(4);
}

fn warns() {
    profile_core::warn!("nobody can hear it").expect("no error");
    slow(11);
    println!("went on");
}

fn exits() {
    deep(4);
    std::process::exit(7);
}

/// Whether no filter turns a warning into an error.
fn no_filter_raises() -> bool {
    filters().iter().all(|filter| filter.action != Action::Error)
}

fn forks() {
    slow(11);
    // SAFETY: the child only ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        unlimited(1);
        if no_filter_raises() {
            slow(12);
        }
        std::process::exit(0);
    }
    let mut status = 0;
    // SAFETY: waits for the child just made.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    println!("the child ended with {}", libc::WEXITSTATUS(status));
}

fn runs() {
    for ms in [5, 10, 20] {
        deep(ms / 5);
        often(ms);
    }
    (0..20).for_each(|_| {
        deep(1);
    });
}

fn file() {
    (0..4).for_each(|blocks| drop(black_box(plain(blocks))));
    unlimited(50);
    finish(waits(50));
    slow(15);
}

fn main() {
    let scene = std::env::args().nth(1).expect("a scene");
    if scene != "all" {
        use_mock_clock();
        pass(0);
    }
    match scene.as_str() {
        "all" => all(),
        "time" => time(),
        "throw" => throw(),
        "raise" => raise(),
        "runs" => runs(),
        "locals" => locals(),
        "late" => late(),
        "hooks" => hooks(),
        "contexts" => contexts(),
        "all_raise" => {
            print("raises_by_memory", raises_by_memory(1, false));
            print("raises_by_memory_later", finish(raises_by_memory_later(1, false)));
        }
        "foreign" => println!("{}", foreign(12)),
        "two" => calls_both(),
        "catch" => catch(),
        "busy" => busy(),
        "warns" => warns(),
        "exits" => exits(),
        "forks" => forks(),
        "file" => file(),
        other => panic!("no scene `{other}`"),
    }
}
