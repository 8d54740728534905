//! Spans under an overhead budget: every call is counted and its allocations charged, one in 2^k is timed.
//!
//! Each function has its own k. A thread looks at what its timed spans cost in windows of about two
//! milliseconds; a function that comes to be timed in a window after one that was over the budget doubles
//! its period, after one far below halves it, once a window. So the functions called most pay for the budget, and rare
//! ones stay exact. Timed calls are spread at random around the period: a fixed step could beat with the
//! program's own rhythm.
//!
//! Periods change while a program goes through its phases, so a timed call counts for as many as its period says
//! (Horvitz and Thompson, 1952). Taking all timed calls as one sample would let the phase in which most were timed
//! stand for all: a thousand calls of 1 ms followed by ten million of 50 ns became 900 s.

use super::{SpanGuard, begin, fold, general, thread};
use crate::callsite::CallSite;
use crate::clock::Clock;
use crate::segment::layout::{Edge, Tally, ThreadBlock, pace};
use crate::settings::Budget;

/// Length of a window in ticks.
const WINDOW: u64 = 1 << 22;
/// No function is timed less often than once in 2^10 calls.
const MOST: u64 = 10;

/// Whether the function's next call is only counted; if so, that call is taken off the count.
#[inline(always)]
pub(crate) fn counts_only(tally: &Tally) -> bool {
    let pace = tally.pace.get();
    let counts_only = pace & pace::TO_GO != 0;
    if counts_only {
        tally.pace.set(pace - 1);
    }
    counts_only
}

/// Opens a span the inlined way does not: a first call from here, or one whose turn it is to be timed.
pub(crate) fn enter(site: &'static CallSite) -> SpanGuard {
    let Some(opened) = general::open(site) else { return SpanGuard::nothing() };
    if counts_only(opened.tally()) {
        opened.frame.started.set(0);
        opened.frame.edge.publish(std::ptr::from_ref(opened.edge).cast_mut());
        return general::guard(opened.frame, SpanGuard::UNTIMED);
    }
    let stands_for_log2 = period_log2(opened.tally());
    next_turn(opened.block, opened.tally(), begin::budget_of(site));
    general::start(site, opened, stands_for_log2)
}

fn period_log2(tally: &Tally) -> u64 {
    (tally.pace.get() >> pace::PERIOD_SHIFT) & 0xff
}

/// A call that was timed as one in 2^k stands for those before it that were only counted.
#[cold]
pub(crate) fn stand_for_others(block: &ThreadBlock, edge: &Edge, ticks: u64, log2: u64) {
    let others = (1_u64 << log2) - 1;
    let Some(extras) = thread::made(&edge.extras, block) else {
        return block.lost_calls.add(others);
    };
    extras.stood_for_calls.add(others);
    let sum = extras.stood_for_ticks.get().saturating_add(ticks.saturating_mul(others));
    extras.stood_for_ticks.set(sum);
    let (factor, ticks_f64) = ((others << log2) as f64, ticks as f64);
    for (sum, power) in extras.spread.iter().zip([1.0, ticks_f64, ticks_f64 * ticks_f64]) {
        sum.set((f64::from_bits(sum.get()) + factor * power).to_bits());
    }
    let tally = general::tally_of(edge);
    fold::count(block, &tally.histogram, ticks, others as u32);
    tally.recorded.add(others);
}

/// Decides after how many calls the function is timed again.
#[cold]
fn next_turn(block: &ThreadBlock, tally: &Tally, budget: Budget) {
    let period = match budget {
        Budget::Exact => 0,
        Budget::OneIn(period) => u64::from(period.max(1).ilog2()),
        Budget::Share(share) => {
            watch(block, share);
            adjusted(block, tally)
        }
    };
    let window = block.window_number.get() << pace::WINDOW_SHIFT;
    tally.pace.set(window | period << pace::PERIOD_SHIFT | calls_to_go(block, period));
}

/// A number from 0 to 2^(k+1) - 2, whose mean is 2^k - 1: one timed call in 2^k.
pub(crate) fn calls_to_go(block: &ThreadBlock, period_log2: u64) -> u64 {
    let mut x = block.random.get();
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    block.random.set(x);
    let range = (2u64 << period_log2) - 1;
    ((u128::from(x) * u128::from(range)) >> 64) as u64
}

/// Closes the window if it is over, with its verdict.
fn watch(block: &ThreadBlock, share: f64) {
    block.window_timed.add(1);
    let now = Clock::current().now();
    let lasted = now.wrapping_sub(block.window_start.get());
    if lasted < WINDOW {
        return;
    }
    let spent = block.window_timed.get() as f64 * begin::span_cost_ticks();
    let spent = spent / lasted as f64;
    block.window_verdict.set(if spent > share { 2 } else { u64::from(spent > share / 4.0) });
    block.window_number.add(1);
    block.window_timed.set(0);
    block.window_start.set(now);
}

fn adjusted(block: &ThreadBlock, tally: &Tally) -> u64 {
    let (pace, period) = (tally.pace.get(), period_log2(tally));
    if pace >> pace::WINDOW_SHIFT == block.window_number.get() {
        return period;
    }
    match block.window_verdict.get() {
        2 => (period + 1).min(MOST),
        1 => period,
        _ => period.saturating_sub(1),
    }
}
