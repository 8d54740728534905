//! Trimming by proportion, separately for each end: the trimmed statistics of `scipy.stats.mstats`.

use super::error::{End, StatsError, has_nan, nan_last};
use super::limits::variance_of;
use super::sums::{mean_of, sum};

/// How much is cut from each end.
///
/// ```
/// use profile_core::stats::{Cuts, trimmed_mean};
///
/// let cuts = Cuts::both(0.25);
/// assert_eq!(trimmed_mean(&[0.0, 2.0, 4.0, 900.0], &cuts)?, Some(3.0));
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cuts {
    /// The proportion of the smallest values to cut; `None`: none.
    pub lower: Option<f64>,
    /// The proportion of the largest values to cut.
    pub upper: Option<f64>,
    /// Whether the number of values to cut is truncated, or rounded half to even.
    pub truncates_lower: bool,
    /// See `truncates_lower`.
    pub truncates_upper: bool,
}

impl Cuts {
    /// The same proportion at both ends, truncated.
    #[must_use]
    pub fn both(proportion: f64) -> Cuts {
        Cuts {
            lower: Some(proportion),
            upper: Some(proportion),
            truncates_lower: true,
            truncates_upper: true,
        }
    }

    /// The range of the remaining ranks: the first, and the one after the last. It may be empty.
    pub(super) fn ranks(&self, n: usize) -> Result<(usize, usize), StatsError> {
        let cut = |end, proportion: Option<f64>, truncates: bool| {
            let proportion = proportion.unwrap_or(0.0);
            if !(0.0..=1.0).contains(&proportion) {
                return Err(StatsError::ProportionOutside { end, proportion });
            }
            let share = proportion * n as f64;
            Ok(if truncates { share.trunc() } else { share.round_ties_even() } as usize)
        };
        let lower = cut(End::Lower, self.lower, self.truncates_lower)?;
        let upper = cut(End::Upper, self.upper, self.truncates_upper)?;
        Ok((lower, n - upper.min(n)))
    }
}

/// The indices of the values in ascending order; stable, with NaN last.
fn order(values: &[f64]) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..values.len()).collect();
    indices.sort_by(|a, b| nan_last(&values[*a], &values[*b]));
    indices
}

/// The values, with `None` in place of those that are cut: `scipy.stats.mstats.trimr`. NaN counts
/// as the largest.
///
/// # Errors
/// If a proportion is not between 0 and 1.
///
/// ```
/// use profile_core::stats::{Cuts, trimr};
///
/// assert_eq!(trimr(&[9.0, 1.0, 5.0], &Cuts::both(0.34))?, [None, None, Some(5.0)]);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn trimr(values: &[f64], cuts: &Cuts) -> Result<Vec<Option<f64>>, StatsError> {
    let (from, to) = cuts.ranks(values.len())?;
    let mut kept = vec![None; values.len()];
    let order = order(values);
    for index in order.get(from..to).unwrap_or_default() {
        kept[*index] = Some(values[*index]);
    }
    Ok(kept)
}

/// The remaining values, in ascending order.
fn kept(values: &[f64], cuts: &Cuts) -> Result<Vec<f64>, StatsError> {
    let (from, to) = cuts.ranks(values.len())?;
    let mut sorted = values.to_vec();
    sorted.sort_by(nan_last);
    Ok(sorted.get(from..to).unwrap_or_default().to_vec())
}

/// The mean of the remaining values. `None`: none remain.
///
/// # Errors
/// If a proportion is not between 0 and 1.
///
/// ```
/// use profile_core::stats::{Cuts, trimmed_mean};
///
/// assert_eq!(trimmed_mean(&[1.0, 2.0], &Cuts::both(0.5))?, None);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn trimmed_mean(values: &[f64], cuts: &Cuts) -> Result<Option<f64>, StatsError> {
    let kept = kept(values, cuts)?;
    Ok((!kept.is_empty()).then(|| mean_of(&kept)))
}

/// The variance of the remaining values, with the divisor `n - ddof`. `None` if at most `ddof`
/// values remain. NaN if there is a NaN among them, where SciPy masks a single result, and along an
/// axis shows the 0 behind the mask.
///
/// # Errors
/// If a proportion is not between 0 and 1.
///
/// ```
/// use profile_core::stats::{Cuts, trimmed_var};
///
/// assert_eq!(trimmed_var(&[1.0, 2.0, 4.0, 99.0], &Cuts::both(0.25), 0)?, Some(1.0));
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn trimmed_var(values: &[f64], cuts: &Cuts, ddof: usize) -> Result<Option<f64>, StatsError> {
    let kept = kept(values, cuts)?;
    Ok((kept.len() > ddof).then(|| variance_of(&kept, ddof)))
}

