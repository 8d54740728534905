//! The row of an annotated function.

/// What one function did, over all threads and call paths.
///
/// Times are wall-clock times of the calls, with the calibrated cost of recording subtracted. For
/// an async function they are the times inside its polls; [`AsyncTimes`] has the rest. Memory
/// figures are `None` if the allocator wrapper is not installed.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Function {
    /// Crate, modules, type and name.
    pub path: String,
    /// The name alone.
    pub name: String,
    /// Its module.
    pub module: String,
    /// Its file.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    /// `function`, `async` or `span`.
    pub kind: String,
    /// Its doc comment.
    pub documentation: String,
    /// Its signature.
    pub signature: String,

    /// Calls started.
    pub calls: u64,
    /// Of these, calls that ended by unwinding.
    pub panicked: u64,
    /// Of these, calls that had not ended at the snapshot.
    pub open: u64,
    /// Maximum depth of recursion in a thread: 1 for a function that does not recurse.
    pub max_depth: u64,
    /// Of the ended calls, those that were timed. Fewer than the ended ones only under an overhead
    /// budget; the times are then estimates, and `inclusive_interval_ns` states how accurate they
    /// are.
    pub timed_calls: u64,

    /// Time from entry to exit. If the function recurses, only the outermost call counts.
    pub inclusive_ns: u64,
    /// Time outside other annotated functions.
    pub exclusive_ns: u64,
    /// Time of work spawned on other threads with a [`Context`](crate::Context). Not part of
    /// `inclusive_ns`, which covers the function's own thread.
    pub carried_ns: u64,
    /// Two-sided 95 % confidence interval of `inclusive_ns`, if that is an estimate from at least
    /// two timed calls.
    pub inclusive_interval_ns: Option<[u64; 2]>,
    /// Time spent on recording its calls; not included in any figure of any function.
    pub recording_ns: u64,
    /// When recording of its calls stopped, since the start of the run, because even counting them
    /// cost more than the budget. All figures cover the calls until then. The earliest time if
    /// threads differ.
    pub stopped_ns: Option<u64>,
    /// Shortest call.
    pub min_ns: Option<u64>,
    /// Longest call.
    pub max_ns: Option<u64>,
    /// The first call of a thread; the longest of these if several threads called the function.
    pub first_ns: Option<u64>,
    /// Arithmetic mean of the ended calls.
    pub mean_ns: Option<f64>,
    /// Mean without the share (0.1 by default) that is cut at each end, as `scipy.stats.trim_mean`.
    pub trimmed_mean_ns: Option<f64>,
    /// Quantiles of the ended calls, with keys such as `p50`: the shortest duration that at least
    /// this percentage of calls does not exceed, within 0.8 %.
    pub quantiles: std::collections::BTreeMap<String, u64>,
    /// Distribution of the calls: `[ns, calls]`, ascending, each value within 0.8 % of the calls it
    /// represents. Under an overhead budget each timed call is weighted by the number of calls it
    /// represents.
    pub histogram: Vec<[u64; 2]>,
    /// Whether the median is so close to the cost of reading the clock that single times are not
    /// meaningful.
    pub too_short: bool,

    /// Allocations during the calls, including those of callees.
    pub allocations: Option<u64>,
    /// Bytes allocated during the calls.
    pub allocated_bytes: Option<u64>,
    /// Blocks freed during the calls.
    pub frees: Option<u64>,
    /// Bytes freed during the calls.
    pub freed_bytes: Option<u64>,
    /// Of the allocations, blocks that grew (a `realloc` counts as an allocation of the new size
    /// and a free of the old).
    pub grown: Option<u64>,
    /// Of the allocations, blocks that shrank.
    pub shrunk: Option<u64>,
    /// Most bytes that a single call held beyond what was held when it began, including those of
    /// work it spawned. If several threads work for the call at once, their peaks are assumed to
    /// coincide, so the figure is an upper bound.
    pub peak_bytes: Option<u64>,
    /// `allocated_bytes` minus `freed_bytes`: bytes that the calls left allocated (negative if they
    /// freed more).
    pub retained_bytes: Option<i64>,
    /// Allocations outside other annotated functions.
    pub exclusive_allocations: Option<u64>,
    /// Bytes allocated outside other annotated functions.
    pub exclusive_allocated_bytes: Option<u64>,
    /// Of these allocations, blocks that grew.
    pub exclusive_grown: Option<u64>,
    /// Blocks freed outside other annotated functions.
    pub exclusive_frees: Option<u64>,
    /// Bytes freed outside other annotated functions.
    pub exclusive_freed_bytes: Option<u64>,
    /// `exclusive_allocated_bytes` minus `exclusive_freed_bytes`.
    pub exclusive_retained_bytes: Option<i64>,
    /// Bytes allocated by single calls, including callees. `None` for async functions.
    pub bytes_per_call: Option<BytesPerCall>,
    /// Sizes of the blocks allocated outside other annotated functions, if enabled.
    pub block_sizes: Option<BlockSizes>,
    /// Bytes allocated outside other annotated functions that the process still holds, whichever
    /// function owns them now. An estimate in programs that allocate much; the sum in a merged
    /// snapshot.
    pub exclusive_held_bytes: Option<u64>,
    /// Whether the held bytes grow with each call. `None` for fewer than [`Leak::FEWEST_CALLS`]
    /// calls.
    pub leak: Option<Leak>,

    /// Its slowest calls, with `#[profile(args(…))]`: at most [`Call::MOST`], slowest first.
    pub slowest: Vec<Call>,
    /// The calls that allocated the most bytes, largest first. Empty for async functions.
    pub most_allocating: Vec<Call>,
    /// How its calls returned, with `#[profile(returns)]`.
    pub returns: Option<Returns>,

    /// How long it ran and how long it waited, if sampled.
    pub on_cpu: Option<OnCpu>,

    /// Times that only async functions have.
    #[cfg_attr(feature = "profile", serde(rename = "async"))]
    pub polled: Option<AsyncTimes>,
}

