//! What the slowest calls, and those that allocated most, were called with.

use std::cell::Cell;
use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use profile_core::{Call, Function, ProfilingAllocator, capture, profile};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

fn row(path: &str) -> Function {
    capture().function(path).cloned().unwrap_or_else(|| panic!("{path} was not called"))
}

fn arguments(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| &*call.arguments).collect()
}

thread_local! {
    static SHOWN: Cell<u32> = const { Cell::new(0) };
}

/// Counts how often it is made into text.
#[derive(Clone, Copy)]
struct Counted(u64);

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SHOWN.set(SHOWN.get() + 1);
        write!(f, "#{}", self.0)
    }
}

fn work(microseconds: u64) {
    let started = Instant::now();
    while started.elapsed() < Duration::from_micros(microseconds) {
        black_box(0);
    }
}

/// Its arguments are moved, changed and shadowed; what was noted is what they were.
#[profile(args(number, text.len(), items, name))]
fn lasts(mut number: Counted, text: String, items: &[u8], name: &str) -> usize {
    work(number.0 * 100);
    number.0 += 1000;
    let name = format!("{name}!");
    let text = text.into_bytes();
    black_box(number.0);
    text.len() + items.len() + name.len()
}

#[profile]
fn calls_it() {
    for number in 0..100_u64 {
        // The longest in the middle.
        let time = 50_u64.saturating_sub(number.abs_diff(50));
        lasts(Counted(time), "text".to_owned(), &[1, 2], "a name");
    }
}

#[test]
fn the_slowest_calls_are_kept_and_only_they_become_text() {
    calls_it();
    let row = row("lasts");
    let slowest = &row.slowest;
    assert_eq!(slowest.len(), Call::MOST);
    assert_eq!(
        slowest[0].arguments,
        "number = #50, text.len() = 4, items = [1, 2], name = \"a name\""
    );
    assert!(slowest.is_sorted_by_key(|call| std::cmp::Reverse(call.duration_ns)));
    assert!(slowest.iter().all(|call| call.duration_ns >= Some(4_600_000)), "{slowest:#?}");
    assert!(slowest.iter().all(|call| call.caller == "arguments::calls_it"), "{slowest:#?}");
    assert!(slowest.iter().all(|call| call.thread_id > 0 && call.started_ns > Some(0)));
    // Rising times enter one after the other, falling ones do not.
    assert!((50..70).contains(&SHOWN.get()), "{}", SHOWN.get());
    assert_eq!(
        row.max_ns.map(|ns| ns / 1_000_000),
        slowest[0].duration_ns.map(|ns| ns / 1_000_000)
    );
}

#[profile(args(.., skip(password)))]
fn allocates(bytes: usize, password: &str, user: &str) -> Vec<u8> {
    black_box((password, user));
    vec![0; bytes]
}

#[test]
fn the_calls_that_allocated_most_are_kept_and_what_is_skipped_is_nowhere() {
    for bytes in (1..=100).map(|number| number * 37 % 101) {
        drop(allocates(bytes, "secret", "me"));
    }
    let row = row("allocates");
    let most: Vec<String> =
        (93..=100).rev().map(|n| format!("bytes = {n}, user = \"me\"")).collect();
    assert_eq!(arguments(&row.most_allocating), most);
    assert!(row.most_allocating.iter().all(|call| call.allocations == 1));
    let json = serde_json::to_string(&capture()).expect("JSON");
    assert!(!json.contains("secret"));
}

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("not to be shown")
    }
}

struct OnlyDisplay;

impl fmt::Display for OnlyDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("displayed")
    }
}

#[profile(args(panics))]
fn with_a_panic(panics: &Panics) -> bool {
    std::ptr::eq(panics, panics)
}

#[profile(args(owned, long))]
fn borrows(owned: OnlyDisplay, long: String) -> usize {
    size_of_val(&owned) + long.len()
}

#[profile(args(value))]
fn generic<T: fmt::Debug>(value: T) -> usize {
    size_of_val(&value)
}

#[test]
fn what_panics_is_said_what_is_long_is_cut_and_what_has_no_debug_is_displayed() {
    assert!(with_a_panic(&Panics));
    assert_eq!(
        arguments(&row("with_a_panic").slowest),
        ["not shown: its Debug or Display panicked"]
    );
    assert_eq!(borrows(OnlyDisplay, "é".repeat(500)), 1000);
    let slowest = row("borrows").slowest;
    let shown = &slowest[0].arguments;
    assert!(
        shown.starts_with("owned = displayed, long = \"éé") && shown.ends_with("é…"),
        "{shown}"
    );
    generic(vec![1, 2]);
    assert_eq!(arguments(&row("generic").slowest), ["value = [1, 2]"]);
}

#[profile(args(milliseconds))]
async fn later(milliseconds: u64) -> u64 {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    milliseconds
}

#[test]
fn a_call_of_an_async_function_lasts_from_its_first_poll_to_its_end() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_time().worker_threads(2).build();
    runtime.expect("a runtime").block_on(async {
        assert_eq!(tokio::spawn(later(30)).await.expect("it ends") + later(1).await, 31);
    });
    let slowest = row("later").slowest;
    assert_eq!(arguments(&slowest), ["milliseconds = 30", "milliseconds = 1"]);
    assert!(slowest[0].duration_ns >= Some(30_000_000), "{slowest:?}");
}
