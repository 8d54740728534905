//! One row per function for spreadsheets, as in RFC 4180, including functions that were never
//! called. Heads contain the units. Cells of values that were not measured are empty. Quoting takes
//! twenty lines, which does not justify a dependency.

use std::io;

use super::format::{Format, Style};
use super::order::{quantile_keys, sorted};
use super::text;
use crate::options::Sort;
use crate::snapshot::{AsyncTimes, Function, Snapshot};

/// The head of a column, and its cell for a function.
type Column<'a> = (String, Box<dyn Fn(&Function) -> String + 'a>);

pub(crate) struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn description(&self) -> &'static str {
        "one row per function, for spreadsheets"
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn media_type(&self) -> &'static str {
        "text/csv"
    }

    fn write(&self, snapshot: &Snapshot, style: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        write(snapshot, style.sort, to)
    }
}

fn write(snapshot: &Snapshot, sort: Sort, to: &mut dyn io::Write) -> io::Result<()> {
    let columns = columns(snapshot);
    write_row(columns.iter().map(|(head, _)| head.clone()), to)?;
    let never_called: Vec<Function> = snapshot
        .never_called
        .iter()
        .map(|function| Function {
            path: function.path.clone(),
            file: function.file.clone(),
            line: function.line,
            ..Function::default()
        })
        .collect();
    for function in sorted(&snapshot.functions, sort).into_iter().chain(&never_called) {
        write_row(columns.iter().map(|(_, cell)| cell(function)), to)?;
    }
    Ok(())
}

fn write_row(cells: impl Iterator<Item = String>, to: &mut dyn io::Write) -> io::Result<()> {
    for (at, cell) in cells.enumerate() {
        write!(to, "{}{cell}", if at > 0 { "," } else { "" })?;
    }
    write!(to, "\r\n")
}

fn columns(snapshot: &Snapshot) -> Vec<Column<'_>> {
    let mut columns = Vec::new();
    add_identity(&mut columns);
    add_times(&mut columns);
    let keys =
        quantile_keys(snapshot.functions.iter().flat_map(|function| function.quantiles.keys()));
    for key in keys {
        columns.push((field(key), Box::new(move |function| optional(function.quantiles.get(key)))));
    }
    add_memory(&mut columns);
    add_async(&mut columns);
    columns
}

fn add(columns: &mut Vec<Column<'_>>, head: &str, cell: impl Fn(&Function) -> String + 'static) {
    columns.push((head.to_owned(), Box::new(cell)));
}

fn add_identity(columns: &mut Vec<Column<'_>>) {
    add(columns, "path", |function| field(&function.path));
    add(columns, "kind", |function| field(&function.kind));
    add(columns, "file", |function| field(&function.file));
    add(columns, "line", |function| function.line.to_string());
    add(columns, "calls", |function| function.calls.to_string());
    add(columns, "panicked", |function| function.panicked.to_string());
    add(columns, "open", |function| function.open.to_string());
    add(columns, "timed_calls", |function| function.timed_calls.to_string());
    add(columns, "too_short", |function| function.too_short.to_string());
}

fn add_times(columns: &mut Vec<Column<'_>>) {
    add(columns, "inclusive_ns", |function| function.inclusive_ns.to_string());
    add(columns, "exclusive_ns", |function| function.exclusive_ns.to_string());
    add(columns, "inclusive_low_ns", |function| {
        optional(function.inclusive_interval_ns.map(|[low, _]| low))
    });
    add(columns, "inclusive_high_ns", |function| {
        optional(function.inclusive_interval_ns.map(|[_, high]| high))
    });
    add(columns, "min_ns", |function| optional(function.min_ns));
    add(columns, "max_ns", |function| optional(function.max_ns));
    add(columns, "mean_ns", |function| float(function.mean_ns));
    add(columns, "trimmed_mean_ns", |function| float(function.trimmed_mean_ns));
}

