//! A source line of a function.

/// What one line of a function with `#[profile(lines)]` did, over all calls and threads.
///
/// A statement, including everything it calls, belongs to the line it begins on. In a recursive
/// function an inner call is attributed only to the lines of that call, so that the lines add up to
/// the function.
///
/// A blank line, a comment, or a line on which no statement begins has no figures.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Line {
    /// Path of its function.
    pub path: String,
    /// The file that contains it.
    pub file: String,
    /// Its number in the file, from 1.
    pub line: u32,
    /// The text of the line, without its line ending. Empty if the compiler had no file.
    pub source: String,
    /// How often the line was reached. A loop header is reached at each iteration, and once more at
    /// the end. A closing brace is reached if its block drops something; the drop is attributed to
    /// it.
    pub hits: Option<u64>,
    /// How many of these were timed. Fewer only under an overhead budget; the time is then an
    /// estimate.
    pub timed_hits: Option<u64>,
    /// For a line inside a closure or a macro, which cannot be split: the line that its figures are
    /// counted on.
    pub counted_on: Option<u32>,
    /// The kind of that part: `closure`, `select!`.
    pub part_of: Option<String>,
    /// Time on the line, including callees, with the calibrated cost of the marks subtracted.
    pub inclusive_ns: Option<u64>,
    /// For an async function: time suspended at an `.await` on the line, which no `inclusive_ns`
    /// contains. Counted until now, or until the end of the call if it was cancelled.
    pub waiting_ns: Option<u64>,
    /// Allocations on the line, including those of callees. This and the next three are `None` if
    /// allocations are not counted.
    pub allocations: Option<u64>,
    /// Bytes allocated on the line.
    pub allocated_bytes: Option<u64>,
    /// Bytes freed on the line.
    pub freed_bytes: Option<u64>,
    /// `allocated_bytes` minus `freed_bytes`.
    pub net_bytes: Option<i64>,
    /// With `lines(rss)`: sum of the changes of resident memory over all hits.
    pub resident_increment_bytes: Option<i64>,
    /// With `lines(rss)`: highest resident memory after the line.
    pub resident_bytes: Option<u64>,
}

impl Line {
    /// Whether a statement that begins on the line was executed.
    #[must_use]
    pub fn has_run(&self) -> bool {
        self.hits.is_some_and(|hits| hits > 0)
    }
}
