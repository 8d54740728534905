//! One annotated function's row.

/// Statistics of one function, over all threads and call paths.
///
/// Times are wall-clock times, with the calibrated cost of recording subtracted. For an async
/// function they cover its polls; [`AsyncTimes`] has the rest. Memory figures are `None` without
/// the allocator wrapper.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Function {
    /// Crate, modules, type and name.
    pub path: String,
    /// The name alone.
    pub name: String,
    /// Module it is in.
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
    /// Of these, calls still open at the snapshot.
    pub open: u64,
    /// Deepest recursion: most calls open at once in a thread. 1 without recursion.
    pub max_depth: u64,
    /// Ended calls that were timed. If these are fewer than the ended calls, times are estimates,
    /// and `inclusive_interval_ns` is their precision.
    pub timed_calls: u64,

    /// Time from entry to exit. Under recursion, only the outermost call counts.
    pub inclusive_ns: u64,
    /// Time outside other annotated functions.
    pub exclusive_ns: u64,
    /// Time of work on other threads that carries its [`Context`](crate::Context). Not part of
    /// `inclusive_ns`, which covers its own thread.
    pub carried_ns: u64,
    /// Interval of `inclusive_ns`, if that is uncertain by more than 2 %: the 95 % confidence
    /// interval of an estimate from at least two timed calls, extended by what recording its
    /// callees may have cost.
    pub inclusive_interval_ns: Option<[u64; 2]>,
    /// Cost of recording its calls. No other figure includes it.
    pub recording_ns: u64,
    /// Time since the start of the run at which recording was stopped, because even counting its
    /// calls exceeded the budget. All figures cover the calls until then. The earliest time over
    /// all threads.
    pub stopped_ns: Option<u64>,
    /// Shortest call.
    pub min_ns: Option<u64>,
    /// Longest call.
    pub max_ns: Option<u64>,
    /// First call in a thread; with several threads, the longest of these.
    pub first_ns: Option<u64>,
    /// Arithmetic mean of the ended calls.
    pub mean_ns: Option<f64>,
    /// Trimmed mean: without a share of the calls at each end (0.1 unless `PROFILE_TRIM` is set),
    /// as in `scipy.stats.trim_mean`.
    pub trimmed_mean_ns: Option<f64>,
    /// Quantiles of the ended calls, keyed `p50`: the shortest duration that at least this
    /// percentage of calls do not exceed, within 0.8 %.
    pub quantiles: std::collections::BTreeMap<String, u64>,
    /// Histogram of the calls: `[ns, calls]`, ascending, each value within 0.8 % of the calls it
    /// represents. Under an overhead budget, each timed call is weighted by the calls it
    /// represents.
    pub histogram: Vec<[u64; 2]>,
    /// The median is close to the cost of reading the clock, so single times are unreliable.
    pub too_short: bool,

    /// Allocations during the calls, including callees.
    pub allocations: Option<u64>,
    /// Bytes of them.
    pub allocated_bytes: Option<u64>,
    /// Blocks freed during the calls.
    pub frees: Option<u64>,
    /// Bytes of them.
    pub freed_bytes: Option<u64>,
    /// Allocations that grow a block. A `realloc` counts as an allocation of the new size and a
    /// free of the old.
    pub grown: Option<u64>,
    /// Allocations that shrink a block.
    pub shrunk: Option<u64>,
    /// Peak of the live bytes of one call, above the level at its start, including work on other
    /// threads that carries its context. If several threads work at once, their peaks are assumed
    /// to coincide, so this is an upper bound.
    pub peak_bytes: Option<u64>,
    /// `allocated_bytes` minus `freed_bytes`; negative if the calls freed more than they allocated.
    pub retained_bytes: Option<i64>,
    /// Allocations outside other annotated functions.
    pub exclusive_allocations: Option<u64>,
    /// Bytes of them.
    pub exclusive_allocated_bytes: Option<u64>,
    /// Of these, allocations that grow a block.
    pub exclusive_grown: Option<u64>,
    /// Blocks freed outside other annotated functions.
    pub exclusive_frees: Option<u64>,
    /// Bytes of them.
    pub exclusive_freed_bytes: Option<u64>,
    /// `exclusive_allocated_bytes` less `exclusive_freed_bytes`.
    pub exclusive_retained_bytes: Option<i64>,
    /// Bytes allocated per call, including callees. `None` for async functions.
    pub bytes_per_call: Option<BytesPerCall>,
    /// Sizes of the blocks it allocated outside other annotated functions, where they were asked
    /// for.
    pub block_sizes: Option<BlockSizes>,
    /// Live bytes that it allocated outside other annotated functions, whoever owns them now. An
    /// estimate in programs that allocate much; in a merged report, the sum.
    pub exclusive_held_bytes: Option<u64>,
    /// Whether these grow with every call. `None` for fewer than [`Leak::FEWEST_CALLS`] calls.
    pub leak: Option<Leak>,

    /// Its slowest calls, with `#[profile(args(…))]`: at most [`Call::MOST`], the slowest first.
    pub slowest: Vec<Call>,
    /// The calls that allocated most bytes, most first. Not of async functions.
    pub most_allocating: Vec<Call>,
    /// How its calls returned, with `#[profile(returns)]`.
    pub returns: Option<Returns>,

    /// Time it ran and time it waited, if sampled.
    pub on_cpu: Option<OnCpu>,

    /// Figures of async functions.
    #[cfg_attr(feature = "profile", serde(rename = "async"))]
    pub polled: Option<AsyncTimes>,
}

