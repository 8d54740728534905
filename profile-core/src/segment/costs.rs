//! Costs of recording, as stored in the header of a segment: measured and written by the recorder,
//! subtracted by the reader.

use super::layout::{COSTS, Header, Word};

/// Costs of spans, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Costs {
    /// Between the readings of a span around nothing; and between those of a long span, in addition
    /// to its body. The latter is 0 where the processor reads the clock before the end of the body
    /// as often as after it.
    pub(crate) reading: f64,
    pub(crate) long_reading: f64,
    /// From one span around nothing to the next, without the cost of the loop.
    pub(crate) empty: f64,
    /// The same around long bodies that wait for their results, and around those that do not.
    pub(crate) waiting: f64,
    pub(crate) busy: f64,
    /// A span that is counted but not timed, and a call that is left out.
    pub(crate) counted: f64,
    pub(crate) left_out: f64,
    /// A timed call that represents others. Only the budget uses it, so it is not in the header.
    pub(crate) burst: f64,
    /// From one mark of a line to the next, and a mark that is counted but not timed.
    pub(crate) mark: f64,
    pub(crate) counted_mark: f64,
    /// Other costs of a call with lines, inside of its span.
    pub(crate) stay: f64,
    /// Between the readings of an empty stay on a line that is timed as one of many: the processor
    /// did not predict it.
    pub(crate) sampled: f64,
}

/// Calls that take more than this many times an empty one are long.
const LONG: f64 = 3.0;

impl Costs {
    /// Writes the costs to the header, for every reader.
    pub(crate) fn store(mut self, header: &Header) {
        header.costs.iter().zip(self.each()).for_each(|(word, cost)| word.set(cost.to_bits()));
    }

    /// Reads the costs from the header of this process.
    pub(crate) fn of(header: &Header) -> Costs {
        Costs::from_words(header.costs.each_ref().map(Word::get))
    }

    /// Reads the costs from the words of a header; a damaged one may contain anything.
    pub(crate) fn from_words(words: [u64; COSTS]) -> Costs {
        let mut costs = Costs::default();
        for (cost, word) in costs.each().into_iter().zip(words) {
            let ticks = f64::from_bits(word);
            *cost = if ticks >= 0.0 && ticks.is_finite() { ticks } else { 0.0 };
        }
        costs
    }

    /// The costs in the order of the header.
    pub(crate) fn each(&mut self) -> [&mut f64; COSTS] {
        [
            &mut self.reading,
            &mut self.long_reading,
            &mut self.empty,
            &mut self.waiting,
            &mut self.busy,
            &mut self.counted,
            &mut self.mark,
            &mut self.counted_mark,
            &mut self.stay,
            &mut self.sampled,
            &mut self.left_out,
        ]
    }

    /// Time that recording added between the two readings of a call that took `reading` ticks.
    /// Never all of it: the body took some time, however short.
    pub(crate) fn inside(&self, reading: f64) -> f64 {
        const AT_MOST: f64 = 31.0 / 32.0;
        self.between(self.reading, self.long_reading, reading).min(reading * AT_MOST)
    }

    /// Total time that recording added to such a call, inside and outside.
    pub(crate) fn span(&self, reading: f64) -> f64 {
        self.between(self.empty, f64::midpoint(self.waiting, self.busy), reading)
    }

    /// What recording a call may cost beyond all that is measured: the compiler no longer inlines
    /// the function or unrolls the loop around it, and the processor no longer overlaps one call
    /// with the next. At most about as much as a span: `benches/callers` shows up to 18 ns a call
    /// where a span costs 18.5.
    pub(crate) fn most_unmeasured(&self) -> f64 {
        self.empty
    }

    /// The same in whole programs, where not every call is in such a loop: 1 to 6 ns a call in the
    /// six of `benches/programs`.
    pub(crate) fn usually_unmeasured(&self) -> f64 {
        self.empty / 3.0
    }

    /// `short` for calls that show no more than an empty one, `long` for those that show [`LONG`]
    /// times as much, a straight line between.
    fn between(&self, short: f64, long: f64, reading: f64) -> f64 {
        let width = (self.reading * (LONG - 1.0)).max(f64::MIN_POSITIVE);
        short + (long - short) * ((reading - self.reading) / width).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subtracted_cost_is_interpolated_between_empty_and_long_spans() {
        let costs =
            Costs { reading: 20.0, empty: 40.0, waiting: 4.0, busy: 56.0, ..Costs::default() };
        let inside = [5.0, 20.0, 40.0, 60.0, 1e9].map(|ticks| costs.inside(ticks));
        assert_eq!(inside, [4.84375, 19.375, 10.0, 0.0, 0.0]);
        let span = [5.0, 20.0, 40.0, 60.0, 1e9].map(|ticks| costs.span(ticks));
        assert_eq!(span, [40.0, 40.0, 35.0, 30.0, 30.0]);
        assert_eq!(Costs::default().span(7.0), 0.0);
    }

    #[test]
    fn invalid_costs_are_zero() {
        let words = [f64::NAN, -1.0, f64::INFINITY, -0.0, 2.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
            .map(f64::to_bits);
        assert_eq!(Costs::from_words(words), Costs { busy: 2.5, ..Costs::default() });
    }
}
