//! Measures what your functions cost, in time and in memory, and whether that changed.
//!
//! Put [`#[profile]`](macro@profile) on the functions you care about and run the program. When the
//! program ends by returning from `main`, by `exit` or by a panic, it prints a table to standard
//! error: calls, total and self time, percentiles and, with [`ProfilingAllocator`] installed,
//! allocations. If a signal, `abort`, `_exit` or a stack overflow ends the program, there is no
//! table, but on Linux the recording is left in a file in memory, which `profile last` shows and
//! [`read_segment`] reads.
//!
//! ```
//! use profile_core::profile;
//!
//! #[profile]
//! fn fibonacci(n: u32) -> u64 {
//!     if n < 2 { u64::from(n) } else { fibonacci(n - 1) + fibonacci(n - 2) }
//! }
//!
//! assert_eq!(fibonacci(20), 6765);
//! ```
//!
//! - [`span!`] times a block, [`capture`] returns the numbers to the program itself, [`find`] and
//!   [`functions`] look up functions at run time, and [`Settings`] selects what is reported and how
//!   much timing may cost.
//! - The environment variables `PROFILE_REPORT`, `PROFILE_SORT`, `PROFILE_PERCENTILES`,
//!   `PROFILE_TRIM`, `PROFILE_OVERHEAD`, `PROFILE_CLOCK`, `PROFILE_RSS_INTERVAL`, `PROFILE_SIZES`,
//!   `PROFILE_CPU`, `PROFILE_ADVICE`, `PROFILE_RUN_DIR` and `PROFILE_BLESS` override settings made
//!   in code; docs/settings.md lists their values. `PROFILE_WARNINGS`, `PROFILE_LIMITS` and
//!   `PROFILE_EXIT_CODE` control [warnings](crate::warnings#limits-of-functions).
//! - Without the feature `profile` (on by default) the attributes return their item unchanged and
//!   nothing of this crate remains in the program. A library should depend on this crate with
//!   `default-features = false` and leave the decision to the application.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `profile` (the only default) | attributes measure; all reports except those below |
//! | `read` | `Snapshot::load`, `Snapshot::from_bytes` and `Deserialize`; enables `binary` |
//! | `binary` | `PROFILE_REPORT=binary:FILE`, `Snapshot::to_bytes` |
//! | `hlog` | `PROFILE_REPORT=hlog:FILE`: logs for HdrHistogram's tools |
//! | `png` | `PROFILE_REPORT=png:FILE`: the memory plot as PNG |
//! | `compare` | `compare`: what became slower between runs |
//! | `toml` | `profile.toml`: limits of functions in a file |
//! | `global-allocator` | installs [`ProfilingAllocator`] without a line of code |
//! | `stats` | all of `stats`; `profile` alone has trimmed means, quantiles and outliers |
//! | `ndarray` | `stats::nd`: the same along axes of arrays |
//! | `warnings` | `warnings` without `profile` (`profile` includes it) |
//! | `signals` | `signals`: handlers of signals that may run any code; also without `profile` |
//! | `workers` | `workers`: pools of processes, queues between them, shared memory |
//! | `log` | sends warnings to the program's log: `warnings::show_by_log` |
//! | `tracing` | sends warnings to `tracing`: `warnings::show_by_tracing` |
//! | `tokio` | `tokio::spawn` and similar functions that propagate the call path |
//! | `rayon` | the same for rayon |
//!
//! The command line tool `profile` includes the features that read, compare and convert. By default
//! this crate implements no comparison of its types with numbers or strings, so type inference in
//! the rest of the program is unaffected (`serde_json`, which `read` needs, does affect it).

