//! What a span costs here, measured with the spans themselves at the start of the run.

use super::{enter, fold, general, paths, thread};
use crate::callsite::{CallSite, Kind, Mode, Source};
use crate::clock::Clock;
use crate::segment::layout::Header;

/// Costs of one span in ticks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Costs {
    /// Between the two readings: what an empty body shows.
    pub(crate) inside: f64,
    /// Outside them: what the caller shows for each call.
    pub(crate) outside: f64,
    /// Of a span that is counted and not timed.
    pub(crate) counted: f64,
}

/// The scale of costs in the header.
const SCALE: f64 = 1024.0;

impl Costs {
    /// In the segment, for every reader.
    pub(crate) fn store(self, header: &Header) {
        header.cost_inside.set((self.inside * SCALE) as u64);
        header.cost_outside.set((self.outside * SCALE) as u64);
        header.cost_counted.set((self.counted * SCALE) as u64);
    }

    /// From the three words of a header.
    pub(crate) fn from_words(inside: u64, outside: u64, counted: u64) -> Costs {
        let unscaled = |word: u64| word as f64 / SCALE;
        Costs { inside: unscaled(inside), outside: unscaled(outside), counted: unscaled(counted) }
    }

    /// Of one timed span in all.
    pub(crate) fn span(self) -> f64 {
        self.inside + self.outside
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
/// Enough for the caches, the branch predictor and the processor's frequency to settle; 0.1 ms in all.
const BATCHES: usize = 48;

/// Measures both kinds of span. The quickest batch counts: everything that disturbs a batch makes it
/// longer, never shorter.
pub(crate) fn measure(clock: Clock) -> Costs {
    TIMED.set_mode(if clock == Clock::Tsc { Mode::EXACT } else { Mode::GENERAL });
    COUNTED.set_mode(Mode::BUDGETED);
    let timed = quickest(&TIMED, clock);
    stop_timing(&COUNTED);
    let counted = quickest(&COUNTED, clock);
    Costs { inside: timed.1, outside: (timed.0 - timed.1).max(0.0), counted: counted.0 }
}

/// Ticks of one span of the quickest batch: in all, and between its own two readings.
fn quickest(site: &'static CallSite, clock: Clock) -> (f64, f64) {
    let per_span = |ticks: u64| ticks as f64 / BATCH as f64;
    let batches = (0..BATCHES).map(|_| {
        let before = ticks_of(site);
        let start = clock.now();
        for _ in 0..BATCH {
            drop(std::hint::black_box(enter(site)));
        }
        let all = clock.now().saturating_sub(start);
        (per_span(all), per_span(ticks_of(site).saturating_sub(before)))
    });
    batches.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default()
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
