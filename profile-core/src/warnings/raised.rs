//! What was raised: by text, how often and where first; and how many a filter hid.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::category::Category;
use super::warning::Place;

/// Texts of a category that are kept apart; of more there is one count.
const MOST: usize = 100;

/// Of a category.
#[derive(Clone, Debug)]
struct Kind {
    category: &'static Category,
    texts: HashMap<String, First, RandomState>,
    /// Those that found no room among the texts.
    others: u64,
    hidden: u64,
}

/// Of a text: where it was raised first, and how often.
#[derive(Clone, Debug)]
struct First {
    module: String,
    file: String,
    line: u64,
    count: u64,
    is_error: bool,
}

/// All that were raised.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    kinds: HashMap<usize, Kind, RandomState>,
}

impl Log {
    fn kind(&mut self, category: &'static Category) -> &mut Kind {
        let none = || Kind { category, texts: HashMap::default(), others: 0, hidden: 0 };
        self.kinds.entry(std::ptr::from_ref(category).addr()).or_insert_with(none)
    }

    /// A filter says that it is ignored.
    pub(super) fn hide(&mut self, category: &'static Category) {
        self.kind(category).hidden += 1;
    }

    /// It was shown, was an error, or would have been if it had not been shown before.
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

    /// All, in an order that does not change from run to run.
    pub(super) fn records(&self) -> Vec<Raised> {
        let mut all: Vec<Raised> = self.kinds.values().flat_map(Kind::records).collect();
        crate::sort::by(&mut all, |a, b| {
            let key = |it: &Raised| (it.category.name(), it.message.is_none());
            key(a).cmp(&key(b)).then(b.count.cmp(&a.count)).then_with(|| a.message.cmp(&b.message))
        });
        all
    }
}

/// What was raised with one text, or of a category with none that is kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Raised {
    /// Its category.
    pub category: &'static Category,
    /// The text. `None`: those that were hidden, and those beyond the hundred texts that are kept.
    pub message: Option<String>,
    /// The module that raised it first; empty without a text.
    pub module: String,
    /// Where it was raised first; empty without a text.
    pub file: String,
    /// The line there; 0 without a text.
    pub line: u64,
    /// How often, whether it was shown each time or not.
    pub count: u64,
    /// Of these, how many a filter hid.
    pub hidden: u64,
    /// Whether a filter made it an error.
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