/// The square root of [`trimmed_var`].
///
/// # Errors
/// If a proportion is not between 0 and 1.
///
/// ```
/// use profile_core::stats::{Cuts, trimmed_std};
///
/// assert_eq!(trimmed_std(&[1.0, 2.0, 4.0, 99.0], &Cuts::both(0.25), 0)?, Some(1.0));
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn trimmed_std(values: &[f64], cuts: &Cuts, ddof: usize) -> Result<Option<f64>, StatsError> {
    Ok(trimmed_var(values, cuts, ddof)?.map(f64::sqrt))
}

/// The standard error of the trimmed mean, from the deviation of the winsorized values (Tukey and
/// McLaughlin 1963): `s_w / ((1 - lower - upper) * sqrt(n))`. NaN for fewer than two values.
///
/// # Errors
/// If a proportion is not between 0 and 1, or there are no values.
///
/// ```
/// use profile_core::stats::{Cuts, trimmed_stde};
///
/// let error = trimmed_stde(&[1.0, 2.0, 3.0, 4.0, 5.0, 90.0], &Cuts::both(0.2))?;
/// assert!((error - 0.9379).abs() < 1e-4, "{error}");
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn trimmed_stde(values: &[f64], cuts: &Cuts) -> Result<f64, StatsError> {
    let winsorized = winsorize(values, cuts)?;
    let left = 1.0 - cuts.lower.unwrap_or(0.0) - cuts.upper.unwrap_or(0.0);
    Ok(variance_of(&winsorized, 1).sqrt() / (left * (values.len() as f64).sqrt()))
}

/// The values, with each that is cut replaced by the nearest remaining one:
/// `scipy.stats.mstats.winsorize`. NaN counts as the largest.
///
/// # Errors
/// If a proportion is not between 0 and 1, there are no values, or one end cuts everything.
///
/// ```
/// use profile_core::stats::{Cuts, winsorize};
///
/// assert_eq!(winsorize(&[9.0, 1.0, 5.0, 6.0], &Cuts::both(0.25))?, [6.0, 5.0, 5.0, 6.0]);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn winsorize(values: &[f64], cuts: &Cuts) -> Result<Vec<f64>, StatsError> {
    let (from, to) = cuts.ranks(values.len())?;
    let order = order(values);
    let mut replaced = values.to_vec();
    // One end after the other: where they overlap, all values become equal.
    if cuts.lower.is_some() {
        let nearest = replaced[*order.get(from).ok_or(StatsError::Empty)?];
        order[..from].iter().for_each(|index| replaced[*index] = nearest);
    }
    if cuts.upper.is_some() {
        let last = to.checked_sub(1).and_then(|rank| order.get(rank));
        let nearest = replaced[*last.ok_or(StatsError::Empty)?];
        order[to..].iter().for_each(|index| replaced[*index] = nearest);
    }
    Ok(replaced)
}

/// The mean of the [winsorized](winsorize) values.
///
/// # Errors
/// As for [`winsorize`].
///
/// ```
/// use profile_core::stats::{Cuts, winsorized_mean};
///
/// assert_eq!(winsorized_mean(&[1.0, 2.0, 3.0, 90.0], &Cuts::both(0.25))?, 2.5);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn winsorized_mean(values: &[f64], cuts: &Cuts) -> Result<f64, StatsError> {
    winsorize(values, cuts).map(|replaced| mean_of(&replaced))
}

/// The mean of the middle half, where a value that contains a quartile counts in part (the
/// interquartile mean; of four values the outer two do not count, of five each counts three
/// quarters). NaN for no values, or if there is a NaN.
///
/// ```
/// use profile_core::stats::interquartile_mean;
///
/// assert_eq!(interquartile_mean(&[5.0, 8.0, 4.0, 38.0, 8.0, 6.0, 9.0, 7.0, 7.0, 3.0, 1.0, 6.0]), 6.5);
/// assert_eq!(interquartile_mean(&[1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0]), 9.0);
/// ```
#[must_use]
pub fn interquartile_mean(values: &[f64]) -> f64 {
    if values.is_empty() || has_nan(values) {
        return f64::NAN;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quarter = sorted.len() as f64 / 4.0;
    let end = sorted.len() as f64 - quarter;
    // The part of the value of each rank that is between the quartiles.
    let part = |rank: usize| ((rank + 1) as f64).min(end) - (rank as f64).max(quarter);
    let weighted = sorted.iter().enumerate().map(|(rank, value)| value * part(rank).max(0.0));
    sum(weighted) / (end - quarter)
}
