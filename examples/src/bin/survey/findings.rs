//! Findings: counts, frequencies of names, extremes, and the files that could not be surveyed.
//! Findings of files, and of threads, are merged.

use std::collections::HashMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use proc_macro2::Ident;
use profile_core::profile;
use serde::{Deserialize, Serialize};

/// What is counted.
#[derive(Clone, Copy)]
pub enum Thing {
    File,
    Byte,
    Line,
    DocComment,
    Function,
    GenericFunction,
    AsyncFunction,
    ConstFunction,
    UnsafeFunction,
    Closure,
    Struct,
    Enum,
    Trait,
    Impl,
    TraitImpl,
    UnsafeImpl,
    Macro,
    UnsafeBlock,
    Match,
    QuestionMark,
    Unwrap,
    Await,
}

impl Thing {
    /// All, in the order of the enum and of the page.
    pub const ALL: [(Thing, &str); 22] = [
        (Thing::File, "files"),
        (Thing::Byte, "bytes"),
        (Thing::Line, "lines"),
        (Thing::DocComment, "doc comments"),
        (Thing::Function, "functions"),
        (Thing::GenericFunction, "  generic"),
        (Thing::AsyncFunction, "  async"),
        (Thing::ConstFunction, "  const"),
        (Thing::UnsafeFunction, "  unsafe"),
        (Thing::Closure, "closures"),
        (Thing::Struct, "structs"),
        (Thing::Enum, "enums"),
        (Thing::Trait, "traits"),
        (Thing::Impl, "impls"),
        (Thing::TraitImpl, "  of traits"),
        (Thing::UnsafeImpl, "  unsafe"),
        (Thing::Macro, "macros by example"),
        (Thing::UnsafeBlock, "unsafe blocks"),
        (Thing::Match, "match"),
        (Thing::QuestionMark, "?"),
        (Thing::Unwrap, ".unwrap()"),
        (Thing::Await, ".await"),
    ];
}

/// Findings of one or many files.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Findings {
    counts: [u64; Thing::ALL.len()],
    /// Attributes, without doc comments.
    pub attributes: Tally,
    /// Macros called.
    pub macros: Tally,
    /// In lines.
    pub longest_function: Extreme,
    /// In nested blocks, the innermost included.
    pub deepest_block: Extreme,
    /// Files that could not be surveyed.
    pub refused: Vec<Refused>,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, thing: Thing) {
        self.add_many(thing, 1);
    }

    /// Adds several.
    pub fn add_many(&mut self, thing: Thing, many: usize) {
        self.counts[thing as usize] += many as u64;
    }

    /// The count.
    pub fn count(&self, thing: Thing) -> u64 {
        self.counts[thing as usize]
    }

    /// Adds other findings.
    #[profile]
    pub fn merge(&mut self, other: Findings) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.attributes.merge(other.attributes);
        self.macros.merge(other.macros);
        self.longest_function.rise(other.longest_function.size, || other.longest_function.place);
        self.deepest_block.rise(other.deepest_block.size, || other.deepest_block.place);
        self.refused.extend(other.refused);
    }
}

/// Frequencies of names.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Tally(HashMap<String, u64>);

#[profile]
impl Tally {
    /// Counts a name.
    pub fn add(&mut self, name: &Ident) {
        self.add_many(name.to_string(), 1);
    }

    /// The most frequent names, in descending order.
    pub fn most_frequent(self, names: usize) -> Vec<(String, u64)> {
        let mut all: Vec<_> = self.0.into_iter().collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all.truncate(names);
        all
    }

    fn merge(&mut self, other: Tally) {
        for (name, many) in other.0 {
            self.add_many(name, many);
        }
    }

    /// Called by all the others: a row of its own would not help.
    #[profile(skip)]
    fn add_many(&mut self, name: String, many: u64) {
        *self.0.entry(name).or_default() += many;
    }
}

/// The largest of its kind, and its location.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Extreme {
    /// How large.
    pub size: usize,
    /// Its location.
    pub place: Place,
}

/// A location in a file.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Place {
    pub path: PathBuf,
    pub line: usize,
    /// The name of the item, if any.
    pub name: String,
}

impl Place {
    pub fn new(path: &Path, line: usize, name: String) -> Place {
        Place { path: path.to_owned(), line, name }
    }
}

impl Extreme {
    /// Updates the maximum.
    pub fn rise(&mut self, size: usize, place: impl FnOnce() -> Place) {
        if size > self.size {
            *self = Extreme { size, place: place() };
        }
    }
}

/// Why a file was not surveyed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Reason {
    Unreadable,
    NotUtf8,
    NotParsed,
}

impl Reason {
    /// All, with their headings.
    pub const ALL: [(Reason, &str); 3] = [
        (Reason::NotParsed, "could not be parsed"),
        (Reason::NotUtf8, "not UTF-8"),
        (Reason::Unreadable, "could not be read"),
    ];
}

/// A file or folder that was not surveyed.
#[derive(Debug, Deserialize, Serialize)]
pub struct Refused {
    pub path: PathBuf,
    pub reason: Reason,
    /// The error of the system or the parser.
    pub message: String,
}

impl Refused {
    pub fn new(path: &Path, reason: Reason, error: &dyn Display) -> Refused {
        Refused { path: path.to_owned(), reason, message: error.to_string() }
    }
}
