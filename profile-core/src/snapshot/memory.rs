//! Curves of a process's memory over time.

/// What a window of time took of memory: the calls of a function with `#[memory_usage]`, a closure
/// or a process given to `memory_usage`, or the whole run.
///
/// A figure that the system does not give is `None`, and [`MemoryRecord::unavailable`] says why.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct MemoryRecord {
    /// The function's path, or the name that the window was given.
    pub path: String,
    /// The process that was read.
    pub process_id: u32,
    /// What the readings are of: `rss`, `pss`, `uss` or `heap`.
    pub backend: String,
    /// Each reading is the sum over the process and all its descendants.
    pub includes_children: bool,
    /// When the window began, in nanoseconds since 1970.
    pub started_unix_ns: u64,
    /// From then to its end, or to the snapshot.
    pub duration_ns: u64,
    /// Whether it had not ended at the snapshot.
    pub open: bool,
    /// Time between two readings as requested.
    pub interval_ns: u64,
    /// The same as it came out on the average. `None` for fewer than two readings.
    pub achieved_interval_ns: Option<u64>,
    /// The first reading, before the work began.
    pub baseline_bytes: u64,
    /// The highest reading.
    pub peak_bytes: u64,
    /// The last reading, after the work.
    pub end_bytes: u64,
    /// The kernel's own high-water mark of resident memory in the window: peaks between two
    /// readings are in it.
    pub kernel_peak_bytes: Option<u64>,
    /// Live bytes of the heap when the window began, by the allocator.
    pub heap_baseline_bytes: Option<u64>,
    /// Most live bytes in the window, to within 64 KiB a thread.
    pub heap_peak_bytes: Option<u64>,
    /// Live bytes at its end.
    pub heap_end_bytes: Option<u64>,
    /// How many readings were taken; a long window keeps fewer.
    pub readings_taken: u64,
    /// The readings kept, the first, the last and the extremes always among them.
    pub readings: Vec<Reading>,
    /// With one curve for each child process, these.
    pub children: Vec<ChildCurve>,
    /// What could not be had, and why.
    pub unavailable: Vec<String>,
}

/// One reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct Reading {
    /// Nanoseconds since the window began.
    pub at_ns: u64,
    /// Bytes of what the window's backend reads, resident memory unless another was chosen.
    pub resident_bytes: u64,
}

/// The curve of one child process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct ChildCurve {
    /// Its process id.
    pub process_id: u32,
    /// Its readings, by the clock of the window.
    pub readings: Vec<Reading>,
}

impl MemoryRecord {
    /// What the window added: its peak less its baseline.
    #[must_use]
    pub fn increment_bytes(&self) -> u64 {
        self.peak_bytes.saturating_sub(self.baseline_bytes)
    }

    /// The highest of what was read and what the kernel saw.
    #[must_use]
    pub fn highest_bytes(&self) -> u64 {
        self.peak_bytes.max(self.kernel_peak_bytes.unwrap_or(0))
    }
}
