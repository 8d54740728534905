//! What the end of the run, or a capture, finds: it passes the filters too, without being counted or told anew each time.

use crate::snapshot::{Snapshot, WarningRecord};
use crate::warnings::{
    self, Action, AnyWarning, Category, RaisedWarning, Warning, category_named, verdict,
};

impl Snapshot {
    /// Passes its warnings through the [filters](crate::warnings) that hold here: of those that are ignored all count as hidden, and advice that
    /// says the same goes. Gives those that are errors.
    ///
    /// A category that this program does not know is taken for the root of all. The module is that of the function concerned.
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
    match verdict(&record.message, category, module_of(record))?.0 {
        Action::Ignore => record.hidden = record.count,
        Action::Error => return Some(RaisedWarning(warning(record, category))),
        _ => {}
    }
    None
}

fn module_of(record: &WarningRecord) -> &str {
    let function = record.path.as_deref().and_then(|path| path.rsplit_once("::"));
    function.map_or("profile", |(module, _)| module)
}

fn warning(record: &WarningRecord, category: &'static Category) -> Warning {
    let line = u64::from(record.line);
    Warning::new(record.message.clone(), category, record.file.clone(), line)
}

/// What the program itself has warned of.
pub(crate) fn raised() -> impl Iterator<Item = WarningRecord> {
    warnings::raised().into_iter().map(|raised| WarningRecord {
        category: raised.category.name().to_owned(),
        message: raised.message.unwrap_or_default(),
        file: raised.file,
        line: u32::try_from(raised.line).unwrap_or(u32::MAX),
        count: raised.count,
        hidden: raised.hidden,
        ..WarningRecord::default()
    })
}
