//! Which formats there are: those of this crate, in the order in which lists show them, and those
//! that other crates have registered.

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

/// What a report is written in where nobody chose.
pub(crate) const DEFAULT: &dyn Format = &Table;
/// What a run on GitHub writes without being asked.
pub(crate) const GITHUB: &dyn Format = &Github;

/// A list and no `inventory`: the constructors by which that works run in the order in which the
/// linker took this crate's parts, and the start of the session, which reads `PROFILE_REPORT`, is
/// one of them. Those of other crates come before all of this one's.
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

/// A format of another crate, listed at link time.
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

/// Adds an export format: a value, constant and without state, of a type that is a
/// [`Format`](crate::report::Format).
///
/// It is known from the start of the program on, in `PROFILE_REPORT` and everywhere else. Names
/// that are taken stay with the format that has them: those of this crate first, then of other
/// crates in the order of their module paths. A library of formats that the program names nowhere
/// is not linked; one `use my_formats as _;` is enough.
#[macro_export]
macro_rules! register_format {
    ($format:expr) => {
        $crate::__private::inventory::submit! {
            $crate::__private::LinkedFormat::new(&$format, ::core::module_path!())
        }
    };
}

/// All formats, each name once: those of this crate, then those of others by name.
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
/// There is none, or this build cannot write it.
pub fn format(name: &str) -> Result<&'static dyn Format, SettingError> {
    let format = known(name).ok_or_else(|| SettingError::new(name, names(", ", " or ")))?;
    can_be_written(format).map(|()| format)
}

/// The format of this name, whether this build can write it or not.
pub(crate) fn known(name: &str) -> Option<&'static dyn Format> {
    formats().into_iter().find(|format| format.name() == name)
}

/// # Errors
/// This build cannot write it.
pub(crate) fn can_be_written(format: &dyn Format) -> Result<(), SettingError> {
    match format.unavailable() {
        Some(why) => Err(SettingError::unavailable(format.name(), why)),
        None => Ok(()),
    }
}

/// The names of all, with one separator between them and another before the last.
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
    fn every_format_is_found_by_a_name_that_can_be_asked_for() {
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
    fn every_format_says_what_it_is_in_one_line() {
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
    fn what_is_no_format_is_an_error_that_lists_them() {
        let error = format("tabel").unwrap_err().to_string();
        assert!(error.starts_with("invalid value `tabel`; expected table, tree, "), "{error}");
        assert!(error.ends_with(" or github"), "{error}");
    }
}
