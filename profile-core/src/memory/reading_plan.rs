//! How a window of memory over time is read.

use std::time::Duration;

use super::window::Backend;

/// Between two readings. One takes about a microsecond.
const SHORTEST_INTERVAL: Duration = Duration::from_micros(100);

/// How a window is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) process: u32,
    pub(crate) backend: Backend,
    /// As it was requested: see [`Plan::interval_ns`].
    pub(crate) interval: Duration,
    /// The sum over all descendants is in each reading.
    pub(crate) include_children: bool,
    /// Each descendant has a curve of its own.
    pub(crate) multiprocess: bool,
    /// Readings after which no more are taken; the first one always is.
    pub(crate) most_readings: Option<u64>,
    /// The process began with the window, so all that the kernel says of it is of the window.
    pub(crate) is_whole_life: bool,
}

impl Plan {
    /// Of this process, for as long as the window is open.
    pub(crate) fn of_this_process(backend: Backend, interval: Duration) -> Plan {
        Plan {
            process: std::process::id(),
            backend,
            interval,
            include_children: false,
            multiprocess: false,
            most_readings: None,
            is_whole_life: false,
        }
    }

    /// Between two readings: as requested, in what can be done and counted.
    pub(super) fn interval_ns(&self) -> u64 {
        u64::try_from(self.interval.max(SHORTEST_INTERVAL).as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }
}