#[cfg(feature = "profile")]
mod advice;
mod assertions;
#[cfg(feature = "profile")]
mod callsite;
#[cfg(feature = "profile")]
mod clock;
#[cfg(feature = "compare")]
mod compare;
#[cfg(feature = "profile")]
mod diagnostics;
#[cfg(feature = "warnings")]
mod escape;
#[cfg(feature = "profile")]
mod json;
#[cfg(feature = "profile")]
mod limits;
#[cfg(feature = "profile")]
mod memory;
mod options;
#[cfg(feature = "profile")]
mod record;
#[cfg(feature = "profile")]
pub mod report;
#[cfg(feature = "profile")]
pub mod runs;
#[cfg(feature = "profile")]
mod segment;
#[cfg(feature = "profile")]
mod session;
#[cfg(feature = "profile")]
mod settings;
#[cfg(feature = "signals")]
pub mod signals;
mod snapshot;
#[cfg(any(feature = "profile", feature = "stats", feature = "warnings"))]
mod sort;
mod spawn;
#[cfg(any(feature = "profile", feature = "stats"))]
pub mod stats;
#[cfg(feature = "profile")]
mod sys;
#[cfg(feature = "profile")]
mod units;

#[cfg(feature = "warnings")]
pub mod warnings;
#[cfg(feature = "workers")]
pub mod workers;

#[cfg(not(feature = "profile"))]
mod off;

#[cfg(feature = "profile")]
pub use on::*;
pub use options::{Backend, Budget, Kind, SettingError, Sort, Thresholds, Top};
pub use profile_macros::{memory_usage, profile};
pub use snapshot::{
    Advice, AdviceFigures, AdviceKind, AsyncTimes, BlockSizes, BytesPerCall, Call, ChildCurve,
    Function, Leak, Line, Measured, MemoryRecord, NeverCalled, NotInstrumented, OnCpu, Overhead,
    PathNode, Process, Reading, Returned, Returns, SCHEMA_VERSION, Snapshot, WarningRecord, Worst,
};
#[cfg(feature = "rayon")]
pub use spawn::rayon;
pub use spawn::thread;
#[cfg(feature = "tokio")]
pub use spawn::tokio;

#[cfg(not(feature = "profile"))]
pub use off::*;

#[cfg(feature = "profile")]
mod on {
    pub use crate::callsite::CallSite;
    #[cfg(feature = "compare")]
    pub use crate::compare::{Comparison, CountChange, FunctionChange, Runs, Verdict, compare};
    pub use crate::memory::allocator::ProfilingAllocator;
    pub use crate::memory::measure::measure;
    pub use crate::memory::usage::{
        MemoryOptions, MemoryUsage, memory_usage, memory_usage_for, memory_usage_of,
        memory_usage_of_command,
    };
    pub use crate::record::SpanGuard;
    pub use crate::record::context::{Context, ContextGuard, context};
    pub use crate::report::mprof::{
        MprofCall, MprofChild, MprofData, MprofError, MprofErrorKind, MprofFunction, MprofReading,
        read_mprof,
    };
    pub use crate::segment::reader::SegmentError;
    pub use crate::session::{capture, find, find_all, functions, read_segment, write_reports};
    pub use crate::settings::Settings;
    #[cfg(feature = "read")]
    pub use crate::snapshot::SnapshotError;
    /// The version of this crate used in [`Function::distribution`](crate::Function::distribution).
    /// An incompatible release of `hdrhistogram` is an incompatible release of this crate.
    pub use hdrhistogram;
}

