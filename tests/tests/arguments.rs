//! What the slowest calls, and those that allocated most, were called with.

use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use profile_core::{Call, Function, ProfilingAllocator, capture, profile};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

fn row(path: &str) -> Function {
    capture().function(path).cloned().unwrap_or_else(|| panic!("{path} was not called"))
}

fn arguments(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| &*call.arguments).collect()
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
    let longer = slowest.iter().find(|call| call.arguments == "milliseconds = 30");
    assert_eq!(slowest.len(), 2);
    assert!(longer.expect("it is kept").duration_ns >= Some(30_000_000), "{slowest:?}");
}
