//! What was recorded, as plain data: read from a segment, written by the reports, asserted on by
//! tests.
//!
//! Every number has its unit in its name and one definition, here. Taking a snapshot changes
//! nothing.

mod advice;
#[cfg(feature = "read")]
mod file;
mod functions;
mod lines;
mod measured;
mod memory;
#[cfg(feature = "profile")]
mod merge;
#[cfg(feature = "profile")]
mod mprof_line;
#[cfg(feature = "binary")]
mod packed;
#[cfg(feature = "profile")]
pub(crate) mod read;
#[cfg(feature = "profile")]
mod tree;
mod warned;

pub use advice::{Advice, AdviceFigures, AdviceKind};
#[cfg(feature = "read")]
pub use file::SnapshotError;
pub use functions::*;
pub use lines::*;
pub use measured::*;
pub use memory::*;
#[cfg(feature = "profile")]
pub(crate) use mprof_line::*;
pub use warned::*;

/// The version of the snapshot's schema, in JSON the key `schema_version`. Version 2 renamed the
/// keys `good` and `bad` of [`Returns`] to `ok` and `err`; version 1 is still read.
pub const SCHEMA_VERSION: u32 = 2;

/// Everything recorded in a process up to a point in time.
///
/// ```
/// # #[cfg(feature = "profile")] {
/// #[profile_core::profile]
/// fn twice(n: u32) -> u32 {
///     n * 2
/// }
///
/// twice(21);
/// let snapshot = profile_core::capture();
/// let function = snapshot.function("twice").expect("it was called");
/// assert_eq!(function.calls, 1);
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Snapshot {
    /// [`SCHEMA_VERSION`] of the version that created it.
    pub schema_version: u32,
    /// The measured process.
    pub process: Process,
    /// Every annotated function that was called, by inclusive time, largest first.
    pub functions: Vec<Function>,
    /// Every annotated function that was not called.
    pub never_called: Vec<NeverCalled>,
    /// The call tree: one entry per path from a thread's start, parents before children.
    pub call_tree: Vec<PathNode>,
    /// The source of each function with `#[profile(lines)]`, line by line.
    pub lines: Vec<Line>,
    /// Memory over time: one curve per window.
    pub memory: Vec<MemoryRecord>,
    /// Items in an annotated `impl`, `trait` or `mod` that could not be instrumented.
    pub not_instrumented: Vec<NotInstrumented>,
    /// Warnings, to be read before trusting the numbers.
    pub warnings: Vec<WarningRecord>,
    /// Suggestions, by the thresholds of [`Settings::advice`](crate::Settings).
    pub advice: Vec<Advice>,
    /// Cost and losses of recording.
    pub overhead: Overhead,
    /// The processes of a [merged](Snapshot::merge) snapshot; `process` is then their sum.
    pub processes: Vec<Process>,
}

impl Snapshot {
    /// The function whose path is `path` or ends in `::path`; the one with the most inclusive time
    /// if there are several.
    #[must_use]
    pub fn function(&self, path: &str) -> Option<&Function> {
        self.functions.iter().find(|function| is_path(&function.path, path))
    }

    /// A line of such a function, by its number in the file. `None` if its lines were not recorded,
    /// or if it has no such line.
    ///
    /// ```
    /// # use profile_core::ProfilingAllocator;
    /// # #[global_allocator]
    /// # static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();
    /// # #[cfg(feature = "profile")] {
    /// #[profile_core::profile(lines)]
    /// fn fill() -> usize {
    ///     let bytes = vec![0_u8; 1000];
    ///     bytes.len()
    /// }
    ///
    /// fill();
    /// let snapshot = profile_core::capture();
    /// let function = snapshot.function("fill").expect("it was called");
    /// let line = snapshot.line("fill", function.line + 1).expect("it has lines");
    /// assert_eq!((line.hits, line.allocated_bytes), (Some(1), Some(1000)));
    /// # }
    /// ```
    #[must_use]
    pub fn line(&self, path: &str, number: u32) -> Option<&Line> {
        self.lines.iter().find(|line| line.line == number && is_path(&line.path, path))
    }
}

/// Whether `requested` names `path`: all of it, or its last segments.
pub(crate) fn is_path(path: &str, requested: &str) -> bool {
    path.strip_suffix(requested).is_some_and(|before| before.is_empty() || before.ends_with("::"))
}

