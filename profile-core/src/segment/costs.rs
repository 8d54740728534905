//! What recording costs, as the header of a segment holds it: written by the recorder, which
//! measures it, and subtracted by the reader.

use super::layout::{COSTS, Header, Word};

/// What spans cost, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Costs {
    /// Between the readings of a span around nothing; and beyond the body between those of a long
    /// one, which is 0 where the processor reads the clock before the last of the body is done as
    /// often as after it.
    pub(crate) reading: f64,
    pub(crate) long_reading: f64,
    /// From one span around nothing to the next, beyond what the loop takes without spans.
    pub(crate) empty: f64,
    /// The same around long bodies that wait for their results, and that do not.
    pub(crate) waiting: f64,
    pub(crate) busy: f64,
    /// Of a span that is counted and not timed, and of a call that is left out.
    pub(crate) counted: f64,
    pub(crate) left_out: f64,
    /// Of a timed call that stands for others. Only the budget uses it: it has no place
    /// in the header.
    pub(crate) burst: f64,
    /// From one mark of a line to the next, and of one that is counted and not timed.
    pub(crate) mark: f64,
    pub(crate) counted_mark: f64,
    /// What else a call with lines costs inside of its span.
    pub(crate) stay: f64,
    /// Between the readings of an empty stay on a line that is timed as one of many: the processor
    /// did not expect it.
    pub(crate) sampled: f64,
}

/// Calls that show more than so many times an empty one are long.
const LONG: f64 = 3.0;

impl Costs {
    /// Writes them to the header, for every reader.
    pub(crate) fn store(mut self, header: &Header) {
        header.costs.iter().zip(self.each()).for_each(|(word, cost)| word.set(cost.to_bits()));
    }

    /// Those in a header of this process.
    pub(crate) fn of(header: &Header) -> Costs {
        Costs::from_words(header.costs.each_ref().map(Word::get))
    }

    /// As they are in a header; a damaged one may hold anything.
    pub(crate) fn from_words(words: [u64; COSTS]) -> Costs {
        let mut costs = Costs::default();
        for (cost, word) in costs.each().into_iter().zip(words) {
            let ticks = f64::from_bits(word);
            *cost = if ticks >= 0.0 && ticks.is_finite() { ticks } else { 0.0 };
        }
        costs
    }

    /// In the order in which they lie in the header.
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

    /// What recording added between the two readings of a call that shows `reading` ticks. Not all
    /// of these: what was called took some time, however little shows of it.
    pub(crate) fn inside(&self, reading: f64) -> f64 {
        const AT_MOST: f64 = 31.0 / 32.0;
        self.between(self.reading, self.long_reading, reading).min(reading * AT_MOST)
    }

    /// What recording added in total, inside and outside, to such a call.
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
    fn what_is_taken_off_goes_from_the_empty_spans_cost_to_that_around_long_bodies() {
        let costs =
            Costs { reading: 20.0, empty: 40.0, waiting: 4.0, busy: 56.0, ..Costs::default() };
        let inside = [5.0, 20.0, 40.0, 60.0, 1e9].map(|ticks| costs.inside(ticks));
        assert_eq!(inside, [4.84375, 19.375, 10.0, 0.0, 0.0]);
        let span = [5.0, 20.0, 40.0, 60.0, 1e9].map(|ticks| costs.span(ticks));
        assert_eq!(span, [40.0, 40.0, 35.0, 30.0, 30.0]);
        assert_eq!(Costs::default().span(7.0), 0.0);
    }

    #[test]
    fn costs_that_are_no_numbers_are_none() {
        let words = [f64::NAN, -1.0, f64::INFINITY, -0.0, 2.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
            .map(f64::to_bits);
        assert_eq!(Costs::from_words(words), Costs { busy: 2.5, ..Costs::default() });
    }
}