/// Whether a function ran or waited: samples of the processor time of threads in which it was
/// innermost, with `PROFILE_CPU` or [`Settings::cpu_interval`](crate::Settings).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct OnCpu {
    /// Time between samples in which it was innermost, over all threads.
    pub sampled_ns: u64,
    /// Of this, processor time.
    pub on_cpu_ns: u64,
    /// Of the rest, time in which the thread was runnable and waited for a processor. 0 where
    /// unsupported.
    pub run_delay_ns: u64,
}

impl OnCpu {
    /// The rest: time in which it slept or waited for something other than a processor.
    #[must_use]
    pub fn waiting_ns(&self) -> u64 {
        self.sampled_ns.saturating_sub(self.on_cpu_ns).saturating_sub(self.run_delay_ns)
    }
}

/// Bytes allocated by each ended call of a function; a call without allocations counts as 0.
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
    /// Quantiles as [`Function::quantiles`], of any size.
    pub quantiles: std::collections::BTreeMap<String, u64>,
    /// `[bytes, calls]`, as [`Function::histogram`].
    pub histogram: Vec<[u64; 2]>,
}

/// A single call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Call {
    /// `name = value` of the requested arguments; truncated if long.
    pub arguments: String,
    /// Its duration; for an async function from the first poll to the end. `None` if it was not
    /// timed.
    pub duration_ns: Option<u64>,
    /// Its start, in nanoseconds since recording began. `None` if it was not timed.
    pub started_ns: Option<u64>,
    /// Allocations in it, callees included.
    pub allocations: u64,
    /// Bytes of them.
    pub allocated_bytes: u64,
    /// Path of the calling annotated function; empty if there is none.
    pub caller: String,
    /// The kernel's thread id; 0 where there is none.
    pub thread_id: u64,
    /// The thread's name; the kernel keeps fifteen bytes.
    pub thread: String,
}

impl Call {
    /// Calls that each list holds.
    pub const MOST: usize = 8;
}

/// How the ended calls of a function returned, without calls that unwound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct Returns {
    /// `result`, `option`, or empty if every call so far ended by `?`.
    pub kind: String,
    /// With `Ok` or `Some`.
    #[cfg_attr(feature = "read", serde(alias = "good"))]
    pub ok: Returned,
    /// With `Err` or `None`.
    #[cfg_attr(feature = "read", serde(alias = "bad"))]
    pub err: Returned,
}

/// One of two ways to return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct Returned {
    /// Calls.
    pub calls: u64,
    /// Time of these calls, including callees; for an async function, the time in its polls. An
    /// estimate under an overhead budget.
    pub inclusive_ns: u64,
}

