//! Ticks: what the recorder subtracts, and how they become nanoseconds.
//!
//! Three clocks: the time stamp counter read directly (the default where the processor and the
//! kernel guarantee it), the same between fences (`PROFILE_CLOCK=fenced`), and the monotonic clock
//! of the system. A fourth, set by hand, exists for tests. The recorder never converts ticks.
//! Readers do, with the rate between two readings of both clocks: the longer the run, the more
//! accurate the rate.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use crate::sys;

/// Which clock is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The time stamp counter, unfenced.
    Tsc = 0,
    /// The time stamp counter between fences.
    Fenced = 1,
    /// The system's monotonic clock: ticks are nanoseconds.
    Monotonic = 2,
    /// A number set by a test: ticks are nanoseconds.
    Mock = 3,
}

static CURRENT: AtomicU8 = AtomicU8::new(Clock::Monotonic as u8);
static MOCK_TICKS: AtomicU64 = AtomicU64::new(0);

impl Clock {
    /// The clock in use.
    pub(crate) fn current() -> Clock {
        Clock::from_code(u64::from(CURRENT.load(Relaxed)))
    }

    /// Selects the clock. Called once, before the first span.
    pub(crate) fn select(self) {
        CURRENT.store(self as u8, Relaxed);
    }

    /// The fastest clock that can be trusted here.
    pub(crate) fn best() -> Clock {
        if sys::tsc_is_invariant() && sys::kernel_trusts_tsc() {
            Clock::Tsc
        } else {
            Clock::Monotonic
        }
    }

    pub(crate) fn from_code(code: u64) -> Clock {
        match code {
            0 => Clock::Tsc,
            1 => Clock::Fenced,
            3 => Clock::Mock,
            _ => Clock::Monotonic,
        }
    }

    /// The name in the report and in `PROFILE_CLOCK`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Clock::Tsc => "tsc",
            Clock::Fenced => "fenced",
            Clock::Monotonic => "monotonic",
            Clock::Mock => "mock",
        }
    }

    /// Ticks now.
    pub(crate) fn now(self) -> u64 {
        match self {
            Clock::Tsc => sys::read_tsc(),
            Clock::Fenced => sys::read_tsc_fenced(),
            Clock::Monotonic => sys::monotonic_ns(),
            Clock::Mock => MOCK_TICKS.load(Relaxed),
        }
    }
}

/// Sets the mock clock; for tests.
pub fn set_mock_ticks(ticks: u64) {
    MOCK_TICKS.store(ticks, Relaxed);
}

/// The same moment on both clocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Anchor {
    pub(crate) ticks: u64,
    pub(crate) monotonic_ns: u64,
}

impl Anchor {
    /// Reads the system clock between two readings of this clock, three times, and uses the
    /// tightest. Otherwise an interrupt in between would distort the rate of a short run.
    pub(crate) fn now(clock: Clock) -> Anchor {
        let reading = |_| {
            let before = clock.now();
            let monotonic_ns = sys::monotonic_ns();
            let width = clock.now().saturating_sub(before);
            (width, Anchor { ticks: before.wrapping_add(width / 2), monotonic_ns })
        };
        (0..3).map(reading).min_by_key(|(width, _)| *width).map_or_else(Anchor::default, |(_, a)| a)
    }
}

/// The duration of a tick in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    ns_per_tick: f64,
}

impl Rate {
    /// One tick is one nanosecond.
    const NANOSECONDS: Rate = Rate { ns_per_tick: 1.0 };

    /// The rate of a clock, from two moments.
    pub(crate) fn of(clock: Clock, first: Anchor, last: Anchor) -> Rate {
        match clock {
            Clock::Monotonic | Clock::Mock => Rate::NANOSECONDS,
            Clock::Tsc | Clock::Fenced => Rate::between(first, last),
        }
    }

    /// The rate from two moments; one to one if they are too close together.
    fn between(first: Anchor, last: Anchor) -> Rate {
        let ticks = last.ticks.saturating_sub(first.ticks);
        let ns = last.monotonic_ns.saturating_sub(first.monotonic_ns);
        if ticks == 0 || ns == 0 {
            return Rate::NANOSECONDS;
        }
        Rate { ns_per_tick: ns as f64 / ticks as f64 }
    }

    pub(crate) fn ns(self, ticks: u64) -> u64 {
        (ticks as f64 * self.ns_per_tick).round() as u64
    }

    /// Whole ticks in this many nanoseconds.
    pub(crate) fn ticks(self, ns: f64) -> u64 {
        (ns / self.ns_per_tick) as u64
    }

    pub(crate) fn ns_f64(self, ticks: f64) -> f64 {
        ticks * self.ns_per_tick
    }
}
