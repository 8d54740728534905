//! Limits what recording may cost.
//!
//! Each function is handled separately in each thread, depending on the measured cost of its calls
//! there:
//!
//! ```text
//! timed ──(a span costs too much of the time between two calls)──► counted, or left out
//!   ▲                                                                │        ▲
//!   └──────(it no longer does)───────────── burst of timed calls ◄───┘────────┘
//! ```
//!
//! - *timed*: every call, exactly. Functions of a microsecond and more stay in this state.
//! - *counted*: a frame is opened, so calls, allocations and callees are exact; the clock is not
//!   read.
//! - *left out*: only a countdown in the function itself, see [`turns`](super::turns). For
//!   functions that call no annotated function and allocate nothing, so that nothing needs their
//!   frame.
//! - *burst*: a few consecutive timed calls that represent the calls before them. The first one is
//!   not used as a sample: it takes the processor by surprise, and appears some ns too long.
//! - *stopped*: if even that costs more than the budget, and the budget was set explicitly.
//!
//! Between two bursts the clock shows how long all untimed calls took, including the caller's own
//! work; the estimates for them never exceed that. So a call that the system interrupted for
//! milliseconds is counted once, and not a thousand times for the calls that it represents.

use super::frame::{site_of, tally_of};
use super::policy::{self, DEFAULT_SHARE, Prices, REVIEW};
use super::turns::{self, Turns};
use super::{fold, thread};
use crate::callsite::Mode;
use crate::clock::Clock;
use crate::segment::layout::{Edge, Pacing, Tally, ThreadBlock, pace};
use crate::settings::Budget;

/// Ticks between two reviews of the total cost of all functions of a thread.
const WINDOW: u64 = 1 << 20;
/// Timed calls of a burst that represent others.
const BURST: u64 = 4;
/// A burst represents at most `BURST << MOST` calls.
const MOST: u64 = 16;
/// Consecutive reviews that find even counting too expensive.
const STOP_AFTER: u64 = 8;

/// How the next call is handled.
pub(super) enum Turn {
    Timed,
    Counted,
    /// The pace is due for a review.
    Due,
}

/// Returns how the next call of a function is handled.
#[inline(always)]
pub(super) fn take_turn(tally: &Tally) -> Turn {
    let pace = tally.pace.get();
    if pace & pace::TO_GO == 0 {
        return Turn::Due;
    }
    tally.pace.set(pace - 1);
    if pace & pace::TIMED != 0 { Turn::Timed } else { Turn::Counted }
}

/// The state of a function, as stored in [`Pacing::phase`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    New = 0,
    Timed = 1,
    Counted = 2,
    LeftOut = 3,
    Burst = 4,
}

impl Phase {
    fn of(pacing: &Pacing) -> Phase {
        match pacing.phase.get() {
            1 => Phase::Timed,
            2 => Phase::Counted,
            3 => Phase::LeftOut,
            4 => Phase::Burst,
            _ => Phase::New,
        }
    }
}

/// Decides about this call, at which the pace of its function is due for a review, and those after
/// it. This call is timed; returns log2 of one more than the number of calls it represents.
pub(super) fn decide(
    block: &'static ThreadBlock,
    edge: &'static Edge,
    turns: Option<&Turns>,
) -> u64 {
    Due { block, edge, tally: tally_of(edge), turns }.pace(policy::budget_of(site_of(edge)))
}

/// A call at which the pace of its function is due for a review.
struct Due<'a> {
    block: &'static ThreadBlock,
    edge: &'static Edge,
    tally: &'static Tally,
    turns: Option<&'a Turns>,
}

