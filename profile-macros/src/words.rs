//! The names of limits. `profile-core/src/limits/kind.rs` has the same names in its table and
//! defines their meaning. This crate cannot depend on that one, so a test (`tests/tests/limits.rs`)
//! includes this file and compares both. This file must not refer to any other file.

/// How a limit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// `"10 ms"`
    Time,
    /// `3`
    Count,
    /// `"1 MiB"`, or a number of bytes
    Bytes,
}

/// Where a limit may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `#[profile(…)]`: on each call
    Profile,
    /// `#[memory_usage(…)]`: on each call
    MemoryUsage,
    /// `run(…)` in either: on all calls of a run together
    Run,
}

#[derive(Debug)]
pub struct Word {
    pub text: &'static str,
    pub amount: Amount,
    pub places: &'static [Place],
}

use Amount::{Bytes, Count, Time};
use Place::{MemoryUsage, Profile, Run};

pub const WORDS: &[Word] = &[
    Word { text: "warn_above", amount: Time, places: &[Profile] },
    Word { text: "max_allocations", amount: Count, places: &[MemoryUsage, Run] },
    Word { text: "max_bytes", amount: Bytes, places: &[MemoryUsage, Run] },
    Word { text: "max_peak", amount: Bytes, places: &[MemoryUsage] },
    Word { text: "max_retained", amount: Bytes, places: &[MemoryUsage, Run] },
    Word { text: "max_rss", amount: Bytes, places: &[MemoryUsage] },
    Word { text: "max_time", amount: Time, places: &[MemoryUsage, Run] },
    Word { text: "max_calls", amount: Count, places: &[Run] },
    Word { text: "max_depth", amount: Count, places: &[Run] },
];

/// The limits that may be written there.
pub fn of(place: Place) -> impl Iterator<Item = &'static Word> {
    WORDS.iter().filter(move |word| word.places.contains(&place))
}

/// The limit of that name, if it may be written there.
pub fn find(place: Place, text: &str) -> Option<&'static Word> {
    of(place).find(|word| word.text == text)
}
