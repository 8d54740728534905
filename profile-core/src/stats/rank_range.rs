//! The mean of the values between two ranks.
//!
//! A large slice is read once and not copied. A sample says between which values each of the two cuts must lie; all
//! in between is summed in passing, and what falls near a cut, some per cent, is kept aside, where the cut is selected. If
//! the sample was wrong the counts show it, and the values are copied and selected, as those of a small slice are.
//! (The idea is that of Floyd and Rivest, "Expected time bounds for selection", 1975.)

use super::error::has_nan;
use super::sums::{Sum, mean_of};
use super::trim::select;

/// From here on a copy with two selections is slower.
const LARGE: usize = 1 << 15;

/// The mean of the values of ranks `from` up to, and without, `to`. NaN if there are none, or a NaN is among all values.
pub(super) fn mean_of_ranks(values: &[f64], from: usize, to: usize) -> f64 {
    if values.len() >= LARGE
        && from < to
        && let Some(mean) = Brackets::of(values, from, to).and_then(|it| it.mean(values))
    {
        return mean;
    }
    if has_nan(values) {
        return f64::NAN;
    }
    mean_of(select(&mut values.to_vec(), from, to))
}

/// Values between which the two cuts lie, most probably.
#[derive(Clone, Copy, Debug)]
struct Brackets {
    from: usize,
    to: usize,
    lower: [f64; 2],
    upper: [f64; 2],
}

/// What one pass over the values finds.
struct Pass {
    below: usize,
    /// Values for certain between the cuts.
    between: usize,
    sum: Sum,
    near_lower: Vec<f64>,
    near_upper: Vec<f64>,
}

impl Brackets {
    /// `None`: the cuts are too near to one another, or a NaN was met.
    fn of(values: &[f64], from: usize, to: usize) -> Option<Brackets> {
        let mut sample = sample_of(values);
        if has_nan(&sample) {
            return None;
        }
        let (n, size) = (values.len() as f64, sample.len() as f64);
        let mut bracket = |rank: usize| {
            let share = rank as f64 / n;
            // Five standard deviations of the rank in the sample; a stratified sample has less than these.
            let spread = 5.0 * (size * share * (1.0 - share)).sqrt() + 1.0;
            let mut at = |rank: f64| match rank {
                rank if rank < 0.0 => f64::NEG_INFINITY,
                rank if rank >= size => f64::INFINITY,
                rank => *sample.select_nth_unstable_by(rank as usize, f64::total_cmp).1,
            };
            [at((share * size - spread).floor()), at((share * size + spread).ceil())]
        };
        let (lower, upper) = (bracket(from), bracket(to));
        (lower[1] < upper[0]).then_some(Brackets { from, to, lower, upper })
    }

    fn mean(self, values: &[f64]) -> Option<f64> {
        let Pass { below, between, mut sum, mut near_lower, mut near_upper } = self.pass(values);
        // The first rank that is kept, among those near the lower cut, and the first that is not, near the upper one.
        let first = self.from.checked_sub(below).filter(|first| *first <= near_lower.len())?;
        let end = self.to.checked_sub(below + near_lower.len() + between)?;
        if end > near_upper.len() {
            return None;
        }
        let kept_lower = near_lower.len() - first;
        let lower = select(&mut near_lower, first, first + kept_lower);
        let upper = select(&mut near_upper, 0, end);
        lower.iter().chain(upper.iter()).for_each(|value| sum.add(*value));
        Some(sum.value() / (self.to - self.from) as f64).filter(|mean| mean.is_finite())
    }