impl Due<'_> {
    /// Times this call. Returns log2 of one more than the number of calls it represents.
    fn pace(&self, budget: Budget) -> u64 {
        let pacing = thread::get_or_create(&self.tally.pacing, self.block);
        match (pacing, budget) {
            (None, _) | (_, Budget::Exact) => {
                self.time(u64::from(u32::MAX));
                0
            }
            (Some(pacing), Budget::OneIn(calls)) => self.one_in(pacing, u64::from(calls.max(1))),
            (Some(pacing), Budget::Share(share)) => self.paced(pacing, share, true),
            (Some(pacing), Budget::Auto) => self.paced(pacing, DEFAULT_SHARE, false),
        }
    }

    /// The next calls are timed as well.
    fn time(&self, calls: u64) {
        self.tally.pace.set(pace::TIMED | calls);
    }

    /// The next calls are counted.
    fn count(&self, calls: u64) {
        self.tally.pace.set(calls);
    }

    /// Times the first 2^k calls, and then one call in 2^k. The number of calls between two timed
    /// ones is one less than a power of two, so that a timed call represents all of them, and 2^k
    /// on average.
    fn one_in(&self, pacing: &Pacing, calls: u64) -> u64 {
        let log2 = u64::from(calls.ilog2());
        let now = Clock::current().now();
        let (since, represented) = (pacing.since.get(), pacing.others_log2.get());
        pacing.since.set(now);
        if since == 0 || log2 == 0 {
            self.time(calls - 1);
            return 0;
        }
        self.set_bounds(pacing, now.wrapping_sub(since), (1 << represented) - 1);
        let next = log2 - 1 + [0, 0, 1, 2][random(self.block, 4) as usize];
        pacing.others_log2.set(next);
        self.count((1 << next) - 1 + random(self.block, 2));
        represented
    }

    /// Sets upper bounds for the time of the untimed calls, in total and for each.
    ///
    /// Time left over from earlier bursts is available to this one, up to a multiple of its own
    /// time. Calls differ, and with a separate bound for each burst the estimates for long calls
    /// would be too short on average.
    fn set_bounds(&self, pacing: &Pacing, elapsed: u64, calls: u64) {
        const LENT: u64 = 7;
        let left = pacing.total_bound.get().min(elapsed.saturating_mul(LENT));
        pacing.total_bound.set(left.saturating_add(elapsed));
        pacing.mean_bound.set(elapsed / calls.max(1));
    }

    fn paced(&self, pacing: &Pacing, share: f64, may_stop: bool) -> u64 {
        let now = Clock::current().now();
        match Phase::of(pacing) {
            Phase::New => {
                begin_phase(pacing, Phase::Timed, now, REVIEW);
                self.time(REVIEW - 1);
                0
            }
            Phase::Burst => self.in_burst(pacing, now, share, may_stop),
            Phase::Timed => {
                let pace = self.time_between_calls(pacing, now, share);
                self.plan_next_calls(pacing, now, pace, share, may_stop);
                0
            }
            Phase::Counted | Phase::LeftOut => {
                let pace = self.time_between_calls(pacing, now, share);
                if self.was_interrupted(pacing) {
                    self.plan_next_calls(pacing, now, pace, share, may_stop);
                    return 0;
                }
                let calls = pacing.calls.get();
                self.set_bounds(pacing, (pace * calls as f64) as u64, calls);
                pacing.were_left_out.set(u64::from(Phase::of(pacing) == Phase::LeftOut));
                pacing.burst_left.set(BURST);
                pacing.phase.set(Phase::Burst as u64);
                0
            }
        }
    }

    /// Handles one of the timed calls of a burst; after the last of them calls are untimed again.
    fn in_burst(&self, pacing: &Pacing, now: u64, share: f64, may_stop: bool) -> u64 {
        let left = pacing.burst_left.get().saturating_sub(1);
        pacing.burst_left.set(left);
        let others_log2 = pacing.others_log2.get();
        if left == 0 {
            // The calls in between take no slow path that would.
            thread::refresh_anchor_at(self.block, now);
            self.plan_next_calls(pacing, now, pacing.mean_bound.get() as f64, share, may_stop);
        }
        others_log2
    }

    /// The number of ticks between two calls, without the cost of recording them. That cost is
    /// added to the account of the thread.
    fn time_between_calls(&self, pacing: &Pacing, now: u64, share: f64) -> f64 {
        let elapsed = now.wrapping_sub(pacing.since.get()) as f64;
        let (calls, costs) = (pacing.calls.get() as f64, policy::prices());
        let each = match Phase::of(pacing) {
            Phase::LeftOut => costs.left_out,
            Phase::Counted => costs.counted,
            _ => costs.span,
        };
        let burst = if Phase::of(pacing) == Phase::Timed { 0.0 } else { burst_cost(&costs) };
        let spent = calls * each;
        update_account(self.block, now, spent + burst, share);
        ((elapsed - spent) / calls.max(1.0)).max(1.0)
    }

    /// Decides how the next calls are handled, one of which comes every `pace` ticks.
    fn plan_next_calls(&self, pacing: &Pacing, now: u64, pace: f64, share: f64, may_stop: bool) {
        if self.calls_or_allocates() {
            pacing.is_caller.set(1);
        }
        let costs = policy::prices();
        let allowed = share * allotment(self.block) * pace;
        // Only half of it to return to exact timing, as hysteresis.
        let is_timed = Phase::of(pacing) == Phase::Timed;
        if costs.span <= allowed * if is_timed { 1.0 } else { 0.5 } {
            begin_phase(pacing, Phase::Timed, now, REVIEW);
            return self.time(REVIEW);
        }
        let can_be_left_out = self.turns.is_some() && pacing.is_caller.get() == 0;
        let leaves_out = can_be_left_out && costs.counted > allowed / 4.0;
        let each = if leaves_out { costs.left_out } else { costs.counted };
        if may_stop && each > allowed {
            pacing.over_budget.add(1);
            if pacing.over_budget.get() >= STOP_AFTER {
                return self.stop(pacing, now);
            }
        } else {
            pacing.over_budget.set(0);
        }
        let log2 = represented_log2(burst_cost(&costs), allowed) + random(self.block, 2);
        pacing.others_log2.set(log2);
        let calls = BURST * ((1 << log2) - 1) + random(self.block, BURST);
        if leaves_out && let Some(turns) = self.turns {
            begin_phase(pacing, Phase::LeftOut, now, calls);
            turns.begin(self.block, self.tally);
            pacing.left_out_until.set(turns::let_pass(self.tally, calls));
            return self.count(0);
        }
        begin_phase(pacing, Phase::Counted, now, calls);
        self.count(calls);
    }

    /// The function was switched while its calls were left out, so fewer calls were left out than
    /// the timed calls are meant to represent.
    fn was_interrupted(&self, pacing: &Pacing) -> bool {
        let left_out = turns::left_out(self.tally);
        Phase::of(pacing) == Phase::LeftOut && left_out != pacing.left_out_until.get()
    }

    fn calls_or_allocates(&self) -> bool {
        let has_called = !std::ptr::eq(self.edge.last_child.get(), self.block.root.get());
        has_called || !self.tally.heap.get().is_null()
    }

    /// Stops recording of further calls, in every thread.
    fn stop(&self, pacing: &Pacing, now: u64) {
        pacing.stopped.set(now.max(1));
        pacing.phase.set(Phase::New as u64);
        pacing.over_budget.set(0);
        self.count(0);
        site_of(self.edge).set_mode(Mode::STOPPED);
    }
}

