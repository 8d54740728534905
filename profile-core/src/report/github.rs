//! Warnings as workflow commands of GitHub: annotations at the lines concerned.
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>

use std::io;

use super::format::{Format, Style};
use super::text::safe_and_short as safe;
use super::warned;
use crate::snapshot::{Snapshot, WarningRecord};

pub(crate) struct Github;

impl Format for Github {
    fn name(&self) -> &'static str {
        "github"
    }

    fn description(&self) -> &'static str {
        "warnings as annotations in the log of a run on GitHub; written by itself there"
    }

    fn extension(&self) -> &'static str {
        "txt"
    }

    fn media_type(&self) -> &'static str {
        "text/plain"
    }

    fn write(&self, snapshot: &Snapshot, _: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        write(snapshot, to)
    }
}

fn write(snapshot: &Snapshot, to: &mut dyn io::Write) -> io::Result<()> {
    warned::visible(snapshot).try_for_each(|warning| writeln!(to, "{}", annotation(warning)))
}

fn annotation(warning: &WarningRecord) -> String {
    let location = match &*warning.file {
        "" => String::new(),
        file => format!("file={},line={},", property(&safe(file)), warning.line),
    };
    let figures = warned::figures(warning).join("; ");
    let figures = if figures.is_empty() { figures } else { format!(" ({figures})") };
    let text = data(&format!("{}{figures}", warning.text()));
    let level = if warning.is_error { "error" } else { "warning" };
    format!("::{level} {location}title={}::{text}", property(&safe(&warning.category)))
}

/// Escapes text for a command, which is one line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::snapshot::Worst;

    #[test]
    fn an_annotation_is_one_line_whatever_is_in_it() {
        let mut snapshot = samples::ordinary();
        let warning = WarningRecord {
            category: "Time:Budget,Warning".to_owned(),
            message: "100 % too\nslow::error ::".to_owned(),
            file: "a,b.rs".to_owned(),
            line: 7,
            count: 2,
            worst: Some(Worst::new(12_000_000, "ns")),
            ..WarningRecord::default()
        };
        let mut hidden = warning.clone();
        hidden.hidden = 2;
        snapshot.warnings = vec![warning, hidden];
        assert_eq!(
            samples::rendered("github", &snapshot, None),
            "::warning file=a%2Cb.rs,line=7,title=Time%3ABudget%2CWarning::100 %25 too\\nslow::error :: \
             (2 times; worst 12.0 ms)\n"
        );
    }
}
