//! Filters, registries and what is shown: of the process, and of a thread that is within [`catch_warnings`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use foldhash::fast::RandomState;

use super::category::{
    Category, DeprecationWarning, ImportWarning, PendingDeprecationWarning, ResourceWarning,
};
use super::filter::{Action, Filter, FilterError, Pattern};
use super::format::format_warning;
use super::registry::Registry;

/// A warning that is shown, recorded or raised.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Warning {
    /// Its text.
    pub message: String,
    /// Its category.
    pub category: &'static Category,
    /// The file that it is about.
    pub file: String,
    /// The line there.
    pub line: u64,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.category.name(), self.message)
    }
}

/// A warning that a filter makes an error.
#[derive(Clone, Debug)]
pub struct RaisedWarning(pub Warning);

impl fmt::Display for RaisedWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for RaisedWarning {}

/// Where a warning comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The file.
    pub file: &'a str,
    /// The line.
    pub line: u64,
    /// The module. `None`: the file's name without `.py`.
    pub module: Option<&'a str>,
}

type Show = Arc<dyn Fn(&Warning) + Send + Sync>;
/// Shared, since a guard puts back the very list that it found.
type Filters = Arc<Mutex<Vec<Filter>>>;
type Log = Arc<Mutex<Vec<Warning>>>;

#[derive(Clone)]
struct State {
    filters: Filters,
    /// Changes with the filters; no two of any states are the same.
    version: u64,
    default_action: Action,
    /// Of the whole process, by text and category.
    once: Registry,
    /// Of each module that warned.
    modules: HashMap<String, Registry, RandomState>,
    show: Option<Show>,
    log: Option<Log>,
}

impl State {
    /// With Python's filters of a fresh process.
    fn fresh() -> State {
        let ignored =
            [&DeprecationWarning, &PendingDeprecationWarning, &ImportWarning, &ResourceWarning];
        let mut filters = vec![Filter::simple(Action::Default, &DeprecationWarning, 0)];
        filters[0].module = Pattern::new("__main__", false).ok();
        filters.extend(ignored.map(|category| Filter::simple(Action::Ignore, category, 0)));
        State {
            filters: Arc::new(Mutex::new(filters)),
            version: next_version(),
            default_action: Action::Default,
            once: Registry::new(),
            modules: HashMap::default(),
            show: None,
            log: None,
        }
    }

    /// For a thread: the same filters, and nothing shown yet.
    fn apart(&self) -> State {
        State {
            filters: copied(&self.filters),
            version: next_version(),
            modules: HashMap::default(),
            log: None,
            ..self.clone()
        }
    }

    fn action(&self, text: &str, category: &Category, module: &str, line: u64) -> Action {
        let filters = locked(&self.filters);
        let found = filters.iter().find(|filter| filter.fits(text, category, module, line));
        found.map_or(self.default_action, |filter| filter.action)
    }

    /// What is to be done: nothing, show it, or return it.
    fn decide(
        &mut self,
        text: &str,
        category: &'static Category,
        module: &str,
        line: u64,
        registry: &mut Registry,
    ) -> Outcome {
        registry.bring_to(self.version);
        if registry.has(text, category, line) {
            return Outcome::Nothing;
        }
        let action = self.action(text, category, module, line);
        let shows = match action {
            Action::Ignore => false,
            Action::Error => return Outcome::Raise,
            Action::Always => true,
            Action::Default => registry.add(text, category, line),
            Action::Module => {
                registry.add(text, category, line);
                registry.add(text, category, 0)
            }
            Action::Once => {
                registry.add(text, category, line);
                self.once.add(text, category, 0)
            }
        };
        if shows { Outcome::Show(self.show.clone(), self.log.clone()) } else { Outcome::Nothing }
    }
}

enum Outcome {
    Nothing,
    Show(Option<Show>, Option<Log>),
    Raise,
}

fn next_version() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Relaxed) + 1
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn copied(filters: &Filters) -> Filters {
    Arc::new(Mutex::new(locked(filters).clone()))
}

