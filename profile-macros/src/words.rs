//! The words of limits. What each means is for `profile-core/src/limits/kind.rs`, whose table has
//! the same words; this crate cannot see that one, so a test (`tests/tests/limits.rs`) includes
//! this file and compares both. Nothing here may name another file.

/// How a limit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// `"10 ms"`
    Time,
    /// `3`
    Count,
    /// `"1 MiB"`, or a number
    Bytes,
}

/// Where a limit is written.
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

/// The words that a place takes.
pub fn of(place: Place) -> impl Iterator<Item = &'static Word> {
    WORDS.iter().filter(move |word| word.places.contains(&place))
}

/// The word of that text in a place.
pub fn find(place: Place, text: &str) -> Option<&'static Word> {
    of(place).find(|word| word.text == text)
}
