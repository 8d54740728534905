//! How a window of memory over time is read.

use std::time::Duration;

use super::window::Backend;

/// The shortest interval between two readings. One reading takes about a microsecond.
const SHORTEST_INTERVAL: Duration = Duration::from_micros(100);

/// How a window is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) process: u32,
    pub(crate) backend: Backend,
    /// As requested: see [`Plan::interval_ns`].
    pub(crate) interval: Duration,
    /// Each reading includes all descendants.
    pub(crate) include_children: bool,
    /// Each descendant has its own curve.
    pub(crate) multiprocess: bool,
    /// Maximum number of readings; the first one is always taken.
    pub(crate) most_readings: Option<u64>,
    /// The process started with the window, so the kernel's figures for it apply to the window.
    pub(crate) is_whole_life: bool,
}

impl Plan {
    /// A plan for this process, for as long as the window is open.
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

    /// The interval between two readings, limited to the supported range.
    pub(super) fn interval_ns(&self) -> u64 {
        u64::try_from(self.interval.max(SHORTEST_INTERVAL).as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }
}
