//! Compensated summation.
//!
//! The rounding error of each addition is itself a number, and is summed separately (Neumaier 1974,
//! based on the error-free transformation of Knuth): the mean of 10^7 values is as accurate as that
//! of ten.

/// A sum and its accumulated rounding errors.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    sum: f64,
    errors: f64,
}

impl Sum {
    #[inline(always)]
    pub(super) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let seen = sum - self.sum;
        self.errors += (self.sum - (sum - seen)) + (value - seen);
        self.sum = sum;
    }

    /// Not finite if an addend was not, or if the sum overflows.
    pub(super) fn value(self) -> f64 {
        // Once the sum is infinite, the errors are NaN.
        if self.sum.is_finite() { self.sum + self.errors } else { self.sum }
    }
}

/// The compensated sum.
pub(super) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    values.into_iter().for_each(|value| sum.add(value));
    sum.value()
}

/// The arithmetic mean, also if the sum would overflow. NaN for no values.
pub(super) fn mean_of(values: &[f64]) -> f64 {
    /// A power of two, so scaling is exact for every value that matters next to one that overflows.
    const SMALL: f64 = 1.0 / 18_446_744_073_709_551_616.0;
    let n = values.len() as f64;
    let total = sum(values.iter().copied());
    if total.is_finite() {
        return total / n;
    }
    sum(values.iter().map(|value| value * SMALL)) / n / SMALL
}

/// The sum of squared deviations from `mean`.
pub(super) fn squares(values: &[f64], mean: f64) -> f64 {
    sum(values.iter().map(|value| (value - mean) * (value - mean)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_digit_is_lost_between_large_and_small() {
        assert_eq!(sum([1e16, 1.0, -1e16, 1.0]), 2.0);
        assert_eq!(mean_of(&[1e308, 1e308, 1e308]), 1e308);
        assert_eq!(mean_of(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(mean_of(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert!(mean_of(&[]).is_nan());
    }
}
