//! The shift between two samples, and the slope of a line through points.

use statrs::distribution::{ContinuousCDF, Normal};

use super::describe::{median, median_in_place};
use super::error::{StatsError, confident, has_nan};
use super::ranks::{ties, ways_of_u};

/// The median of all differences between a value of `to` and one of `from`: the shift that
/// corresponds to [`mann_whitney_u`](super::mann_whitney_u) (Hodges and Lehmann 1963). NaN if a
/// sample is empty or has a NaN. Uses memory for all pairs.
///
/// ```
/// assert_eq!(profile_core::stats::hodges_lehmann(&[1.0, 2.0, 3.0], &[2.0, 3.0, 400.0]), 1.0);
/// ```
#[must_use]
pub fn hodges_lehmann(from: &[f64], to: &[f64]) -> f64 {
    if has_nan(from) || has_nan(to) {
        return f64::NAN;
    }
    median_in_place(&mut differences(from, to))
}

/// The differences between all pairs.
fn differences(from: &[f64], to: &[f64]) -> Vec<f64> {
    to.iter().flat_map(|to| from.iter().map(move |from| to - from)).collect()
}

/// The interval of the shift (Moses): all shifts that the rank test does not reject. With too few
/// values for the confidence it is the range of all differences.
pub(crate) fn shift_interval(from: &[f64], to: &[f64], confidence: f64) -> [f64; 2] {
    let mut differences = differences(from, to);
    differences.sort_by(f64::total_cmp);
    let ways = ways_of_u(from.len(), to.len());
    let allowed = (1.0 - confidence) / 2.0 * ways.iter().sum::<f64>();
    // The number of smallest U's that are together less likely than that.
    let mut below = 0.0;
    let outside = ways.iter().take_while(|ways| {
        below += **ways;
        below <= allowed
    });
    let outside = outside.count().saturating_sub(1);
    let last = differences.len().saturating_sub(1);
    let at = |rank: usize| differences.get(rank).copied().unwrap_or(f64::NAN);
    [at(outside), at(last.saturating_sub(outside))]
}

/// A line through points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// The increase of y per unit of x.
    pub slope: f64,
    /// The value at x = 0: the median of y minus the slope times the median of x.
    pub intercept: f64,
    /// The two-sided confidence interval of the slope.
    pub interval: [f64; 2],
}

/// The median of the slopes between all pairs of points that differ in x (Theil 1950, Sen 1968),
/// with Sen's interval (`scipy.stats.theilslopes`). Robust against up to 29 % of arbitrary points.
/// NaN if no two points differ in x, or if there is a NaN. Uses memory for all pairs.
///
/// # Errors
/// [`StatsError::LengthsDiffer`], [`StatsError::ConfidenceOutside`].
///
/// ```
/// use profile_core::stats::theil_sen;
///
/// let line = theil_sen(&[0.0, 1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 5.0, 7.0, 900.0], 0.95)?;
/// assert_eq!((line.slope, line.intercept), (2.0, 1.0));
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn theil_sen(x: &[f64], y: &[f64], confidence: f64) -> Result<Slope, StatsError> {
    if x.len() != y.len() {
        return Err(StatsError::LengthsDiffer(x.len(), y.len()));
    }
    confident(confidence)?;
    let points: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    let mut slopes: Vec<f64> = pairs(&points).map(|(dx, dy)| dy / dx).collect();
    if slopes.is_empty() || has_nan(x) || has_nan(y) {
        let nan = f64::NAN;
        return Ok(Slope { slope: nan, intercept: nan, interval: [nan; 2] });
    }
    slopes.sort_by(f64::total_cmp);
    let slope = median_in_place(&mut slopes.clone());
    let intercept = median(y) - slope * median(x);
    // The deviation of Kendall's S with ties (Sen's equation 2.6).
    let n = x.len() as f64;
    let tied = |values: &[f64]| {
        let groups = ties(values).into_iter().map(|k| k * (k - 1.0) * (2.0 * k + 5.0));
        groups.sum::<f64>()
    };
    let spread = ((n * (n - 1.0) * (2.0 * n + 5.0) - tied(x) - tied(y)) / 18.0).sqrt();
    let z = Normal::standard().inverse_cdf((1.0 - confidence) / 2.0);
    let count = slopes.len() as f64;
    let upper = ((count - z * spread) / 2.0).round_ties_even() as usize;
    let lower = ((count + z * spread) / 2.0).round_ties_even() - 1.0;
    let at = |rank: usize| slopes[rank.min(slopes.len() - 1)];
    Ok(Slope { slope, intercept, interval: [at(lower.max(0.0) as usize), at(upper)] })
}

/// The differences of all pairs of points that differ in x, in the direction of increasing x.
fn pairs(points: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
    let pairs =
        points.iter().flat_map(move |(x, y)| points.iter().map(move |(u, v)| (u - x, v - y)));
    pairs.filter(|(dx, _)| *dx > 0.0)
}
