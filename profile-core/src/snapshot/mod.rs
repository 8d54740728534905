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

/// The version of the snapshot's form, in JSON the key `schema_version`.
/// 2 renamed the keys `good` and `bad` of [`Returns`] to `ok` and `err`; version 1 is still read.
pub const SCHEMA_VERSION: u32 = 2;

/// Everything recorded in a process up to a moment.
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
    /// [`SCHEMA_VERSION`] of the version that made it.
    pub schema_version: u32,
    /// Which program, when, where.
    pub process: Process,
    /// Every annotated function that was called, by inclusive time, largest first.
    pub functions: Vec<Function>,
    /// Every annotated function in the program that was not.
    pub never_called: Vec<NeverCalled>,
    /// Who called whom: one entry for each path from a thread's start, a parent before its
    /// children.
    pub call_tree: Vec<PathNode>,
    /// The source of each function with `#[profile(lines)]`, line by line.
    pub lines: Vec<Line>,
    /// Curves of memory over time: one for each window.
    pub memory: Vec<MemoryRecord>,
    /// What is in an annotated `impl`, `trait` or `mod` and could not be instrumented.
    pub not_instrumented: Vec<NotInstrumented>,
    /// What the user should know of before trusting the numbers.
    pub warnings: Vec<WarningRecord>,
    /// What the numbers suggest, by the thresholds of [`Settings::advice`](crate::Settings).
    pub advice: Vec<Advice>,
    /// What recording itself cost and lost.
    pub overhead: Overhead,
    /// Of a snapshot that was [merged](Snapshot::merge): each process that is in it. `process` sums
    /// them up then.
    pub processes: Vec<Process>,
}

impl Snapshot {
    /// The function whose path is `path`, or ends in `::path`; the one with most inclusive time if
    /// several do.
    #[must_use]
    pub fn function(&self, path: &str) -> Option<&Function> {
        self.functions.iter().find(|function| is_path(&function.path, path))
    }

    /// A line of such a function, by its number in the file. `None`: its lines were not recorded,
    /// or it has none of that number.
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

/// Whether `asked` names `path`: the whole of it, or its last segments.
pub(crate) fn is_path(path: &str, asked: &str) -> bool {
    path.strip_suffix(asked).is_some_and(|before| before.is_empty() || before.ends_with("::"))
}

/// Which program was measured, when and where.
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
    /// From then to the snapshot.
    pub duration_ns: u64,
    /// Which clock timed the calls: `tsc`, `fenced`, `monotonic`.
    pub clock: String,
    /// How long one tick of it lasts.
    pub tick_ns: f64,
    /// Processors the system has. 0, as of the others: nobody looked before the process was killed.
    pub logical_cores: usize,
    /// Of these, physical cores; `None` if the system does not tell.
    pub physical_cores: Option<usize>,
    /// Processors this process may use.
    pub available_cores: usize,
    /// Whether allocations were counted; if not, every figure of memory is `None`.
    pub allocator: bool,
    /// Whether the program was built with debug assertions, so that its times say little.
    pub debug_assertions: bool,
    /// Threads that recorded something, the ended ones included.
    pub threads: u64,
    /// Resident memory at the snapshot, and the most there was by the kernel's own mark. `None`
    /// where it cannot be read, as for a segment of another process.
    pub resident_bytes: Option<u64>,
    /// See `resident_bytes`.
    pub kernel_peak_bytes: Option<u64>,
    /// Live bytes of the heap at the snapshot and the most there were, to within 64 KiB a thread.
    /// `None` without the allocator.
    pub heap_bytes: Option<u64>,
    /// See `heap_bytes`.
    pub heap_peak_bytes: Option<u64>,
    /// What the C library's heap holds at the snapshot beyond `heap_bytes`, at least: what code in
    /// C allocates passes no allocator of Rust's, and no figure of memory but the resident one has
    /// it. `None` where the C library does not say, or without the allocator.
    pub uncounted_heap_bytes: Option<u64>,
    /// Processor time of the threads that recorded something, the ended ones included. This and the
    /// next three are `None` where the system does not tell, and for a segment of a process that
    /// was killed before it took a snapshot.
    pub cpu_ns: Option<u64>,
    /// For how long these threads were ready to run and waited for a processor: other programs had
    /// it, or other threads of this one.
    pub run_delay_ns: Option<u64>,
    /// How often threads of the process lost the processor to others while they could have gone on.
    pub involuntary_switches: Option<u64>,
    /// The part of `duration_ns` in which any thread of the machine waited for a processor.
    pub cpu_pressure_ns: Option<u64>,
    /// The share that trimmed means leave out at each end.
    #[cfg_attr(feature = "read", serde(default = "a_tenth"))]
    pub trim: f64,
}

