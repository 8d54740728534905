//! What a span costs here, measured with the spans themselves at the start of the run.

use super::{enter, fold, general, paths, thread};
use crate::callsite::{CallSite, Kind, Mode, Source};
use crate::clock::Clock;
use crate::segment::layout::Header;

/// What spans cost, in ticks.
///
/// A span's cost is no constant: the processor goes on with the body while the clock is read, so around an empty
/// body a span costs two readings of the clock and more, around one of 50 ns half of that. So it is measured
/// around bodies of several lengths, and looked up by what was recorded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Costs {
    points: [Point; POINTS],
    /// Of a span that is counted and not timed.
    pub(crate) counted: f64,
}

/// Lengths of body that are measured.
pub(crate) const POINTS: usize = 5;

/// A body and what its span made of it.
#[derive(Clone, Copy, Debug, Default)]
struct Point {
    /// The body alone.
    body: f64,
    /// Between the span's two readings.
    reading: f64,
    /// From one span to the next.
    period: f64,
}

/// The scale of costs in the header.
const SCALE: f64 = 1024.0;

impl Costs {
    /// In the segment, for every reader.
    pub(crate) fn store(self, header: &Header) {
        for (words, point) in header.cost_points.as_chunks::<3>().0.iter().zip(self.points) {
            for (word, ticks) in words.iter().zip([point.body, point.reading, point.period]) {
                word.set((ticks * SCALE) as u64);
            }
        }
        header.cost_counted.set((self.counted * SCALE) as u64);
    }

    /// From the words of a header.
    pub(crate) fn from_words(points: [u64; 3 * POINTS], counted: u64) -> Costs {
        let unscaled = |word: u64| word as f64 / SCALE;
        let mut costs = Costs { counted: unscaled(counted), ..Costs::default() };
        for (point, words) in costs.points.iter_mut().zip(points.as_chunks::<3>().0) {
            let [body, reading, period] = words.map(unscaled);
            *point = Point { body, reading, period };
        }
        costs
    }

    /// What recording added between the two readings of a call that shows `reading` ticks. Not below 0: the second
    /// reading may well come before the body's last instructions are done.
    pub(crate) fn inside(&self, reading: f64) -> f64 {
        let added = |point: &Point| (point.reading, (point.reading - point.body).max(0.0));
        interpolate(self.points.each_ref().map(added), reading).min(reading)
    }

    /// Of a span around nothing.
    pub(crate) fn empty_span(&self) -> f64 {
        self.points[0].period
    }

    /// What recording added in all to each of many calls that followed each other every `period` ticks.
    pub(crate) fn span(&self, period: f64) -> f64 {
        let added = |point: &Point| (point.period, (point.period - point.body).max(0.0));
        interpolate(self.points.each_ref().map(added), period).min(period)
    }
}

/// The value at `x` of the line through points of ascending x; beyond the ends, that of the end.
fn interpolate(points: [(f64, f64); POINTS], x: f64) -> f64 {
    let after = points.iter().position(|point| point.0 > x);
    match after {
        Some(0) => points[0].1,
        Some(after) => {
            let (low, high) = (points[after - 1], points[after]);
            low.1 + (high.1 - low.1) * (x - low.0) / (high.0 - low.0)
        }
        None => points[POINTS - 1].1,
    }
}

/// Never registered, so no reader shows it.
static TIMED: CallSite = CallSite::new(source());
static COUNTED: CallSite = CallSite::new(source());

const fn source() -> Source {
    Source {
        kind: Kind::Span,
        name: "calibration",
        module: module_path!(),
        file: file!(),
        line: line!(),
        column: column!(),
        documentation: "",
        signature: "",
        overhead: Some(0.0),
        path: || "calibration",
    }
}

const BATCH: u64 = 64;
/// Enough for the caches and the branch predictor to settle; 0.4 ms in all.
const BATCHES: usize = 12;
/// Dependent steps of about 2 ns in each body.
const STEPS: [u32; POINTS] = [0, 4, 10, 20, 48];

