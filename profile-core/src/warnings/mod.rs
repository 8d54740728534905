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
pub(crate) use option::category_named;
#[cfg(feature = "profile")]
pub(crate) use state::{ShownBy, after_fork, before_fork, may_raise, prepare, verdict};

#[doc(hidden)]
pub use inventory as __inventory;
#[doc(hidden)]
pub use state::{module_registry, once_registry};
