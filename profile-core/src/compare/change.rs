//! The results of a comparison.

use super::counts::CountChange;

/// The verdict on a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "read", derive(serde::Deserialize))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It takes longer.
    Slower,
    /// It takes less.
    Faster,
    /// Any change is small: the whole interval is within ±5 %, or the change found is below 1 %.
    Same,
    /// The runs vary too much, or are too few.
    #[default]
    CannotTell,
}

impl Verdict {
    /// The verdict as text.
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
    /// The path.
    pub path: String,
    /// The verdict on its time.
    pub verdict: Verdict,
    /// The figure of the baseline: the median over runs of the trimmed mean of its calls.
    pub baseline_ns: f64,
    /// The figure of the candidate.
    pub candidate_ns: f64,
    /// The relative change from the baseline: 0.1 is 10 % longer.
    pub relative_change: f64,
    /// The two-sided 95 % confidence interval of the change.
    pub interval: [f64; 2],
    /// The probability of so large a change if nothing had changed, adjusted for the number of
    /// functions.
    pub p_value: f64,
    /// The smallest change that this number of runs with this variance detects with a probability
    /// of 80 %.
    pub detectable_change: f64,
    /// Allocations per call. `None`: not measured on both sides.
    pub allocations: Option<CountChange>,
    /// Bytes allocated per call.
    pub allocated_bytes: Option<CountChange>,
}

/// The result of [`compare`](crate::compare).
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "read", derive(serde::Deserialize))]
#[non_exhaustive]
pub struct Comparison {
    /// The number of runs of the baseline and of the candidate.
    pub runs: [usize; 2],
    /// Every function that both sides called, sorted by the time it adds to the program.
    pub functions: Vec<FunctionChange>,
    /// Paths that only the baseline called.
    pub only_in_baseline: Vec<String>,
    /// Paths that only the candidate called.
    pub only_in_candidate: Vec<String>,
    /// Reasons for which the comparison is less reliable.
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
