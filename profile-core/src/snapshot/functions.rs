//! One annotated function's row.

/// What one function did, over all threads and call paths.
///
/// Times are wall-clock times of the calls, with the calibrated cost of recording subtracted. For
/// an async function they are the times inside its polls; [`AsyncTimes`] has the rest. Figures of
/// memory are `None` where no allocator wrapper was installed.
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

    /// Calls begun.
    pub calls: u64,
    /// Of these, calls that ended by unwinding.
    pub panicked: u64,
    /// Of these, calls not ended at the snapshot.
    pub open: u64,
    /// The most of its calls that were open within each other in a thread: 1 where it does not
    /// recurse.
    pub max_depth: u64,
    /// Of the ended calls, those timed. Fewer than the ended ones only under an overhead budget;
    /// times are then estimates and `inclusive_interval_ns` says how good.
    pub timed_calls: u64,

    /// Time from entry to exit, the outermost call counted alone where the function recurses.
    pub inclusive_ns: u64,
    /// Time outside other annotated functions.
    pub exclusive_ns: u64,
    /// Time of work that it handed on to other threads with a [`Context`](crate::Context): not in
    /// `inclusive_ns`, which is that of its own thread.
    pub carried_ns: u64,
    /// Two-sided 95 % confidence interval of `inclusive_ns`, where that is an estimate from at
    /// least two timed calls.
    pub inclusive_interval_ns: Option<[u64; 2]>,
    /// What recording its calls took; it is in no figure of any function.
    pub recording_ns: u64,
    /// When the recording of its calls was stopped, since the start of the run: even counting them
    /// cost more than the budget. All figures are of the calls until then. The earliest, where
    /// threads differ.
    pub stopped_ns: Option<u64>,
    /// Shortest call.
    pub min_ns: Option<u64>,
    /// Longest call.
    pub max_ns: Option<u64>,
    /// The first call of a thread, the longest of these where several threads called it.
    pub first_ns: Option<u64>,
    /// Arithmetic mean of the ended calls.
    pub mean_ns: Option<f64>,
    /// Mean without the share [`Settings`](crate::Settings) says (0.1) at each end, as
    /// `scipy.stats.trim_mean`.
    pub trimmed_mean_ns: Option<f64>,
    /// Quantiles of the ended calls, keyed `p50`: the shortest duration that at least so many per
    /// cent do not exceed, within 0.8 %.
    pub quantiles: std::collections::BTreeMap<String, u64>,
    /// How the calls were distributed: `[ns, calls]`, each value within 0.8 % of the calls it
    /// stands for, ascending. Under an overhead budget each timed call counts for as many as it was
    /// one of.
    pub histogram: Vec<[u64; 2]>,
    /// The median is so near the cost of reading the clock that the single times say little.
    pub too_short: bool,

    /// Allocations during the calls, those of callees included.
    pub allocations: Option<u64>,
    /// Bytes of them.
    pub allocated_bytes: Option<u64>,
    /// Blocks freed during the calls.
    pub frees: Option<u64>,
    /// Bytes of them.
    pub freed_bytes: Option<u64>,
    /// Of the allocations, blocks that became larger (a `realloc` counts as an allocation of the
    /// new size and a free of the old).
    pub grown: Option<u64>,
    /// Of the allocations, blocks that became smaller.
    pub shrunk: Option<u64>,
    /// Most bytes that one call held at a time beyond what was held when it began, with those of
    /// work that it handed on. Where several threads work for it at once, their peaks are taken to
    /// coincide, so that it is at most this.
    pub peak_bytes: Option<u64>,
    /// `allocated_bytes` less `freed_bytes`: what the calls left behind (negative: returned).
    pub retained_bytes: Option<i64>,
    /// Allocations outside other annotated functions.
    pub exclusive_allocations: Option<u64>,
    /// Bytes of them.
    pub exclusive_allocated_bytes: Option<u64>,
    /// Of them, blocks that became larger.
    pub exclusive_grown: Option<u64>,
    /// Blocks freed outside other annotated functions.
    pub exclusive_frees: Option<u64>,
    /// Bytes of them.
    pub exclusive_freed_bytes: Option<u64>,
    /// `exclusive_allocated_bytes` less `exclusive_freed_bytes`.
    pub exclusive_retained_bytes: Option<i64>,
    /// What single calls allocated, callees included. `None` for async functions.
    pub bytes_per_call: Option<BytesPerCall>,
    /// Sizes of the blocks it allocated outside other annotated functions, where they were asked
    /// for.
    pub block_sizes: Option<BlockSizes>,
    /// What the process still holds of the bytes that it allocated outside other annotated
    /// functions, whoever has them now. An estimate in programs that allocate much; of a merged
    /// report the sum.
    pub exclusive_held_bytes: Option<u64>,
    /// Whether that grows, call after call. `None` for fewer than [`Leak::FEWEST_CALLS`] calls.
    pub leak: Option<Leak>,

    /// Its slowest calls, with `#[profile(args(…))]`: at most [`Call::MOST`], the slowest first.
    pub slowest: Vec<Call>,
    /// The calls that allocated most bytes, most first. Not of async functions.
    pub most_allocating: Vec<Call>,
    /// How its calls returned, with `#[profile(returns)]`.
    pub returns: Option<Returns>,

    /// How much of its time it ran and how much it waited, where that was sampled.
    pub on_cpu: Option<OnCpu>,

    /// What only async functions have.
    #[cfg_attr(feature = "profile", serde(rename = "async"))]
    pub polled: Option<AsyncTimes>,
}

