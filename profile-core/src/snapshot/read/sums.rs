//! What is added up over threads of a function's single calls, and of its lines.

use std::cmp::Reverse;

use crate::snapshot::Call;

/// A call, and what it is in its list for.
pub(super) type Keyed = (u64, Call);

/// The two lists of a function, over its threads.
#[derive(Debug, Default)]
pub(super) struct CallSums(pub(super) [Vec<Keyed>; 2]);

impl CallSums {
    /// The first ones of a list.
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
    /// Futures that wait, and the sum of the ticks at which they began to, in two's complement.
    pub(super) waiting: [u64; 2],
    pub(super) increment_bytes: u64,
    pub(super) most_bytes: u64,
}

/// The lines of a function.
#[derive(Clone, Debug, Default)]
pub(super) struct LinesOfFunction {
    /// By the numbers of the function's table.
    pub(super) sums: Vec<LineSums>,
    /// One in 2^k is timed.
    pub(super) is_sampled: bool,
}