/// Whether a function worked or waited, from samples of the processor time of threads in which it
/// was the innermost function. With `PROFILE_CPU` or [`Settings::cpu_interval`](crate::Settings).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct OnCpu {
    /// Time between samples in which it was innermost, over all threads.
    pub sampled_ns: u64,
    /// Of this, processor time.
    pub on_cpu_ns: u64,
    /// Of the remaining time, time in which the thread was runnable and waited for a processor on a
    /// busy machine. 0 if the system does not report it.
    pub run_delay_ns: u64,
}

impl OnCpu {
    /// The remaining time, in which it slept, or waited for something other than a processor.
    #[must_use]
    pub fn waiting_ns(&self) -> u64 {
        self.sampled_ns.saturating_sub(self.on_cpu_ns).saturating_sub(self.run_delay_ns)
    }
}

/// Bytes allocated by each ended call of a function; a call that allocated nothing counts as 0.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct BytesPerCall {
    /// Least.
    pub min_bytes: u64,
    /// Arithmetic mean.
    pub mean_bytes: f64,
    /// Most.
    pub max_bytes: u64,
    /// Quantiles, as in [`Function::quantiles`].
    pub quantiles: std::collections::BTreeMap<String, u64>,
    /// `[bytes, calls]`, as in [`Function::histogram`].
    pub histogram: Vec<[u64; 2]>,
}

/// A single call and its context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Call {
    /// The requested arguments as `name = value`; long ones are truncated.
    pub arguments: String,
    /// Its duration; for an async function from its first poll to its end. `None` if it was not
    /// timed.
    pub duration_ns: Option<u64>,
    /// When it began, in nanoseconds since the start of recording. `None` if it was not timed.
    pub started_ns: Option<u64>,
    /// Allocations during the call, including those of callees.
    pub allocations: u64,
    /// Bytes allocated during the call.
    pub allocated_bytes: u64,
    /// Path of the annotated function that called it; empty if there is none.
    pub caller: String,
    /// The kernel's id of its thread; 0 if unavailable.
    pub thread_id: u64,
    /// The thread's name, which the kernel limits to fifteen bytes.
    pub thread: String,
}

impl Call {
    /// Maximum number of calls in each list.
    pub const MOST: usize = 8;
}

/// How the ended calls of a function returned. Calls that unwound are not included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct Returns {
    /// `result` or `option`; empty if every call so far returned through `?`.
    pub kind: String,
    /// Calls that returned `Ok` or `Some`.
    #[cfg_attr(feature = "read", serde(alias = "good"))]
    pub ok: Returned,
    /// Calls that returned `Err` or `None`.
    #[cfg_attr(feature = "read", serde(alias = "bad"))]
    pub err: Returned,
}

/// Calls that returned in one of the two ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct Returned {
    /// Number of calls.
    pub calls: u64,
    /// Time of these calls, including callees; for an async function the time in its polls. An
    /// estimate under an overhead budget.
    pub inclusive_ns: u64,
}

/// Allocated blocks by size, with `PROFILE_SIZES=1` or [`Settings::block_sizes`](crate::Settings).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct BlockSizes {
    /// Blocks that their thread freed before it allocated another one: heaptrack's temporary
    /// allocations.
    pub temporary: u64,
    /// `[bytes, allocations]`, ascending: allocations of at most this size, and of more than half
    /// of it.
    pub classes: Vec<[u64; 2]>,
}

