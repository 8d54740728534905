//! A comparison as text: a row per function, the worst changes first.

use std::fmt;
use std::io;

use super::layout::{Column, Grid, Name};
use super::list::list;
use super::page::Page;
use super::text::safe_and_short as safe;
use crate::compare::{Comparison, CountChange, FunctionChange};
use crate::units;

impl Comparison {
    /// Writes the comparison as a table, for a terminal of this width; `None`: for a file.
    ///
    /// # Errors
    /// Writing failed.
    ///
    /// ```
    /// let snapshot = profile_core::capture();
    /// let mut text = Vec::new();
    /// profile_core::compare(&snapshot, &snapshot).write(Some(80), false, &mut text)?;
    /// assert!(text.starts_with(b"comparison of 1 run with 1 run"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn write(
        &self,
        columns: Option<u16>,
        color: bool,
        to: &mut dyn io::Write,
    ) -> io::Result<()> {
        page(self, columns).write(color, to)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        self.write(None, false, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

fn page(comparison: &Comparison, columns: Option<u16>) -> Page {
    let mut page = Page::new(columns);
    let [before, after] = comparison.runs.map(|runs| match runs {
        1 => "1 run".to_owned(),
        runs => format!("{runs} runs"),
    });
    page.bold(&format!("comparison of {before} with {after}"));
    comparison.notes.iter().for_each(|note| page.plain(&safe(note)));
    page.blank();
    let rows: Vec<&FunctionChange> = comparison.functions.iter().collect();
    if rows.is_empty() {
        page.plain("No function was called on both sides.");
    } else {
        page.table(grid(&rows));
    }
    let path = |path: &String, page: &mut Page| page.item(&safe(path));
    list("only in the baseline", &comparison.only_in_baseline, &mut page, path);
    list("only in the candidate", &comparison.only_in_candidate, &mut page, path);
    page
}

fn grid(rows: &[&FunctionChange]) -> Grid {
    let name =
        |row: &&FunctionChange| Name { path: safe(&row.path).into_owned(), ..Name::default() };
    let column = |head: &str, importance, cell: &dyn Fn(&FunctionChange) -> String| {
        Column::new(head.to_owned(), importance, rows.iter().map(|row| cell(row)).collect())
    };
    let mut columns = vec![
        column("verdict", 100, &|row| row.verdict.name().to_owned()),
        column("change", 90, &|row| signed_per_cent(row.relative_change)),
        column("95 % interval", 60, &|row| interval(row.interval)),
        column("p", 50, &|row| p_value(row.p_value)),
        column("could\nshow", 40, &|row| match row.detectable_change {
            change if !change.is_finite() => units::NONE.to_owned(),
            // With two or three runs that vary, hardly any change is detectable.
            change if change >= 10.0 => ">1,000 %".to_owned(),
            change => format!("±{:.1} %", change * 100.0),
        }),
        column("baseline", 70, &|row| duration(row.baseline_ns)),
        column("candidate", 70, &|row| duration(row.candidate_ns)),
    ];
    if rows.iter().any(|row| row.allocations.is_some()) {
        columns.push(column("allocations\na call", 80, &|row| count(row.allocations, 1)));
        columns.push(column("bytes\na call", 75, &|row| count(row.allocated_bytes, 0)));
    }
    Grid { head: "function", names: rows.iter().map(name).collect(), columns }
}

fn duration(ns: f64) -> String {
    if ns.is_finite() { units::duration_f64(ns) } else { units::NONE.to_owned() }
}

fn signed_per_cent(change: f64) -> String {
    match change {
        change if !change.is_finite() => units::NONE.to_owned(),
        change => format!("{:+.1} %", change * 100.0),
    }
}

fn interval(ends: [f64; 2]) -> String {
    let [low, high] = units::ordered(ends);
    if !low.is_finite() || !high.is_finite() {
        return units::NONE.to_owned();
    }
    format!("{:+.1} to {:+.1}", low * 100.0, high * 100.0)
}

fn p_value(p: f64) -> String {
    match p {
        p if p.is_nan() => units::NONE.to_owned(),
        p if p < 0.000_1 => "<0.0001".to_owned(),
        p => format!("{p:.4}"),
    }
}

/// `3 -> 4`, or a single number if nothing changed.
fn count(change: Option<CountChange>, digits: usize) -> String {
    let Some(change) = change else { return units::NONE.to_owned() };
    let side = |ends: [f64; 2]| {
        let [least, most] = units::ordered(ends);
        match least == most {
            true => format!("{least:.digits$}"),
            false => format!("{least:.digits$} to {most:.digits$}"),
        }
    };
    match change.is_same() {
        true => side(change.baseline),
        false => format!("{} -> {}", side(change.baseline), side(change.candidate)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use crate::compare::{CountChange, compare};

    #[test]
    fn a_range_is_never_inverted() {
        assert_eq!(super::interval([0.03, -0.02]), "-2.0 to +3.0");
        let change = CountChange { baseline: [4.0, 3.0], candidate: [5.0, 5.0] };
        assert_eq!(super::count(Some(change), 0), "3 to 4 -> 5");
    }

    #[test]
    fn a_row_shows_what_changed_and_by_how_much() {
        let before = samples::ordinary();
        let mut after = before.clone();
        let row = &mut after.functions[0];
        row.trimmed_mean_ns = row.trimmed_mean_ns.map(|ns| ns * 3.0);
        row.allocations = row.allocations.map(|count| count * 2);
        let text = compare(&before, &after).to_string();
        assert!(text.starts_with("comparison of 1 run with 1 run\none run per side"), "{text}");
        let line = text.lines().find(|line| line.starts_with("survey::main")).expect("its row");
        assert!(line.contains("+200.0 %") && line.contains(" -> "), "{line}");
    }

    #[test]
    fn hostile_names_and_odd_numbers_stay_on_their_line() {
        for name in samples::HOSTILE {
            let one = samples::named(name);
            let text = compare(&one, &samples::extreme()).to_string();
            assert!(!text.contains('\u{1b}') && !text.to_lowercase().contains("nan"), "{text}");
        }
    }
}