thread_local! {
    /// Of a thread within [`catch_warnings`].
    static OWN: RefCell<Option<State>> = const { RefCell::new(None) };
}

static PROCESS: OnceLock<Mutex<State>> = OnceLock::new();

/// What the filters that hold here say of a warning. `None`: another thread is at them; in a forked child perhaps for ever.
#[cfg(feature = "profile")]
pub(crate) fn action_for(text: &str, category: &Category, module: &str) -> Option<Action> {
    const ANY_LINE: u64 = 0;
    let of = |state: &State| state.action(text, category, module, ANY_LINE);
    // A thread that is ending has none of its own.
    let own = OWN.try_with(|own| own.borrow().as_ref().map(of)).ok().flatten();
    own.or_else(|| {
        let process = PROCESS.get_or_init(|| Mutex::new(State::fresh()));
        process.try_lock().ok().map(|state| of(&state))
    })
}

/// The state that holds here.
fn with<T>(work: impl FnOnce(&mut State) -> T) -> T {
    OWN.with_borrow_mut(|own| match own {
        Some(state) => work(state),
        None => work(&mut locked(PROCESS.get_or_init(|| Mutex::new(State::fresh())))),
    })
}

/// Puts a filter in front of the others, or behind them. One that is there already comes to the front; behind, it stays where
/// it is.
pub(super) fn insert(filter: Filter, append: bool) {
    with(|state| {
        let mut filters = locked(&state.filters);
        if append {
            if !filters.contains(&filter) {
                filters.push(filter);
            }
        } else {
            filters.retain(|other| *other != filter);
            filters.insert(0, filter);
        }
        drop(filters);
        state.version = next_version();
    });
}

/// Adds a filter as it is, in front or behind.
pub fn add_filter(filter: Filter, append: bool) {
    insert(filter, append);
}

/// Adds a filter: Python's `filterwarnings`. `message` and `module` are regular expressions, matched at the start, the one whatever the
/// case; empty ones fit anything, and so does line 0. It is put in front, or with `append` behind.
///
/// # Errors
/// An expression that is none.
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
    let (message, module) = (pattern(message, true)?, pattern(module, false)?);
    insert(Filter { action, message, category, module, line }, append);
    Ok(())
}

/// Adds a filter by category and line alone: Python's `simplefilter`.
pub fn simple_filter(action: Action, category: &'static Category, line: u64, append: bool) {
    insert(Filter::simple(action, category, line), append);
}

/// Removes all filters. The default action stays.
pub fn reset_warnings() {
    with(|state| {
        locked(&state.filters).clear();
        state.version = next_version();
    });
}

/// What becomes of a warning that no filter fits; at first [`Action::Default`].
pub fn set_default_action(action: Action) {
    with(|state| state.default_action = action);
}

/// The filters that hold here, from the front.
#[must_use]
pub fn filters() -> Vec<Filter> {
    with(|state| locked(&state.filters).clone())
}

/// What shows a warning in place of standard error; `None`: standard error again.
pub fn set_show_warning(show: Option<impl Fn(&Warning) + Send + Sync + 'static>) {
    let show = show.map(|show| Arc::new(show) as Show);
    with(|state| state.show = show);
}

/// Warns of something at a place, with what was shown there before in the module's own registry; [`warn!`](crate::warn) says the place.
///
/// # Errors
/// A filter makes it one.
pub fn warn(
    message: &str,
    category: &'static Category,
    place: Place<'_>,
) -> Result<(), RaisedWarning> {
    let module = module_of(&place);
    let outcome = with(|state| {
        // Taken out for a moment: the state decides, and the registry is a part of it.
        let mut registry = state.modules.get_mut(module).map(std::mem::take).unwrap_or_default();
        let outcome = state.decide(message, category, module, place.line, &mut registry);
        match state.modules.get_mut(module) {
            Some(known) => *known = registry,
            None => drop(state.modules.insert(module.to_owned(), registry)),
        }
        outcome
    });
    carry_out(outcome, message, category, place)
}

