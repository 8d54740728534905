//! Statistics of weighted values: pure functions of numbers that know nothing of profiling.
//!
//! A distribution is a slice of `(value, count)` in ascending order of value, as a histogram gives it. Merging two is
//! adding counts, so every figure here can be had over threads and processes.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Values in ascending order, each with how often it occurred.
pub(crate) type Weighted<'a> = &'a [(f64, u64)];

/// How many values there are.
pub(crate) fn total(values: Weighted<'_>) -> u64 {
    values.iter().map(|(_, count)| count).sum()
}

/// The quantile by inversion of the empirical distribution function (type 1 of Hyndman and Fan, "Sample
/// quantiles in statistical packages", 1996): the least value that at least `share` of all do not exceed.
/// `None` without values.
pub(crate) fn quantile(values: Weighted<'_>, share: f64) -> Option<f64> {
    let rank = ((total(values) as f64 * share).ceil() as u64).max(1);
    let mut seen = 0;
    let reached = values.iter().find(|(_, count)| {
        seen += count;
        seen >= rank
    });
    reached.or(values.last()).map(|(value, _)| *value)
}

/// The mean of what is left when `floor(share * n)` values are cut from each end: the definition of
/// `scipy.stats.trim_mean`. `None` if nothing is left.
pub(crate) fn trimmed_mean(values: Weighted<'_>, share: f64) -> Option<f64> {
    let n = total(values);
    let cut = (share * n as f64) as u64;
    let kept = n.checked_sub(cut.checked_mul(2)?).filter(|kept| *kept > 0)?;
    let mut below = 0;
    let sum: f64 = values
        .iter()
        .map(|(value, count)| {
            let from = below.max(cut);
            below += count;
            let to = below.min(n - cut);
            value * to.saturating_sub(from) as f64
        })
        .sum();
    Some(sum / kept as f64)
}

/// Half the width of the two-sided 95 % confidence interval of a mean, from `n` of `population` values drawn at random:
/// Student's t times the standard error, with the correction for a finite population (Cochran, "Sampling
/// Techniques", 2.5). `None` for fewer than two values.
pub(crate) fn mean_margin(values: Weighted<'_>, population: u64) -> Option<f64> {
    let n = total(values);
    if n < 2 || n > population {
        return None;
    }
    let size = n as f64;
    let mean = values.iter().map(|(value, count)| value * *count as f64).sum::<f64>() / size;
    let squares: f64 =
        values.iter().map(|(value, count)| (value - mean).powi(2) * *count as f64).sum();
    let variance = squares / (size - 1.0);
    let unseen = 1.0 - size / population as f64;
    let t = StudentsT::new(0.0, 1.0, size - 1.0).ok()?.inverse_cdf(0.975);
    Some(t * (variance / size * unseen).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1, 2, …, 10.
    fn ten() -> Vec<(f64, u64)> {
        (1..=10).map(|value| (f64::from(value), 1)).collect()
    }

    #[test]
    fn quantiles_are_values_of_the_sample() {
        assert_eq!(quantile(&ten(), 0.5), Some(5.0));
        assert_eq!(quantile(&ten(), 0.51), Some(6.0));
        assert_eq!(quantile(&ten(), 1.0), Some(10.0));
        assert_eq!(quantile(&[(7.0, 1)], 0.01), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn the_trimmed_mean_cuts_whole_values_from_each_end() {
        // scipy.stats.trim_mean([1, 1, 1, 2, 100], 0.2) and (range(1, 11), 0.1)
        assert_eq!(trimmed_mean(&[(1.0, 3), (2.0, 1), (100.0, 1)], 0.2), Some(4.0 / 3.0));
        assert_eq!(trimmed_mean(&ten(), 0.1), Some(5.5));
        assert_eq!(trimmed_mean(&ten(), 0.0), Some(5.5));
        assert_eq!(trimmed_mean(&ten(), 0.5), None);
        assert_eq!(trimmed_mean(&[], 0.1), None);
    }

    #[test]
    fn the_margin_is_students_and_vanishes_for_a_census() {
        // t(0.975, 9) = 2.262157, s = 3.027650, n = 10: 2.165850, without the correction.
        let margin = mean_margin(&ten(), u64::MAX).expect("ten values");
        assert!((margin - 2.165_850).abs() < 1e-5, "{margin}");
        assert_eq!(mean_margin(&ten(), 10), Some(0.0));
        assert_eq!(mean_margin(&[(1.0, 1)], 10), None);
    }
}
