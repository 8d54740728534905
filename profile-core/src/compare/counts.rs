//! Counts per call, compared exactly: they have no noise.

use crate::snapshot::Function;

/// A count per call on both sides: the minimum and maximum over the runs of each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "read", derive(serde::Deserialize))]
#[non_exhaustive]
pub struct CountChange {
    /// The baseline.
    pub baseline: [f64; 2],
    /// The candidate.
    pub candidate: [f64; 2],
}

impl CountChange {
    /// Whether every run of the candidate has more than any run of the baseline.
    #[must_use]
    pub fn is_more(&self) -> bool {
        self.candidate[0] > self.baseline[1]
    }

    /// Whether every run of the candidate has fewer than any run of the baseline.
    #[must_use]
    pub fn is_fewer(&self) -> bool {
        self.candidate[1] < self.baseline[0]
    }

    /// Whether all runs of both sides have the same count.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.baseline == self.candidate && self.baseline[0] == self.baseline[1]
    }
}

/// `None` if it was not measured in some run.
pub(super) fn of(
    before: &[&Function],
    after: &[&Function],
    count: impl Fn(&Function) -> Option<u64>,
) -> Option<CountChange> {
    // A quotient of integers is rounded once, so equal ratios are equal doubles.
    let range = |rows: &[&Function]| {
        let each = rows.iter().map(|row| Some(count(row)? as f64 / row.calls.max(1) as f64));
        let each: Option<Vec<f64>> = each.collect();
        let each = each?;
        let least = each.iter().copied().fold(f64::INFINITY, f64::min);
        Some([least, each.iter().copied().fold(f64::NEG_INFINITY, f64::max)])
    };
    Some(CountChange { baseline: range(before)?, candidate: range(after)? })
}