/// The measured process and its machine.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Process {
    /// The program as it was started.
    pub program: String,
    /// Its process id.
    pub process_id: u32,
    /// When recording began, in nanoseconds since 1970.
    pub started_unix_ns: u64,
    /// From the start of recording to the snapshot.
    pub duration_ns: u64,
    /// The clock that timed the calls: `tsc`, `fenced` or `monotonic`.
    pub clock: String,
    /// Duration of a tick of that clock.
    pub tick_ns: f64,
    /// Processors of the system. 0, as in the next fields: not determined before the process was
    /// killed.
    pub logical_cores: usize,
    /// Physical cores; `None` where unsupported.
    pub physical_cores: Option<usize>,
    /// Processors that this process may use.
    pub available_cores: usize,
    /// Whether allocations were counted; if not, all memory figures are `None`.
    pub allocator: bool,
    /// Whether the program was built with debug assertions, so that its times are not
    /// representative.
    pub debug_assertions: bool,
    /// Threads that recorded something, including ended ones.
    pub threads: u64,
    /// Resident memory at the snapshot. `None` where it cannot be read, as for a segment of another
    /// process.
    pub resident_bytes: Option<u64>,
    /// Peak resident memory, as recorded by the kernel.
    pub kernel_peak_bytes: Option<u64>,
    /// Live heap bytes at the snapshot, within 64 KiB per thread. `None` without the allocator.
    pub heap_bytes: Option<u64>,
    /// Peak of the live heap bytes, within 64 KiB per thread.
    pub heap_peak_bytes: Option<u64>,
    /// Bytes in the C library's heap at the snapshot beyond `heap_bytes`, at least. Allocations of
    /// C code bypass Rust's allocator; only resident memory includes them. `None` where the C
    /// library does not report it, or without the allocator.
    pub uncounted_heap_bytes: Option<u64>,
    /// Processor time of the threads that recorded something, including ended ones. This and the
    /// next three fields are `None` where unsupported, and for a segment of a process that was
    /// killed before it took a snapshot.
    pub cpu_ns: Option<u64>,
    /// Time in which these threads were runnable and waited for a processor used by other programs,
    /// or by other threads of this one.
    pub run_delay_ns: Option<u64>,
    /// Involuntary context switches of the process.
    pub involuntary_switches: Option<u64>,
    /// Part of `duration_ns` in which any thread of the machine waited for a processor.
    pub cpu_pressure_ns: Option<u64>,
    /// Share that trimmed means leave out at each end.
    #[cfg_attr(feature = "read", serde(default = "default_trim"))]
    pub trim: f64,
}

impl Process {
    /// Slowdown from waiting for processors: (processor time + run delay) / processor time. `None`
    /// if unknown.
    #[must_use]
    pub fn slowdown(&self) -> Option<f64> {
        let (cpu_ns, run_delay_ns) = (self.cpu_ns? as f64, self.run_delay_ns? as f64);
        (cpu_ns > 0.0).then(|| (cpu_ns + run_delay_ns) / cpu_ns)
    }
}

/// The value in versions that did not write the key.
#[cfg(feature = "read")]
fn default_trim() -> f64 {
    0.1
}

/// One call path.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct PathNode {
    /// The function's path.
    pub path: String,
    /// Index of the caller's entry; `None` at a thread's start.
    pub parent: Option<usize>,
    /// Calls along this path. A recursive call counts at its function's entry further up.
    pub calls: u64,
    /// Time in these calls and their callees: `exclusive_ns` plus the children's `inclusive_ns`.
    pub inclusive_ns: u64,
    /// Time in these calls themselves.
    pub exclusive_ns: u64,
    /// Allocations in these calls themselves.
    pub exclusive_allocations: Option<u64>,
    /// Bytes allocated in these calls themselves.
    pub exclusive_allocated_bytes: Option<u64>,
}

/// An annotated function in the program that was not called.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct NeverCalled {
    /// Its path.
    pub path: String,
    /// Its file.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
}

/// A function in an annotated container that could not be instrumented.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct NotInstrumented {
    /// Its module and name.
    pub path: String,
    /// Its file.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// The reason.
    pub reason: String,
}

/// Cost and losses of recording.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Overhead {
    /// Calls that were timed.
    pub timed_calls: u64,
    /// Calls that were counted but not timed.
    pub counted_calls: u64,
    /// Cost of recording over all threads: calls times the calibrated cost of a call.
    pub recording_ns: u64,
    /// Time in annotated functions over all threads, from each outermost call, without recording:
    /// the base of `%`.
    pub annotated_ns: u64,
    /// `recording_ns` / (`recording_ns` + `annotated_ns`); 0.031 is 3.1 %.
    pub share: f64,
    /// Estimated cost of recording beyond `recording_ns`, which cannot be measured: functions are
    /// no longer inlined, loops no longer unrolled. A third of a span per call. Not subtracted;
    /// intervals cover it.
    pub unmeasured_ns: u64,
    /// Cost of a timed span around an empty body: subtracted for calls as short as two clock reads.
    pub span_ns: f64,
    /// Cost of a timed span around a longer body: one that waits for its own results, and one that
    /// keeps the processor busy, lower first. Their readings are alike, so the middle is
    /// subtracted.
    pub span_range_ns: [f64; 2],
    /// Cost of a counted call with a frame of its own.
    pub counted_ns: f64,
    /// Cost of a call counted by the function's own code.
    pub left_out_ns: f64,
    /// Calls that were not recorded for lack of memory.
    pub lost_calls: u64,
    /// Clock readings that went backwards; these calls count as 0 ns.
    pub clock_anomalies: u64,
    /// Whether there were too many call paths: the others are under `<other>` in the tree.
    pub capped_paths: bool,
    /// Memory windows missing from [`Snapshot::memory`], dropped in favor of others that added
    /// more.
    pub windows_left_out: u64,
    /// How long the recording of all functions was switched off by SIGUSR2. Calls made then are not
    /// counted.
    pub switched_off_ns: u64,
}
