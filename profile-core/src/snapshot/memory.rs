//! Memory of a process over time.

/// The memory used in a window of time: by the calls of a function with `#[memory_usage]`, by a
/// closure or process passed to `memory_usage`, or by the whole run.
///
/// A figure that the system does not provide is `None`, and [`MemoryRecord::unavailable`] gives the
/// reason.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct MemoryRecord {
    /// The function's path, or the name of the window.
    pub path: String,
    /// The process that was read.
    pub process_id: u32,
    /// The kind of memory that was read: `rss`, `pss`, `uss` or `heap`.
    pub backend: String,
    /// Whether each reading is the sum over the process and all its descendants.
    pub includes_children: bool,
    /// When the window began, in nanoseconds since 1970.
    pub started_unix_ns: u64,
    /// From the beginning to the end of the window, or to the snapshot.
    pub duration_ns: u64,
    /// Whether the window had not ended at the snapshot.
    pub open: bool,
    /// The requested time between two readings.
    pub interval_ns: u64,
    /// The average time between two readings. `None` for fewer than two readings.
    pub achieved_interval_ns: Option<u64>,
    /// The first reading, before the work began.
    pub baseline_bytes: u64,
    /// The highest reading.
    pub peak_bytes: u64,
    /// The last reading, after the work.
    pub end_bytes: u64,
    /// The kernel's own high-water mark of resident memory in the window; it includes peaks between
    /// two readings.
    pub kernel_peak_bytes: Option<u64>,
    /// Live bytes of the heap at the beginning of the window, counted by the allocator.
    pub heap_baseline_bytes: Option<u64>,
    /// Most live bytes in the window, to within 64 KiB per thread.
    pub heap_peak_bytes: Option<u64>,
    /// Live bytes at the end of the window.
    pub heap_end_bytes: Option<u64>,
    /// How many readings were taken; of a long window, not all of them are stored.
    pub readings_taken: u64,
    /// The stored readings, always including the first, the last and the extremes.
    pub readings: Vec<Reading>,
    /// The curves of the child processes, if requested.
    pub children: Vec<ChildCurve>,
    /// What was unavailable, and why.
    pub unavailable: Vec<String>,
}

/// One reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct Reading {
    /// Nanoseconds since the window began.
    pub at_ns: u64,
    /// Bytes of the window's backend; resident memory by default.
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
    /// Its readings, relative to the beginning of the window.
    pub readings: Vec<Reading>,
}

impl MemoryRecord {
    /// The memory added in the window: peak minus baseline.
    #[must_use]
    pub fn increment_bytes(&self) -> u64 {
        self.peak_bytes.saturating_sub(self.baseline_bytes)
    }

    /// The higher of the readings' peak and the kernel's peak.
    #[must_use]
    pub fn highest_bytes(&self) -> u64 {
        self.peak_bytes.max(self.kernel_peak_bytes.unwrap_or(0))
    }
}
