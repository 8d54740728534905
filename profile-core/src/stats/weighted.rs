//! Statistics of a histogram: values in ascending order, each with its count.
//!
//! Two histograms are merged by adding counts ([`merge`]), so every statistic here can be computed
//! over threads, processes and machines. For HDR counts each value is within the error bound of the
//! histogram, and so is every mean and every quantile: 0.8 % for those of this crate (buckets of
//! 1/64 of a power of two), 0.05 % for an HdrHistogram of three significant digits.
//!
//! ```
//! use profile_core::stats::weighted;
//!
//! // 98 calls of 2 ms, one of 3 ms, and one of 900 ms.
//! let calls = [(2.0, 98), (3.0, 1), (900.0, 1)];
//! assert_eq!(weighted::trimmed_mean(&calls, 0.1), Some(2.0));
//! assert!(weighted::mean(&calls) > Some(10.0));
//! assert_eq!(weighted::quantile(&calls, 0.99), Some(3.0));
//! ```

use super::sums::sum;

/// Values in ascending order, each with its count.
pub type Weighted<'a> = &'a [(f64, u64)];

/// The number of values.
///
/// ```
/// assert_eq!(profile_core::stats::weighted::total(&[(1.0, 2), (5.0, 3)]), 5);
/// ```
#[must_use]
pub fn total(values: Weighted<'_>) -> u64 {
    values.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

/// The arithmetic mean. `None` for no values.
///
/// ```
/// assert_eq!(profile_core::stats::weighted::mean(&[(1.0, 3), (5.0, 1)]), Some(2.0));
/// ```
#[must_use]
pub fn mean(values: Weighted<'_>) -> Option<f64> {
    let n = Some(total(values)).filter(|n| *n > 0)? as f64;
    Some(sum(values.iter().map(|(value, count)| value * *count as f64)) / n)
}

/// The quantile by inversion of the empirical distribution function (type 1 of Hyndman and Fan,
/// "Sample quantiles in statistical packages", 1996): the smallest value that is at least as large
/// as a `share` of the values. `None` for no values.
///
/// ```
/// assert_eq!(profile_core::stats::weighted::quantile(&[(1.0, 3), (5.0, 1)], 0.75), Some(1.0));
/// ```
#[must_use]
pub fn quantile(values: Weighted<'_>, share: f64) -> Option<f64> {
    let rank = ((total(values) as f64 * share).ceil() as u64).max(1);
    let mut seen = 0_u64;
    let reached = values.iter().find(|(_, count)| {
        seen = seen.saturating_add(*count);
        seen >= rank
    });
    reached.or(values.last()).map(|(value, _)| *value)
}

/// The mean of the values after cutting `floor(share * n)` values from each end: the definition of
/// [`trim_mean`](super::trim_mean). `None` if nothing is left.
///
/// ```
/// assert_eq!(profile_core::stats::weighted::trimmed_mean(&[(1.0, 9), (50.0, 1)], 0.1), Some(1.0));
/// ```
#[must_use]
pub fn trimmed_mean(values: Weighted<'_>, share: f64) -> Option<f64> {
    let n = total(values);
    let cut = (share * n as f64) as u64;
    let kept = n.checked_sub(cut.checked_mul(2)?).filter(|kept| *kept > 0)?;
    let mut below = 0_u64;
    let parts = values.iter().map(|(value, count)| {
        let from = below.max(cut);
        below = below.saturating_add(*count);
        let to = below.min(n - cut);
        value * to.saturating_sub(from) as f64
    });
    Some(sum(parts) / kept as f64)
}

/// The unbiased variance; `None` for fewer than two values.
///
/// ```
/// assert_eq!(profile_core::stats::weighted::variance(&[(1.0, 1), (3.0, 1)]), Some(2.0));
/// ```
#[must_use]
pub fn variance(values: Weighted<'_>) -> Option<f64> {
    let n = Some(total(values)).filter(|n| *n > 1)? as f64;
    let mean = mean(values)?;
    let squares = values.iter().map(|(value, count)| (value - mean).powi(2) * *count as f64);
    Some(sum(squares) / (n - 1.0))
}

/// The most frequent value, the smallest of several. `None` for no values.
///
/// ```
/// assert_eq!(profile_core::stats::weighted::mode(&[(1.0, 3), (5.0, 7)]), Some(5.0));
/// ```
#[must_use]
pub fn mode(values: Weighted<'_>) -> Option<f64> {
    let most = values.iter().map(|(_, count)| *count).max()?;
    values.iter().find(|(_, count)| *count == most).map(|(value, _)| *value)
}

/// Both histograms merged: the counts of equal values are added. Merging is commutative.
///
/// ```
/// use profile_core::stats::weighted::merge;
///
/// assert_eq!(merge(&[(1.0, 1), (3.0, 1)], &[(1.0, 4)]), [(1.0, 5), (3.0, 1)]);
/// ```
#[must_use]
pub fn merge(one: Weighted<'_>, other: Weighted<'_>) -> Vec<(f64, u64)> {
    let mut both = [one, other].concat();
    crate::sort::by(&mut both, |a, b| a.0.total_cmp(&b.0));
    join_equal(&mut both);
    both
}

/// Merges adjacent equal values by adding their counts.
pub(crate) fn join_equal<T: PartialEq>(counts: &mut Vec<(T, u64)>) {
    counts.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 = kept.1.saturating_add(if same { next.1 } else { 0 });
        same
    });
}

