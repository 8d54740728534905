//! Warnings in a snapshot.

#[cfg(feature = "profile")]
use std::fmt;

#[cfg(feature = "profile")]
use super::Advice;
#[cfg(feature = "profile")]
use crate::escape::safe_and_short;

/// A warning: a limit that was exceeded, a problem in recording, a doubtful number, or a warning of
/// the program itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct WarningRecord {
    /// Its category, such as `ConfigurationWarning`.
    pub category: String,
    /// The problem, as a sentence.
    pub message: String,
    /// The function or other subject of the warning.
    pub path: Option<String>,
    /// The module that filters match; empty if unknown.
    pub module: String,
    /// The file where it was raised first; empty if it has no location.
    pub file: String,
    /// The line in that file, from 1; 0 if there is none.
    pub line: u32,
    /// How often it was raised, including hidden occurrences.
    pub count: u64,
    /// How many occurrences a filter hid. If all were hidden, the message may be empty.
    pub hidden: u64,
    /// Whether a filter turned it into an error.
    pub is_error: bool,
    /// The largest of the excessive figures.
    pub worst: Option<Worst>,
}

/// `CATEGORY: TEXT`, safe to show.
#[cfg(feature = "profile")]
impl fmt::Display for WarningRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", safe_and_short(&self.category), self.text())
    }
}

#[cfg(feature = "profile")]
impl WarningRecord {
    /// The text, preceded by the function unless the text begins with it; safe to show.
    pub(crate) fn text(&self) -> String {
        let text = safe_and_short(&self.message);
        match &self.path {
            Some(path) if !self.message.starts_with(&**path) => {
                format!("{}: {text}", safe_and_short(path))
            }
            _ => text.into_owned(),
        }
    }

    /// Whether it states the same as an advice.
    pub(crate) fn is_of(&self, advice: &Advice) -> bool {
        advice.kind.category() == Some(&self.category) && self.path.as_ref() == Some(&advice.path)
    }
}

/// The largest of several excessive figures.
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

    /// Raises `worst` to the larger of both. Figures of different units cannot be compared.
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
