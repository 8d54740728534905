//! Measures what a span costs here, with spans themselves, at the start of the run.
//!
//! There is no single answer. The processor continues to work while it reads the clock: two
//! readings take about 19 ns, and a body of 2 ns or of 15 ns between them takes no extra time. If a
//! body waits for its own results, a span is executed in the gaps; if it saturates the processor,
//! it is not; yet their readings are alike. So for a call that is as short as the readings, the
//! cost of a span around nothing is subtracted, and for a long one the mean of the two kinds of
//! body. The report names all three.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::frame::tally_of;
use super::policy::{self, Prices};
use super::span::{enter, enter_each};
use super::turns::Turns;
use super::{lines, pacing, paths, sites, startup, thread};
use crate::callsite::{CallSite, Kind, LineSource, Mode, Source};
use crate::clock::Clock;
use crate::segment::costs::Costs;
use crate::segment::layout::{Header, RING, Word, pace, turns as segment_turns};
use crate::segment::writer;
use crate::settings::Budget;

/// The costs that the budget is based on.
fn prices(costs: &Costs) -> Prices {
    let Costs { empty: span, burst, counted, left_out, reading, .. } = *costs;
    Prices { span, burst, counted, left_out, reading }
}

/// Starts recording and measures its cost, once in a process.
pub(crate) fn begin() {
    static MEASURED: Once = Once::new();
    startup::begin();
    MEASURED.call_once(|| {
        let Some(header) = writer::header() else { return };
        let clock = Clock::current();
        let costs = measure(clock);
        policy::set_prices(&prices(&costs));
        costs.store(header);
        // An initial clock rate, for a reader of a process that is killed at once.
        thread::write_anchor(clock);
    });
}

/// Selects the mock clock and makes recording free of cost; for tests, before the first call of
/// anything annotated.
pub fn use_mock_clock() {
    begin();
    Clock::Mock.select();
    if let Some(header) = writer::header() {
        startup::describe(header, Clock::Mock);
        policy::set_prices(&Prices::default());
        Costs::default().store(header);
    }
}

/// Measures the cost of recording again, at intervals: a program may take snapshots often.
pub(crate) fn refine_costs() {
    /// Ticks; a third of a second.
    const AT_MOST_EVERY: u64 = 1 << 30;
    static LAST: AtomicU64 = AtomicU64::new(0);
    let Some(header) = writer::header() else { return };
    // While the recorder itself is running, a span records nothing and costs nothing.
    let is_recorded =
        thread::here().is_some_and(|(block, frame)| !thread::is_suspended(block, frame));
    if !is_recorded {
        return;
    }
    // On platforms where nothing runs before `main`, a first call has started recording without a
    // measurement.
    begin();
    let (now, last) = (Clock::current().now(), LAST.load(Relaxed));
    let is_due = last == 0 || now.wrapping_sub(last) > AT_MOST_EVERY;
    if is_due && LAST.compare_exchange(last, now.max(1), Relaxed, Relaxed).is_ok() {
        refine(header);
    }
}

/// Measures again and uses the lower of each cost: at the start of a run the caches are cold, and
/// other processes may be busy.
fn refine(header: &Header) {
    let clock = Clock::current();
    if clock == Clock::Mock {
        return;
    }
    let mut costs = Costs::of(header);
    let mut again = measure(clock);
    for (cost, again) in costs.each().into_iter().zip(again.each()) {
        // A difference lost in noise is ignored.
        *cost = if *again > 0.0 { cost.min(*again) } else { *cost };
    }
    costs.store(header);
}

/// Never registered, so that no reader shows it.
static TIMED: CallSite = CallSite::new(source());
static COUNTED: CallSite = CallSite::new(source());
static LINED: CallSite = CallSite::new(Source {
    lines: Some(&LineSource {
        first_line: 0,
        text: "",
        numbers: &[0, 0],
        parts: "",
        with_resident: false,
    }),
    ..source()
});

const fn source() -> Source {
    Source {
        kind: Kind::Span,
        text: "",
        line: line!(),
        column: column!(),
        overhead: 0.0,
        lines: None,
        asks_return: false,
        limits: None,
        path: || "calibration",
    }
}

const BATCH: u64 = 64;
/// Enough for the caches and the branch predictor to warm up; a third of a millisecond in total.
const BATCHES: usize = 8;
/// Steps of about 1.5 ns in a long body.
const STEPS: u32 = 48;

