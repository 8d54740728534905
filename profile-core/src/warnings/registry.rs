//! The warnings already shown, for one module or for the owner of a registry.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::category::Category;

/// The texts already shown, by category and line. It is cleared when filters have changed.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    pub(super) version: Option<u64>,
    /// The text is looked up as `&str`: nothing is allocated for a known text.
    shown: HashMap<(usize, u64), Shown, RandomState>,
}

/// Texts of one category and line.
#[derive(Clone, Debug)]
struct Shown {
    category: &'static Category,
    texts: HashSet<String, RandomState>,
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Registry {
        Registry::default()
    }

    pub(super) fn clear_if_outdated(&mut self, version: u64) {
        if self.version != Some(version) {
            self.shown.clear();
            self.version = Some(version);
        }
    }

    pub(super) fn has(&self, text: &str, category: &'static Category, line: u64) -> bool {
        let key = (std::ptr::from_ref(category).addr(), line);
        self.shown.get(&key).is_some_and(|shown| shown.texts.contains(text))
    }

    /// Adds a text; returns whether it is new.
    pub(super) fn add(&mut self, text: &str, category: &'static Category, line: u64) -> bool {
        let key = (std::ptr::from_ref(category).addr(), line);
        let none = || Shown { category, texts: HashSet::default() };
        self.shown.entry(key).or_insert_with(none).texts.insert(text.to_owned())
    }

    /// Text, category and line of every entry, in arbitrary order; line 0 stands for the whole
    /// module.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &'static Category, u64)> {
        self.shown.iter().flat_map(|((_, line), shown)| {
            shown.texts.iter().map(|text| (text.as_str(), shown.category, *line))
        })
    }

    /// Whether it has been used for a warning.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.version.is_some()
    }
}
