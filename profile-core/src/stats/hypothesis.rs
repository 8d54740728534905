//! Two-sided tests of whether two samples differ, as in `scipy.stats`.

use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::beta::beta_reg;

use super::cuts::{Cuts, trimmed_mean, winsorize};
use super::describe::variance;
use super::error::has_nan;
use super::ranks::{ties, ways_of_u};

/// The result of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TestResult {
    /// The statistic of the test.
    pub statistic: f64,
    /// The probability of a statistic at least as extreme if nothing differs.
    pub p_value: f64,
}

const UNDEFINED: TestResult = TestResult { statistic: f64::NAN, p_value: f64::NAN };

/// Welch's test (1947) of equal means of samples whose variances may differ, with Satterthwaite's
/// degrees of freedom (`scipy.stats.ttest_ind` with `equal_var=False`). The statistic is t,
/// positive if `a` has the greater mean. NaN for fewer than two values, if all values are equal, or
/// if there is a NaN.
///
/// statrs 0.19 has no such test.
///
/// ```
/// let found = profile_core::stats::welch_t(&[1.0, 2.0, 3.0], &[11.0, 12.0, 13.5]);
/// assert!(found.statistic < 0.0 && found.p_value < 0.01);
/// ```
#[must_use]
pub fn welch_t(a: &[f64], b: &[f64]) -> TestResult {
    yuen_t(a, b, 0.0)
}

/// Yuen's test (1974) of equal trimmed means: [Welch's](welch_t) with the share `trim` of each
/// sample cut from each end, and the variance of the rest estimated from the winsorized sample
/// (`scipy.stats.ttest_ind` with `equal_var=False` and `trim`). A share of disturbed values below
/// `trim` does not affect it. NaN if fewer than two values remain, and as for Welch's test.
///
/// ```
/// let usual = [1.0, 1.1, 1.2, 1.3, 1.4];
/// let disturbed = [2.0, 2.1, 2.2, 2.3, 90.0];
/// assert!(profile_core::stats::welch_t(&usual, &disturbed).p_value > 0.3);
/// assert!(profile_core::stats::yuen_t(&usual, &disturbed, 0.2).p_value < 0.01);
/// ```
#[must_use]
pub fn yuen_t(a: &[f64], b: &[f64], trim: f64) -> TestResult {
    let [one, other] = [a, b].map(|values| TrimmedMean::of(values, trim));
    let (Some(one), Some(other)) = (one, other) else { return UNDEFINED };
    let statistic = (one.mean - other.mean) / (one.error + other.error).sqrt();
    TestResult { statistic, p_value: two_sided_t(statistic, one.freedom_with(&other)) }
}

/// A trimmed mean, its squared standard error, and the number of values it is computed from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrimmedMean {
    pub(crate) mean: f64,
    pub(crate) error: f64,
    pub(crate) count: f64,
}

impl TrimmedMean {
    /// `None`: fewer than two values remain, or one is NaN.
    pub(crate) fn of(values: &[f64], trim: f64) -> Option<TrimmedMean> {
        let cuts = Cuts::both(trim);
        if has_nan(values) {
            return None;
        }
        let mean = trimmed_mean(values, &cuts).ok()??;
        let (from, to) = cuts.ranks(values.len()).ok()?;
        let count = to.checked_sub(from).filter(|count| *count > 1)? as f64;
        let squares = variance(&winsorize(values, &cuts).ok()?, 1) * (values.len() as f64 - 1.0);
        Some(TrimmedMean { mean, error: squares / (count * (count - 1.0)), count })
    }

    /// Satterthwaite's degrees of freedom of the difference.
    pub(crate) fn freedom_with(&self, other: &TrimmedMean) -> f64 {
        let part = |one: &TrimmedMean| one.error * one.error / (one.count - 1.0);
        (self.error + other.error).powi(2) / (part(self) + part(other))
    }
}

/// The probability outside ±t of Student's distribution: exact in the tails, where subtracting from
/// 1 would lose digits.
pub(crate) fn two_sided_t(t: f64, freedom: f64) -> f64 {
    // If nothing varies, the degrees of freedom are undefined, and a difference is certain.
    if t.is_infinite() {
        return 0.0;
    }
    if t.is_nan() || freedom.is_nan() || freedom <= 0.0 {
        return f64::NAN;
    }
    beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t))
}

/// The rank test of Mann and Whitney (1947), first published by Wilcoxon: is a value of `a` as
/// likely to be the greater as one of `b`? The statistic is U of `a`: the number of pairs in which
/// it is greater, with ties counting a half. NaN if a sample is empty or has a NaN.
///
/// Chooses like `scipy.stats.mannwhitneyu`: exact if one sample has at most eight values and no two
/// are equal, otherwise by the normal distribution with corrections for ties and continuity. The
/// normal distribution is also used where the exact one would have more than 100,000 steps.
///
/// The exact distribution of statrs 0.19 is wrong if `a` is no longer than `b`, and takes
/// exponential time.
///
/// ```
/// let found = profile_core::stats::mann_whitney_u(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]);
/// assert_eq!((found.statistic, found.p_value), (0.0, 0.1));
/// ```
#[must_use]
pub fn mann_whitney_u(a: &[f64], b: &[f64]) -> TestResult {
    const FEW: usize = 8;
    if a.is_empty() || b.is_empty() || has_nan(a) || has_nan(b) {
        return UNDEFINED;
    }
    let statistic = wins(a, b);
    let p_value = if a.len().min(b.len()) <= FEW {
        mann_whitney_exact(a, b)
    } else {
        mann_whitney_normal(a, b, statistic, &ties_of_both(a, b))
    };
    TestResult { statistic, p_value }
}

