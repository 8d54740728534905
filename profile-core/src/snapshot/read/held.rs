//! Decides whether a function leaks, from the bytes held over its calls.

use crate::segment::layout::{HELD_STRETCHES, held};
use crate::segment::reader::Record;
use crate::snapshot::Leak;

/// The bytes held of a function's allocations, now and in stretches of equally many calls.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) bytes: u64,
    variance: f64,
    stretch_log2: u32,
    /// The minimum in each stretch.
    least: Vec<u64>,
}

/// The decision compares the stretches at 3/16, 3/8 and 3/4 of the history, each twice the one
/// before. A vector that grows by doubling has therefore doubled once between two of them, whatever
/// its size.
const FIRST_OF_16: usize = 3;
/// The held bytes must grow by at least this factor compared with the preceding interval of half
/// the length. A leak grows by twice as much, a set of words by its square root (1.4), a filling
/// cache or a logarithm by no more than before.
const FASTER: f64 = 1.3;
/// They must also grow in at least this many steps: a value created once is one step, a second one
/// later is another.
const STEPS: usize = 3;

impl History {
    pub(super) fn read(record: &Record<'_>) -> History {
        let newest = (record.word(held::newest) as usize).min(HELD_STRETCHES - 1);
        History {
            // A thread that was killed may have subtracted what it had not yet added.
            bytes: record.word(held::bytes).cast_signed().max(0).cast_unsigned(),
            variance: record.word(held::variance).cast_signed().max(0) as f64,
            stretch_log2: record.word(held::stretch_log2).min(63) as u32,
            least: (0..=newest as u64).map(|n| record.word(held::least + n)).collect(),
        }
    }

    /// The leak after this many calls. `None`: too few calls.
    pub(super) fn leak(&self, calls: u64) -> Option<Leak> {
        if calls < Leak::FEWEST_CALLS {
            return None;
        }
        let history = self.up_to(calls);
        let held_ever_since = history.held_ever_since();
        let first = held_ever_since.len() * FIRST_OF_16 / 16;
        let [start, middle, end] = [1, 2, 4].map(|times| held_ever_since[first * times]);
        let (before, since) = ((middle - start) as f64, (end - middle) as f64);
        let steps =
            held_ever_since[..=4 * first].windows(2).filter(|pair| pair[1] > pair[0]).count();
        let at_first = history.least[..first].iter().max();
        let is_leaking = since > 0.0
            && since >= FASTER * before
            && steps >= STEPS
            && at_first.is_none_or(|least| end > *least);
        let between = (3 * first as u64) << history.stretch_log2;
        Some(if is_leaking {
            let margin_bytes = 1.96 * history.variance.sqrt() / calls as f64;
            Leak { bytes_per_call: (end - start) as f64 / between as f64, margin_bytes }
        } else {
            Leak::default()
        })
    }

    /// The history extended by the stretches since the last allocation, in which the held bytes are
    /// those of now.
    fn up_to(&self, calls: u64) -> History {
        let mut history = self.clone();
        while calls >> history.stretch_log2 >= HELD_STRETCHES as u64 {
            let pairs = history.least.chunks(2);
            let lesser = |pair: &[u64]| pair.iter().copied().min().unwrap_or(0);
            history.least = pairs.map(lesser).collect();
            history.stretch_log2 += 1;
        }
        let stretches = (calls >> history.stretch_log2) as usize + 1;
        let missing = stretches.saturating_sub(history.least.len());
        history.least.extend(std::iter::repeat_n(history.bytes, missing));
        history
    }

    /// For each stretch, the part of the bytes held then that has been held ever since.
    fn held_ever_since(&self) -> Vec<u64> {
        let mut lowest = self.bytes;
        let mut held_ever_since: Vec<u64> = self
            .least
            .iter()
            .rev()
            .map(|least| {
                lowest = lowest.min(*least);
                lowest
            })
            .collect();
        held_ever_since.reverse();
        held_ever_since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The history of a function after each of whose calls `held` bytes are held, as the recorder
    /// writes it.
    fn history(calls: u64, held: impl Fn(u64) -> u64) -> History {
        let log2 = (0..).find(|log2| calls >> log2 < HELD_STRETCHES as u64).unwrap_or(0);
        let mut history = History { stretch_log2: log2, ..History::default() };
        for call in 0..=calls {
            history.bytes = held(call);
            if (call >> log2) as usize == history.least.len() {
                history.least.push(history.bytes);
            }
            let last = history.least.len() - 1;
            history.least[last] = history.least[last].min(history.bytes);
        }
        history
    }

    fn per_call(calls: u64, held: impl Fn(u64) -> u64) -> f64 {
        history(calls, held).leak(calls).expect("enough calls").bytes_per_call
    }

    const CALLS: [u64; 9] = [20, 31, 33, 100, 511, 1_000, 1_025, 2_047, 50_000];

    #[test]
    fn growth_with_every_call_or_by_doubling_is_a_leak() {
        for calls in CALLS {
            assert_eq!(per_call(calls, |call| 48 * call), 48.0);
            assert_eq!(per_call(calls, |call| 4096 + call), 1.0, "beside a cache");
            let doubling = per_call(calls, |call| 8 * call.next_power_of_two());
            assert!((4.0..=22.0).contains(&doubling), "{calls}: {doubling}");
            let in_flight = |call: u64| 100 * call + call * 7919 % 13 * 50;
            assert!(per_call(calls.max(100), in_flight) > 90.0, "{calls}");
        }
        assert!(per_call(10_000, |call| call / 100 * 64) > 0.6, "one call in a hundred");
        let thirds = |call: u64| 3_u64.pow((call.max(1) as f64).log(3.0).ceil() as u32) * 24;
        assert!(per_call(50_000, thirds) > 1.0, "growing to three times the size");
    }

    #[test]
    fn freed_memory_and_growth_that_stops_are_steady() {
        for calls in CALLS {
            let steady = |held: &dyn Fn(u64) -> u64| assert_eq!(per_call(calls, held), 0.0);
            steady(&|_| 0);
            steady(&|_| 100_000);
            steady(&|call| u64::from(call > 0) * 100_000);
            steady(&|call| u64::from(call > calls / 2) * 100_000);
            steady(&|call| u64::from(call > calls / 3) * 5_000 + u64::from(call > calls / 2) * 100);
            steady(&|call| call.min(calls * 2 / 5) * 64);
            steady(&|call| call * 7919 % 9 * 1000);
            steady(&|call| (call % (calls / 4).max(2)) * 64);
            steady(&|call| if call == calls { 0 } else { call * 64 });
            steady(&|call| (calls - call) * 64);
            steady(&|call| (((call + 1) as f64).ln() * 1000.0) as u64);
        }
    }

    #[test]
    fn calls_without_allocations_count_and_too_few_calls_give_no_verdict() {
        let filled = history(100, |call| call * 64);
        assert!(filled.leak(100).expect("enough calls").is_leaking());
        for calls in [200, 1_000, 1 << 40] {
            assert_eq!(filled.leak(calls), Some(Leak::default()), "{calls}");
        }
        assert_eq!(history(19, |call| call * 64).leak(19), None);
    }

    #[test]
    fn an_estimate_from_few_blocks_is_not_a_leak() {
        let mut drawn = history(1_000, |call| call / 300 * 512);
        drawn.variance = 3.0 * 512.0 * 512.0;
        assert!(!drawn.leak(1_000).expect("enough calls").is_leaking());
    }
}
