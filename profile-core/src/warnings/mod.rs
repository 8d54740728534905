//! Warnings with Python's filters. Users decide by category, text, module and line whether a
//! warning is an error, ignored, shown always, by default, once, or once per module.
//!
//! The semantics are those of CPython 3.11's `warnings`. Where its C core and its documentation
//! differ, the documentation applies (`once` is once in the process, regardless of the location).
//! The module is also useful without the profiler, for example for deprecations.
//!
//! ```
//! use profile_core::warnings::{Action, DeprecationWarning, catch_warnings, simple_filter};
//!
//! fn old() {
//!     profile_core::warn!(DeprecationWarning, "use new()").expect("not an error by default");
//! }
//!
//! // Changes end with the guard, and no other thread sees them.
//! let caught = catch_warnings().record();
//! simple_filter(Action::Once, &DeprecationWarning, 0, false);
//! old();
//! old();
//! assert_eq!(caught.recorded().len(), 1);
//! assert_eq!(caught.recorded()[0].message, "use new()");
//! ```
//!
//! The first filter that matches decides; if none does, the default action applies. The initial
//! filters are those of Python: deprecations, and warnings about resources and imports, are
//! ignored, but deprecations in `__main__`, the program's own crate (named like its file), are
//! shown.
//!
//! # In a library
//!
//! Depend on `profile-core` with `default-features = false, features = ["warnings"]`: this excludes
//! the profiler, and adds only the dependencies regex-lite, foldhash and inventory. Declare your
//! own categories, so that users can refer to them, below the one that fits: [`DeprecationWarning`]
//! for what programmers should change, [`FutureWarning`] for what users of a program should know,
//! [`UserWarning`] or [`RuntimeWarning`] for the rest.
//!
//! ```
//! use profile_core::warnings::{DeprecationWarning, RaisedWarning, UserWarning};
//!
//! profile_core::category! {
//!     /// `Table::rows` becomes `Table::lines` in 3.0.
//!     pub static RowsWarning: DeprecationWarning;
//!     /// A table has empty rows.
//!     pub static EmptyRowWarning: UserWarning;
//! }
//!
//! // Tolerable misuse: the caller is warned, and a filter may turn the warning into an error.
//! pub fn read(rows: &[&str]) -> Result<usize, RaisedWarning> {
//!     let empty = rows.iter().filter(|row| row.is_empty()).count();
//!     if empty > 0 {
//!         profile_core::warn!(EmptyRowWarning, "{empty} of {} rows are empty", rows.len())?;
//!     }
//!     Ok(rows.len() - empty)
//! }
//!
//! // Where no error can be returned: `.ok()` discards it, and the filter `error` has no effect.
//! pub fn rows() {
//!     profile_core::warn!(RowsWarning, "rows() goes in 3.0; use lines()").ok();
//! }
//! # assert_eq!(read(&["a", ""])?, 1);
//! # rows();
//! # Ok::<(), RaisedWarning>(())
//! ```
//!
//! The location is that of `warn!`. To warn at the caller's location, like Python's `stacklevel=2`,
//! use [`Location::caller`](std::panic::Location::caller) and call [`warn`].
//!
//! # In a program, and in its tests
//!
//! - Set filters in code: [`filter_warnings`], [`simple_filter`], [`reset_warnings`],
//!   [`set_default_action`].
//! - Set filters from outside: `PROFILE_WARNINGS=ignore,error::EmptyRowWarning`, or
//!   `ignore:::app.inner` for the module `app::inner`. If the profiler is disabled, the program has
//!   to call [`set_options`] itself:
//!   `set_options(&std::env::var("PROFILE_WARNINGS").unwrap_or_default())`.
//! - Set filters temporarily, in this thread: [`catch_warnings`], until the guard is dropped;
//!   `.record()` records warnings instead of showing them, `.filter(…)` adds a filter.
//! - The same for all threads: [`catch_process_warnings`].
//! - Show them elsewhere: [`set_show_warning`], for example `set_show_warning(Some(show_by_log))`
//!   with the feature `log`, or `show_by_tracing` with `tracing`. Warnings found at the end of the
//!   run go to standard error.
//! - List past warnings: [`raised`]: what was raised, how often and where first, and how many were
//!   hidden.
//!
//! ```
//! use profile_core::warnings::{Action, UserWarning, catch_warnings, simple_filter};
//!
//! // A test in which any warning is a failure, regardless of concurrent tests.
//! let _strict = catch_warnings();
//! simple_filter(Action::Error, &UserWarning, 0, false);
//! let raised = profile_core::warn!("the table has no head").expect_err("it is an error here");
//! assert_eq!(raised.0.message, "the table has no head");
//! ```
//!
//! # Warnings of the profiler
//!
//! - [`TimeLimitWarning`] (a [`PerformanceWarning`]): a call took longer than `warn_above` or
//!   `max_time`, or a run's calls together.
//! - [`PerformanceWarning`] (a [`RuntimeWarning`]): a function was called more often, or recursed
//!   more deeply, than `run(max_calls, max_depth)`.
//! - [`AllocationLimitWarning`] (a [`MemoryWarning`]): a call, or a run's calls together, allocated
//!   or held more than a limit.
//! - [`LeakWarning`] (a [`MemoryWarning`]): memory grows with every call.
//! - [`OverheadWarning`] (a [`RuntimeWarning`]): recording a function costs more than the function.
//! - [`ClockWarning`] (a [`RuntimeWarning`]): the clock went backwards.
//! - [`DataLossWarning`] (a [`RuntimeWarning`]): something was not recorded.
//! - [`ConfigurationWarning`] (a [`UserWarning`]): an environment variable, a filter or a file is
//!   invalid.
//!
//! Each is emitted once per function, since figures differ from call to call (with the action
//! `always`, each time); the report has the count and the worst figure. Filters match the
//! function's module. A warning that is an error is
//!
//! 1. the return value of a function with the option `raise`;
//! 2. otherwise, where a call ends, a panic with [`RaisedWarning`] as its payload, printed to
//!    standard error without calling the panic hook;
//! 3. with `PROFILE_EXIT_CODE=3`, or if it cannot panic (while the thread unwinds, in an
//!    `extern "C"` function, at the end of the run), printed, and the exit code of the run: that
//!    number, or 101. A program that exits with a code other than 0 keeps its own.
//!
//! A panic in a destructor, or in a callback from foreign code, can end the process: use `raise` or
//! an exit code for such a function.
//!
//! # Limits of functions
//!
//! Besides `#[profile(warn_above = "10 ms", run(max_calls = 10))]` and
//! `#[memory_usage(max_peak = "64 MiB")]`, limits come from `profile.toml` in the directory where
//! the program is started, or from the file named by `PROFILE_LIMITS` (empty: none):
//!
//! ```toml
//! [[limit]]
//! functions = "shop::cart::*"      # or a list; `*` matches any text
//! warn_above = "10 ms"             # limits on each call
//! max_allocations = 100
//! max_bytes = "1 MiB"
//! max_peak = "64 KiB"
//! max_retained = 0
//! run.max_time = "2 s"             # limits on all calls of a run together
//! run.max_calls = 1000
//! run.max_depth = 20
//! run.max_allocations = 10_000
//! run.max_bytes = "1 GiB"
//! run.max_retained = 0
//! ```
//!
//! A later table overrides an earlier one, and any table overrides the attribute; each limit
//! separately. Invalid parts are reported at the start with their line; the rest still applies.
//! Times are those of the clock, including recording overhead; under an overhead budget only timed
//! calls are checked and counted.

