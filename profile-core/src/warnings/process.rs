//! The state that applies: that of the process, or of a thread within
//! [`catch_warnings`](super::catch::catch_warnings).
//!
//! A single lock guards everything that threads share here: records have mutexes of their own,
//! which are locked only within it. So a `fork` has to hold just this one, and a child never finds
//! a mutex locked by a thread that it does not have.

use std::cell::{Cell, RefCell};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

#[cfg(feature = "profile")]
use super::category::Category;
#[cfg(feature = "profile")]
use super::filter::Action;
#[cfg(feature = "profile")]
use super::raised::Log as RaisedLog;
#[cfg(feature = "profile")]
use super::registry::Registry;
use super::state::{ShownBy, State};
use super::warning::Warning;

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// Whether this thread holds the lock. It may reenter: through an allocator with a limit, or a
    /// signal handler.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

struct Inside;

impl Inside {
    fn enter() -> Option<Inside> {
        if IS_INSIDE.replace(true) { None } else { Some(Inside) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        IS_INSIDE.set(false);
    }
}

/// Runs with the state of the process. `None`: this thread already has it.
pub(super) fn try_process<T>(work: impl FnOnce(&mut State) -> T) -> Option<T> {
    let _inside = Inside::enter()?;
    Some(work(&mut locked(process())))
}

/// Runs within the lock. `None`: this thread already holds it.
pub(crate) fn exclusively<T>(work: impl FnOnce() -> T) -> Option<T> {
    try_process(|_| work())
}

impl ShownBy {
    /// Shows the warning, outside of every lock, since the handler may warn itself. Returns `false`
    /// if it should go to standard error.
    pub(crate) fn show(&self, warning: impl FnOnce() -> Warning) -> bool {
        match self {
            ShownBy::Function(show) => show(&warning()),
            ShownBy::Log(log) => {
                let warning = warning();
                exclusively(|| locked(log).push(warning));
            }
            ShownBy::StandardError => return false,
        }
        true
    }
}

thread_local! {
    /// The state of a thread within [`catch_warnings`](super::catch::catch_warnings).
    pub(super) static OWN: RefCell<Option<State>> = const { RefCell::new(None) };
}

static PROCESS: OnceLock<Mutex<State>> = OnceLock::new();

fn process() -> &'static Mutex<State> {
    PROCESS.get_or_init(|| Mutex::new(State::fresh()))
}

/// What the current filters decide about a diagnostic of the profiler.
#[cfg(feature = "profile")]
pub(crate) struct Verdict {
    pub(crate) action: Action,
    /// Whether this subject and category was not emitted since the filters changed; `false` if
    /// it is not emitted.
    pub(crate) is_first: bool,
    pub(crate) shown_by: ShownBy,
}

/// `None`: the filters are not accessible here. `emits_errors`: errors are emitted, too.
#[cfg(feature = "profile")]
pub(crate) fn verdict(
    text: &str,
    category: &'static Category,
    (module, line): (&str, u32),
    subject: &str,
    emits_errors: bool,
) -> Option<Verdict> {
    const OF_ALL: u64 = 0;
    try_with(|state| {
        let action = state.action(text, category, module, line.into());
        state.emitted.clear_if_outdated(state.version);
        let emits = match action {
            Action::Ignore => false,
            Action::Error => emits_errors,
            _ => true,
        };
        let is_first = emits && state.emitted.add(subject, category, OF_ALL);
        Verdict { action, is_first, shown_by: state.shown_by() }
    })
}

/// The same for a recorded warning, which is not emitted.
#[cfg(feature = "profile")]
pub(crate) fn action_for(
    text: &str,
    category: &Category,
    (module, line): (&str, u32),
) -> Option<Action> {
    try_with(|state| state.action(text, category, module, line.into()))
}

/// Runs with the current state, if accessible.
#[cfg(feature = "profile")]
fn try_with<T>(work: impl FnOnce(&mut State) -> T) -> Option<T> {
    let mut work = Some(work);
    // A thread that is ending has no state of its own.
    let own = OWN.try_with(|own| {
        let mut own = own.try_borrow_mut().ok()?;
        own.as_mut().and_then(|state| work.take().map(|work| work(state)))
    });
    let own = own.ok().flatten();
    own.or_else(|| try_process(work.take()?))
}

/// Creates the state of the process, which allocates, before allocations are counted.
#[cfg(feature = "profile")]
pub(crate) fn prepare() {
    try_process(|_| ());
}

/// Whether any filter of the process turns warnings into errors.
#[cfg(feature = "profile")]
pub(crate) fn may_raise() -> bool {
    let errs = |state: &State| {
        let filters = state.filters.iter().any(|filter| filter.action == Action::Error);
        filters || state.default_action == Action::Error
    };
    try_process(|state| errs(state)).unwrap_or(false)
}

#[cfg(feature = "profile")]
thread_local! {
    /// Held by a forking thread from before the fork until after it.
    static HELD: RefCell<Option<(MutexGuard<'static, State>, Inside)>> = const { RefCell::new(None) };
}

/// Before a `fork`: no other thread may hold the lock then, or the child would wait for it forever.
#[cfg(feature = "profile")]
pub(crate) extern "C" fn before_fork() {
    let held = Inside::enter().map(|inside| (locked(process()), inside));
    let _ = HELD.try_with(|slot| slot.replace(held));
}

/// In a forked child: raised and emitted warnings were the parent's.
#[cfg(feature = "profile")]
pub(crate) fn forget_raised() {
    try_process(|state| {
        state.raised = RaisedLog::default();
        state.emitted = Registry::new();
    });
}

/// After a `fork`, in parent and child.
#[cfg(feature = "profile")]
pub(crate) extern "C" fn after_fork() {
    let _ = HELD.try_with(RefCell::take);
}

/// Runs with the current state.
pub(super) fn with<T>(work: impl FnOnce(&mut State) -> T) -> T {
    let mut work = Some(work);
    // A thread that is ending has no state of its own.
    let own = OWN.try_with(|own| {
        let mut own = own.try_borrow_mut().ok()?;
        own.as_mut().and_then(|state| work.take().map(|work| work(state)))
    });
    match (own.ok().flatten(), work) {
        (Some(done), _) => done,
        (None, Some(work)) => with_process(work),
        (None, None) => unreachable!("`work` is taken only to return its result"),
    }
}

/// Runs with the state of the process, ignoring this thread's own; with a fresh one if this thread
/// already has it.
pub(super) fn with_process<T>(work: impl FnOnce(&mut State) -> T) -> T {
    match Inside::enter() {
        Some(_inside) => work(&mut locked(process())),
        None => work(&mut State::fresh()),
    }
}
