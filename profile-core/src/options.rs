//! What the user chooses or distinguishes: names that are there whether anything is recorded or
//! not.

use std::borrow::Cow;

/// How much of the run's time recording may take.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Budget {
    /// Every call is counted, and as many are timed as fit into 5 % of a thread's time: functions
    /// of a microsecond and more always.
    Auto,
    /// Every call is timed.
    Exact,
    /// One call in so many is timed, rounded down to a power of two; at most 1,024.
    OneIn(u32),
    /// As many calls are timed as fit into this share of a thread's time: 0.02 is 2 %. A function
    /// whose calls cost more than that when they are only counted is no longer recorded; the
    /// report says from when on.
    Share(f64),
}

/// What the table is sorted by, largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sort {
    /// Inclusive time.
    Total,
    /// Exclusive time.
    Exclusive,
    /// Number of calls.
    Calls,
    /// Mean time of a call.
    Mean,
    /// Longest call.
    Max,
    /// Number of allocations.
    Allocations,
    /// Bytes allocated.
    Bytes,
    /// Path, from a to z.
    Name,
}

/// Which rows a table has; the others are one line, with their number and time.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Top {
    /// All rows.
    All,
    /// At most this many.
    Rows(usize),
    /// Those whose inclusive time is at least this share of the time in annotated functions: 0.01
    /// is 1 %.
    Share(f64),
}

/// What is read of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// Resident memory: all pages that are in memory now.
    #[default]
    Rss,
    /// The same, with pages that several processes share divided among them: sums over children are
    /// true. Dear to read, 50 µs and more.
    Pss,
    /// Pages that no other process shares. As expensive.
    Uss,
    /// Live bytes of the heap, by the allocator. Only of this process.
    Heap,
}

/// What is at a call site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A function that returns when it is done.
    Function,
    /// An `async` function or block: measured at each poll.
    Async,
    /// A block named with [`span!`](crate::span).
    Span,
}

/// From where on something is worth a word.
///
/// ```
/// use profile_core::Thresholds;
///
/// let strict = Thresholds { heavy_tail: 0.1, ..Thresholds::default() };
/// profile_core::Settings::new().advice(strict).apply();
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// By what share of the trimmed mean the mean lies above it.
    pub heavy_tail: f64,
    /// How many times as long the long kind of calls takes as the short one.
    pub bimodal: f64,
    /// How many times as long as the median the first call took.
    pub cold_first_call: f64,
    /// How often a call makes blocks grow.
    pub regrowth: f64,
    /// How many bytes a call leaves behind, for certain.
    pub retained_growth: f64,
    /// Which share of its time it waits.
    pub mostly_waiting: f64,
    /// How many times its own time recording it takes.
    pub recording_dominates: f64,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds {
            heavy_tail: 0.5,
            bimodal: 4.0,
            cold_first_call: 10.0,
            regrowth: 4.0,
            retained_growth: 0.5,
            mostly_waiting: 0.5,
            recording_dominates: 1.0,
        }
    }
}

impl Thresholds {
    /// Nothing is worth a word.
    #[must_use]
    pub fn never() -> Thresholds {
        let never = f64::INFINITY;
        Thresholds {
            heavy_tail: never,
            bimodal: never,
            cold_first_call: never,
            regrowth: never,
            retained_growth: never,
            mostly_waiting: never,
            recording_dominates: never,
        }
    }
}

/// A setting that is not allowed: what was said, and what may be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    value: String,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "profile"), expect(dead_code, reason = "nothing is set then"))]
enum Fault {
    NotUnderstood {
        allowed: Cow<'static, str>,
    },
    /// A format that this program cannot write.
    Unavailable {
        why: &'static str,
    },
}

#[cfg(feature = "profile")]
impl SettingError {
    pub(crate) fn new(value: &str, allowed: impl Into<Cow<'static, str>>) -> SettingError {
        const LONGEST: usize = 60;
        let shown: String = value.chars().take(LONGEST).flat_map(char::escape_debug).collect();
        SettingError { value: shown, fault: Fault::NotUnderstood { allowed: allowed.into() } }
    }

    pub(crate) fn unavailable(format: &str, why: &'static str) -> SettingError {
        SettingError { value: format.to_owned(), fault: Fault::Unavailable { why } }
    }
}

impl std::fmt::Display for SettingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SettingError { value, fault } = self;
        match fault {
            Fault::NotUnderstood { allowed } => {
                write!(f, "`{value}` is not understood; allowed is {allowed}")
            }
            Fault::Unavailable { why } => write!(f, "`{value}` cannot be written: {why}"),
        }
    }
}

impl std::error::Error for SettingError {}