    fn pass(&self, values: &[f64]) -> Pass {
        const LANES: usize = 8;
        let [[low, lower], [upper, high]] = [self.lower, self.upper];
        let (mut below, mut between, mut nan) = ([0_u64; LANES], [0_u64; LANES], 0);
        let mut sums = [Sum::default(); LANES];
        let (mut near_lower, mut near_upper) = (Vec::new(), Vec::new());
        let mut keep_aside = |value: f64| {
            if value >= low && value <= lower {
                near_lower.push(value);
            } else if value >= upper && value <= high {
                near_upper.push(value);
            } else if value.is_nan() {
                nan += 1;
            }
        };
        let chunks = values.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            let mut known = 0;
            for lane in 0..LANES {
                let value = chunk[lane];
                let inside = (value > lower) & (value < upper);
                let under = value < low;
                sums[lane].add(if inside { value } else { 0.0 });
                between[lane] += u64::from(inside);
                below[lane] += u64::from(under);
                known += usize::from(inside | under | (value > high));
            }
            if known != LANES {
                chunk.iter().for_each(|value| keep_aside(*value));
            }
        }
        for value in rest {
            let inside = *value > lower && *value < upper;
            if inside {
                sums[0].add(*value);
            }
            between[0] += u64::from(inside);
            below[0] += u64::from(*value < low);
            keep_aside(*value);
        }
        let mut sum = Sum::default();
        sums.into_iter().for_each(|lane| sum.join(lane));
        if nan > 0 {
            // Not finite: the caller looks again.
            sum.add(f64::NAN);
        }
        let count = |lanes: [u64; LANES]| lanes.iter().sum::<u64>() as usize;
        Pass { below: count(below), between: count(between), sum, near_lower, near_upper }
    }
}

/// One value from each of many equal parts of the slice, at a place in it that looks random: values that come in
/// periods do not mislead it. The same slice has the same sample.
fn sample_of(values: &[f64]) -> Vec<f64> {
    /// The golden ratio in 64 bits: its multiples are spread evenly (Weyl).
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let size = ((values.len() as f64).powf(2.0 / 3.0) as usize).max(1);
    let part = values.len() / size;
    let place = |number: usize| {
        let random = (number as u64 + 1).wrapping_mul(STEP) >> 32;
        number * part + ((random as usize * part) >> 32)
    };
    (0..size).map(|number| values[place(number)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(values: &[f64], from: usize, to: usize) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        mean_of(&sorted[from..to])
    }

    fn shapes(n: usize) -> Vec<Vec<f64>> {
        let mut state = 7_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let random: Vec<f64> = (0..n).map(|_| random() - 0.5).collect();
        vec![
            random.iter().map(|value| value.powi(9) * 1e9).collect(),
            (0..n).map(|i| i as f64).collect(),
            (0..n).rev().map(|i| i as f64).collect(),
            (0..n).map(|i| (i % 1024) as f64).collect(),
            vec![3.5; n],
            (0..n).map(|i| if i % 10 == 0 { f64::INFINITY } else { -1.0 }).collect(),
            random,
        ]
    }

    #[test]
    fn a_large_slice_has_the_mean_of_its_sorted_ranks() {
        let n = LARGE + 4_321;
        for (shape, values) in shapes(n).iter().enumerate() {
            for share in [0.0, 0.000_1, 0.1, 0.25, 0.49, 0.499_99] {
                let cut = (share * n as f64) as usize;
                for (from, to) in [(cut, n - cut), (0, n - cut), (cut, n)] {
                    let (got, expected) =
                        (mean_of_ranks(values, from, to), plain(values, from, to));
                    let same = (got - expected).abs() <= 1e-12 * expected.abs().max(1e-3);
                    assert!(same || got == expected, "{shape} {share}: {got} {expected}");
                }
            }
        }
    }

    #[test]
    fn one_nan_in_many_is_seen_wherever_it_stands() {
        let n = LARGE + 11;
        for place in [0, 8, n / 2, n - 1] {
            let mut values: Vec<f64> = (0..n).map(|i| i as f64).collect();
            values[place] = f64::NAN;
            assert!(mean_of_ranks(&values, n / 10, n - n / 10).is_nan(), "{place}");
        }
    }

    #[test]
    fn ordinary_values_need_no_copy() {
        let values = shapes(1 << 18).pop().expect("the random one");
        let n = values.len();
        let brackets = Brackets::of(&values, n / 10, n - n / 10).expect("the cuts are far apart");
        let pass = brackets.pass(&values);
        assert!(pass.near_lower.len() + pass.near_upper.len() < n / 10);
        assert!(brackets.mean(&values).is_some());
    }
}
