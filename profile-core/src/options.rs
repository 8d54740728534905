//! Options and their errors: types that exist with the feature `profile` on and off.

use std::borrow::Cow;

/// The share of a thread's time that timing may take.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Budget {
    /// Every call is counted. Timing takes at most 5 % of a thread's time; functions of a
    /// microsecond and more are timed at every call.
    Auto,
    /// Every call is timed.
    Exact,
    /// One call in this many is timed, rounded down to a power of two; at most 1,024.
    OneIn(u32),
    /// Timing takes at most this share of a thread's time: 0.02 is 2 %. A function for which even
    /// counting costs more is no longer recorded, and the report gives the time at which that
    /// happened.
    Share(f64),
}

/// The order of the table's rows, largest first.
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
    /// Path, in alphabetical order.
    Name,
}

/// The rows of a table. The others are summarized in one line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Top {
    /// All rows.
    All,
    /// At most this many.
    Rows(usize),
    /// Rows with at least this share of the time in annotated functions: 0.01 is 1 %.
    Share(f64),
}

/// The kind of memory that is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// Resident memory: all pages in memory.
    #[default]
    Rss,
    /// The same, with pages that several processes share divided among them: sums over children are
    /// true. Dear to read, 50 µs and more.
    Pss,
    /// Pages that no other process shares. As expensive.
    Uss,
    /// Live bytes of the heap, counted by the allocator. Only for this process.
    Heap,
}

/// The kind of a call site.
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

/// Thresholds above which the report gives advice.
///
/// ```
/// use profile_core::Thresholds;
///
/// let strict = Thresholds { heavy_tail: 0.1, ..Thresholds::default() };
/// profile_core::Settings::new().advice(strict).apply();
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// How far the mean exceeds the trimmed mean, as a share of the latter.
    pub heavy_tail: f64,
    /// Ratio of the two modes of a bimodal distribution of call times.
    pub bimodal: f64,
    /// Ratio of the first call's time to the median.
    pub cold_first_call: f64,
    /// Reallocations that grow a block, per call.
    pub regrowth: f64,
    /// Bytes retained per call, at the lower end of the confidence interval.
    pub retained_growth: f64,
    /// Share of a function's time that it waits.
    pub mostly_waiting: f64,
    /// Ratio of the cost of recording a function to its own time.
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
    /// No advice.
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

/// An invalid setting, and the values that are valid.
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
                write!(f, "invalid value `{value}`; expected {allowed}")
            }
            Fault::Unavailable { why } => write!(f, "`{value}` cannot be written: {why}"),
        }
    }
}

impl std::error::Error for SettingError {}
