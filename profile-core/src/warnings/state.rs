//! Filters, registries and what is shown: of the process, and of a thread that is within
//! [`catch_warnings`](super::catch::catch_warnings).

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use foldhash::fast::RandomState;

use super::category::{
    Category, DeprecationWarning, ImportWarning, PendingDeprecationWarning, ResourceWarning,
};
use super::filter::{Action, Filter, FilterError, Pattern};
use super::format::{fit_to_show, format_warning};
use super::raised::{Log as RaisedLog, Raised};
use super::registry::Registry;
use super::warning::{Place, RaisedWarning, Warning};

pub(super) type Show = Arc<dyn Fn(&Warning) + Send + Sync>;
pub(super) type Log = Arc<Mutex<Vec<Warning>>>;

#[derive(Clone)]
pub(super) struct State {
    /// Copied where it is changed, so that a guard keeps what it found at no cost.
    pub(super) filters: Arc<Vec<Filter>>,
    /// Changes with the filters; no two of any states are the same.
    pub(super) version: u64,
    default_action: Action,
    /// Of the whole process, by text and category.
    once: Registry,
    /// What the profiler has told, by subject.
    #[cfg(feature = "profile")]
    told: Registry,
    /// Of each module that warned.
    modules: HashMap<String, Registry, RandomState>,
    pub(super) show: Option<Show>,
    pub(super) log: Option<Log>,
    raised: RaisedLog,
}

impl State {
    /// With Python's filters of a fresh process.
    pub(super) fn fresh() -> State {
        let ignored =
            [&DeprecationWarning, &PendingDeprecationWarning, &ImportWarning, &ResourceWarning];
        let mut filters = vec![Filter::simple(Action::Default, &DeprecationWarning, 0)];
        filters[0].module = Pattern::new("__main__", false).ok();
        filters.extend(ignored.map(|category| Filter::simple(Action::Ignore, category, 0)));
        State {
            filters: Arc::new(filters),
            version: next_version(),
            default_action: Action::Default,
            once: Registry::new(),
            #[cfg(feature = "profile")]
            told: Registry::new(),
            modules: HashMap::default(),
            show: None,
            log: None,
            raised: RaisedLog::default(),
        }
    }

    /// For a thread: the same filters, and nothing shown yet.
    pub(super) fn apart(&self) -> State {
        State {
            filters: self.filters.clone(),
            version: next_version(),
            default_action: self.default_action,
            once: self.once.clone(),
            #[cfg(feature = "profile")]
            told: Registry::new(),
            modules: HashMap::default(),
            show: self.show.clone(),
            log: None,
            raised: RaisedLog::default(),
        }
    }

    fn action(&self, text: &str, category: &Category, module: &str, line: u64) -> Action {
        let found = self.filters.iter().find(|filter| filter.fits(text, category, module, line));
        found.map_or(self.default_action, |filter| filter.action)
    }

    /// What is to be done: nothing, show it, or return it.
    fn decide(
        &mut self,
        text: &str,
        category: &'static Category,
        place: &Place<'_>,
        registry: &mut Registry,
    ) -> Outcome {
        registry.bring_to(self.version);
        let line = place.line;
        if registry.has(text, category, line) {
            self.raised.add(text, category, place, false);
            return Outcome::Nothing;
        }
        let action = self.action(text, category, place.module(), line);
        if action == Action::Ignore {
            self.raised.hide(category);
            return Outcome::Nothing;
        }
        self.raised.add(text, category, place, action == Action::Error);
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
        if shows { Outcome::Show(self.shown_by()) } else { Outcome::Nothing }
    }

    fn shown_by(&self) -> ShownBy {
        match (&self.show, &self.log) {
            (Some(show), _) => ShownBy::Function(show.clone()),
            (None, Some(log)) => ShownBy::Log(log.clone()),
            (None, None) => ShownBy::StandardError,
        }
    }
}

enum Outcome {
    Nothing,
    Show(ShownBy),
    Raise,
}

/// What shows a warning.
pub(crate) enum ShownBy {
    Function(Show),
    Log(Log),
    StandardError,
}

impl ShownBy {
    /// Shows it, outside of every lock: what shows a warning may warn itself. Whether it was anyone's but standard error.
    pub(crate) fn show(&self, warning: impl FnOnce() -> Warning) -> bool {
        match self {
            ShownBy::Function(show) => show(&warning()),
            ShownBy::Log(log) => {
                let warning = warning();
                // In a forked child it may be locked for ever.
                if let Some(mut log) = patiently(log) {
                    log.push(warning);
                }
            }
            ShownBy::StandardError => return false,
        }
        true
    }
}

pub(super) fn next_version() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Relaxed) + 1
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks for a lock again and again, but not for ever: it is never held for long, unless by this thread itself (an allocator with a limit
/// warns while a filter is allocated), or in a forked child by a thread that is not there.
pub(crate) fn patiently<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    const TRIES: usize = 1 << 14;
    (0..TRIES).find_map(|_| match mutex.try_lock() {
        Ok(held) => Some(held),
        Err(TryLockError::Poisoned(held)) => Some(held.into_inner()),
        Err(TryLockError::WouldBlock) => {
            std::thread::yield_now();
            None
        }
    })
}

thread_local! {
    /// Of a thread within [`catch_warnings`](super::catch::catch_warnings).
    pub(super) static OWN: RefCell<Option<State>> = const { RefCell::new(None) };
}

static PROCESS: OnceLock<Mutex<State>> = OnceLock::new();

fn process() -> &'static Mutex<State> {
    PROCESS.get_or_init(|| Mutex::new(State::fresh()))
}

