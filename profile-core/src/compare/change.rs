//! What a comparison finds, as data.

use super::counts::CountChange;

/// What became of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "read", derive(serde::Deserialize))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It takes longer.
    Slower,
    /// It takes less.
    Faster,
    /// Whatever the change is, it is small: the whole interval lies within ±5 %, or the change
    /// found is below 1 %.
    Same,
    /// The runs differ too much, or are too few.
    #[default]
    CannotTell,
}

impl Verdict {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Slower => "slower",
            Verdict::Faster => "faster",
            Verdict::Same => "same",
            Verdict::CannotTell => "cannot tell",
        }
    }
}

/// One function on both sides.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "read", derive(serde::Deserialize))]
#[non_exhaustive]
pub struct FunctionChange {
    /// Its path.
    pub path: String,
    /// What became of its time.
    pub verdict: Verdict,
    /// The figure of the baseline: the trimmed mean of its calls, its median over runs.
    pub baseline_ns: f64,
    /// That of the candidate.
    pub candidate_ns: f64,
    /// How much more the candidate takes: 0.1 is 10 % longer.
    pub relative_change: f64,
    /// Its two-sided 95 % confidence interval.
    pub interval: [f64; 2],
    /// How likely so great a change would be if nothing had changed, adjusted for the number of
    /// functions looked at.
    pub p_value: f64,
    /// The smallest change that runs as many and as different as these show four times in five.
    pub detectable_change: f64,
    /// Allocations a call. `None`: not measured on both sides.
    pub allocations: Option<CountChange>,
    /// Bytes allocated a call.
    pub allocated_bytes: Option<CountChange>,
}

/// What [`compare`](crate::compare) found.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "read", derive(serde::Deserialize))]
#[non_exhaustive]
pub struct Comparison {
    /// Runs of the baseline, and of the candidate.
    pub runs: [usize; 2],
    /// Every function that both sides called, by how much it slowed the program down.
    pub functions: Vec<FunctionChange>,
    /// Paths that only the baseline called.
    pub only_in_baseline: Vec<String>,
    /// Paths that only the candidate called.
    pub only_in_candidate: Vec<String>,
    /// What makes the comparison doubtful, as sentences.
    pub notes: Vec<String>,
}

impl Comparison {
    /// The change of the function whose path is `path`, or ends in `::path`.
    #[must_use]
    pub fn function(&self, path: &str) -> Option<&FunctionChange> {
        self.functions.iter().find(|change| crate::snapshot::is_path(&change.path, path))
    }

    /// Functions that take longer, allocate more often or allocate more bytes.
    pub fn regressions(&self) -> impl Iterator<Item = &FunctionChange> {
        let more = |count: &Option<CountChange>| count.is_some_and(|count| count.is_more());
        self.functions.iter().filter(move |change| {
            change.verdict == Verdict::Slower
                || more(&change.allocations)
                || more(&change.allocated_bytes)
        })
    }
}
