//! The warnings raised: how often and where first for each text, and how many a filter hid.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::category::Category;
use super::warning::Place;

/// Texts of a category that are counted separately; others share one count.
const MOST: usize = 100;

/// The warnings of a category.
#[derive(Clone, Debug)]
struct Kind {
    category: &'static Category,
    texts: HashMap<String, First, RandomState>,
    /// The count of texts beyond [`MOST`].
    others: u64,
    hidden: u64,
}

/// Where a text was first raised, and how often.
#[derive(Clone, Debug)]
struct First {
    module: String,
    file: String,
    line: u64,
    count: u64,
    is_error: bool,
}

/// All raised warnings.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    kinds: HashMap<usize, Kind, RandomState>,
}

impl Log {
    fn kind(&mut self, category: &'static Category) -> &mut Kind {
        let none = || Kind { category, texts: HashMap::default(), others: 0, hidden: 0 };
        self.kinds.entry(std::ptr::from_ref(category).addr()).or_insert_with(none)
    }

    /// Counts a warning that a filter ignores.
    pub(super) fn hide(&mut self, category: &'static Category) {
        self.kind(category).hidden += 1;
    }

    /// Counts a warning that is shown, is an error, or is not shown because it was shown before.
    pub(super) fn add(
        &mut self,
        text: &str,
        category: &'static Category,
        place: &Place<'_>,
        is_error: bool,
    ) {
        let kind = self.kind(category);
        if let Some(known) = kind.texts.get_mut(text) {
            known.count += 1;
            known.is_error |= is_error;
        } else if kind.texts.len() < MOST {
            let (module, file) = (place.module().to_owned(), place.file.to_owned());
            let first = First { module, file, line: place.line, count: 1, is_error };
            kind.texts.insert(text.to_owned(), first);
        } else {
            kind.others += 1;
        }
    }

    /// All records, in a stable order.
    pub(super) fn records(&self) -> Vec<Raised> {
        let mut all: Vec<Raised> = self.kinds.values().flat_map(Kind::records).collect();
        crate::sort::by(&mut all, |a, b| {
            let key = |it: &Raised| (it.category.name(), it.message.is_none());
            key(a).cmp(&key(b)).then(b.count.cmp(&a.count)).then_with(|| a.message.cmp(&b.message))
        });
        all
    }
}

/// Warnings of one text, or those of a category without a stored text.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Raised {
    /// The category.
    pub category: &'static Category,
    /// The text. `None`: hidden warnings, and those beyond the hundred stored texts.
    pub message: Option<String>,
    /// The module that raised it first; empty without a text.
    pub module: String,
    /// The file where it was raised first; empty without a text.
    pub file: String,
    /// The line in that file; 0 without a text.
    pub line: u64,
    /// How often, including when it was not shown.
    pub count: u64,
    /// How many of these a filter hid.
    pub hidden: u64,
    /// Whether a filter turned it into an error.
    pub is_error: bool,
}

impl Kind {
    fn records(&self) -> impl Iterator<Item = Raised> {
        let texts = self.texts.iter().map(|(text, first)| Raised {
            category: self.category,
            message: Some(text.clone()),
            module: first.module.clone(),
            is_error: first.is_error,
            file: first.file.clone(),
            line: first.line,
            count: first.count,
            hidden: 0,
        });
        let rest = (self.others + self.hidden > 0).then(|| Raised {
            category: self.category,
            message: None,
            module: String::new(),
            is_error: false,
            file: String::new(),
            line: 0,
            count: self.others + self.hidden,
            hidden: self.hidden,
        });
        texts.chain(rest)
    }
}
