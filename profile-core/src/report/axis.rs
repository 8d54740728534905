//! An axis of a picture: its ticks, and the positions of numbers on it.

/// From `low` to `high`, with a tick every `step`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// An axis that covers the range, with about `ticks` ticks.
    pub(crate) fn new(low: f64, high: f64, ticks: u32) -> Axis {
        // A narrower range is widened around its middle, so that the ends of large numbers still
        // differ as doubles.
        let least = (high.abs() * 1e-9).max(1e-3);
        let (low, high) =
            if high - low < least { (low - least / 2.0, high + least / 2.0) } else { (low, high) };
        Axis { low, high, step: nice((high - low) / f64::from(ticks)) }
    }

    /// Position of a number: 0 at the start of the axis, 1 at its end.
    pub(crate) fn position(&self, number: f64) -> f64 {
        (number - self.low) / (self.high - self.low)
    }

    pub(crate) fn ticks(&self) -> impl Iterator<Item = f64> {
        // An end that misses a tick only by rounding gets that tick.
        const ROUNDING: f64 = 1e-6;
        let step = self.step;
        let (first, last) = ((self.low / step - ROUNDING).ceil(), self.high / step + ROUNDING);
        // Multiples of the step, since sums drift. Bounded, since a step that is lost in rounding
        // would never reach the end.
        (0..100)
            .map(move |n| first + f64::from(n))
            .take_while(move |n| *n <= last)
            .map(move |n| n * step)
    }

    /// The number of a tick, with as many decimals as the step needs.
    pub(crate) fn label(&self, tick: f64) -> String {
        let decimals = (-self.step.log10().floor()).clamp(0.0, 9.0) as usize;
        // Adding 0.0 turns -0 into 0.
        format!("{:.decimals$}", tick + 0.0)
    }
}

/// Rounds up to 1, 2 or 5 times a power of ten.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= step * (1.0 - 1e-9));
    digit.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        let axis = Axis::new(low, high, 5);
        axis.ticks().map(|tick| axis.label(tick)).collect()
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_axis() {
        assert_eq!(labels(0.0, 9.3), ["0", "2", "4", "6", "8"]);
        assert_eq!(labels(0.0, 0.35), ["0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(37.0, 101.0), ["40", "60", "80", "100"]);
        assert_eq!(labels(10.0, 10.02), ["10.000", "10.005", "10.010", "10.015", "10.020"]);
        assert_eq!(labels(-0.1, 0.3)[1], "0.0");
    }

    #[test]
    fn any_range_has_a_few_ticks() {
        let mut high = 1e-9;
        while high < 1e20 {
            for low in [0.0, high * 0.3, high * 0.999, high] {
                let ticks = labels(low, high).len();
                assert!((1..=11).contains(&ticks), "{low} to {high}: {ticks}");
            }
            high *= 1.7;
        }
    }

    #[test]
    fn a_single_number_is_in_the_middle() {
        assert!((Axis::new(7.0, 7.0, 5).position(7.0) - 0.5).abs() < 1e-9);
        assert!((Axis::new(0.0, 4.0, 5).position(3.0) - 0.75).abs() < 1e-9);
    }
}
