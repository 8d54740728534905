//! Counts a call, compared exactly: they have no noise of their own.

use crate::snapshot::Function;

/// A count a call on both sides: over the runs of a side the least and the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "read", derive(serde::Deserialize))]
#[non_exhaustive]
pub struct CountChange {
    /// In the baseline.
    pub baseline: [f64; 2],
    /// In the candidate.
    pub candidate: [f64; 2],
}

impl CountChange {
    /// Every run of the candidate has more than any of the baseline.
    #[must_use]
    pub fn is_more(&self) -> bool {
        self.candidate[0] > self.baseline[1]
    }

    /// Every run of the candidate has fewer than any of the baseline.
    #[must_use]
    pub fn is_fewer(&self) -> bool {
        self.candidate[1] < self.baseline[0]
    }

    /// All runs of both sides have the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.baseline == self.candidate && self.baseline[0] == self.baseline[1]
    }
}

/// `None`: some run did not measure it.
pub(super) fn of(
    before: &[&Function],
    after: &[&Function],
    count: impl Fn(&Function) -> Option<u64>,
) -> Option<CountChange> {
    // Division of whole numbers is rounded once, so equal shares are equal doubles.
    let range = |rows: &[&Function]| {
        let each = rows.iter().map(|row| Some(count(row)? as f64 / row.calls.max(1) as f64));
        let each: Option<Vec<f64>> = each.collect();
        let each = each?;
        let least = each.iter().copied().fold(f64::INFINITY, f64::min);
        Some([least, each.iter().copied().fold(f64::NEG_INFINITY, f64::max)])
    };
    Some(CountChange { baseline: range(before)?, candidate: range(after)? })
}
