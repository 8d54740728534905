//! Temporary changes: the filters, and the handler that shows warnings, are restored at the end.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::category::Category;
use super::filter::{Action, Filter};
use super::process::{OWN, exclusively, locked, with_process};
use super::state::{Log, Show, State, next_version};
use super::warning::Warning;

/// Whose state a guard restores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Process,
    /// A thread that had no state of its own before.
    Thread,
    /// A thread that is within another guard.
    Inner,
}

/// Until the returned guard is dropped, changes to filters and to the handler that shows warnings
/// apply only to this thread. They are undone when the guard is dropped. Within the guard, and
/// after an inner one has ended, a warning that was shown before is shown again, as in Python.
///
/// # Examples
/// See the [module](crate::warnings).
#[must_use = "the changes are undone when it is dropped"]
pub fn catch_warnings() -> CatchWarnings {
    let caught = OWN.try_with(|own| {
        let mut own = own.borrow_mut();
        let scope = if own.is_some() { Scope::Inner } else { Scope::Thread };
        let state = own.get_or_insert_with(|| with_process(|process| process.for_thread()));
        CatchWarnings::begin(scope, state)
    });
    // A thread that is ending can no longer have its own state.
    caught.unwrap_or_else(|_| CatchWarnings::begin(Scope::Inner, &mut State::fresh()))
}

/// The same for the whole process, as in Python: every thread sees the changes, except those within
/// their own [`catch_warnings`].
///
/// Guards that several threads hold at the same time restore what they found, regardless of the
/// others; tests that run concurrently should use [`catch_warnings`].
///
/// ```
/// use profile_core::warnings::{UserWarning, catch_process_warnings};
///
/// let caught = catch_process_warnings().record();
/// std::thread::spawn(|| profile_core::warn!("from another thread")).join().expect("it ends")?;
/// assert_eq!(caught.recorded()[0].message, "from another thread");
/// # Ok::<(), profile_core::warnings::RaisedWarning>(())
/// ```
#[must_use = "the changes are undone when it is dropped"]
pub fn catch_process_warnings() -> CatchWarnings {
    with_process(|state| CatchWarnings::begin(Scope::Process, state))
}

/// See [`catch_warnings`].
pub struct CatchWarnings {
    scope: Scope,
    filters: Arc<Vec<Filter>>,
    show: Option<Show>,
    log: Option<Log>,
    own: Option<Log>,
    /// It belongs to the thread that created it.
    not_send: PhantomData<*mut ()>,
}

impl fmt::Debug for CatchWarnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchWarnings").field("recorded", &self.recorded()).finish_non_exhaustive()
    }
}

impl CatchWarnings {
    fn begin(scope: Scope, state: &mut State) -> CatchWarnings {
        // Warnings that were shown before are shown again.
        state.version = next_version();
        CatchWarnings {
            scope,
            filters: state.filters.clone(),
            show: state.show.clone(),
            log: state.log.clone(),
            own: None,
            not_send: PhantomData,
        }
    }

    /// The state that the guard belongs to; `None` in a thread that is ending.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> Option<T> {
        match self.scope {
            Scope::Process => Some(with_process(work)),
            Scope::Thread | Scope::Inner => {
                OWN.try_with(|own| own.borrow_mut().as_mut().map(work)).ok().flatten()
            }
        }
    }

    /// The previous handler is dropped outside of the lock, since values that it owns may warn.
    fn show_by(&self, show: Option<Show>, log: Option<Log>) {
        drop(self.with(|state| {
            let show = std::mem::replace(&mut state.show, show);
            (show, std::mem::replace(&mut state.log, log))
        }));
    }

    /// Adds a filter until the guard is dropped, before the other filters or after them: the
    /// `action`, `category`, `lineno` and `append` that Python's `catch_warnings` takes. Line 0
    /// matches any line.
    ///
    /// ```
    /// use profile_core::warnings::{Action, UserWarning, catch_warnings};
    ///
    /// let _strict = catch_warnings().filter(Action::Error, &UserWarning, 0, false);
    /// assert!(profile_core::warn!("the table has no head").is_err());
    /// ```
    #[must_use = "the changes are undone when it is dropped"]
    pub fn filter(
        self,
        action: Action,
        category: &'static Category,
        line: u64,
        append: bool,
    ) -> CatchWarnings {
        self.with(|state| state.insert(Filter::simple(action, category, line), append));
        self
    }

    /// Records warnings instead of showing them: see [`CatchWarnings::recorded`].
    #[must_use = "the changes are undone when it is dropped"]
    pub fn record(mut self) -> CatchWarnings {
        let log = Log::default();
        self.own = Some(log.clone());
        self.show_by(None, Some(log));
        self
    }

    /// Whether it records warnings.
    #[must_use]
    pub fn records(&self) -> bool {
        self.own.is_some()
    }

    /// The warnings recorded so far.
    #[must_use]
    pub fn recorded(&self) -> Vec<Warning> {
        let recorded = self.own.as_ref().and_then(|log| exclusively(|| locked(log).clone()));
        recorded.unwrap_or_default()
    }
}

impl Drop for CatchWarnings {
    fn drop(&mut self) {
        if self.scope == Scope::Thread {
            let _ = OWN.try_with(std::cell::RefCell::take);
            return;
        }
        let filters = self.filters.clone();
        self.with(|state| {
            state.filters = filters;
            state.version = next_version();
        });
        let (show, log) = (self.show.take(), self.log.take());
        self.show_by(show, log);
    }
}

#[cfg(test)]
mod tests {
    use super::super::category::UserWarning;
    use super::super::warn::filters;
    use super::*;

    #[test]
    fn a_guard_adds_a_filter_and_removes_it() {
        let before = filters();
        let strict = catch_warnings().filter(Action::Error, &UserWarning, 7, false);
        assert_eq!(filters()[0], Filter::simple(Action::Error, &UserWarning, 7));
        assert_eq!(filters()[1..], before[..]);
        let inner = catch_warnings().record().filter(Action::Ignore, &UserWarning, 0, true);
        assert_eq!(filters().last(), Some(&Filter::simple(Action::Ignore, &UserWarning, 0)));
        assert!(inner.records());
        drop(inner);
        assert_eq!(filters().len(), before.len() + 1);
        drop(strict);
        assert_eq!(filters(), before);
    }
}
