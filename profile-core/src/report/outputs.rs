//! Parses lists of reports, such as `PROFILE_REPORT`.

use std::path::PathBuf;

use super::format::Format;
use super::registry::{can_be_written, known, names};
use crate::options::SettingError;
use crate::settings::Settings;

/// A report and its destination.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) format: &'static dyn Format,
    /// `None`: standard error.
    pub(crate) file: Option<PathBuf>,
}

impl Output {
    /// Parses `FORMAT` or `FORMAT:FILE`. Accepts formats that this build cannot write.
    fn parse(text: &str) -> Result<Output, SettingError> {
        let (name, file) =
            text.split_once(':').map_or((text, None), |(name, file)| (name, Some(file)));
        if file == Some("") {
            return Err(SettingError::new(text, allowed()));
        }
        let format = known(name).ok_or_else(|| SettingError::new(name, allowed()))?;
        Ok(Output { format, file: file.map(PathBuf::from) })
    }
}

fn allowed() -> String {
    let names = names(", ", ", ");
    format!("FORMAT or FORMAT:FILE, comma-separated, with FORMAT one of {names}, none")
}

fn parse_all(text: &str) -> Result<Vec<Output>, SettingError> {
    let parts = text.split(',').map(str::trim).filter(|part| *part != "none");
    parts.map(Output::parse).collect()
}

/// Parses a comma-separated list of reports.
///
/// # Errors
/// An unknown format, one that this build cannot write, or an empty file name.
pub(crate) fn parse(text: &str) -> Result<Vec<Output>, SettingError> {
    let outputs = parse_all(text)?;
    outputs.iter().try_for_each(|output| can_be_written(output.format))?;
    Ok(outputs)
}

/// Parses a list of reports from an environment variable, and returns what is wrong with it.
/// Formats that this build cannot write are skipped. If no other is left, the variable is ignored
/// (`None`).
pub(crate) fn parse_variable(text: &str) -> (Option<Vec<Output>>, Vec<SettingError>) {
    let outputs = match parse_all(text) {
        Ok(outputs) => outputs,
        Err(error) => return (None, vec![error]),
    };
    let cannot = |output: &Output| can_be_written(output.format).err();
    let wrong: Vec<_> = outputs.iter().filter_map(cannot).collect();
    let mut writable = outputs;
    writable.retain(|output| output.format.unavailable().is_none());
    let is_asked_for = wrong.is_empty() || !writable.is_empty();
    (is_asked_for.then_some(writable), wrong)
}

impl Settings {
    /// Sets the reports to write at exit: `FORMAT` or `FORMAT:FILE`, comma-separated. A format is a
    /// name from [`report::formats`](crate::report::formats), or `none`. A report without a file
    /// goes to standard error.
    ///
    /// # Errors
    /// An unknown format, an empty file name, or a format that this build cannot write, such as
    /// `png` without the feature `png`.
    pub fn report(mut self, outputs: &str) -> Result<Settings, SettingError> {
        parse(outputs)?;
        self.reports = Some(outputs.to_owned());
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::formats;
    use super::*;

    fn shown(outputs: &[Output]) -> Vec<(&str, Option<&str>)> {
        let file = |output: &'_ Output| -> Option<&'static str> {
            output
                .file
                .as_ref()
                .map(|file| &*Box::leak(file.display().to_string().into_boxed_str()))
        };
        outputs.iter().map(|output| (output.format.name(), file(output))).collect()
    }

    #[test]
    fn reports_are_read_with_and_without_a_file() {
        let (outputs, wrong) = parse_variable("table, json:out.json,none");
        let outputs = outputs.expect("two reports");
        assert_eq!(shown(&outputs), [("table", None), ("json", Some("out.json"))]);
        assert_eq!(wrong, []);
        assert!(parse_variable("none").0.expect("asked for").is_empty());
    }

    #[test]
    fn a_report_that_this_build_cannot_write_is_one_error_and_others_are_still_written() {
        let several = parse_variable("png:x.png,json:out.json");
        let alone = parse_variable("png:x.png");
        let in_code = Settings::new().report("png:x.png");
        if cfg!(feature = "png") {
            let all = several.0.expect("two reports");
            assert_eq!(shown(&all), [("png", Some("x.png")), ("json", Some("out.json"))]);
            assert!(alone.0.is_some() && in_code.is_ok() && several.1.is_empty());
            return;
        }
        let sentence = "`png` cannot be written: this program was built without the feature `png` of profile-core; \
                        build it with that, or ask for `svg`";
        assert_eq!(shown(&several.0.expect("one report")), [("json", Some("out.json"))]);
        assert!(alone.0.is_none());
        for wrong in [several.1, alone.1, in_code.err().into_iter().collect()] {
            let wrong: Vec<_> = wrong.iter().map(SettingError::to_string).collect();
            assert_eq!(wrong, [sentence]);
        }
    }

    #[test]
    fn a_bad_report_is_an_error_that_lists_every_format() {
        for bad in ["tabel", "json:", "table;json", ""] {
            let (outputs, wrong) = parse_variable(bad);
            assert!(outputs.is_none());
            let [wrong] = &wrong[..] else { panic!("{wrong:?}") };
            let wrong = wrong.to_string();
            let known = formats();
            let missing = known.iter().find(|it| !wrong.contains(&format!(" {},", it.name())));
            assert!(missing.is_none(), "{missing:?}: {wrong}");
        }
    }
}