/// Times a block: from here to the end of the scope, or until the guard is dropped.
///
/// ```
/// fn parse(text: &str) -> usize {
///     let words = {
///         let _span = profile_core::span!("split");
///         text.split(' ').count()
///     };
///     let _span = profile_core::span!("the rest");
///     words * 2
/// }
///
/// assert_eq!(parse("a b c"), 6);
/// ```
///
/// Bind the guard to a name that begins with `_` or is used later; `let _ = span!(…)` closes the
/// span at once. The guard may be moved, stored, and dropped before a guard that was created later:
/// a span lasts from its opening to its closing.
///
/// Do not hold the guard across an `.await`, because other tasks may run on the thread meanwhile.
/// In an async function with the attribute the span ends with the poll, and the report names it;
/// elsewhere the `.await` goes unnoticed, and the span's time includes those other tasks.
///
/// An empty name, or one that contains a NUL, does not compile:
///
/// ```compile_fail,E0080
/// let _span = profile_core::span!("");
/// ```
#[cfg(feature = "profile")]
#[macro_export]
macro_rules! span {
    ($name:literal) => {{
        const _: () =
            $crate::__private::check_span_name($crate::__private::core::concat!("", $name));
        static __PROFILE_SITE: $crate::__private::CallSite =
            $crate::__private::CallSite::new($crate::__private::Source {
                kind: $crate::__private::Kind::Span,
                text: $crate::__private::core::concat!(
                    $crate::__private::core::module_path!(),
                    "\0",
                    $crate::__private::core::file!(),
                    "\0",
                    $name,
                    "\0\0"
                ),
                line: $crate::__private::core::line!(),
                column: $crate::__private::core::column!(),
                overhead: 0.0,
                lines: $crate::__private::core::option::Option::None,
                asks_return: false,
                limits: $crate::__private::core::option::Option::None,
                path: $crate::__private::path_of(&|| ()),
            });
        $crate::__private::submit!(__PROFILE_SITE);
        $crate::__private::thread_local! {
            static __PROFILE_TURNS: $crate::__private::Turns =
                const { $crate::__private::Turns::new() };
        }
        $crate::__private::enter(&__PROFILE_SITE, &__PROFILE_TURNS)
    }};
}

/// What the attributes expand to. Not for use by hand: it changes without notice.
#[cfg(feature = "profile")]
#[doc(hidden)]
pub mod __private {
    pub use core;
    pub use inventory;

    pub use crate::__profile_submit as submit;
    pub use crate::__profile_submit_skipped as submit_skipped;
    pub use crate::assertions::{
        allocations, allocations_differ, expect_in_ledger, expect_no_leak,
    };
    pub use crate::callsite::{
        CallSite, Kind, LineSource, Linked, LinkedSkipped, Skipped, Source, check_span_name,
        path_of,
    };
    pub use crate::clock::set_mock_ticks;
    pub use crate::diagnostics::raise::{Raising, RaisingFuture, raised, raising_future};
    pub use crate::limits::{Limits, words as limit_words};
    pub use crate::memory::plan::UsagePlan;
    pub use crate::memory::usage::Window;
    pub use crate::memory::watch::{
        Watched, WatchedFuture, raised_watched, watch, watch_future, watch_raising_future,
    };
    pub use crate::options::Backend;
    pub use crate::record::arguments::{
        ByCopy, ByReference, CopyNow, Movable, Place, Shown, ViaDebug, ViaDisplay, WriteDebug,
        WriteDisplay, note_arguments,
    };
    pub use crate::record::leak_scope::LeakScope;
    pub use crate::record::lines::{
        Lines, at_here, back_here, drops, end_here, enter_here, iter_here, lined_future,
        resume_here, stay_in_lines, uncount_here,
    };
    pub use crate::record::returned::{ask_return, returned};
    pub use crate::record::{
        Turns, calibrate::use_mock_clock, enter, enter_each, future::Instrumented,
    };
    pub use crate::report::LinkedFormat;
    pub use crate::session::read_segment_bytes;
    pub use std::thread_local;
}

/// What the assertions expand to.
#[cfg(not(feature = "profile"))]
#[doc(hidden)]
pub mod __private {
    pub use core;

    pub use crate::assertions::{
        LeakScope, allocations, allocations_differ, expect_in_ledger, expect_no_leak,
    };
}

#[cfg(feature = "profile")]
#[doc(hidden)]
#[macro_export]
macro_rules! __profile_submit {
    ($site:path) => {
        $crate::__private::inventory::submit! { $crate::__private::Linked(&$site) }
    };
}

#[cfg(feature = "profile")]
#[doc(hidden)]
#[macro_export]
macro_rules! __profile_submit_skipped {
    ($skipped:path) => {
        $crate::__private::inventory::submit! { $crate::__private::LinkedSkipped(&$skipped) }
    };
}
