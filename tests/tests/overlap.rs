//! Spans that close in any order: each lasts from its opening to its closing, whatever overlaps.
//! The expectation is computed by a second, naive evaluation of the same steps.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::hint::black_box;
use std::sync::{Condvar, Mutex};

use profile_core::__private::{set_mock_ticks, use_mock_clock};
use profile_core::{Function, ProfilingAllocator, Snapshot, SpanGuard, capture, span};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(1_000) };
}

/// Advances the clock by this many nanoseconds.
fn pass(ns: u64) {
    NOW.set(NOW.get() + ns);
    set_mock_ticks(NOW.get());
}

/// Captures on behalf of the spans' thread: a snapshot is charged to the thread that requests it,
/// which must not be the spans'.
enum Capture {
    Nobody,
    Asked,
    Made(Box<Snapshot>),
}

static CAPTURE: Mutex<Capture> = Mutex::new(Capture::Nobody);
static CHANGED: Condvar = Condvar::new();

fn wait_until(is: fn(&Capture) -> bool) -> Capture {
    let state = CAPTURE.lock().expect("nobody panics with it");
    let mut state = CHANGED.wait_while(state, |state| !is(state)).expect("as above");
    std::mem::replace(&mut *state, Capture::Nobody)
}

fn change(to: Capture) {
    *CAPTURE.lock().expect("nobody panics with it") = to;
    CHANGED.notify_all();
}

/// Captures in another thread, without an allocation in this one.
fn capture_elsewhere() -> Snapshot {
    change(Capture::Asked);
    match wait_until(|state| matches!(state, Capture::Made(_))) {
        Capture::Made(snapshot) => *snapshot,
        _ => unreachable!("it was waited for"),
    }
}

fn capture_for_others() {
    loop {
        wait_until(|state| matches!(state, Capture::Asked));
        change(Capture::Made(Box::new(capture())));
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Open(usize),
    /// The span at this part of the open ones, in 256ths.
    Close(u8),
    Pass(u64),
    Allocate(usize),
}

const SITES: usize = 4;

/// Spans timed by the mock clock, and others, which take the fast path.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spans {
    Mocked,
    Fast,
}

impl Spans {
    fn open(self, site: usize) -> SpanGuard {
        match (self, site) {
            (Spans::Mocked, 0) => span!("a"),
            (Spans::Mocked, 1) => span!("b"),
            (Spans::Mocked, 2) => span!("c"),
            (Spans::Mocked, _) => span!("d"),
            (Spans::Fast, 0) => span!("e"),
            (Spans::Fast, 1) => span!("f"),
            (Spans::Fast, 2) => span!("g"),
            (Spans::Fast, _) => span!("h"),
        }
    }

    fn name(self, site: usize) -> String {
        let first = if self == Spans::Mocked { b'a' } else { b'e' };
        format!("::{}", char::from(first + site as u8))
    }

    fn time(self, ns: u64) -> u64 {
        if self == Spans::Mocked { ns } else { 0 }
    }
}

fn chosen(part: u8, open: usize) -> Option<usize> {
    (open > 0).then(|| usize::from(part) * open / 256)
}

