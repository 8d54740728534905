//! Outliers.

use super::describe::{QuantileMethod, median, median_abs_deviation, quantile};

/// Tukey's fences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fences {
    /// Values below this are outliers.
    pub lower: f64,
    /// Values above this are outliers.
    pub upper: f64,
}

impl Fences {
    /// Whether a value is outside. Always false if the fences are NaN.
    #[must_use]
    pub fn exclude(&self, value: f64) -> bool {
        value < self.lower || value > self.upper
    }
}

/// `factor` times the interquartile range beyond the quartiles (Tukey, "Exploratory Data Analysis",
/// 1977: 1.5, and 3 for "far out"), with quartiles of type 7. NaN for no values, or if there is a
/// NaN.
///
/// ```
/// use profile_core::stats::tukey_fences;
///
/// let values = [1.0, 2.0, 3.0, 4.0, 100.0];
/// let fences = tukey_fences(&values, 1.5);
/// assert_eq!((fences.lower, fences.upper), (-1.0, 7.0));
/// assert!(fences.exclude(100.0));
/// ```
#[must_use]
pub fn tukey_fences(values: &[f64], factor: f64) -> Fences {
    let quartile = |share| quantile(values, share, QuantileMethod::Linear);
    let (first, third) = (quartile(0.25), quartile(0.75));
    let reach = factor * (third - first);
    Fences { lower: first - reach, upper: third + reach }
}

/// `0.6745 * (value - median) / MAD` of each value (Iglewicz and Hoaglin 1993); beyond 3.5 it is an
/// outlier. If more than half of the values are equal, the MAD is 0: their scores are NaN and those
/// of the others infinite. All are NaN if there is a NaN.
///
/// ```
/// use profile_core::stats::modified_z_scores;
///
/// let scores = modified_z_scores(&[1.0, 2.0, 3.0, 4.0, 100.0]);
/// assert!(scores[4] > 3.5 && scores[2] == 0.0);
/// ```
#[must_use]
pub fn modified_z_scores(values: &[f64]) -> Vec<f64> {
    /// The third quartile of the standard normal distribution.
    const SCALE: f64 = 0.6745;
    let (middle, spread) = (median(values), median_abs_deviation(values));
    values.iter().map(|value| SCALE * (value - middle) / spread).collect()
}
