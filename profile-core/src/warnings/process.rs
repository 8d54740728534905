//! Which state holds: that of the process, or of a thread within [`catch_warnings`](super::catch::catch_warnings); and its lock.

use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

#[cfg(feature = "profile")]
use super::category::Category;
#[cfg(feature = "profile")]
use super::filter::Action;
#[cfg(feature = "profile")]
use super::raised::Log as RaisedLog;
#[cfg(feature = "profile")]
use super::state::ShownBy;
use super::state::State;

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

pub(super) fn process() -> &'static Mutex<State> {
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