fn add_memory(columns: &mut Vec<Column<'_>>) {
    add(columns, "allocations", |function| optional(function.allocations));
    add(columns, "allocated_bytes", |function| optional(function.allocated_bytes));
    add(columns, "frees", |function| optional(function.frees));
    add(columns, "freed_bytes", |function| optional(function.freed_bytes));
    add(columns, "peak_bytes", |function| optional(function.peak_bytes));
    add(columns, "retained_bytes", |function| optional(function.retained_bytes));
    add(columns, "exclusive_allocations", |function| optional(function.exclusive_allocations));
    add(columns, "exclusive_allocated_bytes", |function| {
        optional(function.exclusive_allocated_bytes)
    });
    add(columns, "exclusive_frees", |function| optional(function.exclusive_frees));
    add(columns, "exclusive_freed_bytes", |function| optional(function.exclusive_freed_bytes));
    add(columns, "exclusive_retained_bytes", |function| {
        optional(function.exclusive_retained_bytes)
    });
    add(columns, "grown", |function| optional(function.grown));
    add(columns, "shrunk", |function| optional(function.shrunk));
}

fn add_async(columns: &mut Vec<Column<'_>>) {
    let mut add = |head: &str, number: fn(&AsyncTimes) -> u64| {
        add(columns, head, move |function| optional(function.polled.as_ref().map(number)));
    };
    add("wall_ns", |times| times.wall_ns);
    add("busy_ns", |times| times.busy_ns);
    add("waiting_ns", |times| times.waiting_ns);
    add("polls", |times| times.polls);
    add("finished", |times| times.finished);
    add("cancelled", |times| times.cancelled);
}

fn optional(number: Option<impl ToString>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn float(number: Option<f64>) -> String {
    optional(number.filter(|number| number.is_finite()))
}

/// Untrusted text. Control characters are escaped, quotes added where necessary, and a `'` put
/// before text that a spreadsheet would run as a formula.
fn field(text: &str) -> String {
    let formula = text.trim_start_matches(' ').starts_with(starts_formula);
    let shown = format!("{}{}", if formula { "'" } else { "" }, text::safe(text));
    let quoted = formula || shown.contains([',', '"']) || shown.trim() != shown;
    if quoted { format!("\"{}\"", shown.replace('"', "\"\"")) } else { shown }
}

/// From the list of OWASP ("CSV Injection"), including the full-width forms.
fn starts_formula(character: char) -> bool {
    matches!(character, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠')
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    /// A strict parser of RFC 4180.
    fn read(text: &str) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        let (mut row, mut cell, mut quoted) = (Vec::new(), String::new(), false);
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '"' if quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut cell)),
                '\r' if !quoted => {
                    assert_eq!(characters.next(), Some('\n'));
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                _ => cell.push(character),
            }
        }
        assert!(!quoted && row.is_empty() && cell.is_empty());
        rows
    }

    fn rows(snapshot: &Snapshot) -> Vec<Vec<String>> {
        read(&samples::rendered("csv", snapshot, None))
    }

    fn cell<'a>(rows: &'a [Vec<String>], row: usize, head: &str) -> &'a str {
        let column = rows[0].iter().position(|cell| cell == head).expect("a column of this name");
        &rows[row][column]
    }

    #[test]
    fn every_function_has_a_row_and_a_never_called_one_has_no_calls() {
        let snapshot = samples::ordinary();
        let rows = rows(&snapshot);
        assert_eq!(rows.len(), 1 + snapshot.functions.len() + snapshot.never_called.len());
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        assert_eq!(cell(&rows, 1, "path"), "survey::main");
        assert_eq!(cell(&rows, 1, "inclusive_ns"), "22500000000");
        assert_eq!(cell(&rows, 1, "p95"), "22500000000");
        assert_eq!(cell(&rows, 1, "retained_bytes"), "-64");
        let last = rows.len() - 1;
        assert_eq!(cell(&rows, last, "path"), "survey::report::to_html");
        assert_eq!(cell(&rows, last, "calls"), "0");
        assert_eq!(cell(&rows, last, "mean_ns"), "");
        assert_eq!(cell(&rows, last, "allocations"), "");
    }

    #[test]
    fn no_name_is_a_formula_or_breaks_a_row() {
        for name in samples::HOSTILE {
            let rows = rows(&samples::named(name));
            assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{name:?}");
            for row in &rows {
                assert!(!row[0].trim_start().starts_with(starts_formula), "{name:?}: {row:?}");
            }
        }
    }

    #[test]
    fn a_field_is_quoted_and_guarded() {
        for (text, shown) in [
            ("a::b", "a::b"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("  @x", "\"'  @x\""),
            ("\tx", "\"'\\tx\""),
            ("＝1", "\"'＝1\""),
            ("a=b", "a=b"),
            ("a\r\nb", "a\\r\\nb"),
        ] {
            assert_eq!(field(text), shown);
        }
    }
}