/// Blocks by their size, with `PROFILE_SIZES=1` or [`Settings::block_sizes`](crate::Settings).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct BlockSizes {
    /// Blocks freed by their thread before its next allocation: heaptrack's temporary allocations.
    pub temporary: u64,
    /// `[bytes, allocations]`: so many of at most so many bytes and more than half as many;
    /// ascending.
    pub classes: Vec<[u64; 2]>,
}

impl BlockSizes {
    /// Blocks of every size.
    #[must_use]
    pub fn allocations(&self) -> u64 {
        self.within(None, u64::MAX)
    }

    /// Blocks in the classes that end above `above` and not above `end`, in bytes.
    #[must_use]
    pub fn within(&self, above: Option<u64>, end: u64) -> u64 {
        let inside =
            |[bytes, _]: &&[u64; 2]| above.is_none_or(|above| *bytes > above) && *bytes <= end;
        self.classes.iter().filter(inside).fold(0, |sum, class| sum.saturating_add(class[1]))
    }
}

/// Whether the memory that a function allocates accumulates over its calls.
///
/// Only live memory counts: what is returned, sent or stored and freed later by its owner is not a
/// leak. A leak grows in several steps up to the last calls, and no slower than before: with every
/// call, with one in a hundred, or by the doubling of a vector. A cache that is full after two
/// fifths of the calls is not a leak.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Leak {
    /// Bytes leaked per call, averaged over the later calls; 0 without a leak.
    pub bytes_per_call: f64,
    /// Half the width of its 95 % confidence interval; 0 as long as every block is tracked, as at
    /// first in every program.
    pub margin_bytes: f64,
}

impl Leak {
    /// Fewer calls give no verdict.
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

/// Times of an async function.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct AsyncTimes {
    /// From first poll to end, summed over the ended calls.
    pub wall_ns: u64,
    /// Of this, inside polls.
    pub busy_ns: u64,
    /// Of this, between polls: `wall_ns` minus `busy_ns`.
    pub waiting_ns: u64,
    /// Longest call, from first poll to end.
    pub max_wall_ns: Option<u64>,
    /// Quantiles of the calls' wall time, as [`Function::quantiles`].
    pub wall_quantiles: std::collections::BTreeMap<String, u64>,
    /// `[ns, calls]` of the wall time, as [`Function::histogram`].
    pub wall_histogram: Vec<[u64; 2]>,
    /// Polls of all calls.
    pub polls: u64,
    /// Calls that completed, by return or panic.
    pub finished: u64,
    /// Calls dropped before completion.
    pub cancelled: u64,
}

/// A `[value, count]` histogram as the statistics take it.
#[cfg(feature = "profile")]
pub(crate) fn weighted_values(histogram: &[[u64; 2]]) -> Vec<(f64, u64)> {
    histogram.iter().map(|[value, count]| (*value as f64, *count)).collect()
}

impl Function {
    /// Whether its times are estimated: not all of its ended calls were timed.
    #[must_use]
    pub fn is_estimated(&self) -> bool {
        self.timed_calls < self.calls.saturating_sub(self.open)
    }
}

#[cfg(feature = "profile")]
impl Function {
    /// Whether it is the row of that function.
    pub(crate) fn is_of(&self, site: &crate::callsite::CallSite) -> bool {
        (self.line, self.column) == (site.line(), site.column())
            && self.file == site.file()
            && self.path == site.path()
    }

    /// The distribution of its calls in nanoseconds, three significant digits, as every
    /// HdrHistogram tool takes it: to merge, to compare, to serialise. Values are those of
    /// [`Function::histogram`]; 0 ns counts as 1 ns, the least such a histogram can tell.
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
        // 1 to at least 2 at three digits is always allowed.
        let Ok(mut distribution) = bounded else {
            unreachable!("bounds 1 and {longest} are in order")
        };
        for [ns, calls] in &self.histogram {
            distribution.saturating_record_n((*ns).max(1), *calls);
        }
        distribution
    }
}
