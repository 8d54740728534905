//! The mean of the values between two ranks.
//!
//! A large slice is read once and not copied. A sample provides brackets that should contain the
//! two cuts. Everything between the brackets is summed in one pass, and the values in the brackets,
//! a few per cent, are set aside and the cuts selected among them. If the sample was wrong, the
//! counts show it, and the values are copied and selected, as for a small slice. (The idea is from
//! Floyd and Rivest, "Expected time bounds for selection", 1975.)

#![allow(unsafe_code, reason = "a call that takes AVX2, after the processor was asked")]

use super::error::has_nan;
use super::select::select;
use super::sums::{Sum, mean_of};

/// For smaller slices a copy with two selections is faster.
const LARGE: usize = 1 << 15;

/// The mean of the values of ranks `from` (inclusive) to `to` (exclusive). NaN if there are none,
/// or if there is a NaN among all values.
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

/// Brackets that most probably contain the two cuts.
#[derive(Clone, Copy, Debug)]
struct Brackets {
    from: usize,
    to: usize,
    lower: [f64; 2],
    upper: [f64; 2],
}

/// The result of one pass over the values.
struct Pass {
    below: usize,
    /// Number of values certainly between the cuts.
    between: usize,
    sum: Sum,
    /// Values that may be on either side of a cut, or NaN.
    aside: Vec<f64>,
}

impl Brackets {
    /// `None`: the cuts are too close to each other, or there is a NaN.
    fn of(values: &[f64], from: usize, to: usize) -> Option<Brackets> {
        let mut sample = sample_of(values);
        if has_nan(&sample) {
            return None;
        }
        let (n, size) = (values.len() as f64, sample.len() as f64);
        let mut bracket = |rank: usize| {
            let share = rank as f64 / n;
            // Three standard deviations of the rank in the sample: one of 370 cuts is beyond, and
            // costs a copy.
            let spread = 3.0 * (size * share * (1.0 - share)).sqrt() + 1.0;
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
        let Pass { below, between, mut sum, aside } = self.fastest_pass(values);
        if has_nan(&aside) {
            return None;
        }
        let (mut near_lower, mut near_upper): (Vec<f64>, Vec<f64>) =
            aside.into_iter().partition(|value| *value <= self.lower[1]);
        // The first rank to include, among those near the lower cut, and the first to exclude, near
        // the upper one.
        let first = self.from.checked_sub(below).filter(|first| *first <= near_lower.len())?;
        let end = self.to.checked_sub(below + near_lower.len() + between)?;
        if end > near_upper.len() {
            return None;
        }
        let last = near_lower.len();
        let kept = [select(&mut near_lower, first, last), select(&mut near_upper, 0, end)];
        kept.iter().flat_map(|part| part.iter()).for_each(|value| sum.add(*value));
        Some(sum.value() / (self.to - self.from) as f64).filter(|mean| mean.is_finite())
    }

    /// [`Self::pass`], also compiled for processors with AVX2, where it takes a third of the time.
    fn fastest_pass(&self, values: &[f64]) -> Pass {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2")]
            fn with_avx2(brackets: &Brackets, values: &[f64]) -> Pass {
                brackets.pass(values)
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor supports it.
                return unsafe { with_avx2(self, values) };
            }
        }
        self.pass(values)
    }

    #[inline(always)]
    fn pass(&self, values: &[f64]) -> Pass {
        // Space for all values, in case all are equal. The system commits zeroed memory when it is
        // touched, and most never is.
        let mut aside = vec![0.0; values.len() + BLOCK];
        let mut found = Pass { below: 0, between: 0, sum: Sum::default(), aside: Vec::new() };
        let mut kept = 0;
        let blocks = values.chunks_exact(BLOCK);
        // The remainder is padded with values that are certainly above.
        let mut last = [f64::INFINITY; BLOCK];
        let rest = blocks.remainder();
        last[..rest.len()].copy_from_slice(rest);
        for block in blocks.chain([&last[..]]) {
            let near = self.scan(block, &mut found);
            kept += keep(block, &near, &mut aside[kept..kept + BLOCK]);
        }
        aside.truncate(kept);
        Pass { aside, ..found }
    }

    /// Counts and sums the values that are clear of the cuts, and marks the others. Each loop is
    /// written so that the compiler vectorizes it: no branch, and sums in lanes.
    #[inline(always)]
    fn scan(&self, block: &[f64], found: &mut Pass) -> [u64; BLOCK] {
        let [[low, lower], [upper, high]] = [self.lower, self.upper];
        let (mut kept, mut near) = ([0.0; BLOCK], [0; BLOCK]);
        let (mut below, mut between) = (0, 0);
        for ((value, kept), near) in block.iter().zip(&mut kept).zip(&mut near) {
            let inside = (*value > lower) & (*value < upper);
            let under = *value < low;
            *kept = if inside { *value } else { 0.0 };
            *near = u64::from(!(inside | under | (*value > high)));
            below += u64::from(under);
            between += u64::from(inside);
        }
        let mut lanes = [0.0; LANES];
        for chunk in kept.chunks_exact(LANES) {
            lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
        }
        lanes.iter().for_each(|lane| found.sum.add(*lane));
        found.below += below as usize;
        found.between += between as usize;
        near
    }
}

/// Writes the values near a cut to `room`, which is as long as the block, and returns their number.
/// Branch-free: one in thirty values is near, and each would be mispredicted.
#[inline(always)]
fn keep(block: &[f64], near: &[u64; BLOCK], room: &mut [f64]) -> usize {
    let mut kept = 0;
    for (value, near) in block.iter().zip(near) {
        room[kept] = *value;
        kept += *near as usize;
    }
    kept
}

/// Number of values processed together.
const BLOCK: usize = 256;

/// Parallel sums; each has so few addends in a block that their rounding errors do not accumulate.
const LANES: usize = 8;

/// One value from each of many equal parts of the slice, at a pseudorandom index in it, so that
/// periodic values do not bias it. The same slice has the same sample.
fn sample_of(values: &[f64]) -> Vec<f64> {
    /// The golden ratio in 64 bits: its multiples are spread evenly (Weyl).
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let size = ((1.6 * (values.len() as f64).powf(2.0 / 3.0)) as usize).max(1);
    let part = values.len() / size;
    let index = |number: usize| {
        let random = (number as u64 + 1).wrapping_mul(STEP) >> 32;
        number * part + ((random as usize * part) >> 32)
    };
    (0..size).map(|number| values[index(number)]).collect()
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
        for index in [0, 8, n / 2, n - 1] {
            let mut values: Vec<f64> = (0..n).map(|i| i as f64).collect();
            values[index] = f64::NAN;
            assert!(mean_of_ranks(&values, n / 10, n - n / 10).is_nan(), "{index}");
        }
    }

    #[test]
    fn ordinary_values_need_no_copy() {
        let values = shapes(1 << 18).pop().expect("the random one");
        let n = values.len();
        let brackets = Brackets::of(&values, n / 10, n - n / 10).expect("the cuts are far apart");
        let pass = brackets.pass(&values);
        assert!(pass.aside.len() < n / 10);
        assert!(brackets.mean(&values).is_some());
    }
}
