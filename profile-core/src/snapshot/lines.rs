//! One source line of a function.

/// What one line of a function with `#[profile(lines)]` did, over all calls and threads.
///
/// A statement belongs to the line it begins on, with all that it calls. Of a recursive function,
/// what happens in an inner call is on the lines of that call alone; so the lines add up to the
/// function.
///
/// A blank line, a comment, or one on which no statement begins has no figures.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Line {
    /// Path of its function.
    pub path: String,
    /// The file it is in.
    pub file: String,
    /// Its number in the file, from 1.
    pub line: u32,
    /// The line as it is there, without its end. Empty where the compiler had no file.
    pub source: String,
    /// How often it began: arrivals at it. A loop's head begins at each turn, and once more when
    /// there is nothing left. A closing brace begins where its block drops something; what is
    /// dropped is on it.
    pub hits: Option<u64>,
    /// Of these, how many were timed. Fewer only under an overhead budget; the time is an estimate
    /// then.
    pub timed_hits: Option<u64>,
    /// Of a line in the middle of a closure or a macro, which cannot be split: the line that its
    /// figures are on.
    pub counted_on: Option<u32>,
    /// What that is: `closure`, `select!`.
    pub part_of: Option<String>,
    /// Time on it, with what it calls; the calibrated cost of the marks is subtracted.
    pub inclusive_ns: Option<u64>,
    /// Of an async function: time suspended at an `.await` on it, which is in `inclusive_ns` of
    /// nobody. Up to now, or to the end of the call if it was cancelled.
    pub waiting_ns: Option<u64>,
    /// Allocations on it, with what it calls. `None` where they are not counted, as the next three.
    pub allocations: Option<u64>,
    /// Bytes of them.
    pub allocated_bytes: Option<u64>,
    /// Bytes freed on it.
    pub freed_bytes: Option<u64>,
    /// `allocated_bytes` less `freed_bytes`.
    pub net_bytes: Option<i64>,
    /// With `lines(rss)`: sum of the changes of resident memory over all its hits.
    pub resident_increment_bytes: Option<i64>,
    /// With `lines(rss)`: most resident memory after it.
    pub resident_bytes: Option<u64>,
}

impl Line {
    /// Whether a statement begins on it that was run.
    #[must_use]
    pub fn has_run(&self) -> bool {
        self.hits.is_some_and(|hits| hits > 0)
    }
}
