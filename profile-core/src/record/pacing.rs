//! What recording may cost, and how the recorder keeps to it.
//!
//! Each function goes its own way in each thread, from what its calls are found to cost there:
//!
//! ```text
//!  timed ──(a span costs too much of the time between two calls)──► counted, or left out
//!    ▲                                                                │        ▲
//!    └──────(it no longer does)───────────── burst of timed calls ◄───┘────────┘
//! ```
//!
//! - *timed*: every call, exactly. Functions of a microsecond and more stay here.
//! - *counted*: a frame is opened, so calls, allocations and what is called from it are exact; the
//!   clock is not read.
//! - *left out*: a count-down in the function itself, see [`turns`](super::turns). For functions
//!   that call no annotated function and allocate nothing: nobody looks for their frame.
//! - *burst*: some timed calls one after the other, that stand for those before them. The first is
//!   not taken as an example: it comes as a surprise to the processor, and shows some ns too many.
//! - *stopped*: where even that costs more than the budget, and the budget was requested.
//!
//! Between two bursts the clock says how long all calls took that were not timed, with what the
//! caller did: no estimate for them exceeds that. So one call that the system interrupted for
//! milliseconds is counted once, and not for the thousand for which it stands.

use super::frame::{site_of, tally_of};
use super::policy::{self, BY_DEFAULT, Prices, REVIEW};
use super::turns::{self, Turns};
use super::{fold, thread};
use crate::callsite::Mode;
use crate::clock::Clock;
use crate::segment::layout::{Edge, Pacing, Tally, ThreadBlock, pace};
use crate::settings::Budget;

/// Ticks between two looks at what all functions of a thread take together.
const WINDOW: u64 = 1 << 20;
/// Timed calls of a burst that stand for others.
const BURST: u64 = 4;
/// A burst stands for no more than `BURST << MOST` calls.
const MOST: u64 = 16;
/// Looks in a row that find even counting too expensive.
const STOP_AFTER: u64 = 8;

/// What is done with the next call.
pub(super) enum Turn {
    Timed,
    Counted,
    /// The pace is to be looked at.
    Due,
}

/// What is done with the next call of a function.
#[inline(always)]
pub(super) fn take_turn(tally: &Tally) -> Turn {
    let pace = tally.pace.get();
    if pace & pace::TO_GO == 0 {
        return Turn::Due;
    }
    tally.pace.set(pace - 1);
    if pace & pace::TIMED != 0 { Turn::Timed } else { Turn::Counted }
}

/// What a function's calls go through, as [`Pacing::phase`] has it.
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

/// What happens to this call, at which the pace of its function is due, and to those after it. This
/// one is timed; says log2 of one more than the calls for which it stands.
pub(super) fn decide(
    block: &'static ThreadBlock,
    edge: &'static Edge,
    turns: Option<&Turns>,
) -> u64 {
    Due { block, edge, tally: tally_of(edge), turns }.pace(policy::budget_of(site_of(edge)))
}

/// A call at which the pace of its function is due.
struct Due<'a> {
    block: &'static ThreadBlock,
    edge: &'static Edge,
    tally: &'static Tally,
    turns: Option<&'a Turns>,
}

