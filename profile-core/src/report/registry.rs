//! All formats: those of this crate, in the order of lists, and those registered by other crates.

use super::binary::Binary;
use super::csv::Csv;
use super::folded::Folded;
use super::format::Format;
use super::github::Github;
use super::hlog::Hlog;
use super::html::Html;
use super::json::Json;
use super::memory_profiler::MemoryProfiler;
use super::mprof::Mprof;
use super::plot::Svg;
use super::png::Png;
use super::table::Table;
use super::tree::Tree;
use crate::options::SettingError;

/// The format if none is chosen.
pub(crate) const DEFAULT: &dyn Format = &Table;
/// Also written, without being requested, if the program runs in a GitHub workflow.
pub(crate) const GITHUB: &dyn Format = &Github;

/// A list instead of `inventory`: that collects entries in constructors, which run in link order.
/// The start of the session, which reads `PROFILE_REPORT`, is one of this crate's constructors, so
/// entries of this crate could be missing. Constructors of other crates run before all of this one.
const BUILT_IN: &[&dyn Format] = &[
    &Table,
    &Tree,
    &Json,
    &Csv,
    &Folded,
    &Mprof,
    &Svg,
    &Png,
    &Html,
    &MemoryProfiler,
    &Binary,
    &Hlog,
    &Github,
];

/// A format of another crate, collected at link time.
#[doc(hidden)]
#[derive(Debug)]
pub struct LinkedFormat {
    format: &'static dyn Format,
    module: &'static str,
}

impl LinkedFormat {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(format: &'static dyn Format, module: &'static str) -> LinkedFormat {
        LinkedFormat { format, module }
    }
}

inventory::collect!(LinkedFormat);

/// Registers an export format: a constant, stateless value of a type that implements
/// [`Format`](crate::report::Format).
///
/// The format is available from the start of the program, in `PROFILE_REPORT` and everywhere else.
/// Formats of this crate take precedence over others of the same name; among other crates, the
/// first module path does. A crate of formats is only linked if the program refers to it; one `use
/// my_formats as _;` is enough.
#[macro_export]
macro_rules! register_format {
    ($format:expr) => {
        $crate::__private::inventory::submit! {
            $crate::__private::LinkedFormat::new(&$format, ::core::module_path!())
        }
    };
}

/// All formats, each name once: those of this crate, then those of other crates by name.
#[must_use]
pub fn formats() -> Vec<&'static dyn Format> {
    let mut linked: Vec<&LinkedFormat> = inventory::iter::<LinkedFormat>().collect();
    linked.sort_by_key(|it| (it.format.name(), it.module));
    let mut all = BUILT_IN.to_vec();
    for LinkedFormat { format, .. } in linked {
        if all.iter().all(|known| known.name() != format.name()) {
            all.push(*format);
        }
    }
    all
}

/// The format of this name.
///
/// # Errors
/// There is no such format, or this build cannot write it.
pub fn format(name: &str) -> Result<&'static dyn Format, SettingError> {
    let format = known(name).ok_or_else(|| SettingError::new(name, names(", ", " or ")))?;
    can_be_written(format).map(|()| format)
}

/// The format of this name, even if this build cannot write it.
pub(crate) fn known(name: &str) -> Option<&'static dyn Format> {
    formats().into_iter().find(|format| format.name() == name)
}

/// # Errors
/// This build cannot write the format.
pub(crate) fn can_be_written(format: &dyn Format) -> Result<(), SettingError> {
    match format.unavailable() {
        Some(why) => Err(SettingError::unavailable(format.name(), why)),
        None => Ok(()),
    }
}

/// The names of all formats, joined with a separator and another one before the last name.
pub(crate) fn names(between: &str, before_last: &str) -> String {
    let names: Vec<&str> = formats().iter().map(|format| format.name()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => others.join(between) + before_last + last,
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_format_is_found_by_a_name_that_can_be_requested() {
        for known in formats() {
            let name = known.name();
            assert!(!name.is_empty() && !name.contains([',', ':', ' ']) && name != "none");
            match known.unavailable() {
                None => assert_eq!(format(name).expect("there is one").name(), name),
                Some(why) => assert!(format(name).unwrap_err().to_string().ends_with(why)),
            }
        }
    }

    #[test]
    fn every_format_has_a_one_line_description() {
        for format in formats() {
            let name = format.name();
            assert!(format.media_type().contains('/'), "{name}");
            assert!(!format.extension().is_empty() && !format.extension().starts_with('.'));
            let description = format.description();
            assert!(description.len() < 90 && !description.contains('\n'), "{name}");
            assert!(!description.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn names_are_distinct_and_the_first_one_is_the_default() {
        let all = formats();
        let names: BTreeSet<&str> = all.iter().map(|format| format.name()).collect();
        assert_eq!(names.len(), all.len());
        assert_eq!(all[0].name(), DEFAULT.name());
    }

    #[test]
    fn an_unknown_format_is_an_error_that_lists_all() {
        let error = format("tabel").unwrap_err().to_string();
        assert!(error.starts_with("invalid value `tabel`; expected table, tree, "), "{error}");
        assert!(error.ends_with(" or github"), "{error}");
    }
}
