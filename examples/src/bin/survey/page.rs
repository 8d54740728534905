//! Formats the findings as text.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::findings::{Extreme, Findings, Reason, Refused, Tally, Thing};
use crate::workers::Workers;

/// The number of macros and attributes shown.
const NAMES: usize = 6;
/// The number of refused files shown per reason.
const REFUSED: usize = 3;
/// Width of the first column.
const FIRST: usize = 20;

/// The whole page.
pub fn page(
    findings: Findings,
    took: Duration,
    workers: (Workers, usize),
    folders: &[PathBuf],
) -> Result<String, fmt::Error> {
    let mut page = Page { text: String::new(), folders };
    page.speed(&findings, took, workers)?;
    page.counts(&findings)?;
    page.extreme("longest function", "lines", &findings.longest_function)?;
    page.extreme("deepest nesting", "blocks", &findings.deepest_block)?;
    page.tally("macros called", findings.macros)?;
    page.tally("attributes", findings.attributes)?;
    page.refused(findings.refused)?;
    Ok(page.text)
}

struct Page<'a> {
    text: String,
    /// The roots of the survey: paths are shown relative to them.
    folders: &'a [PathBuf],
}

impl Page<'_> {
    fn speed(
        &mut self,
        findings: &Findings,
        took: Duration,
        (workers, many): (Workers, usize),
    ) -> fmt::Result {
        let (files, lines) = (findings.count(Thing::File), findings.count(Thing::Line));
        let speed = lines as f64 / took.as_secs_f64().max(1e-9);
        writeln!(
            self.text,
            "{} files of Rust in {:.2} s, {}: {many}, lines a second: {}\n",
            number(files),
            took.as_secs_f64(),
            workers.name(),
            number(speed as u64),
        )
    }

    fn counts(&mut self, findings: &Findings) -> fmt::Result {
        let lines = findings.count(Thing::Line);
        writeln!(self.text, "{:FIRST$}{:>14}{:>18}", "", "count", "per 1,000 lines")?;
        for (thing, name) in Thing::ALL {
            let count = findings.count(thing);
            let density = match thing {
                Thing::File | Thing::Byte | Thing::Line => String::new(),
                _ => format!("{:.2}", count as f64 * 1000.0 / lines.max(1) as f64),
            };
            let line = format!("{name:FIRST$}{:>14}{density:>18}", number(count));
            writeln!(self.text, "{}", line.trim_end())?;
        }
        writeln!(self.text)
    }

    fn extreme(&mut self, heading: &str, unit: &str, extreme: &Extreme) -> fmt::Result {
        let place = &extreme.place;
        let (size, path) = (number(extreme.size as u64), self.short(&place.path));
        let name = if place.name.is_empty() { "" } else { &format!("{} ", place.name) };
        writeln!(self.text, "{heading:FIRST$}{size} {unit}: {name}{path}:{}", place.line)
    }

    fn tally(&mut self, heading: &str, tally: Tally) -> fmt::Result {
        let names = tally.most_frequent(NAMES).into_iter();
        let names: Vec<_> = names.map(|(name, many)| format!("{name} {}", number(many))).collect();
        writeln!(self.text, "{heading:FIRST$}{}", names.join(", "))
    }

    fn refused(&mut self, mut refused: Vec<Refused>) -> fmt::Result {
        refused.sort_by(|a, b| a.path.cmp(&b.path));
        for (reason, heading) in Reason::ALL {
            let alike: Vec<_> = refused.iter().filter(|refused| refused.reason == reason).collect();
            writeln!(self.text, "{heading:FIRST$}{}", number(alike.len() as u64))?;
            for refused in alike.iter().take(REFUSED) {
                writeln!(self.text, "  {}: {}", self.short(&refused.path), refused.message)?;
            }
        }
        Ok(())
    }

    /// The path relative to the surveyed folder, escaped: a file name may contain control
    /// characters.
    fn short(&self, path: &Path) -> String {
        let inside = self.folders.iter().find_map(|folder| path.strip_prefix(folder).ok());
        let short = inside.filter(|short| !short.as_os_str().is_empty()).unwrap_or(path);
        short.display().to_string().escape_debug().to_string()
    }
}

/// `1234567` as `1,234,567`.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}