impl BlockSizes {
    /// Blocks of every size.
    #[must_use]
    pub fn allocations(&self) -> u64 {
        self.within(None, u64::MAX)
    }

    /// Blocks in the size classes above `above` up to and including `end`, in bytes.
    #[must_use]
    pub fn within(&self, above: Option<u64>, end: u64) -> u64 {
        let inside =
            |[bytes, _]: &&[u64; 2]| above.is_none_or(|above| *bytes > above) && *bytes <= end;
        self.classes.iter().filter(inside).fold(0, |sum, class| sum.saturating_add(class[1]))
    }
}

/// Whether the memory that a function allocates accumulates over its calls.
///
/// What counts is the memory that the process still holds. Memory that is returned, sent or stored,
/// and later freed by its owner, is not a leak. A function leaks if the held bytes have grown up to
/// the last calls, in several steps and not more slowly than before: with every call, with one call
/// in a hundred, or by the doubling of a vector. A cache that is full after two fifths of the calls
/// is steady.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Leak {
    /// Bytes that a call leaves allocated, averaged over the later calls; 0 if nothing leaks.
    pub bytes_per_call: f64,
    /// Half the width of the 95 % confidence interval; 0 while every block is tracked, as initially
    /// in every program.
    pub margin_bytes: f64,
}

impl Leak {
    /// With fewer calls there is no verdict.
    pub const FEWEST_CALLS: u64 = 20;

    /// Whether the whole interval is above 0.
    #[must_use]
    pub fn is_leaking(&self) -> bool {
        self.bytes_per_call - self.margin_bytes > 0.0
    }
}

impl std::fmt::Display for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.is_leaking() {
            return write!(f, "steady");
        }
        let digits = if self.bytes_per_call < 0.95 { 2 } else { 0 };
        let (bytes, margin) = (self.bytes_per_call, self.margin_bytes);
        write!(f, "leaks {bytes:.digits$} ± {margin:.digits$} bytes a call")
    }
}

/// How an async function spent its calls.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct AsyncTimes {
    /// Time from first poll to end, summed over the ended calls.
    pub wall_ns: u64,
    /// Of this, time inside polls.
    pub busy_ns: u64,
    /// Of this, time between polls: `wall_ns` minus `busy_ns`.
    pub waiting_ns: u64,
    /// Longest call, from first poll to end.
    pub max_wall_ns: Option<u64>,
    /// Quantiles of the calls' wall time, as in [`Function::quantiles`].
    pub wall_quantiles: std::collections::BTreeMap<String, u64>,
    /// `[ns, calls]` of the wall time, as in [`Function::histogram`].
    pub wall_histogram: Vec<[u64; 2]>,
    /// Polls of all calls.
    pub polls: u64,
    /// Calls that ran to their end, by return or panic.
    pub finished: u64,
    /// Calls dropped before they ended.
    pub cancelled: u64,
}

/// Converts a `[value, count]` histogram for the functions in `stats`.
#[cfg(feature = "profile")]
pub(crate) fn weighted_values(histogram: &[[u64; 2]]) -> Vec<(f64, u64)> {
    histogram.iter().map(|[value, count]| (*value as f64, *count)).collect()
}

impl Function {
    /// Whether its times are estimates: not all of its ended calls were timed.
    #[must_use]
    pub fn is_estimated(&self) -> bool {
        self.timed_calls < self.calls.saturating_sub(self.open)
    }
}

#[cfg(feature = "profile")]
impl Function {
    /// Whether this is the row of that function.
    pub(crate) fn is_of(&self, site: &crate::callsite::CallSite) -> bool {
        (self.line, self.column) == (site.line(), site.column())
            && self.file == site.file()
            && self.path == site.path()
    }

    /// The distribution of its calls in nanoseconds with three significant digits, as an
    /// HdrHistogram: to merge, compare or serialize. Values are those of [`Function::histogram`]; 0
    /// ns counts as 1 ns, the smallest value that such a histogram can represent.
    ///
    /// # Panics
    /// Never: bounds of 1 and at least 2 at three digits are always allowed.
    ///
    /// ```
    /// let quick = profile_core::Function::default();
    /// assert!(quick.distribution().is_empty());
    /// ```
    #[must_use]
    pub fn distribution(&self) -> hdrhistogram::Histogram<u64> {
        const DIGITS: u8 = 3;
        let longest = self.histogram.last().map_or(2, |[ns, _]| (*ns).max(2));
        let bounded = hdrhistogram::Histogram::new_with_bounds(1, longest, DIGITS);
        let Ok(mut distribution) = bounded else {
            unreachable!("bounds 1 and {longest} are in order")
        };
        for [ns, calls] in &self.histogram {
            distribution.saturating_record_n((*ns).max(1), *calls);
        }
        distribution
    }
}
