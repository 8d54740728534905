//! How calls return: counted by hand, by value, by `return`, by `?`, by a macro, and not at all.

use std::hint::black_box;
use std::panic::catch_unwind;

use profile_core::{Returned, capture, profile};

fn returns(path: &str) -> (String, [u64; 2]) {
    let snapshot = capture();
    let row = snapshot.function(path).unwrap_or_else(|| panic!("{path} was not called"));
    let returns = row.returns.as_ref().expect("it was asked");
    let calls = |it: &Returned| it.calls;
    (returns.kind.clone(), [calls(&returns.ok), calls(&returns.err)])
}

macro_rules! bail {
    ($error:expr) => {
        return Err($error)
    };
}

#[profile(returns)]
fn every_way(number: u32) -> Result<u32, String> {
    match number {
        0 => return Err("zero".to_owned()),
        1 => bail!("one".to_owned()),
        2 => {
            "two".parse::<u32>().map_err(|error| error.to_string())?;
        }
        3 => std::panic::resume_unwind(Box::new(3)),
        4 => return Ok(black_box(number)),
        _ => {}
    }
    // A `return` in a closure does not count.
    let double = |number: u32| -> Option<u32> {
        if number == 0 {
            return None;
        }
        Some(number * 2)
    };
    double(number).ok_or_else(|| "none".to_owned())
}

#[profile(returns)]
fn recursive(depth: u32) -> Option<u32> {
    if depth == 0 {
        return None;
    }
    recursive(depth - 1).or(Some(depth))
}

/// Its tail borrows from its argument and is coerced.
#[profile(returns, lines)]
fn coerced<T: std::fmt::Debug>(value: &T, flag: bool) -> Option<&dyn std::fmt::Debug> {
    if flag { Some(value) } else { None }
}

#[profile(returns)]
async fn later(number: u32) -> Result<u32, std::num::ParseIntError> {
    tokio::task::yield_now().await;
    if number == 0 {
        return "0".parse();
    }
    let parsed: u32 = "x".repeat(number as usize - 1).parse().or_else(|_| "7".parse())?;
    "no".parse::<u32>().or(Ok(parsed))
}

#[profile(returns)]
async fn fails() -> Result<(), std::num::ParseIntError> {
    tokio::task::yield_now().await;
    "no".parse::<u32>()?;
    Ok(())
}

#[test]
fn each_way_to_return_is_counted() {
    for number in [0, 1, 2, 4, 5, 6] {
        assert_eq!(every_way(number).is_ok(), number >= 4, "{number}");
    }
    catch_unwind(|| every_way(3)).expect_err("it panics");
    assert_eq!(returns("every_way"), ("result".to_owned(), [3, 3]));
    let snapshot = capture();
    let row = snapshot.function("every_way").expect("it was called");
    let ways = row.returns.as_ref().expect("it was asked");
    let both = ways.ok.inclusive_ns + ways.err.inclusive_ns;
    // The call that unwound has a time but no outcome.
    assert!(both > 0 && both <= row.inclusive_ns + 1000, "{ways:?} of {}", row.inclusive_ns);
    assert_eq!(recursive(3), Some(1));
    assert_eq!(returns("recursive"), ("option".to_owned(), [3, 1]));
    let text = String::from("text");
    assert!(coerced(&text, true).is_some() && coerced(&text, false).is_none());
    assert_eq!(returns("coerced"), ("option".to_owned(), [1, 1]));
}

#[test]
fn async_functions_are_asked_at_their_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        assert_eq!(later(0).await, Ok(0));
        assert_eq!(later(2).await, Ok(7));
        assert!(fails().await.is_err() && fails().await.is_err());
        // Dropped before its end, it has not returned.
        drop(Box::pin(fails()));
    });
    assert_eq!(returns("later"), ("result".to_owned(), [2, 0]));
    assert_eq!(returns("fails"), (String::new(), [0, 2]));
}