fn begin_phase(pacing: &Pacing, phase: Phase, now: u64, calls: u64) {
    pacing.phase.set(phase as u64);
    pacing.since.set(now);
    pacing.calls.set(calls);
}

/// The cost of a burst including the call before it. Each of its calls takes the slow path: three
/// to four times a plain span.
fn burst_cost(costs: &Prices) -> f64 {
    (BURST + 1) as f64 * costs.burst
}

/// For the calibration: makes each further call one of a burst.
pub(super) fn stay_in_burst(block: &ThreadBlock, tally: &Tally) {
    if let Some(pacing) = thread::get_or_create(&tally.pacing, block) {
        pacing.phase.set(Phase::Burst as u64);
        pacing.burst_left.set(u64::MAX);
        pacing.others_log2.set(1);
        tally.pace.set(0);
    }
}

/// The number of calls that each call of a burst represents, so that the burst takes half of the
/// available budget: log2 of one more.
fn represented_log2(burst: f64, allowed: f64) -> u64 {
    let calls = burst / (allowed / 2.0);
    (calls / BURST as f64).log2().ceil().clamp(1.0, MOST as f64 - 1.0) as u64
}

/// Accounts for the cost of recording in a thread, and adjusts the share of the budget that each
/// function may take.
fn update_account(block: &ThreadBlock, now: u64, spent: f64, share: f64) {
    block.window_spent.add(spent as u64);
    let lasted = now.wrapping_sub(block.window_start.get());
    if lasted < WINDOW {
        return;
    }
    let used = block.window_spent.get() as f64 / lasted as f64 / share;
    let next = if used > 1.0 { allotment(block) / used.min(8.0) } else { allotment(block) * 1.25 };
    // A cost that did not end within the window is not conclusive.
    if block.window_start.get() != 0 && !(0.5..=1.0).contains(&used) {
        block.allotment.set(next.clamp(1.0 / 256.0, 1.0).to_bits());
    }
    block.window_start.set(now);
    block.window_spent.set(0);
}