/// Measures spans around both kinds of body.
fn measure(clock: Clock) -> Costs {
    TIMED.set_mode(if clock == Clock::Tsc { Mode::EXACT } else { Mode::GENERAL });
    COUNTED.set_mode(if clock == Clock::Tsc { Mode::PACED } else { Mode::PACED_GENERAL });
    let nothing = added(clock, 0, |call, _| call);
    let waiting = added(clock, STEPS, |_, last| last);
    let busy = added(clock, STEPS, |call, _| call);
    let paced = || {
        period(clock, |call, _| spanned(&COUNTED, call, 0))
            - period(clock, |call, _| plain(call, 0))
    };
    time_bursts(&COUNTED);
    let burst = paced();
    stop_timing(&COUNTED);
    let counted = paced();
    let left_out = left_out(clock);
    let [mark, counted_mark, stay] = marks(clock);
    let sampled = sampled_stay();
    Costs {
        mark,
        counted_mark,
        stay,
        sampled,
        reading: nothing.between_readings.max(0.0),
        long_reading: f64::midpoint(waiting.between_readings, busy.between_readings).max(0.0),
        empty: nothing.total.max(0.0),
        waiting: waiting.total.max(0.0),
        busy: busy.total.max(0.0),
        counted: counted.max(0.0),
        burst: burst.max(nothing.total).max(0.0),
        left_out: left_out.max(nothing.total.max(0.0) * LEAST_LEFT_OUT),
    }
}

/// Lower bound on the cost of a left-out call, as a share of a span: half a nanosecond here. When
/// it is measured around a call, it is lost in the cost of the call. Its real cost, a function that
/// the compiler no longer inlines or vectorizes, cannot be calibrated.
const LEAST_LEFT_OUT: f64 = 1.0 / 32.0;

thread_local! {
    static TURNS: Turns = const { Turns::new() };
}

/// The cost that a left-out call adds to a body of a nanosecond or two, which is typical of such
/// calls. The mean of bodies that wait for their results, next to which the countdown costs almost
/// nothing, and of bodies that do not.
fn left_out(clock: Clock) -> f64 {
    const STEPS: u32 = 1;
    /// Such small differences need more calls than a span does.
    const TURNS_OF_PERIOD: u64 = 16;
    let counting = Word::ZERO;
    TURNS.with(|turns| turns.begin_at(&counting));
    let kinds: [fn(u64, u64) -> u64; 2] = [|_, last| last, |call, _| call];
    let costs = kinds.map(|seed| {
        let of = |call: &dyn Fn(u64, u64) -> u64| {
            let many = |_, last| (0..TURNS_OF_PERIOD).fold(last, |last, turn| call(turn, last));
            period(clock, many) / TURNS_OF_PERIOD as f64
        };
        counting.set(segment_turns::MOST_LEFT);
        let left_out = of(&|call, last| skipped(seed(call, last), STEPS));
        (left_out - of(&|call, last| plain(seed(call, last), STEPS))).max(0.0)
    });
    TURNS.with(Turns::end);
    f64::midpoint(costs[0], costs[1])
}

/// A typical annotated function whose calls are left out.
#[inline(never)]
fn skipped(seed: u64, steps: u32) -> u64 {
    let _span = enter(&COUNTED, &TURNS);
    body(seed, steps)
}

/// The costs of a timed mark of a line, of an untimed one, and of the call that contains them.
fn marks(clock: Clock) -> [f64; 3] {
    LINED.set_mode(if clock == Clock::Tsc { Mode::EXACT } else { Mode::GENERAL });
    let _span = enter_each(&LINED);
    let stay = lines::stay_in_lines(&LINED);
    let lines = stay.lines();
    let loop_alone = period(clock, |call, _| std::hint::black_box(call));
    let cost = || {
        let marked = |call: u64, _| {
            lines.at((call & 1) as usize);
            std::hint::black_box(call)
        };
        (period(clock, marked) - loop_alone).max(0.0)
    };
    let timed = cost();
    lines.count_only();
    let counted = cost();
    drop(stay);
    let without = |call, _| spanned(&LINED, call, 0);
    period(clock, lined);
    let stay = period(clock, lined) - period(clock, without);
    [timed, counted, stay.max(0.0)]
}

