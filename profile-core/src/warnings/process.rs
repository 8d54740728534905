//! Which state holds: that of the process, or of a thread within
//! [`catch_warnings`](super::catch::catch_warnings).
//!
//! One lock is for all that threads share here: what is recorded, or told, has a mutex of its own
//! that is locked within it. So a `fork` has to hold one, and no child finds any that is locked by
//! a thread which it does not have.

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
    /// Whether this thread holds the lock. One that does may come here again: an allocator with a
    /// limit, or a signal handler.
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

/// The state of the process. `None`: this thread is at it already.
pub(super) fn try_process<T>(work: impl FnOnce(&mut State) -> T) -> Option<T> {
    let _inside = Inside::enter()?;
    Some(work(&mut locked(process())))
}

/// Within the lock. `None`: this thread is within it already.
pub(crate) fn alone<T>(work: impl FnOnce() -> T) -> Option<T> {
    try_process(|_| work())
}

impl ShownBy {
    /// Shows it, outside of every lock: what shows a warning may warn itself. Whether it was
    /// anyone's but standard error.
    pub(crate) fn show(&self, warning: impl FnOnce() -> Warning) -> bool {
        match self {
            ShownBy::Function(show) => show(&warning()),
            ShownBy::Log(log) => {
                let warning = warning();
                alone(|| locked(log).push(warning));
            }
            ShownBy::StandardError => return false,
        }
        true
    }
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
    /// Whether nothing was reported of this subject and category since the filters changed; never
    /// of what is not told.
    pub(crate) is_first: bool,
    pub(crate) shown_by: ShownBy,
}

/// `None`: the filters cannot be asked here. `tells_errors`: somebody hears of one that is an
/// error, too.
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
    own.or_else(|| try_process(work.take()?))
}

/// Makes the state of the process, which takes memory, before anybody counts that.
#[cfg(feature = "profile")]
pub(crate) fn prepare() {
    try_process(|_| ());
}

/// Whether any filter of the process makes an error.
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
    /// Of a thread that forks, from before to after.
    static HELD: RefCell<Option<(MutexGuard<'static, State>, Inside)>> = const { RefCell::new(None) };
}

/// Before a `fork`: no other thread may hold the lock at that moment, or the child would wait for
/// it for ever.
#[cfg(feature = "profile")]
pub(crate) extern "C" fn before_fork() {
    let held = Inside::enter().map(|inside| (locked(process()), inside));
    let _ = HELD.try_with(|place| place.replace(held));
}

/// In a forked child: what was raised and told was the parent's.
#[cfg(feature = "profile")]
pub(crate) fn forget_raised() {
    try_process(|state| {
        state.raised = RaisedLog::default();
        state.told = Registry::new();
    });
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
        let mut own = own.try_borrow_mut().ok()?;
        own.as_mut().and_then(|state| work.take().map(|work| work(state)))
    });
    match (own.ok().flatten(), work) {
        (Some(done), _) => done,
        (None, Some(work)) => with_process(work),
        (None, None) => unreachable!("it was taken to give what it gave"),
    }
}

/// That of the process, whatever this thread has; a fresh one where this thread is at it already.
pub(super) fn with_process<T>(work: impl FnOnce(&mut State) -> T) -> T {
    match Inside::enter() {
        Some(_inside) => work(&mut locked(process())),
        None => work(&mut State::fresh()),
    }
}