/// The p-value by the exact distribution, for any number of values; by the normal distribution with
/// ties, and where the exact one would be slow.
pub(crate) fn mann_whitney_exact(a: &[f64], b: &[f64]) -> f64 {
    const MOST_STEPS: usize = 100_000;
    let (statistic, tied) = (wins(a, b), ties_of_both(a, b));
    let pairs = a.len().saturating_mul(b.len());
    if !tied.is_empty() || pairs > MOST_STEPS {
        return mann_whitney_normal(a, b, statistic, &tied);
    }
    let most = statistic.max(pairs as f64 - statistic);
    let ways = ways_of_u(a.len(), b.len());
    // The distribution is symmetric, and its lower half has smaller rounding errors.
    let end = pairs - (most.ceil() as usize).min(pairs);
    (2.0 * ways[..=end].iter().sum::<f64>() / ways.iter().sum::<f64>()).min(1.0)
}

fn mann_whitney_normal(a: &[f64], b: &[f64], statistic: f64, tied: &[f64]) -> f64 {
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let (n, most) = (na + nb, statistic.max(na * nb - statistic));
    let equal: f64 = tied.iter().map(|k| k.powi(3) - k).sum();
    let spread = (na * nb / 12.0 * ((n + 1.0) - equal / (n * (n - 1.0)))).sqrt();
    let p_value = 2.0 * Normal::standard().sf((most - na * nb / 2.0 - 0.5) / spread);
    // If all values are equal, nothing differs.
    if p_value.is_nan() { 1.0 } else { p_value.min(1.0) }
}

fn ties_of_both(a: &[f64], b: &[f64]) -> Vec<f64> {
    ties(&[a, b].concat())
}

/// The number of pairs in which the value of `a` is greater; ties count a half.
fn wins(a: &[f64], b: &[f64]) -> f64 {
    let mut b = b.to_vec();
    b.sort_by(f64::total_cmp);
    let below = |value: f64| {
        let less = b.partition_point(|other| *other < value);
        let not_more = b.partition_point(|other| *other <= value);
        (less + not_more) as f64 / 2.0
    };
    a.iter().map(|value| below(*value)).sum()
}

/// The two-sample test of Kolmogorov and Smirnov: the statistic is the greatest distance between
/// the two empirical distribution functions. NaN if a sample is empty or has a NaN.
///
/// Exact for up to 10,000,000 pairs, by the share of lattice paths that reach that distance (Hodges
/// 1958); beyond that by the limiting distribution. Ties make the exact value conservative.
/// (`scipy.stats.ks_2samp` is exact up to 10,000 values per side.)
///
/// ```
/// let found = profile_core::stats::kolmogorov_smirnov(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]);
/// assert_eq!((found.statistic, found.p_value), (1.0, 0.1));
/// ```
#[must_use]
pub fn kolmogorov_smirnov(a: &[f64], b: &[f64]) -> TestResult {
    const MOST_PAIRS: usize = 10_000_000;
    if a.is_empty() || b.is_empty() || has_nan(a) || has_nan(b) {
        return UNDEFINED;
    }
    // In units of 1 / (na * nb), in which it is an integer.
    let distance = greatest_distance(a, b);
    let pairs = a.len() as f64 * b.len() as f64;
    let statistic = distance as f64 / pairs;
    let p_value = match a.len().checked_mul(b.len()) {
        Some(pairs) if pairs <= MOST_PAIRS => stray_share(a.len(), b.len(), distance),
        _ => kolmogorov_tail(statistic * (pairs / (a.len() + b.len()) as f64).sqrt()),
    };
    TestResult { statistic, p_value }
}

fn greatest_distance(a: &[f64], b: &[f64]) -> u128 {
    let sorted = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (a, b) = (sorted(a), sorted(b));
    let (na, nb) = (a.len() as u128, b.len() as u128);
    let at = |value: &f64| {
        let i = a.partition_point(|other| other <= value) as u128;
        let j = b.partition_point(|other| other <= value) as u128;
        (i * nb).abs_diff(j * na)
    };
    a.iter().chain(&b).map(at).max().unwrap_or(0)
}

/// The share of all orders of the two samples in which the distance reaches `distance`.
fn stray_share(na: usize, nb: usize, distance: u128) -> f64 {
    let is_far =
        |i: usize, j: usize| (i as u128 * nb as u128).abs_diff(j as u128 * na as u128) >= distance;
    if is_far(0, 0) {
        return 1.0;
    }
    // The probability to be at (i, j) without having reached the distance before, row by row. The
    // probability of reaching it is summed directly, not computed as a difference from 1.
    let mut row = vec![0.0; nb + 1];
    row[0] = 1.0;
    let mut astray = 0.0;
    for i in 0..=na {
        for j in 0..=nb {
            let here = row[j];
            if is_far(i, j) {
                astray += here;
                row[j] = 0.0;
                continue;
            }
            let left = (na - i + nb - j) as f64;
            if j < nb {
                row[j + 1] += here * ((nb - j) as f64 / left);
            }
            // To the same column of the next row.
            row[j] = if i < na { here * ((na - i) as f64 / left) } else { here };
        }
    }
    astray.min(1.0)
}

/// The probability that the supremum of a Brownian bridge exceeds `x` (Kolmogorov 1933).
fn kolmogorov_tail(x: f64) -> f64 {
    // Below, the series needs many terms, and the probability is 1 to the last digit.
    if x < 0.2 {
        return 1.0;
    }
    let term =
        |k: i32| (-2.0 * f64::from(k * k) * x * x).exp() * if k % 2 == 1 { 2.0 } else { -2.0 };
    (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0)
}
