//! Sums over threads, of a function's single calls and of its lines.

use std::cmp::Reverse;

use crate::snapshot::Call;

/// A call with the figure by which its list is sorted.
pub(super) type Keyed = (u64, Call);

/// The two lists of calls of a function, over its threads.
#[derive(Debug, Default)]
pub(super) struct CallSums(pub(super) [Vec<Keyed>; 2]);

impl CallSums {
    /// The first calls of a list.
    pub(super) fn first(&self, which: usize) -> Vec<Call> {
        let mut calls: Vec<&Keyed> = self.0[which].iter().collect();
        crate::sort::by_key(&mut calls, |call| Reverse(call.0));
        calls.into_iter().take(Call::MOST).map(|call| call.1.clone()).collect()
    }
}

/// One line, over all threads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineSums {
    pub(super) hits: u64,
    pub(super) ticks: u64,
    pub(super) timed: u64,
    pub(super) heap: [u64; 3],
    pub(super) waiting_ticks: u64,
    /// Number of waiting futures, and the sum of the ticks at which they began to wait, in two's
    /// complement.
    pub(super) waiting: [u64; 2],
    pub(super) increment_bytes: u64,
    pub(super) most_bytes: u64,
}

/// The lines of a function.
#[derive(Clone, Debug, Default)]
pub(super) struct LinesOfFunction {
    /// Indexed by the line numbers in the function's table.
    pub(super) sums: Vec<LineSums>,
    /// Whether only one in 2^k is timed.
    pub(super) is_sampled: bool,
}
