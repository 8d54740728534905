//! Confidence intervals: by Student's t, and by resampling.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::describe::{QuantileMethod, mean, quantile, standard_deviation};
use super::error::{StatsError, confident};
use super::weighted;

/// An estimate and its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The statistic of the sample.
    pub estimate: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// The two-sided interval of the mean by Student's t: exact for normal values, and approximate for
/// many values of any distribution. NaN for fewer than two values, or if there is a NaN; for equal
/// values the interval has zero width.
///
/// # Errors
/// [`StatsError::ConfidenceOutside`].
///
/// ```
/// let found = profile_core::stats::t_interval(&[1.0, 2.0, 3.0], 0.95)?;
/// assert!((found.low - -0.4841).abs() < 1e-4 && (found.high - 4.4841).abs() < 1e-4);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn t_interval(values: &[f64], confidence: f64) -> Result<Interval, StatsError> {
    confident(confidence)?;
    let estimate = mean(values);
    let freedom = values.len() as f64 - 1.0;
    let error = standard_deviation(values, 1) / (values.len() as f64).sqrt();
    let margin = students_t(freedom, 0.5 + confidence / 2.0) * error;
    Ok(Interval { estimate, low: estimate - margin, high: estimate + margin })
}

/// A quantile of Student's t.
pub(crate) fn students_t(freedom: f64, share: f64) -> f64 {
    const EXACT: f64 = 100.0;
    if freedom.is_nan() || freedom < 1.0 || !(0.0..=1.0).contains(&share) {
        return f64::NAN;
    }
    if freedom <= EXACT {
        return StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |t| t.inverse_cdf(share));
    }
    // With many degrees of freedom this quantile of statrs 0.19 never returns. The expansion is
    // accurate to 1e-8 here.
    weighted::expanded(Normal::standard().inverse_cdf(share), freedom)
}

/// The interval of any statistic of a sample by the bias-corrected and accelerated bootstrap (Efron
/// 1987; `scipy.stats.bootstrap`): from the statistic of `resamples` samples drawn with
/// replacement, and of the sample without each of its values. The same values, statistic and seed
/// give the same interval, which has zero width if the statistic does not vary. NaN for fewer than
/// two values, and if the statistic is NaN or beyond all of the resampled ones.
///
/// # Errors
/// [`StatsError::ConfidenceOutside`].
///
/// ```
/// use profile_core::stats::{bootstrap, median};
///
/// let values = [2.0, 2.1, 1.9, 2.0, 2.2, 1.8, 2.0, 2.1, 1.9, 57.0];
/// let found = bootstrap(&values, median, 2_000, 0.95, 1)?;
/// assert!(found.low >= 1.8 && found.high <= 2.2);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn bootstrap(
    values: &[f64],
    figure: impl Fn(&[f64]) -> f64,
    resamples: usize,
    confidence: f64,
    seed: u64,
) -> Result<Interval, StatsError> {
    // Checked before the work.
    confident(confidence)?;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut drawn = values.to_vec();
    let mut resampled = Vec::with_capacity(resamples);
    if values.len() > 1 {
        for _ in 0..resamples {
            drawn.fill_with(|| values[random.usize(..values.len())]);
            resampled.push(figure(&drawn));
        }
    }
    bca_interval(&resampled, values, figure, confidence)
}

/// The interval from statistics of existing resamples.
///
/// # Errors
/// [`StatsError::ConfidenceOutside`].
///
/// ```
/// use profile_core::stats::{bca_interval, mean};
///
/// let found = bca_interval(&[1.5, 2.0, 2.0, 2.5], &[1.0, 2.0, 3.0], mean, 0.5)?;
/// assert!(found.low >= 1.5 && found.high <= 2.5);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn bca_interval(
    resampled: &[f64],
    values: &[f64],
    figure: impl Fn(&[f64]) -> f64,
    confidence: f64,
) -> Result<Interval, StatsError> {
    confident(confidence)?;
    let estimate = figure(values);
    let shares = bca_shares(resampled, &jackknife(values, &figure), estimate, confidence);
    let [low, high] = shares.map(|share| quantile(resampled, share, QuantileMethod::Linear));
    Ok(Interval { estimate, low, high })
}

/// The statistic of the sample without each of its values.
fn jackknife(values: &[f64], figure: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let without = |index: usize| {
        let rest = values[..index].iter().chain(&values[index + 1..]);
        figure(&rest.copied().collect::<Vec<f64>>())
    };
    (0..values.len()).map(without).collect()
}

/// The shares of the resampled statistics' quantiles that bound the interval.
pub(super) fn bca_shares(
    resampled: &[f64],
    jackknife: &[f64],
    estimate: f64,
    confidence: f64,
) -> [f64; 2] {
    if resampled.is_empty() {
        return [f64::NAN; 2];
    }
    let normal = Normal::standard();
    let count = resampled.len() as f64;
    let below = resampled.iter().filter(|figure| **figure < estimate).count() as f64;
    let equal = resampled.iter().filter(|figure| **figure == estimate).count() as f64;
    let bias = normal.inverse_cdf((below + equal / 2.0) / count);
    let middle = mean(jackknife);
    let moment = |power| jackknife.iter().map(|figure| (middle - figure).powi(power)).sum::<f64>();
    let spread = moment(2);
    // A median that no single value changes is not skewed; SciPy returns NaN.
    let acceleration = if spread == 0.0 { 0.0 } else { moment(3) / (6.0 * spread.powf(1.5)) };
    let z = normal.inverse_cdf((1.0 - confidence) / 2.0);
    [z, -z].map(|z| {
        let moved = bias + z;
        normal.cdf(bias + moved / (1.0 - acceleration * moved))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_degrees_of_freedom_meet_few() {
        // scipy.stats.t.ppf(0.975, [99, 100, 101, 1000, 1e9])
        for (freedom, expected) in [
            (99.0, 1.984_216_951_508_683_7),
            (100.0, 1.983_971_518_523_552),
            (101.0, 1.983_731_002_955_606),
            (1_000.0, 1.962_339_080_826_408),
            (1e9, 1.959_963_986_912_325),
        ] {
            let t = students_t(freedom, 0.975);
            assert!((t - expected).abs() < 1e-7, "{freedom}: {t}");
        }
        assert!(students_t(0.0, 0.975).is_nan());
    }
}