/// The 0.975 quantile of Student's t for `n` observations (`n - 1` degrees of freedom): half of a
/// two-sided 95 % interval, in standard errors. `None` for fewer than two. Accurate to 2e-6.
///
/// A table, since the report of one run needs nothing else of Student's distribution: a crate for
/// it would be a seventh of the build time of everyone who prints a table.
pub(crate) fn students_t(n: u64) -> Option<f64> {
    const NORMAL: f64 = 1.959_963_984_540_054;
    #[rustfmt::skip]
    const FEW: [f64; 30] = [
        12.706_204_736, 4.302_652_730, 3.182_446_305, 2.776_445_105, 2.570_581_836,
        2.446_911_851, 2.364_624_252, 2.306_004_135, 2.262_157_163, 2.228_138_852,
        2.200_985_160, 2.178_812_830, 2.160_368_656, 2.144_786_688, 2.131_449_546,
        2.119_905_299, 2.109_815_578, 2.100_922_040, 2.093_024_054, 2.085_963_447,
        2.079_613_845, 2.073_873_068, 2.068_657_610, 2.063_898_562, 2.059_538_553,
        2.055_529_439, 2.051_830_516, 2.048_407_142, 2.045_229_642, 2.042_272_456,
    ];
    let freedom = n.checked_sub(1).filter(|freedom| *freedom > 0)?;
    if let Some(t) = FEW.get(usize::try_from(freedom - 1).unwrap_or(usize::MAX)) {
        return Some(*t);
    }
    Some(expanded(NORMAL, freedom as f64))
}

/// A quantile of Student's t from that of the normal distribution: the expansion in powers of the
/// reciprocal degrees of freedom (Abramowitz and Stegun, 26.7.5), for many degrees of freedom.
pub(super) fn expanded(z: f64, freedom: f64) -> f64 {
    let powers = |coefficients: &[f64]| {
        coefficients.iter().rev().fold(0.0, |sum, coefficient| (sum + coefficient) * z)
    };
    let first = powers(&[1.0, 0.0, 1.0]) / 4.0;
    let second = powers(&[3.0, 0.0, 16.0, 0.0, 5.0]) / 96.0;
    let third = powers(&[-15.0, 0.0, 17.0, 0.0, 19.0, 0.0, 3.0]) / 384.0;
    z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3)
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
        #[cfg(feature = "stats")]
        for n in 2..=300 {
            let exact = crate::stats::interval::students_t((n - 1) as f64, 0.975);
            let t = students_t(n).expect("at least two values");
            assert!((t - exact).abs() < 2e-6, "{n}: {t} and {exact}");
        }
        assert_eq!(variance(&ten()), Some(82.5 / 9.0));
        assert_eq!(variance(&[(3.0, 5)]), Some(0.0));
        assert_eq!((students_t(1), variance(&[(1.0, 1)])), (None, None));
    }
}