/// Performs the steps, then closes the open spans in order of opening. Returns the snapshot from
/// just before that.
fn run(steps: &[Step], spans: Spans) -> Snapshot {
    let mut guards = VecDeque::with_capacity(steps.len());
    for step in steps {
        match *step {
            Step::Open(site) => guards.push_back(spans.open(site)),
            Step::Close(part) => drop(chosen(part, guards.len()).and_then(|it| guards.remove(it))),
            Step::Pass(ns) => pass(ns),
            Step::Allocate(bytes) => drop(black_box(Vec::<u8>::with_capacity(bytes))),
        }
    }
    let seen = capture_elsewhere();
    guards.drain(..).for_each(drop);
    seen
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Totals {
    calls: u64,
    ns: u64,
    allocations: u64,
    bytes: u64,
}

impl Totals {
    fn add(&mut self, other: Totals) {
        self.calls += other.calls;
        self.ns += other.ns;
        self.allocations += other.allocations;
        self.bytes += other.bytes;
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    inclusive: [Totals; SITES],
    exclusive: BTreeMap<Vec<usize>, Totals>,
    peak_bytes: [u64; SITES],
    open: [u64; SITES],
    durations: [Vec<u64>; SITES],
}

struct OpenSpan {
    site: usize,
    opened: u64,
}

/// The call path of the open spans, with recursion folded.
fn path_of(open: &[OpenSpan]) -> Vec<usize> {
    let mut path = Vec::new();
    for span in open {
        match path.iter().position(|site| *site == span.site) {
            Some(place) => path.truncate(place + 1),
            None => path.push(span.site),
        }
    }
    path
}

impl Model {
    /// Time and allocations while these are open.
    fn happens(&mut self, open: &[OpenSpan], what: Totals) {
        let path = path_of(open);
        for site in 0..SITES {
            if open.iter().any(|span| span.site == site) {
                self.inclusive[site].add(what);
                self.peak_bytes[site] = self.peak_bytes[site].max(what.bytes);
            }
        }
        if !path.is_empty() && what != Totals::default() {
            self.exclusive.entry(path).or_default().add(what);
        }
    }

    /// A call counts on the path where it ends; while it is open, on its current path.
    fn counts(&mut self, open: &[OpenSpan], place: usize) {
        let path = path_of(&open[..=place]);
        self.inclusive[open[place].site].calls += 1;
        self.exclusive.entry(path).or_default().calls += 1;
    }

    fn follow(&mut self, steps: &[Step], spans: Spans, now: &mut u64) -> Model {
        let mut open: Vec<OpenSpan> = Vec::new();
        for step in steps {
            match *step {
                Step::Open(site) => open.push(OpenSpan { site, opened: *now }),
                Step::Close(part) => {
                    if let Some(place) = chosen(part, open.len()) {
                        self.close(&mut open, place, *now);
                    }
                }
                Step::Pass(ns) => {
                    let ns = spans.time(ns);
                    *now += ns;
                    self.happens(&open, Totals { ns, ..Totals::default() });
                }
                Step::Allocate(bytes) => {
                    let (allocations, bytes) = (1, bytes as u64);
                    self.happens(&open, Totals { allocations, bytes, ..Totals::default() });
                }
            }
        }
        let mut seen = self.clone();
        for place in 0..open.len() {
            seen.counts(&open, place);
            seen.open[open[place].site] += 1;
        }
        while !open.is_empty() {
            self.close(&mut open, 0, *now);
        }
        seen
    }

    fn close(&mut self, open: &mut Vec<OpenSpan>, place: usize, now: u64) {
        self.counts(open, place);
        let span = open.remove(place);
        self.durations[span.site].push(now - span.opened);
    }
}

/// The same figures from a snapshot.
fn read(snapshot: &Snapshot, spans: Spans, expected: &Model) -> Model {
    let mut model = Model { durations: expected.durations.clone(), ..Model::default() };
    for site in 0..SITES {
        let Some(row) = snapshot.functions.iter().find(|it| it.path.ends_with(&spans.name(site)))
        else {
            continue;
        };
        model.inclusive[site] = Totals {
            calls: row.calls,
            ns: spans.time(row.inclusive_ns),
            allocations: row.allocations.expect("the allocator is installed"),
            bytes: row.allocated_bytes.expect("the allocator is installed"),
        };
        model.peak_bytes[site] = row.peak_bytes.expect("the allocator is installed");
        model.open[site] = row.open;
        if spans == Spans::Mocked {
            assert_durations(row, &expected.durations[site]);
        }
    }
    for place in 0..snapshot.call_tree.len() {
        if let Some(path) = path_in(snapshot, spans, place) {
            let node = &snapshot.call_tree[place];
            let totals = Totals {
                calls: node.calls,
                ns: spans.time(node.exclusive_ns),
                allocations: node.exclusive_allocations.expect("the allocator is installed"),
                bytes: node.exclusive_allocated_bytes.expect("the allocator is installed"),
            };
            if totals != Totals::default() {
                model.exclusive.insert(path, totals);
            }
        }
    }
    model
}

/// Every single call has its true duration, split or not.
fn assert_durations(row: &Function, durations: &[u64]) {
    assert_eq!(row.min_ns, durations.iter().min().copied(), "{}", row.path);
    assert_eq!(row.max_ns, durations.iter().max().copied(), "{}", row.path);
    let counted: u64 = row.histogram.iter().map(|[_, calls]| calls).sum();
    assert_eq!(counted, durations.len() as u64, "{}", row.path);
}

fn path_in(snapshot: &Snapshot, spans: Spans, place: usize) -> Option<Vec<usize>> {
    let tree = &snapshot.call_tree;
    let above = std::iter::successors(Some(place), |place| tree[*place].parent);
    let site_at = |place: usize| (0..SITES).find(|it| tree[place].path.ends_with(&spans.name(*it)));
    let sites = above.map(site_at);
    let mut path: Vec<usize> = sites.collect::<Option<_>>()?;
    path.reverse();
    Some(path)
}

/// A path's time is its own time plus that of the paths below.
fn assert_tree_adds_up(snapshot: &Snapshot) {
    let tree = &snapshot.call_tree;
    for (place, node) in tree.iter().enumerate() {
        let below = tree.iter().filter(|it| it.parent == Some(place));
        let sum: u64 = node.exclusive_ns + below.map(|it| it.inclusive_ns).sum::<u64>();
        // Each of the parts is rounded down to a nanosecond.
        assert!(node.inclusive_ns.abs_diff(sum) <= tree.len() as u64, "{node:?} {sum}");
    }
}

fn random_steps(random: &mut fastrand::Rng) -> Vec<Step> {
    let step = |random: &mut fastrand::Rng| match random.u8(0..13) {
        0..4 => Step::Open(random.usize(0..SITES)),
        4..8 => Step::Close(random.u8(..)),
        8..11 => Step::Pass(random.u64(1..100)),
        _ => Step::Allocate(random.usize(1..5_000)),
    };
    (0..random.usize(1..250)).map(|_| step(random)).collect()
}

/// All figures after each of many random orders, with what is open at its end, and when that has
/// closed.
fn assert_orders(spans: Spans) {
    let mut random = fastrand::Rng::with_seed(1);
    let (mut model, mut now) = (Model::default(), 0);
    for case in 0..120 {
        let steps = random_steps(&mut random);
        let seen = run(&steps, spans);
        let expected = model.follow(&steps, spans, &mut now);
        assert_eq!(read(&seen, spans, &expected), expected, "case {case}: {steps:?}");
        assert_tree_adds_up(&seen);
        let after = capture();
        assert_eq!(read(&after, spans, &model), model, "case {case}: {steps:?}");
        assert_tree_adds_up(&after);
    }
}

#[test]
fn spans_closed_in_any_order_last_from_their_opening_to_their_closing() {
    std::thread::spawn(capture_for_others);
    assert_orders(Spans::Fast);
    use_mock_clock();
    set_mock_ticks(NOW.get());
    assert_orders(Spans::Mocked);
}
