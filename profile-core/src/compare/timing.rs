//! Whether the times of one function differ.
//!
//! All computations use logarithms: a change is a factor, and the spread of times is proportional
//! to them.

use super::change::{FunctionChange, Verdict};
use crate::snapshot::{Function, weighted_values};
use crate::stats::{TrimmedMean, mann_whitney_exact, shift_interval, students_t, two_sided_t};
use crate::stats::{hodges_lehmann, median, trim_mean, weighted};

/// The significance level below which a change is reported.
const LEVEL: f64 = 0.05;
/// A smaller change counts as none, however certain: the placement of a function by the linker has
/// as much effect.
const NEGLIGIBLE: f64 = 0.01;
/// An interval within this, in both directions, means no change.
const SAME: f64 = 0.05;
/// The variation between single runs of one program, which the calls of a run do not show.
const BETWEEN_RUNS: f64 = 0.1;
/// The share of runs at each end that are trimmed: they may have been disturbed.
const TRIM: f64 = 0.2;

/// The result for one function, before the adjustment for other functions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    baseline_ns: f64,
    candidate_ns: f64,
    /// Calls per run of the candidate.
    calls: f64,
    found: Found,
    pub(super) p_value: f64,
    detectable: f64,
}

/// A shift of logarithms.
#[derive(Clone, Copy, Debug)]
struct Found {
    shift: f64,
    interval: [f64; 2],
    p_value: f64,
}

impl Timing {
    pub(super) fn of(before: &[&Function], after: &[&Function]) -> Timing {
        let sides = [before, after];
        let [base, other] = sides.map(logs);
        let calls = after.iter().map(|row| row.calls as f64).sum::<f64>() / after.len() as f64;
        let single = base.len() == 1 && other.len() == 1;
        let error = if single {
            error_of_calls(before[0], after[0])
        } else {
            Error::of_runs(&base, &other)
        };
        let [from, to] = [&base, &other].map(|logs| trim_mean(logs, TRIM).unwrap_or(f64::NAN));
        let mut found = error.found(to - from);
        if base.len() > 1 && other.len() > 1 {
            // Yuen's test detects smaller shifts, the rank test needs no assumption. Twice the
            // smaller of two p-values is again a p-value (Bonferroni).
            found = [Some(found), ranks(&base, &other)]
                .into_iter()
                .flatten()
                .min_by(|a, b| a.p_value.total_cmp(&b.p_value))
                .unwrap_or(found);
            found.p_value = (2.0 * found.p_value).min(1.0);
        }
        Timing {
            baseline_ns: median(&base).exp(),
            candidate_ns: median(&other).exp(),
            calls,
            p_value: found.p_value,
            detectable: error.detectable(),
            found,
        }
    }

    /// The time that the change adds to a run.
    pub(super) fn added_ns(&self) -> f64 {
        let added = (self.candidate_ns - self.baseline_ns) * self.calls;
        if added.is_nan() { 0.0 } else { added }
    }

    /// Fills in the verdict, given the adjusted p-value.
    pub(super) fn fill_in(&self, p_value: f64, change: &mut FunctionChange) {
        let relative = |shift: f64| shift.exp_m1();
        change.baseline_ns = self.baseline_ns;
        change.candidate_ns = self.candidate_ns;
        change.relative_change = relative(self.found.shift);
        change.interval = self.found.interval.map(relative);
        change.p_value = p_value;
        change.detectable_change = relative(self.detectable);
        let [low, high] = change.interval;
        let is_small = change.relative_change.abs() < NEGLIGIBLE;
        change.verdict = if p_value < LEVEL && !is_small {
            if self.found.shift > 0.0 { Verdict::Slower } else { Verdict::Faster }
        } else if (p_value < LEVEL && is_small) || (low > -SAME && high < SAME) {
            Verdict::Same
        } else {
            Verdict::CannotTell
        };
    }
}

/// The logarithm of each run's figure: the trimmed mean of the calls, or the mean if no calls are
/// left after trimming.
fn logs(rows: &[&Function]) -> Vec<f64> {
    /// Below the resolution of any clock.
    const LEAST_NS: f64 = 0.1;
    let figure = |row: &&Function| row.trimmed_mean_ns.or(row.mean_ns).filter(|ns| ns.is_finite());
    rows.iter().filter_map(figure).map(|ns| ns.max(LEAST_NS).ln()).collect()
}

/// The error of a shift of logarithms, from one set of runs to the next.
#[derive(Clone, Copy, Debug)]
struct Error {
    deviation: f64,
    freedom: f64,
    /// A smaller shift is never reported.
    allowance: f64,
}

impl Error {
    /// Yuen's error. A side of one run is assumed to vary as the other does.
    fn of_runs(base: &[f64], other: &[f64]) -> Error {
        let sides = [base, other].map(|runs| TrimmedMean::of(runs, TRIM));
        let alone = |known: TrimmedMean, runs: f64| {
            // The variance of one run, from the variance of a mean.
            let of_one = known.error * known.count;
            Error::new(known.error + of_one / runs, known.count - 1.0)
        };
        match sides {
            [Some(one), Some(two)] => Error::new(one.error + two.error, one.freedom_with(&two)),
            [Some(known), None] => alone(known, other.len() as f64),
            [None, Some(known)] => alone(known, base.len() as f64),
            [None, None] => Error::new(f64::NAN, f64::NAN),
        }
    }

    fn new(variance: f64, freedom: f64) -> Error {
        Error { deviation: variance.sqrt(), freedom, allowance: 0.0 }
    }

    fn found(&self, shift: f64) -> Found {
        let margin = students_t(self.freedom, 0.975) * self.deviation + self.allowance;
        let beyond = (shift.abs() - self.allowance).max(0.0);
        let p_value = match shift == 0.0 {
            // Also where nothing varies at all.
            true => 1.0,
            false => two_sided_t(beyond / self.deviation, self.freedom),
        };
        let p_value = if p_value.is_nan() { 1.0 } else { p_value };
        Found { shift, interval: [shift - margin, shift + margin], p_value }
    }

    /// The smallest shift that a test at 5 % detects with a power of 80 %.
    fn detectable(&self) -> f64 {
        let quantiles = students_t(self.freedom, 0.975) + students_t(self.freedom, 0.8);
        quantiles * self.deviation + self.allowance
    }
}

/// For one run per side: the variance of its calls, as if they were independent, and an allowance
/// because they are not.
fn error_of_calls(before: &Function, after: &Function) -> Error {
    let share = |row: &Function| {
        let calls = weighted_values(&row.histogram);
        let mean = row.mean_ns.filter(|mean| *mean > 0.0)?;
        Some(weighted::variance(&calls)? / (row.timed_calls.max(1) as f64 * mean * mean))
    };
    let sum = share(before).zip(share(after)).map_or(f64::NAN, |(one, other)| one + other);
    let freedom = before.timed_calls.min(after.timed_calls) as f64 - 1.0;
    Error { deviation: sum.sqrt(), freedom, allowance: BETWEEN_RUNS.ln_1p() }
}

/// By ranks; `None` if there are too few runs.
fn ranks(base: &[f64], other: &[f64]) -> Option<Found> {
    const FEWEST: usize = 4;
    if base.len().min(other.len()) < FEWEST {
        return None;
    }
    let p_value = mann_whitney_exact(base, other);
    let interval = shift_interval(base, other, 1.0 - LEVEL);
    Some(Found { shift: hodges_lehmann(base, other), interval, p_value })
}
