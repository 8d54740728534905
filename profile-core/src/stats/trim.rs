//! Trimming and trimmed means: `trim_mean`, `trimboth`, `trim1` of `scipy.stats`.

use super::error::{StatsError, has_nan};
use super::rank_range::mean_of_ranks;
use super::select::select;

/// The mean of the values after cutting `floor(proportion_to_cut * n)` values from each end.
///
/// `scipy.stats.trim_mean` of SciPy 1.17 for one dimension. The product is computed in doubles and
/// truncated, so that 0.29 of 100 cuts 28. The result is NaN for no values, if there is a NaN, or
/// if nothing is left between the ends (0.5 of an even number). For an odd number 0.5 is the
/// median. Infinities are ordinary extreme values; among ties it does not matter which is cut.
///
/// The values to cut are selected, not sorted: linear in the number of values.
///
/// # Errors
/// If the proportion is not finite, is above 0.5 (so far that the ends overlap), or is negative by
/// at least one value. As in SciPy it is not checked if the result is NaN anyway.
///
/// ```
/// use profile_core::stats::{StatsError, trim_mean};
///
/// assert_eq!(trim_mean(&[1.0, 2.0, 3.0, 4.0, 500.0], 0.2)?, 3.0);
/// assert!(trim_mean(&[], 0.2)?.is_nan());
/// assert_eq!(trim_mean(&[1.0, 2.0, 3.0], 0.9), Err(StatsError::ProportionTooBig(0.9)));
/// # Ok::<(), StatsError>(())
/// ```
pub fn trim_mean(values: &[f64], proportion_to_cut: f64) -> Result<f64, StatsError> {
    match ranks_kept(values.len(), proportion_to_cut) {
        Ok((from, to)) => Ok(mean_of_ranks(values, from, to)),
        Err(_) if values.is_empty() || has_nan(values) => Ok(f64::NAN),
        Err(error) => Err(error),
    }
}

/// The values without those that [`trim_mean`] cuts, in no particular order. NaN sorts above
/// infinity and is cut first.
///
/// # Errors
/// As for [`trim_mean`], and if there are values but none would be left.
///
/// ```
/// let mut kept = profile_core::stats::trimboth(&[5.0, 1.0, 4.0, 2.0, 3.0], 0.2)?;
/// kept.sort_by(f64::total_cmp);
/// assert_eq!(kept, [2.0, 3.0, 4.0]);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn trimboth(values: &[f64], proportion_to_cut: f64) -> Result<Vec<f64>, StatsError> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let (from, to) = ranks_kept(values.len(), proportion_to_cut)?;
    if from == to {
        return Err(StatsError::ProportionTooBig(proportion_to_cut));
    }
    Ok(between(values, from, to))
}

/// The end to cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tail {
    /// The smallest values.
    Left,
    /// The largest values.
    #[default]
    Right,
}

/// The values without `floor(proportion_to_cut * n)` of one end, in no particular order; none are
/// left for 1 or more. As in `scipy.stats.trim1`, a negative proportion on the left keeps that
/// share of the largest.
///
/// # Errors
/// If the proportion is not finite, or negative by more than all values.
///
/// ```
/// use profile_core::stats::{Tail, trim1};
///
/// assert_eq!(trim1(&[3.0, 1.0, 2.0], 0.4, Tail::Right)?.len(), 2);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn trim1(values: &[f64], proportion_to_cut: f64, tail: Tail) -> Result<Vec<f64>, StatsError> {
    if proportion_to_cut >= 1.0 {
        return Ok(Vec::new());
    }
    let n = values.len();
    let cut = cut_of(n, proportion_to_cut)?;
    match (usize::try_from(cut), tail) {
        (Ok(cut), Tail::Left) => Ok(between(values, cut, n)),
        (Ok(cut), Tail::Right) => Ok(between(values, 0, n - cut)),
        (Err(_), Tail::Left) if cut.unsigned_abs() <= n as u64 => {
            Ok(between(values, n - cut.unsigned_abs() as usize, n))
        }
        _ => Err(StatsError::ProportionNegative(proportion_to_cut)),
    }
}

/// Python's `int(cut * n)`.
fn cut_of(n: usize, proportion: f64) -> Result<i64, StatsError> {
    if !proportion.is_finite() {
        return Err(StatsError::ProportionNotFinite(proportion));
    }
    Ok((proportion * n as f64) as i64)
}

/// The range of the remaining ranks, from 0: the first, and the one after the last.
fn ranks_kept(n: usize, proportion: f64) -> Result<(usize, usize), StatsError> {
    let cut = cut_of(n, proportion)?;
    let cut = usize::try_from(cut).map_err(|_| StatsError::ProportionNegative(proportion))?;
    match n.checked_sub(cut) {
        Some(upper) if cut <= upper => Ok((cut, upper)),
        _ => Err(StatsError::ProportionTooBig(proportion)),
    }
}

/// The values of these ranks, in no particular order.
fn between(values: &[f64], from: usize, to: usize) -> Vec<f64> {
    let mut copy = values.to_vec();
    select(&mut copy, from, to).to_vec()
}
