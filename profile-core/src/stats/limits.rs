//! Statistics of the values within limits: `tmean` and related functions of `scipy.stats`.

use super::error::{StatsError, has_nan};
use super::sums::{mean_of, squares};

/// The limits between which values are included.
///
/// ```
/// use profile_core::stats::{Limits, tmean};
///
/// let positive = Limits { lower: Some(0.0), includes_lower: false, ..Limits::default() };
/// assert_eq!(tmean(&[-4.0, 0.0, 1.0, 3.0], &positive)?, 2.0);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The lower limit; `None`: no limit.
    pub lower: Option<f64>,
    /// The upper limit.
    pub upper: Option<f64>,
    /// Whether a value equal to the limit is included.
    pub includes_lower: bool,
    /// See `includes_lower`.
    pub includes_upper: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { lower: None, upper: None, includes_lower: true, includes_upper: true }
    }
}

impl Limits {
    /// Everything from `lower` to `upper`, inclusive.
    #[must_use]
    pub fn between(lower: f64, upper: f64) -> Limits {
        Limits { lower: Some(lower), upper: Some(upper), ..Limits::default() }
    }

    /// A NaN limit excludes nothing.
    fn holds(&self, value: f64) -> bool {
        let below = |limit: f64| value < limit || (!self.includes_lower && value == limit);
        let above = |limit: f64| value > limit || (!self.includes_upper && value == limit);
        !self.lower.is_some_and(below) && !self.upper.is_some_and(above)
    }

    /// The values within the limits. `None`: the result is NaN.
    fn of(&self, values: &[f64]) -> Result<Option<Vec<f64>>, StatsError> {
        if values.is_empty() || has_nan(values) {
            return Ok(None);
        }
        let kept: Vec<f64> = values.iter().copied().filter(|value| self.holds(*value)).collect();
        if kept.is_empty() { Err(StatsError::NothingWithin) } else { Ok(Some(kept)) }
    }
}

/// The values, with `None` in place of those beyond the limits: `scipy.stats.mstats.trima`.
///
/// ```
/// use profile_core::stats::{Limits, trima};
///
/// assert_eq!(trima(&[1.0, 9.0], &Limits::between(0.0, 5.0)), [Some(1.0), None]);
/// ```
#[must_use]
pub fn trima(values: &[f64], limits: &Limits) -> Vec<Option<f64>> {
    values.iter().map(|value| Some(*value).filter(|value| limits.holds(*value))).collect()
}

/// The mean of the values within limits. NaN for no values, or if there is a NaN.
///
/// # Errors
/// [`StatsError::NothingWithin`].
///
/// ```
/// use profile_core::stats::{Limits, tmean};
///
/// assert_eq!(tmean(&[1.0, 2.0, 30.0], &Limits::between(0.0, 10.0))?, 1.5);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn tmean(values: &[f64], limits: &Limits) -> Result<f64, StatsError> {
    Ok(limits.of(values)?.map_or(f64::NAN, |kept| mean_of(&kept)))
}

/// The variance of the values within limits, with the divisor `n - ddof` (1: unbiased). NaN as for
/// [`tmean`], and if at most `ddof` values are included. Infinite if some included values are
/// infinite and others finite; with infinities of both signs there is no mean, and the variance is
/// NaN.
///
/// # Errors
/// [`StatsError::NothingWithin`].
///
/// ```
/// use profile_core::stats::{Limits, tvar};
///
/// assert_eq!(tvar(&[1.0, 3.0, 30.0], &Limits::between(0.0, 10.0), 1)?, 2.0);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn tvar(values: &[f64], limits: &Limits, ddof: usize) -> Result<f64, StatsError> {
    Ok(limits.of(values)?.map_or(f64::NAN, |kept| variance_within(&kept, ddof)))
}

/// The square root of [`tvar`].
///
/// # Errors
/// [`StatsError::NothingWithin`].
///
/// ```
/// use profile_core::stats::{Limits, tstd};
///
/// assert_eq!(tstd(&[1.0, 3.0], &Limits::default(), 0)?, 1.0);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn tstd(values: &[f64], limits: &Limits, ddof: usize) -> Result<f64, StatsError> {
    tvar(values, limits, ddof).map(f64::sqrt)
}

/// The standard error of [`tmean`]: [`tstd`] divided by the square root of the number of included
/// values.
///
/// # Errors
/// [`StatsError::NothingWithin`].
///
/// ```
/// use profile_core::stats::{Limits, tsem};
///
/// assert_eq!(tsem(&[1.0, 3.0, 5.0, 7.0], &Limits::default(), 0)?, 5_f64.sqrt() / 2.0);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn tsem(values: &[f64], limits: &Limits, ddof: usize) -> Result<f64, StatsError> {
    let error = |kept: Vec<f64>| variance_within(&kept, ddof).sqrt() / (kept.len() as f64).sqrt();
    Ok(limits.of(values)?.map_or(f64::NAN, error))
}

/// The smallest value that is not below a lower limit.
///
/// # Errors
/// [`StatsError::NothingWithin`].
///
/// ```
/// assert_eq!(profile_core::stats::tmin(&[1.0, 2.0, 3.0], Some(1.0), false)?, 2.0);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn tmin(values: &[f64], lower: Option<f64>, includes: bool) -> Result<f64, StatsError> {
    let limits = Limits { lower, includes_lower: includes, ..Limits::default() };
    Ok(limits.of(values)?.map_or(f64::NAN, |kept| kept.into_iter().fold(f64::INFINITY, f64::min)))
}

/// The largest value that is not above an upper limit.
///
/// # Errors
/// [`StatsError::NothingWithin`].
///
/// ```
/// assert_eq!(profile_core::stats::tmax(&[1.0, 2.0, 3.0], Some(3.0), false)?, 2.0);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn tmax(values: &[f64], upper: Option<f64>, includes: bool) -> Result<f64, StatsError> {
    let limits = Limits { upper, includes_upper: includes, ..Limits::default() };
    let most = |kept: Vec<f64>| kept.into_iter().fold(f64::NEG_INFINITY, f64::max);
    Ok(limits.of(values)?.map_or(f64::NAN, most))
}

/// As in SciPy, which ignores NaN: the squared deviations of infinite values from an infinite mean.
fn variance_within(values: &[f64], ddof: usize) -> f64 {
    let is_far = mean_of(values).is_infinite() && values.iter().any(|value| value.is_finite());
    if is_far && values.len() > ddof { f64::INFINITY } else { variance_of(values, ddof) }
}

/// With the divisor `n - ddof`; NaN if that is not positive.
pub(super) fn variance_of(values: &[f64], ddof: usize) -> f64 {
    match values.len().checked_sub(ddof) {
        None | Some(0) => f64::NAN,
        Some(divisor) => squares(values, mean_of(values)) / divisor as f64,
    }
}
