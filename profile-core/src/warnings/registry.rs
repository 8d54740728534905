//! What was shown already: of one module, or of whoever keeps a registry of its own.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::category::Category;

/// The texts that were shown, by category and line. It forgets all when filters have changed since.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    pub(super) version: Option<u64>,
    /// Looked up by the text as it is borrowed: nothing is allocated for what is there.
    shown: HashMap<(usize, u64), Shown, RandomState>,
}

/// Texts of one category and line.
#[derive(Clone, Debug)]
struct Shown {
    category: &'static Category,
    texts: HashSet<String, RandomState>,
}

impl Registry {
    /// Empty.
    #[must_use]
    pub fn new() -> Registry {
        Registry::default()
    }

    pub(super) fn bring_to(&mut self, version: u64) {
        if self.version != Some(version) {
            self.shown.clear();
            self.version = Some(version);
        }
    }

    pub(super) fn has(&self, text: &str, category: &'static Category, line: u64) -> bool {
        let key = (std::ptr::from_ref(category).addr(), line);
        self.shown.get(&key).is_some_and(|shown| shown.texts.contains(text))
    }

    /// Whether it was not there.
    pub(super) fn add(&mut self, text: &str, category: &'static Category, line: u64) -> bool {
        let key = (std::ptr::from_ref(category).addr(), line);
        let none = || Shown { category, texts: HashSet::default() };
        self.shown.entry(key).or_insert_with(none).texts.insert(text.to_owned())
    }

    /// Text, category and line of everything in it, in no order; line 0 is that of the whole
    /// module.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &'static Category, u64)> {
        self.shown.iter().flat_map(|((_, line), shown)| {
            shown.texts.iter().map(|text| (text.as_str(), shown.category, *line))
        })
    }

    /// Whether a warning has come by since it was made.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.version.is_some()
    }
}