/// The share of the budget that each function may take.
fn allotment(block: &ThreadBlock) -> f64 {
    match block.allotment.get() {
        0 => 1.0,
        bits => f64::from_bits(bits),
    }
}

/// Adds the untimed calls that a timed call represents.
#[cold]
pub(super) fn represent_others(block: &ThreadBlock, edge: &Edge, ticks: u64, others_log2: u64) {
    let others = (1_u64 << others_log2) - 1;
    let tally = tally_of(edge);
    // SAFETY: null, or a record of the segment, which is never freed.
    let pacing = unsafe { tally.pacing.get().as_ref() };
    let Some((extras, pacing)) = thread::get_or_create(&edge.extras, block).zip(pacing) else {
        return block.lost_calls.add(others);
    };
    let each = estimate(pacing, tally, ticks, others);
    // This single store assigns the calls that the function's own code counted to the path.
    if pacing.were_left_out.get() != 0 {
        extras.left_out.add(others);
    }
    extras.represented_calls.add(others);
    let sum = extras.represented_ticks.get().saturating_add(each.saturating_mul(others));
    extras.represented_ticks.set(sum);
    let (factor, ticks_f64) = ((others << others_log2) as f64, each as f64);
    for (sum, power) in extras.spread.iter().zip([1.0, ticks_f64, ticks_f64 * ticks_f64]) {
        sum.set((f64::from_bits(sum.get()) + factor * power).to_bits());
    }
    fold::count(block, &tally.histogram, each, others as u32);
    tally.recorded.add(others);
}

/// The estimated duration of each of the others, as it would have been measured: as long as this
/// call, but in total no longer than the time in which they ran. A call shorter than a clock
/// reading cannot be measured; half of the pace is the best estimate for it.
fn estimate(pacing: &Pacing, tally: &Tally, ticks: u64, others: u64) -> u64 {
    let reading = policy::prices().reading as u64;
    // Calls within calls overlap.
    if tally.open.get() > 0 {
        return ticks;
    }
    let (own, pace) = (ticks.saturating_sub(reading), pacing.mean_bound.get());
    let is_hidden = ticks < 2 * reading && pace < 2 * reading;
    let own = if is_hidden { own.clamp(pace / 2, pace) } else { own };
    let own = own.min(pacing.total_bound.get() / others.max(1));
    pacing.total_bound.set(pacing.total_bound.get() - own * others);
    own + reading
}

/// A random number below `most`.
fn random(block: &ThreadBlock, most: u64) -> u64 {
    let mut x = block.random.get();
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    block.random.set(x);
    ((u128::from(x) * u128::from(most)) >> 64) as u64
}

/// A random number from 0 to 2^(k+1) - 2 with mean 2^k - 1: one in 2^k.
pub(super) fn calls_to_go(block: &ThreadBlock, period_log2: u64) -> u64 {
    random(block, (2_u64 << period_log2) - 1)
}
