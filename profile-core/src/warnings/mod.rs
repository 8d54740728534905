//! Warnings with Python's filter: of what went wrong a person decides, by category, text, module and line, whether it is an
//! error, ignored, shown always, by default, once, or once a module.
//!
//! The semantics are those of CPython 3.11's `warnings`, and where its C core and its documentation differ (`once` is once in the
//! process, whatever the place), those of the documentation. Useful without the profiler, for plain deprecations too.
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
//! Filters are looked at from the front; the first that fits decides, and if none does, the default action. A fresh process has
//! those of Python: deprecations, and warnings of resources and imports, are ignored.
//!
//! # In a library
//!
//! Depend on `profile-core` with `default-features = false, features = ["warnings"]`: nothing of the profiler comes along, and regex and
//! foldhash are what it takes. Declare categories of your own, so that users can name them, as kinds of those that fit: of
//! [`DeprecationWarning`] what programmers shall change, of [`FutureWarning`] what users of a program shall know, of [`UserWarning`] or
//! [`RuntimeWarning`] the rest.
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
//! | choose from outside | `PROFILE_WARNINGS=ignore,error::EmptyRowWarning`, where the profiler is on; [`set_options`] with any text |
//! | choose for a while, in this thread | [`catch_warnings`], dropped at its end; `.record()` keeps what would be shown |
//! | the same for all threads | [`catch_process_warnings`] |
//! | show them elsewhere | [`set_show_warning`]; the features `log` and `tracing` have functions to give to it |
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
//! | [`TimeBudgetWarning`] | [`PerformanceWarning`] | a call took longer than `warn_above` or `max_time`, or a run's calls together |
//! | [`PerformanceWarning`] | [`RuntimeWarning`] | a function was called more often, or within itself more deeply, than `run(max_calls, max_depth)` |
//! | [`AllocationBudgetWarning`] | [`MemoryWarning`] | a call, or a run's calls together, allocated or held more than a limit |
//! | [`LeakWarning`] | [`MemoryWarning`] | call after call leaves memory behind |
//! | [`OverheadWarning`] | [`RuntimeWarning`] | recording a function costs more than the function |
//! | [`ClockWarning`] | [`RuntimeWarning`] | the clock went backwards |
//! | [`DataLossWarning`] | [`RuntimeWarning`] | something was not recorded |
//! | [`ConfigurationWarning`] | [`UserWarning`] | a variable, a filter or a file is not understood |
//!
//! Each is told once for its function, since figures differ from call to call; the report has the count and the worst. One that is an error is a
//! panic with [`RaisedWarning`] as its payload where a call ends, or the error of a function with the option `raise`. Where neither can be (while
//! the thread unwinds, at the end of the run), and everywhere with `PROFILE_EXIT_CODE`, the run goes on and ends with that exit code, or with 101.

mod catch;
mod category;
mod filter;
mod format;
mod option;
mod raised;
mod registry;
mod route;
mod state;
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
pub use state::{
    add_filter, filter_warnings, filters, raised, reset_warnings, set_default_action,
    set_show_warning, simple_filter, warn, warn_explicit,
};
pub use warning::{Place, RaisedWarning, Warning};

#[cfg(feature = "profile")]
pub(crate) use format::fit_to_show;
#[cfg(feature = "profile")]
pub(crate) use option::category_named;
#[cfg(feature = "profile")]
pub(crate) use state::{
    ShownBy, Verdict, action_for, after_fork, before_fork, forget_raised, may_raise, patiently,
    prepare, verdict,
};

#[doc(hidden)]
pub use inventory as __inventory;
#[doc(hidden)]
pub use state::{module_registry, once_registry};
