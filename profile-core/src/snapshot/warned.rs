//! Warnings in a snapshot.

#[cfg(feature = "profile")]
use std::fmt;

#[cfg(feature = "profile")]
use super::Advice;
#[cfg(feature = "profile")]
use crate::escape::safe_and_short;

/// Something that the user should know of: a limit that was broken, something that went wrong in
/// recording, a number that is doubtful, or what the program itself warned of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct WarningRecord {
    /// Its category, such as `ConfigurationWarning`.
    pub category: String,
    /// What is wrong, as a sentence.
    pub message: String,
    /// The function concerned, or what else it is about.
    pub path: Option<String>,
    /// The module that filters look at; empty where it is not known.
    pub module: String,
    /// Where it was raised first; empty if it is about no place.
    pub file: String,
    /// The line there, from 1; 0: none.
    pub line: u32,
    /// How often, with those that were hidden.
    pub count: u64,
    /// Of these, how many a filter hid. The message may be empty where all were.
    pub hidden: u64,
    /// Whether a filter made it an error.
    pub is_error: bool,
    /// The largest figure of those that were too large.
    pub worst: Option<Worst>,
}

/// `CATEGORY: TEXT`, fit to be shown.
#[cfg(feature = "profile")]
impl fmt::Display for WarningRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", safe_and_short(&self.category), self.text())
    }
}

#[cfg(feature = "profile")]
impl WarningRecord {
    /// The text, and before it the function if the text does not begin with it; fit to be shown.
    pub(crate) fn text(&self) -> String {
        let text = safe_and_short(&self.message);
        match &self.path {
            Some(path) if !self.message.starts_with(&**path) => {
                format!("{}: {text}", safe_and_short(path))
            }
            _ => text.into_owned(),
        }
    }

    /// Whether it says what an advice does.
    pub(crate) fn is_of(&self, advice: &Advice) -> bool {
        advice.kind.category() == Some(&self.category) && self.path.as_ref() == Some(&advice.path)
    }
}

/// The largest figure of something that was too large.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Worst {
    /// The figure.
    pub value: u64,
    /// `ns`, `bytes`, `allocations`, `calls` or `deep`.
    pub unit: String,
}

#[cfg(feature = "profile")]
impl Worst {
    pub(crate) fn new(value: u64, unit: &str) -> Worst {
        Worst { value, unit: unit.to_owned() }
    }

    /// Makes it that of both that is larger; figures of different units cannot be compared.
    pub(crate) fn raise(worst: &mut Option<Worst>, other: Option<&Worst>) {
        let larger = match (&*worst, other) {
            (Some(known), Some(other)) => known.unit == other.unit && other.value > known.value,
            (known, other) => known.is_none() && other.is_some(),
        };
        if larger {
            *worst = other.cloned();
        }
    }
}