impl Due<'_> {
    /// This call is timed. Says log2 of one more than the calls for which it stands.
    fn pace(&self, budget: Budget) -> u64 {
        let pacing = thread::made(&self.tally.pacing, self.block);
        match (pacing, budget) {
            (None, _) | (_, Budget::Exact) => {
                self.time(u64::from(u32::MAX));
                0
            }
            (Some(pacing), Budget::OneIn(calls)) => self.one_in(pacing, u64::from(calls.max(1))),
            (Some(pacing), Budget::Share(share)) => self.paced(pacing, share, true),
            (Some(pacing), Budget::Auto) => self.paced(pacing, BY_DEFAULT, false),
        }
    }

    /// The next calls are timed, too.
    fn time(&self, calls: u64) {
        self.tally.pace.set(pace::TIMED | calls);
    }

    /// The next calls are counted.
    fn count(&self, calls: u64) {
        self.tally.pace.set(calls);
    }

    /// One call in 2^k is timed, and the first 2^k are. The numbers between two of them are one
    /// less than powers of two, so that a timed call stands for all of them, and 2^k on the
    /// average.
    fn one_in(&self, pacing: &Pacing, calls: u64) -> u64 {
        let log2 = u64::from(calls.ilog2());
        let now = Clock::current().now();
        let (since, stood_for) = (pacing.since.get(), pacing.others_log2.get());
        pacing.since.set(now);
        if since == 0 || log2 == 0 {
            self.time(calls - 1);
            return 0;
        }
        self.give_room(pacing, now.wrapping_sub(since), (1 << stood_for) - 1);
        let next = log2 - 1 + [0, 0, 1, 2][random(self.block, 4) as usize];
        pacing.others_log2.set(next);
        self.count((1 << next) - 1 + random(self.block, 2));
        stood_for
    }

    /// What the calls that were not timed took at the most, all and each.
    ///
    /// What bursts before left over is lent to this one, but no more than some times what it has:
    /// calls differ, and a cut at each burst's own would make the long ones among them too short on
    /// the average.
    fn give_room(&self, pacing: &Pacing, elapsed: u64, calls: u64) {
        const LENT: u64 = 7;
        let left = pacing.room.get().min(elapsed.saturating_mul(LENT));
        pacing.room.set(left.saturating_add(elapsed));
        pacing.each.set(elapsed / calls.max(1));
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
                let pace = self.look(pacing, now, share);
                self.go_on(pacing, now, pace, share, may_stop);
                0
            }
            Phase::Counted | Phase::LeftOut => {
                let pace = self.look(pacing, now, share);
                if self.was_cut_short(pacing) {
                    self.go_on(pacing, now, pace, share, may_stop);
                    return 0;
                }
                let calls = pacing.calls.get();
                self.give_room(pacing, (pace * calls as f64) as u64, calls);
                pacing.were_left_out.set(u64::from(Phase::of(pacing) == Phase::LeftOut));
                pacing.burst_left.set(BURST);
                pacing.phase.set(Phase::Burst as u64);
                0
            }
        }
    }

    /// One of the timed calls of a burst; after the last of them others are left to themselves
    /// again.
    fn in_burst(&self, pacing: &Pacing, now: u64, share: f64, may_stop: bool) -> u64 {
        let left = pacing.burst_left.get().saturating_sub(1);
        pacing.burst_left.set(left);
        let others_log2 = pacing.others_log2.get();
        if left == 0 {
            self.go_on(pacing, now, pacing.each.get() as f64, share, may_stop);
        }
        others_log2
    }

    /// How many ticks lie between two calls without what recording them took. What it took goes to
    /// the account of the thread.
    fn look(&self, pacing: &Pacing, now: u64, share: f64) -> f64 {
        let elapsed = now.wrapping_sub(pacing.since.get()) as f64;
        let (calls, costs) = (pacing.calls.get() as f64, policy::prices());
        let each = match Phase::of(pacing) {
            Phase::LeftOut => costs.left_out,
            Phase::Counted => costs.counted,
            _ => costs.span,
        };
        let burst = if Phase::of(pacing) == Phase::Timed { 0.0 } else { burst_cost(&costs) };
        let spent = calls * each;
        balance_budget(self.block, now, spent + burst, share);
        ((elapsed - spent) / calls.max(1.0)).max(1.0)
    }

    /// Decides what happens to the next calls, of which one comes every `pace` ticks.
    fn go_on(&self, pacing: &Pacing, now: u64, pace: f64, share: f64, may_stop: bool) {
        if self.calls_or_allocates() {
            pacing.is_caller.set(1);
        }
        let costs = policy::prices();
        let may_take = share * allotment(self.block) * pace;
        // Half of it, for who is to be timed exactly again: so nobody goes to and fro.
        let is_timed = Phase::of(pacing) == Phase::Timed;
        if costs.span <= may_take * if is_timed { 1.0 } else { 0.5 } {
            begin_phase(pacing, Phase::Timed, now, REVIEW);
            return self.time(REVIEW);
        }
        let can_be_left_out = self.turns.is_some() && pacing.is_caller.get() == 0;
        let leaves_out = can_be_left_out && costs.counted > may_take / 4.0;
        let each = if leaves_out { costs.left_out } else { costs.counted };
        if may_stop && each > may_take {
            pacing.too_dear.add(1);
            if pacing.too_dear.get() >= STOP_AFTER {
                return self.stop(pacing, now);
            }
        } else {
            pacing.too_dear.set(0);
        }
        let log2 = others_log2(burst_cost(&costs), may_take) + random(self.block, 2);
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

    /// Somebody has switched the function while its calls were left out: fewer were than timed
    /// calls are to stand for.
    fn was_cut_short(&self, pacing: &Pacing) -> bool {
        let left_out = turns::left_out(self.tally);
        Phase::of(pacing) == Phase::LeftOut && left_out != pacing.left_out_until.get()
    }

    fn calls_or_allocates(&self) -> bool {
        let has_called = !std::ptr::eq(self.edge.last_child.get(), self.block.root.get());
        has_called || !self.tally.heap.get().is_null()
    }

    /// No further call is recorded, in whatever thread.
    fn stop(&self, pacing: &Pacing, now: u64) {
        pacing.stopped.set(now.max(1));
        pacing.phase.set(Phase::New as u64);
        pacing.too_dear.set(0);
        self.count(0);
        site_of(self.edge).set_mode(Mode::STOPPED);
    }
}

