//! Limits and costs of recording: the budget of the run and of each site, the cost of calls, and
//! the rate of the clock that they are measured with.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::callsite::CallSite;
use crate::clock::{Anchor, Clock, Rate};
use crate::segment::layout::pace;
use crate::segment::writer;
use crate::settings::Budget;

/// The budget of all sites without their own, see [`encode`].
static BUDGET: AtomicU64 = AtomicU64::new(0);
/// See [`prices`]; the bits of `f64` values.
static PRICES: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];
/// The default share of time that recording may take.
pub(super) const DEFAULT_SHARE: f64 = 0.05;
/// Calls that are timed before the pace of a function is reviewed.
pub(super) const REVIEW: u64 = 64;

/// The pace of a function that has not been called yet. The first calls are timed; only then is a
/// pacing record allocated for it. Most functions are not called that often.
pub(super) const FIRST_PACE: u64 = pace::TIMED | REVIEW;

/// The duration of a tick, as accurately as it is known so far.
pub(super) fn rate() -> Rate {
    let clock = Clock::current();
    let first = writer::header().map(|header| Anchor {
        ticks: header.first_ticks.get(),
        monotonic_ns: header.first_monotonic_ns.get(),
    });
    Rate::of(clock, first.unwrap_or_default(), Anchor::now(clock))
}

/// The cost of a timed call, a call in a burst, a counted call and a left-out call, and the time
/// between the two readings of an empty call; in ticks.
#[derive(Default)]
pub(super) struct Prices {
    pub(super) span: f64,
    pub(super) burst: f64,
    pub(super) counted: f64,
    pub(super) left_out: f64,
    pub(super) reading: f64,
}

pub(super) fn prices() -> Prices {
    let [span, burst, counted, left_out, reading] =
        PRICES.each_ref().map(|price| f64::from_bits(price.load(Relaxed)));
    Prices { span, burst, counted, left_out, reading }
}

pub(super) fn set_prices(prices: &Prices) {
    let Prices { span, burst, counted, left_out, reading } = *prices;
    let all = [span, burst, counted, left_out, reading];
    PRICES.iter().zip(all).for_each(|(price, cost)| price.store(cost.to_bits(), Relaxed));
}

/// The cost of one timed span, in ticks.
pub(crate) fn span_cost_ticks() -> f64 {
    prices().span
}

/// Sets the budget of all sites without their own.
pub(super) fn set_budget(budget: Budget) {
    BUDGET.store(encode(budget), Relaxed);
}

/// The budget of a site: the one set at run time, otherwise that of its attribute, otherwise that
/// of the run.
pub(crate) fn budget_of(site: &CallSite) -> Budget {
    let explicit = decode(site.budget());
    let attribute = || Some(site.source().overhead).filter(|it| *it > 0.0).map(Budget::Share);
    let run = || decode(BUDGET.load(Relaxed)).unwrap_or(Budget::Exact);
    match explicit.or_else(attribute).unwrap_or_else(run) {
        // A limit applies to every call.
        Budget::Auto if site.limits().is_some() => Budget::Exact,
        budget => budget,
    }
}

const EXACT: u64 = u64::MAX;
const AUTO: u64 = u64::MAX - 1;

/// 0 means "none"; a value below 2^32 means one in that many calls; otherwise the bits of a share,
/// whose sign bit is free to serve as a mark.
pub(super) fn encode(budget: Budget) -> u64 {
    match budget {
        Budget::Exact => EXACT,
        Budget::Auto => AUTO,
        Budget::OneIn(calls) => u64::from(calls.max(1)),
        Budget::Share(share) => share.to_bits() | 1 << 63,
    }
}

fn decode(word: u64) -> Option<Budget> {
    match word {
        0 => None,
        EXACT => Some(Budget::Exact),
        AUTO => Some(Budget::Auto),
        calls if calls >> 63 == 0 => Some(Budget::OneIn(calls as u32)),
        share => Some(Budget::Share(f64::from_bits(share & !(1 << 63)))),
    }
}