/// What the filters that hold here say of something that the profiler has to tell.
#[cfg(feature = "profile")]
pub(crate) struct Verdict {
    pub(crate) action: Action,
    /// Whether nothing was told of this subject and category since the filters changed; never of what is not told.
    pub(crate) is_first: bool,
    pub(crate) shown_by: ShownBy,
}

/// `None`: the filters cannot be asked here. `tells_errors`: somebody hears of one that is an error, too.
#[cfg(feature = "profile")]
pub(crate) fn verdict(
    text: &str,
    category: &'static Category,
    (module, line): (&str, u32),
    subject: &str,
    tells_errors: bool,
) -> Option<Verdict> {
    const OF_ALL: u64 = 0;
    try_with(|state| {
        let action = state.action(text, category, module, line.into());
        state.told.bring_to(state.version);
        let tells = match action {
            Action::Ignore => false,
            Action::Error => tells_errors,
            _ => true,
        };
        let is_first = tells && state.told.add(subject, category, OF_ALL);
        Verdict { action, is_first, shown_by: state.shown_by() }
    })
}

/// The same of what is already there, and is not told.
#[cfg(feature = "profile")]
pub(crate) fn action_for(
    text: &str,
    category: &Category,
    (module, line): (&str, u32),
) -> Option<Action> {
    try_with(|state| state.action(text, category, module, line.into()))
}

/// The state that holds here, if it can be had.
#[cfg(feature = "profile")]
fn try_with<T>(work: impl FnOnce(&mut State) -> T) -> Option<T> {
    let mut work = Some(work);
    // A thread that is ending has none of its own.
    let own = OWN.try_with(|own| {
        let mut own = own.try_borrow_mut().ok()?;
        own.as_mut().and_then(|state| work.take().map(|work| work(state)))
    });
    let own = own.ok().flatten();
    own.or_else(|| Some(work.take()?(&mut *patiently(process())?)))
}

/// Makes the state of the process, which takes memory, before anybody counts that.
#[cfg(feature = "profile")]
pub(crate) fn prepare() {
    process();
}

/// Whether any filter of the process makes an error.
#[cfg(feature = "profile")]
pub(crate) fn may_raise() -> bool {
    let errs = |state: &State| {
        let filters = state.filters.iter().any(|filter| filter.action == Action::Error);
        filters || state.default_action == Action::Error
    };
    patiently(process()).is_some_and(|state| errs(&state))
}

/// What was raised in the process so far, outside of [`catch_warnings`](super::catch::catch_warnings): by category and text, and how many
/// filters hid.
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
    patiently(process()).map(|state| state.raised.records()).unwrap_or_default()
}

#[cfg(feature = "profile")]
thread_local! {
    /// Of a thread that forks, from before to after.
    static HELD: RefCell<Option<MutexGuard<'static, State>>> = const { RefCell::new(None) };
}

/// Before a `fork`: no other thread may hold the lock at that moment, or the child would wait for it for ever. It is never held for
/// long; if it is all the same, the fork goes on.
#[cfg(feature = "profile")]
pub(crate) extern "C" fn before_fork() {
    let held = PROCESS.get().and_then(patiently);
    let _ = HELD.try_with(|place| place.replace(held));
}

/// In a forked child: what was raised was the parent's.
#[cfg(feature = "profile")]
pub(crate) fn forget_raised() {
    if let Some(mut process) = PROCESS.get().and_then(patiently) {
        process.raised = RaisedLog::default();
    }
}

/// After it, in parent and child.
#[cfg(feature = "profile")]
pub(crate) extern "C" fn after_fork() {
    let _ = HELD.try_with(RefCell::take);
}

/// The state that holds here.
pub(super) fn with<T>(work: impl FnOnce(&mut State) -> T) -> T {
    let mut work = Some(work);
    // A thread that is ending has none of its own.
    let own = OWN.try_with(|own| {
        let mut own = own.borrow_mut();
        own.as_mut().and_then(|state| work.take().map(|work| work(state)))
    });
    match (own, work) {
        (Ok(Some(done)), _) => done,
        (_, Some(work)) => with_process(work),
        (_, None) => unreachable!("it was taken to give what it gave"),
    }
}

/// That of the process, whatever this thread has.
pub(super) fn with_process<T>(work: impl FnOnce(&mut State) -> T) -> T {
    work(&mut locked(process()))
}

/// Puts a filter in front of the others, or behind them. One that is there already comes to the front; behind, it stays where
/// it is.
pub(super) fn insert(filter: Filter, append: bool) {
    with(|state| {
        let filters = Arc::make_mut(&mut state.filters);
        if append {
            if !filters.contains(&filter) {
                filters.push(filter);
            }
        } else {
            filters.retain(|other| *other != filter);
            filters.insert(0, filter);
        }
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
        state.filters = Arc::default();
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
    with(|state| state.filters.to_vec())
}

/// What shows a warning in place of standard error; `None`: standard error again.
pub fn set_show_warning(show: Option<impl Fn(&Warning) + Send + Sync + 'static>) {
    let show = show.map(|show| Arc::new(show) as Show);
    // The one before is dropped outside of the lock, since what it holds may warn.
    drop(with(|state| std::mem::replace(&mut state.show, show)));
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
    let module = place.module();
    let outcome = with(|state| {
        // Taken out for a moment: the state decides, and the registry is a part of it.
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

/// Straight to the descriptor where it can be had: the lock of the standard library may be held for ever in a forked child. A standard error
/// that is gone is no reason to panic.
fn print(text: &str) {
    use std::io::Write as _;
    #[cfg(feature = "profile")]
    let mut stderr = crate::sys::raw_stderr();
    #[cfg(not(feature = "profile"))]
    let mut stderr = std::io::stderr();
    let _ = stderr.write_all(text.as_bytes());
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
