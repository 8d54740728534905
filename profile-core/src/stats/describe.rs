//! Location, spread and skewness of a sample.

use super::error::has_nan;
use super::limits::variance_of;
use super::sums::{mean_of, sum};

/// The arithmetic mean, with compensated summation. NaN for no values, or if there is a NaN.
///
/// ```
/// assert_eq!(profile_core::stats::mean(&[1.0, 2.0, 6.0]), 3.0);
/// ```
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    mean_of(values)
}

/// The variance with the divisor `n - ddof`: 1 is the unbiased estimate, 0 that of a whole
/// population (`numpy.var`). NaN for at most `ddof` values, or if there is a NaN.
///
/// ```
/// assert_eq!(profile_core::stats::variance(&[1.0, 3.0], 1), 2.0);
/// ```
#[must_use]
pub fn variance(values: &[f64], ddof: usize) -> f64 {
    variance_of(values, ddof)
}

/// The square root of [`variance`].
///
/// ```
/// assert_eq!(profile_core::stats::standard_deviation(&[1.0, 3.0], 0), 1.0);
/// ```
#[must_use]
pub fn standard_deviation(values: &[f64], ddof: usize) -> f64 {
    variance_of(values, ddof).sqrt()
}

/// The middle value, or the mean of the middle two (`numpy.median`). NaN for no values, or if there
/// is a NaN.
///
/// ```
/// assert_eq!(profile_core::stats::median(&[3.0, 1.0, 2.0, 10.0]), 2.5);
/// ```
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    if has_nan(values) { f64::NAN } else { median_in_place(&mut values.to_vec()) }
}

/// The median of values without NaN, which are reordered.
pub(super) fn median_in_place(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if !is_even {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    mean_of(&[lower, upper])
}

/// The median distance from the median, unscaled (`scipy.stats.median_abs_deviation`); multiplied
/// by 1.4826 it estimates the standard deviation of a normal distribution. NaN for no values, or if
/// there is a NaN.
///
/// ```
/// assert_eq!(profile_core::stats::median_abs_deviation(&[1.0, 2.0, 3.0, 4.0, 900.0]), 1.0);
/// ```
#[must_use]
pub fn median_abs_deviation(values: &[f64]) -> f64 {
    let middle = median(values);
    if middle.is_nan() {
        return f64::NAN;
    }
    median_in_place(&mut values.iter().map(|value| (value - middle).abs()).collect::<Vec<f64>>())
}

/// The third central moment divided by the 1.5th power of the second, without bias correction
/// (`scipy.stats.skew`): positive if the long tail is on the right. NaN for no values, for equal
/// values, or if there is a NaN.
///
/// ```
/// assert!(profile_core::stats::skew(&[1.0, 1.0, 1.0, 9.0]) > 1.0);
/// ```
#[must_use]
pub fn skew(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let middle = mean_of(values);
    // The mean is rounded; for values far from 0 that would affect the third moment.
    let off = sum(values.iter().map(|value| value - middle)) / n;
    let moment = |power| sum(values.iter().map(|value| (value - middle - off).powi(power))) / n;
    let second = moment(2);
    // Equal values may differ from the mean by rounding, which is not spread.
    if second <= (f64::EPSILON * middle).powi(2) {
        return f64::NAN;
    }
    moment(3) / second.powf(1.5)
}

/// The nine definitions of Hyndman and Fan ("Sample quantiles in statistical packages", 1996), with
/// their NumPy names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuantileMethod {
    /// 1: the smallest value that is at least as large as that share of the values.
    InvertedCdf,
    /// 2: as 1, with the mean of both if the share falls between two values.
    AveragedInvertedCdf,
    /// 3: the value of the nearest rank; if two are equally near, of the even one.
    ClosestObservation,
    /// 4: linear interpolation of 1.
    InterpolatedInvertedCdf,
    /// 5: midway through the steps of 1.
    Hazen,
    /// 6: ranks divide the range into n + 1 parts.
    Weibull,
    /// 7: ranks divide the range into n - 1 parts; the most common definition.
    #[default]
    Linear,
    /// 8: approximately median-unbiased for any distribution.
    MedianUnbiased,
    /// 9: approximately unbiased for normal values.
    NormalUnbiased,
}

/// The quantile for a `share` from 0 to 1 (`numpy.quantile`). NaN for no values, if there is a NaN,
/// or for any other share.
///
/// ```
/// use profile_core::stats::{QuantileMethod, quantile};
///
/// let values = [10.0, 20.0, 30.0, 40.0];
/// assert_eq!(quantile(&values, 0.5, QuantileMethod::Linear), 25.0);
/// assert_eq!(quantile(&values, 0.5, QuantileMethod::InvertedCdf), 20.0);
/// ```
#[must_use]
pub fn quantile(values: &[f64], share: f64, method: QuantileMethod) -> f64 {
    if values.is_empty() || has_nan(values) || !(0.0..=1.0).contains(&share) {
        return f64::NAN;
    }
    let mut values = values.to_vec();
    let (rank, weight) = position_of(values.len(), share, method);
    let (_, &mut lower, above) = values.select_nth_unstable_by(rank, f64::total_cmp);
    if weight == 0.0 || above.is_empty() {
        return lower;
    }
    let upper = above.iter().copied().fold(f64::INFINITY, f64::min);
    // From the nearer end, so that both ends are exact.
    if weight < 0.5 {
        lower + (upper - lower) * weight
    } else {
        upper - (upper - lower) * (1.0 - weight)
    }
}

/// The rank, from 0, and the fraction of the distance to the next.
fn position_of(n: usize, share: f64, method: QuantileMethod) -> (usize, f64) {
    use QuantileMethod as Method;
    let n = n as f64;
    let continuous = |alpha: f64, beta: f64| n * share + alpha + share * (1.0 - alpha - beta) - 1.0;
    let before = n * share - 1.0;
    let step = |at: f64, stays: bool| if stays { at.floor() } else { at.floor() + 1.0 };
    let position = match method {
        Method::InvertedCdf => step(before, before.fract() == 0.0),
        Method::AveragedInvertedCdf if before.fract() == 0.0 => before + 0.5,
        Method::AveragedInvertedCdf => step(before, false),
        Method::ClosestObservation => {
            let near = before - 0.5;
            step(near, near.fract() == 0.0 && near.floor().rem_euclid(2.0) == 1.0)
        }
        Method::InterpolatedInvertedCdf => continuous(0.0, 1.0),
        Method::Hazen => continuous(0.5, 0.5),
        Method::Weibull => continuous(0.0, 0.0),
        Method::Linear => (n - 1.0) * share,
        Method::MedianUnbiased => continuous(1.0 / 3.0, 1.0 / 3.0),
        Method::NormalUnbiased => continuous(3.0 / 8.0, 3.0 / 8.0),
    };
    let position = position.clamp(0.0, n - 1.0);
    (position as usize, position.fract())
}
