//! One source line of a function.

/// Statistics of a source line in a function with `#[profile(lines)]`, over all calls and threads.
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
    /// The source text, without the newline. Empty if the compiler had no file.
    pub source: String,
    /// Arrivals at the line. A loop's head is reached once per iteration and once more at the end.
    /// A closing brace is reached if its block drops something, and has the cost of the drop.
    pub hits: Option<u64>,
    /// Hits that were timed. If these are fewer, the time is an estimate.
    pub timed_hits: Option<u64>,
    /// For a line inside a closure or macro, which cannot be split: the line that has its figures.
    pub counted_on: Option<u32>,
    /// What that is: `closure`, `select!`.
    pub part_of: Option<String>,
    /// Time on the line, including callees; the calibrated cost of the marks is subtracted.
    pub inclusive_ns: Option<u64>,
    /// Of an async function: time suspended at an `.await` on it, which is in `inclusive_ns` of
    /// nobody. Up to now, or to the end of the call if it was cancelled.
    pub waiting_ns: Option<u64>,
    /// Allocations on the line, including callees. `None`, like the next three, if not counted.
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