/// Whether a function worked or waited, by samples of the processor time of the threads that it was
/// innermost in, with `PROFILE_CPU` or [`Settings::cpu_interval`](crate::Settings).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct OnCpu {
    /// Time between samples that found it innermost, over all threads.
    pub sampled_ns: u64,
    /// Of this, processor time.
    pub on_cpu_ns: u64,
    /// Of the rest, time in which the thread was ready to run and waited for a processor: it
    /// worked, on a busy machine. 0 where the system does not tell.
    pub run_delay_ns: u64,
}

impl OnCpu {
    /// What is left: time in which it slept, or waited for something else than a processor.
    #[must_use]
    pub fn waiting_ns(&self) -> u64 {
        self.sampled_ns.saturating_sub(self.on_cpu_ns).saturating_sub(self.run_delay_ns)
    }
}

/// What the ended calls of a function allocated each; a call that allocated nothing counts as 0.
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

/// A single call, with its circumstances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Call {
    /// `name = value`, of the arguments that were requested; cut where they are long.
    pub arguments: String,
    /// How long it took: of an async function from its first poll to its end. `None` if it was not
    /// timed.
    pub duration_ns: Option<u64>,
    /// When it began, in nanoseconds since recording did. `None` if it was not timed.
    pub started_ns: Option<u64>,
    /// Allocations in it, callees included.
    pub allocations: u64,
    /// Bytes of them.
    pub allocated_bytes: u64,
    /// Path of the annotated function that called it; empty: none.
    pub caller: String,
    /// The kernel's number of its thread; 0 where there is none.
    pub thread_id: u64,
    /// The thread's name, of which the kernel keeps fifteen bytes.
    pub thread: String,
}

impl Call {
    /// Calls that each list holds.
    pub const MOST: usize = 8;
}

/// How the ended calls of a function returned. One that unwound has not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct Returns {
    /// `result`, `option`, or nothing where every call ended by `?` so far.
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
    /// Time of these calls, each with its callees: of an async function the time in its polls.
    /// Under an overhead budget an estimate.
    pub inclusive_ns: u64,
}

/// Blocks by their size, with `PROFILE_SIZES=1` or [`Settings::block_sizes`](crate::Settings).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
pub struct BlockSizes {
    /// Blocks that their thread freed before it allocated another: heaptrack's temporary
    /// allocations.
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

/// Whether what a function allocates stays, call after call.
///
/// What counts is what the process still holds of it: what is returned, sent on or stored, and
/// freed by whoever has it then, is no leak. A leak is what has grown over the calls up to the last
/// ones in several steps and no slower than before: with every call, with one in a hundred, or by
/// the doubling of a vector. A cache that has filled by two fifths of the calls is steady.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Leak {
    /// Bytes that a call leaves behind, on the average of the later calls; 0 where nothing leaks.
    pub bytes_per_call: f64,
    /// Half the width of its 95 % confidence interval; 0 while every block is followed, as at first
    /// in every program.
    pub margin_bytes: f64,
}

impl Leak {
    /// Fewer calls say nothing.
    pub const FEWEST_CALLS: u64 = 20;

    /// Whether the whole interval lies above 0.
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
    /// From first poll to end, summed over the ended calls.
    pub wall_ns: u64,
    /// Of this, inside polls.
    pub busy_ns: u64,
    /// Of this, between polls: `wall_ns` less `busy_ns`.
    pub waiting_ns: u64,
    /// Longest call, from first poll to end.
    pub max_wall_ns: Option<u64>,
    /// Quantiles of the calls' wall time, as [`Function::quantiles`].
    pub wall_quantiles: std::collections::BTreeMap<String, u64>,
    /// `[ns, calls]` of the wall time, as [`Function::histogram`].
    pub wall_histogram: Vec<[u64; 2]>,
    /// Polls of all calls.
    pub polls: u64,
    /// Calls that ran to their end, by return or panic.
    pub finished: u64,
    /// Calls dropped before their end.
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
