//! Forwards warnings to the logger of the program.

#[cfg(any(feature = "log", feature = "tracing"))]
use super::warning::Warning;

/// Forwards a warning to the [`log`] crate, as a record of level `warn` whose target is the
/// category with its module. For use with [`set_show_warning`](super::set_show_warning). Feature
/// `log`.
///
/// ```
/// use profile_core::warnings::{set_show_warning, show_by_log};
///
/// set_show_warning(Some(show_by_log));
/// ```
#[cfg(feature = "log")]
pub fn show_by_log(warning: &Warning) {
    if log::Level::Warn > log::max_level() {
        return;
    }
    let target = format!("{}::{}", warning.category.module(), warning.category.name());
    let mut record = log::Record::builder();
    record.level(log::Level::Warn).target(&target).file(Some(&warning.file));
    record.line(u32::try_from(warning.line).ok());
    log::logger().log(&record.args(format_args!("{}", warning.message)).build());
}

/// Forwards a warning to the [`tracing`] crate, as an event of level `WARN` with the fields
/// `category`, `file` and `line`. For use with [`set_show_warning`](super::set_show_warning).
/// Feature `tracing`.
///
/// ```
/// use profile_core::warnings::{set_show_warning, show_by_tracing};
///
/// set_show_warning(Some(show_by_tracing));
/// ```
#[cfg(feature = "tracing")]
pub fn show_by_tracing(warning: &Warning) {
    tracing::warn!(
        target: "profile_core::warnings",
        category = warning.category.name(),
        file = warning.file,
        line = warning.line,
        "{}",
        warning.message
    );
}
