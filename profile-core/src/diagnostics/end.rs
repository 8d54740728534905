//! Warnings found at the end of the run, or by a capture. They pass the filters too, but are not
//! counted or emitted again each time.

use crate::snapshot::{Snapshot, WarningRecord};
use crate::warnings::{
    self, Action, AnyWarning, Category, RaisedWarning, Warning, action_for, category_named,
};

impl Snapshot {
    /// Applies the current [filters](crate::warnings) to the snapshot's warnings. Ignored warnings
    /// are counted as hidden, and advice that repeats them is removed. Returns those that are
    /// errors, which are also marked as such.
    ///
    /// A category that this program does not know is treated as the root category.
    ///
    /// ```
    /// use profile_core::Snapshot;
    /// use profile_core::warnings::{Action, AnyWarning, catch_warnings, simple_filter};
    ///
    /// let _caught = catch_warnings();
    /// simple_filter(Action::Ignore, &AnyWarning, 0, false);
    /// let mut snapshot: Snapshot = profile_core::capture();
    /// assert!(snapshot.filter_warnings().is_empty());
    /// assert!(snapshot.warnings.iter().all(|warning| warning.hidden == warning.count));
    /// ```
    pub fn filter_warnings(&mut self) -> Vec<RaisedWarning> {
        let errors = self.warnings.iter_mut().filter_map(filter).collect();
        let hidden = self.warnings.iter().filter(|warning| warning.hidden == warning.count);
        self.advice.retain(|advice| !hidden.clone().any(|warning| warning.is_of(advice)));
        errors
    }
}

fn filter(record: &mut WarningRecord) -> Option<RaisedWarning> {
    let category = category_named(&record.category).unwrap_or(&AnyWarning);
    record.is_error = false;
    match action_for(&record.message, category, (module_of(record), record.line))? {
        Action::Ignore => record.hidden = record.count,
        Action::Error => {
            record.is_error = true;
            return Some(RaisedWarning(warning(record, category)));
        }
        _ => {}
    }
    None
}

fn module_of(record: &WarningRecord) -> &str {
    if !record.module.is_empty() {
        return &record.module;
    }
    let function = record.path.as_deref().and_then(|path| path.rsplit_once("::"));
    function.map_or("profile", |(module, _)| module)
}

fn warning(record: &WarningRecord, category: &'static Category) -> Warning {
    let line = u64::from(record.line);
    Warning::new(record.message.clone(), category, record.file.clone(), line)
}

/// The warnings that the program itself has raised.
pub(crate) fn raised() -> impl Iterator<Item = WarningRecord> {
    warnings::raised().into_iter().map(|raised| WarningRecord {
        category: raised.category.name().to_owned(),
        // The text of hidden ones is not stored.
        message: raised.message.unwrap_or_else(|| match raised.count == raised.hidden {
            true => String::new(),
            false => "other messages".to_owned(),
        }),
        module: raised.module,
        is_error: raised.is_error,
        file: raised.file,
        line: u32::try_from(raised.line).unwrap_or(u32::MAX),
        count: raised.count,
        hidden: raised.hidden,
        ..WarningRecord::default()
    })
}
