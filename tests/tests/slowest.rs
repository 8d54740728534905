//! The slowest calls and their arguments, with a mock clock: which calls are listed, and how many
//! were formatted.

use std::cell::Cell;
use std::fmt;
use std::hint::black_box;

use profile_core::__private::use_mock_clock;
use profile_core::{Call, capture, profile};
use tests::pass;

thread_local! {
    static SHOWN: Cell<u32> = const { Cell::new(0) };
}

/// Counts how often it is formatted.
#[derive(Clone, Copy)]
struct Counted(u64);

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SHOWN.set(SHOWN.get() + 1);
        write!(f, "#{}", self.0)
    }
}

/// Its arguments are moved, changed and shadowed; the recorded values are the original ones.
#[profile(args(number, text.len(), items, name))]
fn lasts(mut number: Counted, text: String, items: &[u8], name: &str) -> usize {
    pass(number.0 * 100);
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
fn the_slowest_calls_are_listed_and_only_they_are_formatted() {
    use_mock_clock();
    pass(0);
    calls_it();
    let snapshot = capture();
    let slowest = &snapshot.function("lasts").expect("it was called").slowest;
    let kept: Vec<String> = [50, 49, 49, 48, 48, 47, 47, 46]
        .map(|n| format!("number = #{n}, text.len() = 4, items = [1, 2], name = \"a name\""))
        .into();
    let arguments: Vec<&String> = slowest.iter().map(|call| &call.arguments).collect();
    assert_eq!(arguments, kept.iter().collect::<Vec<_>>());
    let times: Vec<u64> = slowest.iter().filter_map(|call| call.duration_ns).collect();
    assert_eq!(times, [5000, 4900, 4900, 4800, 4800, 4700, 4700, 4600]);
    assert_eq!(slowest.len(), Call::MOST);
    for call in slowest {
        assert_eq!(call.caller, "slowest::calls_it");
        assert!(call.thread_id > 0 && call.started_ns > Some(0), "{call:?}");
    }
    // Fifty ascending calls (the first takes no time), then three more: only calls longer than the
    // shortest listed one are formatted.
    assert_eq!(SHOWN.get(), 50 + 3);
}
