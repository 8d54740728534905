//! Warnings with Python's filter: of what went wrong the user decides, by category, text, module
//! and line, whether it is an error, ignored, shown always, by default, once, or once a module.
//!
//! The semantics are those of CPython 3.11's `warnings`, and where its C core and its documentation
//! differ (`once` is once in the process, whatever the place), those of the documentation. Useful
//! without the profiler, for plain deprecations too.
//!
//! ```
//! use profile_core::warnings::{Action, DeprecationWarning, catch_warnings, simple_filter};
//!
//! fn old() {
//!     profile_core::warn!(DeprecationWarning, "use new()").expect("no filter makes it an error");
//! }
//!
//! // What it changes ends with it, and no other thread sees it.
//! let caught = catch_warnings().record();
//! simple_filter(Action::Once, &DeprecationWarning, 0, false);
//! old();
//! old();
//! assert_eq!(caught.recorded().len(), 1);
//! assert_eq!(caught.recorded()[0].message, "use new()");
//! ```
//!
//! Filters are looked at from the front; the first that fits decides, and if none does, the default
//! action. A fresh process has those of Python: deprecations, and warnings of resources and
//! imports, are ignored, but deprecations in `__main__`, the program's own crate (the one that its
//! file is named after), are shown.
//!
//! # In a library
//!
//! Depend on `profile-core` with `default-features = false, features = ["warnings"]`: nothing of
//! the profiler comes along, and regex and foldhash are what it takes. Declare categories of your
//! own, so that users can name them, as kinds of those that fit: of [`DeprecationWarning`] what
//! programmers shall change, of [`FutureWarning`] what users of a program shall know, of
//! [`UserWarning`] or [`RuntimeWarning`] the rest.
//!
//! ```
//! use profile_core::warnings::{DeprecationWarning, RaisedWarning, UserWarning};
//!
//! profile_core::category! {
//!     /// `Table::rows` becomes `Table::lines` in 3.0.
//!     pub static RowsWarning: DeprecationWarning;
//!     /// A table has rows with nothing in them.
//!     pub static EmptyRowWarning: UserWarning;
//! }
//!
//! // Misuse that can be borne: the caller hears of it, and says whether it is an error.
//! pub fn read(rows: &[&str]) -> Result<usize, RaisedWarning> {
//!     let empty = rows.iter().filter(|row| row.is_empty()).count();
//!     if empty > 0 {
//!         profile_core::warn!(EmptyRowWarning, "{empty} of {} rows are empty", rows.len())?;
//!     }
//!     Ok(rows.len() - empty)
//! }
//!
//! // Where nobody can take an error: `.ok()` gives it up, and the filter `error` does nothing then.
//! pub fn rows() {
//!     profile_core::warn!(RowsWarning, "rows() goes in 3.0; use lines()").ok();
//! }
//! # assert_eq!(read(&["a", ""])?, 1);
//! # rows();
//! # Ok::<(), RaisedWarning>(())
//! ```
//!
//! The place is that of `warn!`. To warn at the caller's, as Python's `stacklevel=2`, take it from
//! [`Location::caller`](std::panic::Location::caller) and call [`warn`].
//!
//! # In a program, and in its tests
//!
//! | to | write |
//! |---|---|
//! | choose in code | [`filter_warnings`], [`simple_filter`], [`reset_warnings`], [`set_default_action`] |
//! | choose from outside | `PROFILE_WARNINGS=ignore,error::EmptyRowWarning`, `ignore:::app.inner` of the module `app::inner`, where the profiler is on; without it `set_options(&std::env::var("PROFILE_WARNINGS").unwrap_or_default())`: [`set_options`] |
//! | choose for a while, in this thread | [`catch_warnings`], dropped at its end; `.record()` keeps what would be shown, `.filter(…)` adds a filter |
//! | the same for all threads | [`catch_process_warnings`] |
//! | show them elsewhere | [`set_show_warning`]; with the feature `log`, `set_show_warning(Some(show_by_log))`, with `tracing` `show_by_tracing`. What only the end of the run shows goes to standard error |
//! | look back | [`raised`]: what was raised, how often and where first, and how many were hidden |
//!
//! ```
//! use profile_core::warnings::{Action, UserWarning, catch_warnings, simple_filter};
//!
//! // A test in which any warning is a failure, whatever other tests do meanwhile.
//! let _strict = catch_warnings();
//! simple_filter(Action::Error, &UserWarning, 0, false);
//! let raised = profile_core::warn!("the table has no head").expect_err("it is an error here");
//! assert_eq!(raised.0.message, "the table has no head");
//! ```
//!
//! # Those of the profiler
//!
//! | category | a kind of | when |
//! |---|---|---|
//! | [`TimeLimitWarning`] | [`PerformanceWarning`] | a call took longer than `warn_above` or `max_time`, or a run's calls together |
//! | [`PerformanceWarning`] | [`RuntimeWarning`] | a function was called more often, or within itself more deeply, than `run(max_calls, max_depth)` |
//! | [`AllocationLimitWarning`] | [`MemoryWarning`] | a call, or a run's calls together, allocated or held more than a limit |
//! | [`LeakWarning`] | [`MemoryWarning`] | call after call leaves memory behind |
//! | [`OverheadWarning`] | [`RuntimeWarning`] | recording a function costs more than the function |
//! | [`ClockWarning`] | [`RuntimeWarning`] | the clock went backwards |
//! | [`DataLossWarning`] | [`RuntimeWarning`] | something was not recorded |
//! | [`ConfigurationWarning`] | [`UserWarning`] | a variable, a filter or a file is not understood |
//!
//! Each is reported once for its function, since figures differ from call to call (with the action
//! always, each time); the report has the count and the worst. The module that filters look at is
//! the function's. One that is an error is
//!
//! 1. what a function with the option `raise` returns;
//! 2. else, where a call ends, a panic with [`RaisedWarning`] as its payload, told on standard
//!    error without the hook of panics;
//! 3. with `PROFILE_EXIT_CODE=3` instead, and where nobody can take it (while the thread unwinds,
//!    in an `extern "C"` function, at the end of the run), told, and the exit code of the run: that
//!    number, or 101. A program that exits with something other than 0 keeps that.
//!
//! A panic in a destructor, or in a callback from foreign code, can end the process: give such a
//! function `raise` or an exit code.
//!
//! # Limits of functions
//!
//! Beside `#[profile(warn_above = "10 ms", run(max_calls = 10))]` and
//! `#[memory_usage(max_peak = "64 MiB")]` they come from `profile.toml` in the folder where the
//! program is started, or from the file that `PROFILE_LIMITS` names (empty: none):
//!
//! ```toml
//! [[limit]]
//! functions = "shop::cart::*"      # or a list; `*` stands for any text
//! warn_above = "10 ms"             # of one call, as are these:
//! max_allocations = 100
//! max_bytes = "1 MiB"
//! max_peak = "64 KiB"
//! max_retained = 0
//! run.max_time = "2 s"             # of all calls together, as are these:
//! run.max_calls = 1000
//! run.max_depth = 20
//! run.max_allocations = 10_000
//! run.max_bytes = "1 GiB"
//! run.max_retained = 0
//! ```
//!
//! A later table wins over an earlier one, and any over the attribute, limit by limit. What is
//! wrong is reported at the start with its line; the rest holds. Time is what the clock says, with
//! what recording costs in it; under an overhead budget only the calls that are timed are looked
//! at, and counted.

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
    Verdict, action_for, after_fork, alone, before_fork, forget_raised, locked, may_raise, prepare,
    verdict,
};
#[cfg(feature = "profile")]
pub(crate) use state::ShownBy;

#[doc(hidden)]
pub use inventory as __inventory;
#[doc(hidden)]
pub use warn::{module_registry, once_registry};