/// The measured duration of an empty stay on a line that is timed as one of many.
fn sampled_stay() -> f64 {
    const TIMED: u64 = 16;
    const ONE_IN: u32 = 64;
    sites::set_budget_of(&LINED, Some(Budget::OneIn(ONE_IN)));
    let _span = enter_each(&LINED);
    let stay = lines::stay_in_lines(&LINED);
    let lines = stay.lines();
    let batch = || {
        let (ticks, timed) = lines.timed();
        (0..TIMED * u64::from(ONE_IN)).for_each(|turn| lines.at((turn & 1) as usize));
        let (ticks, timed) = (lines.timed().0 - ticks, lines.timed().1 - timed);
        ticks.checked_div(timed).unwrap_or(0)
    };
    let batches = (0..BATCHES).map(|_| batch());
    batches.filter(|ticks| *ticks > 0).min().unwrap_or(0) as f64
}

/// The cost that a span adds to a body.
struct Added {
    total: f64,
    between_readings: f64,
}

/// The cost for a body whose input is computed by `seed` from the number of the call and the last
/// result.
fn added(clock: Clock, steps: u32, seed: impl Fn(u64, u64) -> u64) -> Added {
    let spanned = |call, last| spanned(&TIMED, seed(call, last), steps);
    let body = period(clock, |call, last| plain(seed(call, last), steps));
    // A first run warms up the caches and the branch predictor.
    period(clock, spanned);
    let before = ticks_of(&TIMED);
    let total = period(clock, spanned) - body;
    let readings = ticks_of(&TIMED).saturating_sub(before) as f64;
    // An empty body takes no time, but the loop around it does.
    let body = if steps == 0 { 0.0 } else { body };
    Added { total, between_readings: readings / (BATCHES as u64 * BATCH) as f64 - body }
}

/// Ticks from one call to the next in a loop. The fastest batch counts: disturbances only make a
/// batch longer.
#[inline(always)]
fn period(clock: Clock, call: impl Fn(u64, u64) -> u64) -> f64 {
    let batches = (0..BATCHES).map(|_| {
        let start = clock.now();
        std::hint::black_box((0..BATCH).fold(1, |last, number| call(number, last)));
        clock.now().saturating_sub(start)
    });
    batches.min().unwrap_or(0) as f64 / BATCH as f64
}

/// A typical annotated function.
#[inline(never)]
fn spanned(site: &'static CallSite, seed: u64, steps: u32) -> u64 {
    let _span = enter_each(site);
    body(seed, steps)
}

#[inline(never)]
fn lined(seed: u64, _: u64) -> u64 {
    let _span = enter_each(&LINED);
    let _stay = lines::stay_in_lines(&LINED);
    std::hint::black_box(seed)
}

#[inline(never)]
fn plain(seed: u64, steps: u32) -> u64 {
    body(seed, steps)
}

/// A chain of steps, each of which depends on the one before.
#[inline(always)]
fn body(mut seed: u64, steps: u32) -> u64 {
    for _ in 0..steps {
        seed = (seed ^ seed >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    std::hint::black_box(seed)
}

/// The site's edge below the innermost open span.
fn edge_of(site: &'static CallSite) -> Option<&'static crate::segment::layout::Edge> {
    let (block, here) = thread::here()?;
    // SAFETY: an open frame has an edge; edges are never freed.
    paths::child(block, unsafe { &*here.edge.get() }, site)
}

fn ticks_of(site: &'static CallSite) -> u64 {
    edge_of(site).map_or(0, |edge| {
        let newest = edge.folded.get()..edge.pushed.get();
        newest.map(|turn| edge.ring[turn as usize % RING].get()).sum::<u64>() + edge.ticks.get()
    })
}

/// Makes each call one of a burst, until [`stop_timing`].
fn time_bursts(site: &'static CallSite) {
    sites::set_budget_of(site, Some(Budget::Auto));
    if let (Some((block, _)), Some(edge)) = (thread::here(), edge_of(site)) {
        pacing::stay_in_burst(block, tally_of(edge));
    }
}

/// Prevents further timed calls.
fn stop_timing(site: &'static CallSite) {
    if let Some(edge) = edge_of(site) {
        tally_of(edge).pace.set(pace::TO_GO);
    }
}