fn begin_phase(pacing: &Pacing, phase: Phase, now: u64, calls: u64) {
    pacing.phase.set(phase as u64);
    pacing.since.set(now);
    pacing.calls.set(calls);
}

/// What a burst costs with the call before it. Each of its calls takes the slow way: three to four
/// times a plain span.
fn burst_cost(costs: &Prices) -> f64 {
    (BURST + 1) as f64 * costs.burst
}

/// For the calibration: from now on each call is one of a burst.
pub(super) fn burst_for_ever(block: &ThreadBlock, tally: &Tally) {
    if let Some(pacing) = thread::made(&tally.pacing, block) {
        pacing.phase.set(Phase::Burst as u64);
        pacing.burst_left.set(u64::MAX);
        pacing.others_log2.set(1);
        tally.pace.set(0);
    }
}

/// For how many calls each of a burst stands, so that the burst takes half of what may be taken:
/// log2 of one more.
fn others_log2(burst: f64, may_take: f64) -> u64 {
    let calls = burst / (may_take / 2.0);
    (calls / BURST as f64).log2().ceil().clamp(1.0, MOST as f64 - 1.0) as u64
}

/// What recording took in a thread, and from that, what each function may take of the budget.
fn balance_budget(block: &ThreadBlock, now: u64, spent: f64, share: f64) {
    block.window_spent.add(spent as u64);
    let lasted = now.wrapping_sub(block.window_start.get());
    if lasted < WINDOW {
        return;
    }
    let used = block.window_spent.get() as f64 / lasted as f64 / share;
    let next = if used > 1.0 { allotment(block) / used.min(8.0) } else { allotment(block) * 1.25 };
    // What did not end within the window says nothing of it.
    if block.window_start.get() != 0 && !(0.5..=1.0).contains(&used) {
        block.allotment.set(next.clamp(1.0 / 256.0, 1.0).to_bits());
    }
    block.window_start.set(now);
    block.window_spent.set(0);
}

/// What part of the budget each function may take.
fn allotment(block: &ThreadBlock) -> f64 {
    match block.allotment.get() {
        0 => 1.0,
        bits => f64::from_bits(bits),
    }
}

/// A timed call stands for those before it that were not.
#[cold]
pub(super) fn stand_for_others(block: &ThreadBlock, edge: &Edge, ticks: u64, others_log2: u64) {
    let others = (1_u64 << others_log2) - 1;
    let tally = tally_of(edge);
    // SAFETY: null, or a record of the segment, which is never freed.
    let pacing = unsafe { tally.pacing.get().as_ref() };
    let Some((extras, pacing)) = thread::made(&edge.extras, block).zip(pacing) else {
        return block.lost_calls.add(others);
    };
    let each = estimate(pacing, tally, ticks, others);
    // Calls that the function's own code counted become the path's by this one store.
    if pacing.were_left_out.get() != 0 {
        extras.left_out.add(others);
    }
    extras.stood_for_calls.add(others);
    let sum = extras.stood_for_ticks.get().saturating_add(each.saturating_mul(others));
    extras.stood_for_ticks.set(sum);
    let (factor, ticks_f64) = ((others << others_log2) as f64, each as f64);
    for (sum, power) in extras.spread.iter().zip([1.0, ticks_f64, ticks_f64 * ticks_f64]) {
        sum.set((f64::from_bits(sum.get()) + factor * power).to_bits());
    }
    fold::count(block, &tally.histogram, each, others as u32);
    tally.recorded.add(others);
}

/// How long each of the others took, as it would have shown: as long as this one, but all of them
/// no longer than the time in which they ran. Of calls that are over before the clock is read again
/// nothing is seen; half of their pace is as near as it can be said.
fn estimate(pacing: &Pacing, tally: &Tally, ticks: u64, others: u64) -> u64 {
    let reading = policy::prices().reading as u64;
    // Calls within calls overlap.
    if tally.open.get() > 0 {
        return ticks;
    }
    let (own, pace) = (ticks.saturating_sub(reading), pacing.each.get());
    let is_hidden = ticks < 2 * reading && pace < 2 * reading;
    let own = if is_hidden { own.clamp(pace / 2, pace) } else { own };
    let own = own.min(pacing.room.get() / others.max(1));
    pacing.room.set(pacing.room.get() - own * others);
    own + reading
}

/// A number below `most`.
fn random(block: &ThreadBlock, most: u64) -> u64 {
    let mut x = block.random.get();
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    block.random.set(x);
    ((u128::from(x) * u128::from(most)) >> 64) as u64
}

/// A number from 0 to 2^(k+1) - 2, whose mean is 2^k - 1: one in 2^k.
pub(super) fn calls_to_go(block: &ThreadBlock, period_log2: u64) -> u64 {
    random(block, (2_u64 << period_log2) - 1)
}