/// Warns of something with a registry of one's own, or with none: then `default`, `module` and `always` are the same.
///
/// # Errors
/// A filter makes it one.
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
    let module = module_of(&place);
    let outcome = with(|state| state.decide(message, category, module, place.line, registry));
    carry_out(outcome, message, category, place)
}

fn module_of<'a>(place: &Place<'a>) -> &'a str {
    place.module.unwrap_or_else(|| match place.file {
        "" => "<unknown>",
        file => match file.len().checked_sub(3).and_then(|at| file.split_at_checked(at)) {
            Some((name, end)) if end.eq_ignore_ascii_case(".py") => name,
            _ => file,
        },
    })
}

/// Outside of every lock: what shows a warning may warn itself.
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
        Outcome::Show(Some(show), _) => show(&warning()),
        Outcome::Show(None, Some(log)) => locked(&log).push(warning()),
        Outcome::Show(None, None) => {
            eprint!("{}", format_warning(message, category, place.file, place.line, None));
        }
    }
    Ok(())
}

/// From here to the drop of what it returns, changes of filters and of what shows warnings hold in this thread alone, and end then.
/// Within it, and after an inner one has ended, a warning that was shown before is shown again, as in Python.
///
/// # Examples
/// See the [module](crate::warnings).
#[must_use = "it ends when it is dropped"]
pub fn catch_warnings() -> CatchWarnings {
    let outer = OWN.take();
    let is_outermost = outer.is_none();
    let state = match &outer {
        Some(state) => state.clone(),
        None => with(|process| process.apart()),
    };
    let caught = CatchWarnings {
        is_outermost,
        filters: state.filters.clone(),
        show: state.show.clone(),
        log: state.log.clone(),
        own: None,
        not_send: PhantomData,
    };
    let filters = copied(&state.filters);
    OWN.set(Some(State { filters, version: next_version(), ..state }));
    caught
}

/// See [`catch_warnings`].
pub struct CatchWarnings {
    is_outermost: bool,
    filters: Filters,
    show: Option<Show>,
    log: Option<Log>,
    own: Option<Log>,
    /// It is of the thread that made it.
    not_send: PhantomData<*mut ()>,
}

impl fmt::Debug for CatchWarnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchWarnings").field("recorded", &self.recorded()).finish_non_exhaustive()
    }
}

impl CatchWarnings {
    /// What would be shown is kept in place of that: see [`CatchWarnings::recorded`].
    #[must_use = "it ends when it is dropped"]
    pub fn record(mut self) -> CatchWarnings {
        let log = Log::default();
        self.own = Some(log.clone());
        with(|state| {
            state.log = Some(log);
            state.show = None;
        });
        self
    }

    /// Whether it keeps what would be shown.
    #[must_use]
    pub fn records(&self) -> bool {
        self.own.is_some()
    }

    /// What would have been shown so far.
    #[must_use]
    pub fn recorded(&self) -> Vec<Warning> {
        self.own.as_ref().map(|log| locked(log).clone()).unwrap_or_default()
    }
}

impl Drop for CatchWarnings {
    fn drop(&mut self) {
        // In a thread that is ending there is nothing to put back.
        let _ = OWN.try_with(|own| {
            let mut own = own.borrow_mut();
            if self.is_outermost {
                *own = None;
            } else if let Some(state) = own.as_mut() {
                state.filters = self.filters.clone();
                state.show = self.show.take();
                state.log = self.log.take();
                state.version = next_version();
            }
        });
    }
}

/// Of the thread or the process: for the reference tests.
pub fn module_registry(module: &str) -> Option<Registry> {
    with(|state| state.modules.get(module).cloned())
}

/// Of the thread or the process: for the reference tests.
pub fn once_registry() -> Registry {
    with(|state| state.once.clone())
}

/// Warns at the place where it stands: `warn!("…", …)` of the category [`UserWarning`](crate::warnings::UserWarning), or `warn!(Category, "…", …)`.
///
/// It is a `Result`: an error if a filter says so.
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
