//! A warning, and its location.

use std::fmt;

use super::category::Category;

/// A warning that is shown, recorded or raised.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Warning {
    /// The text.
    pub message: String,
    /// The category.
    pub category: &'static Category,
    /// The file that it refers to.
    pub file: String,
    /// The line in that file.
    pub line: u64,
}

#[cfg(feature = "profile")]
impl Warning {
    pub(crate) fn new(
        message: String,
        category: &'static Category,
        file: String,
        line: u64,
    ) -> Warning {
        Warning { message, category, file, line }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.category.name(), self.message)
    }
}

/// A warning that a filter turned into an error.
#[derive(Clone, Debug)]
pub struct RaisedWarning(pub Warning);

impl fmt::Display for RaisedWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for RaisedWarning {}

/// The location of a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The file.
    pub file: &'a str,
    /// The line.
    pub line: u64,
    /// The module. `None`: the file name without `.py`.
    pub module: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// The module, or Python's substitute for it.
    pub(super) fn module(&self) -> &'a str {
        self.module.unwrap_or_else(|| match self.file {
            "" => "<unknown>",
            file => match file.len().checked_sub(3).and_then(|at| file.split_at_checked(at)) {
                Some((name, end)) if end.eq_ignore_ascii_case(".py") => name,
                _ => file,
            },
        })
    }
}
