//! An axis of a picture: which numbers stand at it, and where on paper a number lies.

/// From `low` to `high`, with a tick every `step`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// An axis that shows these numbers with about `ticks` ticks.
    pub(crate) fn new(low: f64, high: f64, ticks: u32) -> Axis {
        // One number alone is in the middle. So much wider that a double can tell the ends of
        // large ones apart.
        let least = (high.abs() * 1e-9).max(1e-3);
        let (low, high) =
            if high - low < least { (low - least / 2.0, high + least / 2.0) } else { (low, high) };
        Axis { low, high, step: nice((high - low) / f64::from(ticks)) }
    }

    /// Where a number lies: 0 at the axis's begin, 1 at its end.
    pub(crate) fn share(&self, number: f64) -> f64 {
        (number - self.low) / (self.high - self.low)
    }

    /// The numbers at which ticks stand.
    pub(crate) fn ticks(&self) -> impl Iterator<Item = f64> {
        // An end that is a tick but for the rounding has one.
        const ROUNDING: f64 = 1e-6;
        let step = self.step;
        let (first, last) = ((self.low / step - ROUNDING).ceil(), self.high / step + ROUNDING);
        // Multiples of the step and not sums, which drift. Without a bound a step lost in rounding
        // would never end.
        (0..100)
            .map(move |n| first + f64::from(n))
            .take_while(move |n| *n <= last)
            .map(move |n| n * step)
    }

    /// A tick's number, with the decimals that its step has.
    pub(crate) fn label(&self, tick: f64) -> String {
        let decimals = (-self.step.log10().floor()).clamp(0.0, 9.0) as usize;
        // `+ 0.0`: no "-0".
        format!("{:.decimals$}", tick + 0.0)
    }
}

/// The next of 1, 2 and 5 times a power of ten.
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
    fn one_number_stands_in_the_middle() {
        assert!((Axis::new(7.0, 7.0, 5).share(7.0) - 0.5).abs() < 1e-9);
        assert!((Axis::new(0.0, 4.0, 5).share(3.0) - 0.75).abs() < 1e-9);
    }
}
