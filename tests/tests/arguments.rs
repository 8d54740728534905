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
fn the_calls_that_allocated_most_are_listed_and_skipped_arguments_appear_nowhere() {
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
fn panics_are_reported_long_texts_are_cut_and_types_without_debug_are_displayed() {
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

struct Table {
    name: String,
    rows: Vec<u32>,
}

impl Table {
    #[profile(args(self.name, self.rows.len(), row))]
    fn insert(&mut self, row: Vec<u32>) {
        self.name.push('!');
        self.rows.extend(row);
    }
}

#[profile(args(url, count, rest, only, panics, long))]
fn changes(
    url: String,
    mut count: u32,
    rest: &mut Vec<u8>,
    only: OnlyDisplay,
    panics: Panics,
    long: String,
) -> usize {
    count += 1;
    rest.push(4);
    let moved = (url, only, panics, long);
    moved.0.len() + count as usize
}

#[profile(args(text, count))]
async fn moves_later(text: String, mut count: u32) -> String {
    count += 1;
    tokio::task::yield_now().await;
    text + &count.to_string()
}

/// Its own spans and allocations while it is formatted are not charged to anyone.
struct Shows;

impl fmt::Debug for Shows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown_by(7))
    }
}

#[profile]
fn shown_by(number: u32) -> String {
    number.to_string()
}

#[profile(args(value))]
fn takes(value: Shows) -> Option<Shows> {
    Some(value)
}

#[test]
fn what_the_body_moves_or_changes_is_as_it_was_when_the_call_began() {
    let mut table = Table { name: "t".to_owned(), rows: vec![1] };
    table.insert(vec![2, 3]);
    assert_eq!((table.name.as_str(), table.rows.len()), ("t!", 3));
    assert_eq!(
        arguments(&row("insert").slowest),
        ["self.name = \"t\", self.rows.len() = 1, row = [2, 3]"]
    );
    let mut rest = vec![1, 2];
    changes("a".to_owned(), 3, &mut rest, OnlyDisplay, Panics, "x".repeat(500));
    assert_eq!(rest, [1, 2, 4]);
    let slowest = row("changes").slowest;
    let shown = &slowest[0].arguments;
    let expected = "url = \"a\", count = 3, rest = [1, 2], only = displayed, \
                    panics = not shown: its Debug or Display panicked, long = \"xxx";
    assert!(shown.starts_with(expected) && shown.ends_with("x…"), "{shown}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert_eq!(runtime.block_on(moves_later("b".to_owned(), 1)), "b2");
    assert_eq!(arguments(&row("moves_later").slowest), ["text = \"b\", count = 1"]);
    assert!(takes(Shows).is_some());
    let takes = row("takes");
    assert_eq!(arguments(&takes.slowest), ["value = 7"]);
    assert_eq!((takes.allocations, capture().function("shown_by").is_some()), (Some(0), false));
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