mod catch;
mod category;
mod filter;
mod format;
mod option;
mod process;
mod raised;
mod registry;
mod route;
mod state;
mod warn;
mod warning;

pub use catch::{CatchWarnings, catch_process_warnings, catch_warnings};
pub use category::*;
pub use filter::{Action, Filter, FilterError, Pattern, UnknownAction};
pub use format::format_warning;
pub use option::{InvalidOption, parse_option, set_option, set_options};
pub use raised::Raised;
pub use registry::Registry;
#[cfg(feature = "log")]
pub use route::show_by_log;
#[cfg(feature = "tracing")]
pub use route::show_by_tracing;
pub use warn::{
    add_filter, filter_warnings, filters, raised, reset_warnings, set_default_action,
    set_show_warning, simple_filter, warn, warn_explicit,
};
pub use warning::{Place, RaisedWarning, Warning};

#[cfg(feature = "profile")]
pub(crate) use option::category_named;
#[cfg(feature = "profile")]
pub(crate) use process::{
    Verdict, action_for, after_fork, before_fork, exclusively, forget_raised, locked, may_raise,
    prepare, verdict,
};
#[cfg(feature = "profile")]
pub(crate) use state::ShownBy;

#[doc(hidden)]
pub use inventory as __inventory;
#[doc(hidden)]
pub use warn::{module_registry, once_registry};