impl Process {
    /// How many times as long work took as it would have taken with a processor for each thread:
    /// processor time and run delay over processor time. `None` where that is not known.
    #[must_use]
    pub fn slowdown(&self) -> Option<f64> {
        let (cpu_ns, run_delay_ns) = (self.cpu_ns? as f64, self.run_delay_ns? as f64);
        (cpu_ns > 0.0).then(|| (cpu_ns + run_delay_ns) / cpu_ns)
    }
}

/// What it was before it was written down.
#[cfg(feature = "read")]
fn a_tenth() -> f64 {
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
    /// Index of the caller's entry in the list; `None` at a thread's start.
    pub parent: Option<usize>,
    /// Calls along this path; a recursive call counts at the entry of its function further up.
    pub calls: u64,
    /// Time in these calls, and in what they called: `exclusive_ns` and the children's
    /// `inclusive_ns`.
    pub inclusive_ns: u64,
    /// Time in these calls themselves.
    pub exclusive_ns: u64,
    /// Allocations in these calls themselves.
    pub exclusive_allocations: Option<u64>,
    /// Bytes allocated in these calls themselves.
    pub exclusive_allocated_bytes: Option<u64>,
}

/// An annotated function that was linked into the program and not called.
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

/// Something in an annotated container that could not be instrumented.
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
    /// Why.
    pub reason: String,
}

/// What recording cost and what it lost.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Overhead {
    /// Calls that were timed.
    pub timed_calls: u64,
    /// Calls that were counted and not timed.
    pub counted_calls: u64,
    /// Time spent in recording, over all threads: calls times the calibrated cost of one.
    pub recording_ns: u64,
    /// Time that threads spent in annotated functions, each from its outermost call, without
    /// recording: what `%` is of.
    pub annotated_ns: u64,
    /// `recording_ns` as a share of both together; 0.031 is 3.1 %.
    pub share: f64,
    /// What recording may have cost beyond `recording_ns`, at most: a function so short that the
    /// compiler would have inlined it may no longer be inlined, and nothing measures that. Not
    /// subtracted; intervals cover it.
    pub unmeasured_ns: u64,
    /// Cost of one timed span around nothing: what is subtracted for a call that is as short as its
    /// two readings of the clock.
    pub span_ns: f64,
    /// Cost of one timed span around a longer body: of one that waits for its own results, and of
    /// one that keeps the processor busy. Their readings are alike, so the middle of both is taken
    /// off. The lower of both comes first.
    pub span_range_ns: [f64; 2],
    /// Cost of one call that is counted, with a frame of its own.
    pub counted_ns: f64,
    /// Cost of one call that the function's own code counts.
    pub left_out_ns: f64,
    /// Calls that found no memory to be recorded in.
    pub lost_calls: u64,
    /// Readings of the clock that went backwards; these calls count as 0 ns.
    pub clock_anomalies: u64,
    /// Call paths that found no room of their own: their calls are under `<other>` in the tree.
    pub capped_paths: bool,
    /// Windows of memory that are not in [`Snapshot::memory`]: they added less than others of their
    /// name, or than all others.
    pub windows_left_out: u64,
}
