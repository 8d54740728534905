//! Option types that exist whether or not anything is recorded.

use std::borrow::Cow;

/// How much of the run's time recording may take.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Budget {
    /// Every call is counted, and as many calls are timed as fit into 5 % of a thread's time.
    /// Functions that take a microsecond or more are always timed.
    Auto,
    /// Every call is timed.
    Exact,
    /// One call in this many is timed, rounded down to a power of two; at most 1,024.
    OneIn(u32),
    /// As many calls are timed as fit into this share of a thread's time: 0.02 is 2 %. If counting
    /// a function's calls alone costs more than that, the function is no longer recorded; the
    /// report states since when.
    Share(f64),
}

/// The column by which the table is sorted, largest first.
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

/// Which kind of memory is read for a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// Resident memory: all pages that are currently in memory.
    #[default]
    Rss,
    /// Like `Rss`, but pages shared by several processes are divided among them, so that sums over
    /// children are correct. Expensive to read: 50 µs and more.
    Pss,
    /// Pages that no other process shares. As expensive as `Pss`.
    Uss,
    /// Live bytes of the heap, counted by the allocator. Only for this process.
    Heap,
}

/// What a call site instruments.
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
    /// Excess of the mean over the trimmed mean, as a share of the trimmed mean.
    pub heavy_tail: f64,
    /// Ratio of the slow kind of calls to the fast kind.
    pub bimodal: f64,
    /// Ratio of the first call to the median.
    pub cold_first_call: f64,
    /// How often a call makes blocks grow.
    pub regrowth: f64,
    /// Bytes that a call certainly leaves allocated.
    pub retained_growth: f64,
    /// Share of its time that a function waits.
    pub mostly_waiting: f64,
    /// Ratio of the time spent recording a function to the function's own time.
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
    /// Disables all advice.
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

/// An invalid setting: the value found and the values allowed.
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
