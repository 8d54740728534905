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

/// The unbiased variance; `None` for fewer than two values.
pub(crate) fn variance(values: Weighted<'_>) -> Option<f64> {
    let n = Some(total(values)).filter(|n| *n > 1)? as f64;
    let mean = values.iter().map(|(value, count)| value * *count as f64).sum::<f64>() / n;
    let squares = values.iter().map(|(value, count)| (value - mean).powi(2) * *count as f64);
    Some(squares.sum::<f64>() / (n - 1.0))
}

/// The 0.975 quantile of Student's t for `n` observations (`n - 1` degrees of freedom): half a two-sided 95 % interval is
/// so many standard errors. `None` for fewer than two.
pub(crate) fn students_t(n: u64) -> Option<f64> {
    const EXACT: f64 = 100.0;
    let freedom = n.checked_sub(1).filter(|freedom| *freedom > 0)? as f64;
    if freedom <= EXACT {
        return Some(StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.975));
    }
    // With many degrees of freedom statrs 0.19 never comes back from this quantile. The expansion in powers of their
    // reciprocal about the normal quantile (Abramowitz and Stegun, 26.7.5) is right to 1e-8 here.
    let z = 1.959_963_984_540_054_f64;
    let powers = |coefficients: &[f64]| {
        coefficients.iter().rev().fold(0.0, |sum, coefficient| (sum + coefficient) * z)
    };
    let first = powers(&[1.0, 0.0, 1.0]) / 4.0;
    let second = powers(&[3.0, 0.0, 16.0, 0.0, 5.0]) / 96.0;
    let third = powers(&[-15.0, 0.0, 17.0, 0.0, 19.0, 0.0, 3.0]) / 384.0;
    Some(z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3))
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
    fn variance_and_students_t_are_those_of_the_textbook() {
        // scipy.stats.t.ppf(0.975, 9) and numpy.var(range(1, 11), ddof=1)
        let t = students_t(10).expect("ten values");
        assert!((t - 2.262_157_162_798_205).abs() < 1e-9, "{t}");
        // scipy.stats.t.ppf(0.975, [100, 101, 1000, 1e9])
        for (n, expected) in [
            (101, 1.983_971_518_523_552),
            (102, 1.983_731_002_955_606),
            (1_001, 1.962_339_080_826_408),
            (1_000_000_001, 1.959_963_986_912_325),
        ] {
            let t = students_t(n).expect("many values");
            assert!((t - expected).abs() < 1e-7, "{n}: {t}");
        }
        (2..=300).for_each(|n| assert!(students_t(n) > students_t(n + 1), "{n}"));
        assert_eq!(variance(&ten()), Some(82.5 / 9.0));
        assert_eq!(variance(&[(3.0, 5)]), Some(0.0));
        assert_eq!((students_t(1), variance(&[(1.0, 1)])), (None, None));
    }
}
