//! Curves of a process's memory over time.

/// Memory during a window of time: calls of a function with `#[memory_usage]`, a closure or process
/// passed to `memory_usage`, or the whole run.
///
/// An unavailable figure is `None`, and [`MemoryRecord::unavailable`] gives the reason.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct MemoryRecord {
    /// The function's path, or the window's name.
    pub path: String,
    /// The measured process.
    pub process_id: u32,
    /// The kind of memory: `rss`, `pss`, `uss` or `heap`.
    pub backend: String,
    /// Whether each reading is the sum over the process and all its descendants.
    pub includes_children: bool,
    /// When the window began, in nanoseconds since 1970.
    pub started_unix_ns: u64,
    /// From then to its end, or to the snapshot.
    pub duration_ns: u64,
    /// Whether the window was still open at the snapshot.
    pub open: bool,
    /// Requested interval between readings.
    pub interval_ns: u64,
    /// Mean interval achieved. `None` for fewer than two readings.
    pub achieved_interval_ns: Option<u64>,
    /// The first reading, before the work began.
    pub baseline_bytes: u64,
    /// The highest reading.
    pub peak_bytes: u64,
    /// The last reading, after the work.
    pub end_bytes: u64,
    /// The kernel's high-water mark of resident memory in the window, including peaks between
    /// readings.
    pub kernel_peak_bytes: Option<u64>,
    /// Live heap bytes at the start of the window, from the allocator.
    pub heap_baseline_bytes: Option<u64>,
    /// Peak of the live heap bytes in the window, within 64 KiB per thread.
    pub heap_peak_bytes: Option<u64>,
    /// Live heap bytes at the end.
    pub heap_end_bytes: Option<u64>,
    /// Readings taken; a long window stores fewer.
    pub readings_taken: u64,
    /// The stored readings, always including the first, the last and the extremes.
    pub readings: Vec<Reading>,
    /// Curves of child processes, if each has its own.
    pub children: Vec<ChildCurve>,
    /// Unavailable figures, with the reason.
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
    /// The increment: peak minus baseline.
    #[must_use]
    pub fn increment_bytes(&self) -> u64 {
        self.peak_bytes.saturating_sub(self.baseline_bytes)
    }

    /// The larger of the highest reading and the kernel's peak.
    #[must_use]
    pub fn highest_bytes(&self) -> u64 {
        self.peak_bytes.max(self.kernel_peak_bytes.unwrap_or(0))
    }
}
