//! What a person chooses between: names that are there whether anything is recorded or not.

/// How much of the run's time recording may take.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Budget {
    /// Every call is timed.
    Exact,
    /// One call in so many is timed, rounded down to a power of two; at most 1,024.
    OneIn(u32),
    /// As many calls are timed as fit into this share of a thread's time: 0.02 is 2 %.
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

/// What is read of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// Resident memory: all pages that are in memory now.
    #[default]
    Rss,
    /// The same, with pages that several processes share divided among them: sums over children are true. Dear to read,
    /// 50 µs and more.
    Pss,
    /// Pages that no other process shares. As dear.
    Uss,
    /// Live bytes of the heap, by the allocator. Only of this process.
    Heap,
}

/// A setting that is not allowed: what was said, and what may be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    value: String,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "profile"), expect(dead_code, reason = "nothing is set then"))]
enum Fault {
    NotUnderstood {
        allowed: &'static str,
    },
    /// A format that takes a feature which the program was built without.
    NotBuilt,
}

#[cfg(feature = "profile")]
impl SettingError {
    pub(crate) fn new(value: &str, allowed: &'static str) -> SettingError {
        const LONGEST: usize = 60;
        let shown: String = value.chars().take(LONGEST).flat_map(char::escape_debug).collect();
        SettingError { value: shown, fault: Fault::NotUnderstood { allowed } }
    }

    pub(crate) fn png_not_built() -> SettingError {
        SettingError { value: "png".to_owned(), fault: Fault::NotBuilt }
    }
}

impl std::fmt::Display for SettingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SettingError { value, fault } = self;
        match fault {
            Fault::NotUnderstood { allowed } => {
                write!(f, "`{value}` is not understood; allowed is {allowed}")
            }
            Fault::NotBuilt => write!(
                f,
                "`{value}` cannot be written: this program was built without the feature `{value}` of profile-core; \
                 build it with that, or ask for `svg`"
            ),
        }
    }
}

impl std::error::Error for SettingError {}
