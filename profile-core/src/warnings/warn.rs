//! The functions that programs call: filters, warnings, and the list of raised warnings.

use std::sync::Arc;

use super::category::Category;
use super::filter::{Action, Filter, FilterError, Pattern};
use super::format::{fit_to_show, format_warning};
use super::process::{try_process, with};
use super::raised::Raised;
use super::registry::Registry;
use super::state::{Outcome, Show, next_version};
use super::warning::{Place, RaisedWarning, Warning};

/// The warnings raised in the process so far, outside of
/// [`catch_warnings`](super::catch::catch_warnings): by category and text, and how many filters
/// hid.
///
/// ```
/// use profile_core::warnings::raised;
///
/// profile_core::warn!("the disk is slow")?;
/// let slow = raised().into_iter().find(|it| it.message.as_deref() == Some("the disk is slow"));
/// assert_eq!(slow.map(|it| it.count), Some(1));
/// # Ok::<(), profile_core::warnings::RaisedWarning>(())
/// ```
#[must_use]
pub fn raised() -> Vec<Raised> {
    try_process(|state| state.raised.records()).unwrap_or_default()
}

pub(super) fn insert(filter: Filter, append: bool) {
    with(|state| state.insert(filter, append));
}

/// Adds a filter, before the others or after them.
pub fn add_filter(filter: Filter, append: bool) {
    insert(filter, append);
}

/// Adds a filter: Python's `filterwarnings`. `message` and `module` are regular expressions that
/// are matched at the start; `message` ignores case. Empty ones match anything, and so does line 0.
/// The module `__main__` also matches the program's own crate. The filter is inserted before the
/// others, or after them with `append`.
///
/// # Errors
/// An invalid regular expression.
///
/// ```
/// use profile_core::warnings::{Action, UserWarning, catch_warnings, filter_warnings};
///
/// let _caught = catch_warnings();
/// filter_warnings(Action::Error, "too (slow|large)", &UserWarning, "app::", 0, false)?;
/// # Ok::<(), profile_core::warnings::FilterError>(())
/// ```
pub fn filter_warnings(
    action: Action,
    message: &str,
    category: &'static Category,
    module: &str,
    line: u64,
    append: bool,
) -> Result<(), FilterError> {
    let pattern = |text: &str, ignores_case| match text {
        "" => Ok(None),
        text => Pattern::new(text, ignores_case).map(Some),
    };
    let of_module = pattern(module, false)?.map(|it| it.or_program(module));
    let (message, module) = (pattern(message, true)?, of_module);
    insert(Filter { action, message, category, module, line }, append);
    Ok(())
}

/// Adds a filter by category and line only: Python's `simplefilter`.
pub fn simple_filter(action: Action, category: &'static Category, line: u64, append: bool) {
    insert(Filter::simple(action, category, line), append);
}

/// Removes all filters. The default action stays.
pub fn reset_warnings() {
    with(|state| {
        state.filters = Arc::default();
        state.version = next_version();
    });
}

/// Sets the action for a warning that no filter matches; initially [`Action::Default`].
pub fn set_default_action(action: Action) {
    with(|state| state.default_action = action);
}

/// The current filters, in the order in which they are tried.
#[must_use]
pub fn filters() -> Vec<Filter> {
    with(|state| state.filters.to_vec())
}

/// Sets the handler that shows warnings instead of standard error; `None` restores standard error.
pub fn set_show_warning(show: Option<impl Fn(&Warning) + Send + Sync + 'static>) {
    let show = show.map(|show| Arc::new(show) as Show);
    // The previous handler is dropped outside of the lock, since values that it owns may warn.
    drop(with(|state| std::mem::replace(&mut state.show, show)));
}

/// Warns at a location, with the registry of the module; [`warn!`](crate::warn) supplies the
/// location.
///
/// # Errors
/// If a filter turns the warning into an error.
pub fn warn(
    message: &str,
    category: &'static Category,
    place: Place<'_>,
) -> Result<(), RaisedWarning> {
    let module = place.module();
    let outcome = with(|state| {
        // Taken out temporarily: `decide` borrows the state, which contains the registry.
        let mut registry = state.modules.get_mut(module).map(std::mem::take).unwrap_or_default();
        let outcome = state.decide(message, category, &place, &mut registry);
        match state.modules.get_mut(module) {
            Some(known) => *known = registry,
            None => drop(state.modules.insert(module.to_owned(), registry)),
        }
        outcome
    });
    carry_out(outcome, message, category, place)
}

