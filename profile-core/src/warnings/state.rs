//! Filters, registries and handler, and the decision about a warning.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use foldhash::fast::RandomState;

use super::category::{
    Category, DeprecationWarning, ImportWarning, PendingDeprecationWarning, ResourceWarning,
};
use super::filter::{Action, Filter, MAIN, Pattern};
use super::raised::Log as RaisedLog;
use super::registry::Registry;
use super::warning::{Place, Warning};

pub(super) type Show = Arc<dyn Fn(&Warning) + Send + Sync>;
pub(super) type Log = Arc<Mutex<Vec<Warning>>>;

#[derive(Clone)]
pub(super) struct State {
    /// Copied on write, so that a guard keeps the previous filters at no cost.
    pub(super) filters: Arc<Vec<Filter>>,
    /// Changes with the filters; unique across all states.
    pub(super) version: u64,
    pub(super) default_action: Action,
    /// Of the whole process, by text and category.
    pub(super) once: Registry,
    /// Diagnostics that the profiler has emitted, by subject.
    #[cfg(feature = "profile")]
    pub(super) emitted: Registry,
    /// Of each module that has warned.
    pub(super) modules: HashMap<String, Registry, RandomState>,
    pub(super) show: Option<Show>,
    pub(super) log: Option<Log>,
    pub(super) raised: RaisedLog,
}

impl State {
    /// A state with Python's initial filters.
    pub(super) fn fresh() -> State {
        let ignored =
            [&DeprecationWarning, &PendingDeprecationWarning, &ImportWarning, &ResourceWarning];
        let mut filters = vec![Filter::simple(Action::Default, &DeprecationWarning, 0)];
        filters[0].module = Pattern::new(MAIN, false).ok().map(|main| main.or_program(MAIN));
        filters.extend(ignored.map(|category| Filter::simple(Action::Ignore, category, 0)));
        State {
            filters: Arc::new(filters),
            version: next_version(),
            default_action: Action::Default,
            once: Registry::new(),
            #[cfg(feature = "profile")]
            emitted: Registry::new(),
            modules: HashMap::default(),
            show: None,
            log: None,
            raised: RaisedLog::default(),
        }
    }

    /// A state for a thread: the same filters, and nothing shown yet.
    pub(super) fn for_thread(&self) -> State {
        State {
            filters: self.filters.clone(),
            version: next_version(),
            default_action: self.default_action,
            once: self.once.clone(),
            #[cfg(feature = "profile")]
            emitted: Registry::new(),
            modules: HashMap::default(),
            show: self.show.clone(),
            log: None,
            raised: RaisedLog::default(),
        }
    }

    /// Inserts a filter before the others, or after them. An existing one moves to the front; when
    /// appending, it stays where it is.
    pub(super) fn insert(&mut self, filter: Filter, append: bool) {
        let filters = Arc::make_mut(&mut self.filters);
        if append {
            if !filters.contains(&filter) {
                filters.push(filter);
            }
        } else {
            filters.retain(|other| *other != filter);
            filters.insert(0, filter);
        }
        self.version = next_version();
    }

    pub(super) fn action(
        &self,
        text: &str,
        category: &Category,
        module: &str,
        line: u64,
    ) -> Action {
        let found = self.filters.iter().find(|filter| filter.fits(text, category, module, line));
        found.map_or(self.default_action, |filter| filter.action)
    }

    /// Decides whether to ignore, show or return a warning.
    pub(super) fn decide(
        &mut self,
        text: &str,
        category: &'static Category,
        place: &Place<'_>,
        registry: &mut Registry,
    ) -> Outcome {
        registry.clear_if_outdated(self.version);
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

    pub(super) fn shown_by(&self) -> ShownBy {
        match (&self.show, &self.log) {
            (Some(show), _) => ShownBy::Function(show.clone()),
            (None, Some(log)) => ShownBy::Log(log.clone()),
            (None, None) => ShownBy::StandardError,
        }
    }
}

pub(super) enum Outcome {
    Nothing,
    Show(ShownBy),
    Raise,
}

/// How a warning is shown.
pub(crate) enum ShownBy {
    Function(Show),
    Log(Log),
    StandardError,
}

pub(super) fn next_version() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Relaxed) + 1
}