/// Measures both kinds of span. The quickest batch counts: everything that disturbs a batch makes it
/// longer, never shorter.
pub(crate) fn measure(clock: Clock) -> Costs {
    TIMED.set_mode(if clock == Clock::Tsc { Mode::EXACT } else { Mode::GENERAL });
    COUNTED.set_mode(Mode::BUDGETED);
    quickest(&TIMED, clock, STEPS[0]);
    stop_timing(&COUNTED);
    let empty = quickest_plain(clock, 0);
    let counted = (quickest(&COUNTED, clock, 0).period - empty).max(0.0);
    let mut points = STEPS.map(|steps| {
        let body = (quickest_plain(clock, steps) - empty).max(0.0);
        let Point { reading, period, .. } = quickest(&TIMED, clock, steps);
        Point { body, reading, period: (period - empty).max(0.0) }
    });
    // A longer body cannot take less: what says so is noise.
    for place in 1..POINTS {
        let before = points[place - 1];
        points[place].body = points[place].body.max(before.body);
        points[place].reading = points[place].reading.max(before.reading);
        points[place].period = points[place].period.max(before.period);
    }
    Costs { points, counted }
}

/// A body that nothing can shorten: each step waits for the one before, and the first for the last body's last, as
/// in a loop that carries a value along.
#[inline(always)]
fn body(steps: u32, mut value: u64) -> u64 {
    for _ in 0..steps {
        value = std::hint::black_box(value.wrapping_mul(31));
    }
    value
}

/// Ticks of one body in a loop, of the quickest batch.
#[inline(never)]
fn quickest_plain(clock: Clock, steps: u32) -> f64 {
    let batches = (0..BATCHES).map(|_| {
        let start = clock.now();
        let last = (0..BATCH).fold(1, |value, _| body(std::hint::black_box(steps), value));
        std::hint::black_box(last);
        clock.now().saturating_sub(start)
    });
    batches.min().unwrap_or(0) as f64 / BATCH as f64
}

/// The same with a span around the body.
#[inline(never)]
fn quickest(site: &'static CallSite, clock: Clock, steps: u32) -> Point {
    let batches = (0..BATCHES).map(|_| {
        let before = ticks_of(site);
        let start = clock.now();
        let last = (0..BATCH).fold(1, |value, _| {
            let _span = enter(site);
            body(std::hint::black_box(steps), value)
        });
        std::hint::black_box(last);
        let all = clock.now().saturating_sub(start);
        (all, ticks_of(site).saturating_sub(before))
    });
    let (all, between) = batches.min().unwrap_or_default();
    let each = |ticks: u64| ticks as f64 / BATCH as f64;
    Point { body: 0.0, reading: each(between), period: each(all) }
}

/// The site's edge below what is open now.
fn edge_of(site: &'static CallSite) -> Option<&'static crate::segment::layout::Edge> {
    let (block, here) = thread::here()?;
    // SAFETY: an open frame has an edge; edges are never freed.
    paths::child(block, unsafe { &*here.edge.get() }, site)
}

fn ticks_of(site: &'static CallSite) -> u64 {
    edge_of(site).map_or(0, |edge| {
        fold::fold(edge);
        edge.ticks.get()
    })
}

/// Puts the next timed call out of reach.
fn stop_timing(site: &'static CallSite) {
    if let Some(edge) = edge_of(site) {
        general::tally_of(edge).pace.set(crate::segment::layout::pace::TO_GO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_looked_up_between_and_beyond_what_was_measured() {
        let point = |body, reading, period| Point { body, reading, period };
        let points = [
            point(0.0, 20.0, 60.0),
            point(10.0, 20.0, 60.0),
            point(20.0, 24.0, 64.0),
            point(40.0, 34.0, 74.0),
            point(80.0, 70.0, 114.0),
        ];
        let costs = Costs { points, counted: 10.0 };
        assert_eq!(costs.inside(5.0), 5.0, "never more than was read");
        assert_eq!(costs.inside(22.0), 7.0);
        assert_eq!(costs.inside(1e6), 0.0);
        assert_eq!(costs.span(69.0), 39.0);
        assert_eq!(costs.span(1e6), 34.0);
    }
}
