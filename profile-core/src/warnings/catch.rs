//! For a while: what is changed of filters, and of what shows warnings, is put back.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::category::Category;
use super::filter::{Action, Filter};
use super::process::{OWN, alone, locked, with_process};
use super::state::{Log, Show, State, next_version};
use super::warning::Warning;

/// Whose filters a guard puts back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Process,
    /// A thread that had none of its own before.
    Thread,
    /// A thread within another guard.
    Inner,
}

/// From here to the drop of what it returns, changes of filters and of what shows warnings hold in
/// this thread alone, and end then. Within it, and after an inner one has ended, a warning that was
/// shown before is shown again, as in Python.
///
/// # Examples
/// See the [module](crate::warnings).
#[must_use = "it ends when it is dropped"]
pub fn catch_warnings() -> CatchWarnings {
    let caught = OWN.try_with(|own| {
        let mut own = own.borrow_mut();
        let scope = if own.is_some() { Scope::Inner } else { Scope::Thread };
        let state = own.get_or_insert_with(|| with_process(|process| process.apart()));
        CatchWarnings::begin(scope, state)
    });
    // A thread that is ending can have no filters of its own any more.
    caught.unwrap_or_else(|_| CatchWarnings::begin(Scope::Inner, &mut State::fresh()))
}

/// The same for the whole process, as Python's: every thread sees the changes, but those within a
/// [`catch_warnings`] of their own.
///
/// Guards of several threads at a time put back what they found, whatever the others did meanwhile;
/// tests that run beside each other want [`catch_warnings`].
///
/// ```
/// use profile_core::warnings::{UserWarning, catch_process_warnings};
///
/// let caught = catch_process_warnings().record();
/// std::thread::spawn(|| profile_core::warn!("from another thread")).join().expect("it ends")?;
/// assert_eq!(caught.recorded()[0].message, "from another thread");
/// # Ok::<(), profile_core::warnings::RaisedWarning>(())
/// ```
#[must_use = "it ends when it is dropped"]
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
    /// It is of the thread that made it.
    not_send: PhantomData<*mut ()>,
}

impl fmt::Debug for CatchWarnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchWarnings").field("recorded", &self.recorded()).finish_non_exhaustive()
    }
}

impl CatchWarnings {
    fn begin(scope: Scope, state: &mut State) -> CatchWarnings {
        // What was shown before is shown again.
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

    /// The state that it is of; none any more in a thread that is ending.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> Option<T> {
        match self.scope {
            Scope::Process => Some(with_process(work)),
            Scope::Thread | Scope::Inner => {
                OWN.try_with(|own| own.borrow_mut().as_mut().map(work)).ok().flatten()
            }
        }
    }

    /// What showed warnings until now is dropped outside of the lock, since what it holds may warn.
    fn show_by(&self, show: Option<Show>, log: Option<Log>) {
        drop(self.with(|state| {
            let show = std::mem::replace(&mut state.show, show);
            (show, std::mem::replace(&mut state.log, log))
        }));
    }

    /// From here to its end with one filter more, in front of the others or behind them: the
    /// `action`, `category`, `lineno` and `append` that Python's `catch_warnings` takes. Line 0 is
    /// any.
    ///
    /// ```
    /// use profile_core::warnings::{Action, UserWarning, catch_warnings};
    ///
    /// let _strict = catch_warnings().filter(Action::Error, &UserWarning, 0, false);
    /// assert!(profile_core::warn!("the table has no head").is_err());
    /// ```
    #[must_use = "it ends when it is dropped"]
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

    /// What would be shown is kept in place of that: see [`CatchWarnings::recorded`].
    #[must_use = "it ends when it is dropped"]
    pub fn record(mut self) -> CatchWarnings {
        let log = Log::default();
        self.own = Some(log.clone());
        self.show_by(None, Some(log));
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
        let recorded = self.own.as_ref().and_then(|log| alone(|| locked(log).clone()));
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
    fn a_guard_takes_action_category_line_and_append_and_takes_them_back() {
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