/// Warns with the caller's own registry, or with none: then `default`, `module` and `always` behave
/// the same.
///
/// # Errors
/// If a filter turns the warning into an error.
///
/// ```
/// use profile_core::warnings::{Place, Registry, UserWarning, warn_explicit};
///
/// let place = Place { file: "app.conf", line: 3, module: Some("app") };
/// warn_explicit("no such key", &UserWarning, place, Some(&mut Registry::new()))?;
/// # Ok::<(), profile_core::warnings::RaisedWarning>(())
/// ```
pub fn warn_explicit(
    message: &str,
    category: &'static Category,
    place: Place<'_>,
    registry: Option<&mut Registry>,
) -> Result<(), RaisedWarning> {
    let mut none = Registry::new();
    let registry = registry.unwrap_or(&mut none);
    let outcome = with(|state| state.decide(message, category, &place, registry));
    carry_out(outcome, message, category, place)
}

fn carry_out(
    outcome: Outcome,
    message: &str,
    category: &'static Category,
    place: Place<'_>,
) -> Result<(), RaisedWarning> {
    let warning = || Warning {
        message: message.to_owned(),
        category,
        file: place.file.to_owned(),
        line: place.line,
    };
    match outcome {
        Outcome::Nothing => {}
        Outcome::Raise => return Err(RaisedWarning(warning())),
        Outcome::Show(by) => {
            if !by.show(warning) {
                let text = format_warning(message, category, place.file, place.line, None);
                print(&fit_to_show(&text));
            }
        }
    }
    Ok(())
}

/// Writes to the file descriptor directly where possible: in a forked child, the standard library's
/// lock may be held forever. A closed standard error is not a reason to panic.
fn print(text: &str) {
    use std::io::Write as _;
    #[cfg(feature = "profile")]
    let mut stderr = crate::sys::raw_stderr();
    #[cfg(not(feature = "profile"))]
    let mut stderr = std::io::stderr();
    let _ = stderr.write_all(text.as_bytes());
}

/// The registry of a module, of the thread or the process: for the reference tests.
pub fn module_registry(module: &str) -> Option<Registry> {
    with(|state| state.modules.get(module).cloned())
}

/// The registry of `once`, of the thread or the process: for the reference tests.
pub fn once_registry() -> Registry {
    with(|state| state.once.clone())
}

/// Warns at the location of the call: `warn!("…", …)` with the category
/// [`UserWarning`](crate::warnings::UserWarning), or `warn!(Category, "…", …)`.
///
/// Returns a `Result`: an error if a filter turns the warning into one.
///
/// ```
/// let caught = profile_core::warnings::catch_warnings().record();
/// profile_core::warn!("{} of {} rows are empty", 3, 10)?;
/// assert!(caught.recorded()[0].to_string().ends_with(": UserWarning: 3 of 10 rows are empty"));
/// # Ok::<(), profile_core::warnings::RaisedWarning>(())
/// ```
#[macro_export]
macro_rules! warn {
    ($format:literal $(, $($argument:tt)*)?) => {
        $crate::warn!($crate::warnings::UserWarning, $format $(, $($argument)*)?)
    };
    ($category:path, $format:literal $(, $($argument:tt)*)?) => {{
        let place = $crate::warnings::Place {
            file: ::core::file!(),
            line: ::core::line!() as u64,
            module: ::core::option::Option::Some(::core::module_path!()),
        };
        let words = ::core::format_args!($format $(, $($argument)*)?);
        match words.as_str() {
            ::core::option::Option::Some(words) => $crate::warnings::warn(words, &$category, place),
            ::core::option::Option::None => {
                $crate::warnings::warn(&::std::string::ToString::to_string(&words), &$category, place)
            }
        }
    }};
}
