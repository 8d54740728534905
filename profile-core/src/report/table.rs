//! The table: one row per function, footnotes for its marks, and a second table for async
//! functions.

use std::collections::HashMap;
use std::io;

use super::footnotes::Marks;
use super::format::{Format, Style};
use super::layout::{Column, Grid, Name};
use super::order::{quantile_keys, sorted};
use super::page::Page;
use super::rows::{left_out, split};
use super::text::{optional, safe_and_short as safe};
use super::{block_sizes, header_footer, lines, memory, names, returns, slowest_calls};
use crate::options::Sort;
use crate::snapshot::{AsyncTimes, Function, Snapshot};
use crate::units;

const MOST_IMPORTANT: u32 = 100;

pub(crate) struct Table;

impl Format for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn description(&self) -> &'static str {
        "one row per function"
    }

    fn extension(&self) -> &'static str {
        "txt"
    }

    fn media_type(&self) -> &'static str {
        "text/plain"
    }

    fn write(&self, snapshot: &Snapshot, style: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        page(snapshot, style).write(style.color, to)
    }
}

fn page(snapshot: &Snapshot, style: &Style) -> Page {
    let snapshot = &names::shortened(snapshot);
    let mut page = Page::new(style.columns);
    header_footer::head(snapshot, &mut page);
    if snapshot.functions.is_empty() {
        header_footer::nothing_called(snapshot, &mut page);
    } else {
        let functions = sorted(&snapshot.functions, style.sort);
        let whole = header_footer::whole(snapshot);
        let (shown, rest) = split(&functions, |it| it.inclusive_ns, style.top, whole);
        let marks = Marks::for_width(style.columns);
        let columns = columns(&shown, snapshot, style.sort);
        page.table(Grid { head: "function", names: names(&shown, &marks), columns });
        left_out("function", rest.iter().map(|it| it.exclusive_ns), whole, &mut page);
        details(&shown, &functions, style.columns, &mut page);
        lines::section(&functions, &snapshot.lines, &mut page);
    }
    memory::section(snapshot, &mut page);
    header_footer::foot(snapshot, style.top, &mut page);
    page
}

/// The footnotes, and sections on data that only some functions have.
pub(super) fn details(
    shown: &[&Function],
    functions: &[&Function],
    columns: Option<u16>,
    page: &mut Page,
) {
    Marks::for_width(columns).explain(shown, page);
    polled(shown, page);
    returns::section(functions, page);
    slowest_calls::section(functions, page);
    block_sizes::section(functions, page);
}

/// All columns of the table. A narrow terminal drops them in this order: trimmed mean, the lower
/// quantiles, max, the highest quantile, allocations, retained, peak, bytes, %, mean, self, calls.
/// It never drops the total and the column that the rows are sorted by.
pub(super) fn columns(functions: &[&Function], snapshot: &Snapshot, sort: Sort) -> Vec<Column> {
    let column = |head: &str, importance, cell: &dyn Fn(&Function) -> String| {
        let importance = if head == sorted_head(sort) { MOST_IMPORTANT } else { importance };
        Column::new(head.to_owned(), importance, functions.iter().copied().map(cell).collect())
    };
    let mut columns = vec![
        column("total", MOST_IMPORTANT, &|function| time(function, function.inclusive_ns)),
        column("%", 60, &|function| per_cent(function, header_footer::whole(snapshot))),
        column("self", 80, &|function| time(function, function.exclusive_ns)),
        column("calls", 90, &|function| units::count(function.calls)),
        column("mean", 70, &|function| mean(function.mean_ns)),
        column("trimmed\nmean", 1, &|function| mean(function.trimmed_mean_ns)),
    ];
    let keys = quantile_keys(functions.iter().flat_map(|function| function.quantiles.keys()));
    for (at, key) in keys.iter().enumerate() {
        let importance = if at + 1 == keys.len() { 40 } else { 10 };
        let cell =
            |function: &Function| optional(function.quantiles.get(*key).copied(), units::duration);
        columns.push(column(&safe(key), importance, &cell));
    }
    columns.push(column("max", 30, &|function| optional(function.max_ns, units::duration)));
    if snapshot.process.allocator {
        columns.push(column("allocations", 50, &|function| {
            optional(function.allocations, units::count)
        }));
        columns.push(column("bytes", 55, &|function| {
            optional(function.allocated_bytes, units::bytes)
        }));
        columns.push(column("peak", 54, &|function| optional(function.peak_bytes, units::bytes)));
        columns.push(column("retained", 53, &|function| {
            function.retained_bytes.map_or_else(|| units::NONE.to_owned(), units::signed_bytes)
        }));
    }
    columns
}

/// The column by which the rows are sorted.
fn sorted_head(sort: Sort) -> &'static str {
    match sort {
        Sort::Total => "total",
        Sort::Exclusive => "self",
        Sort::Calls => "calls",
        Sort::Mean => "mean",
        Sort::Max => "max",
        Sort::Allocations => "allocations",
        Sort::Bytes => "bytes",
        Sort::Name => "",
    }
}

fn mean(ns: Option<f64>) -> String {
    ns.map_or_else(|| units::NONE.to_owned(), units::duration_f64)
}

/// A sum over the timed calls. If no call was timed, 0 is not a measurement.
fn time(function: &Function, ns: u64) -> String {
    match ns == 0 && function.timed_calls == 0 {
        true => units::NONE.to_owned(),
        false => units::duration(ns),
    }
}

fn per_cent(function: &Function, whole: u64) -> String {
    if time(function, function.inclusive_ns) == units::NONE {
        return units::NONE.to_owned();
    }
    let share = units::share(function.inclusive_ns, whole);
    share.map_or_else(|| units::NONE.to_owned(), units::per_cent)
}

/// Names of the rows. Functions that share a path also have their locations.
pub(super) fn names(functions: &[&Function], marks: &Marks) -> Vec<Name> {
    let mut rows_of: HashMap<&str, usize> = HashMap::new();
    for function in functions {
        *rows_of.entry(&function.path).or_default() += 1;
    }
    let name = |function: &&Function| {
        let unique = rows_of.get(function.path.as_str()).is_none_or(|rows| *rows == 1);
        let location = if unique { String::new() } else { location(function) };
        Name {
            indent: String::new(),
            path: safe(&function.path).into_owned(),
            marks: marks.of(function) + &location,
        }
    };
    functions.iter().map(name).collect()
}

fn location(function: &Function) -> String {
    let file = function.file.rsplit('/').next().unwrap_or_default();
    format!(" {}:{}", safe(file), function.line)
}

/// The second table.
fn polled(functions: &[&Function], page: &mut Page) {
    let rows: Vec<(&Function, &AsyncTimes)> = functions
        .iter()
        .filter_map(|function| Some((*function, function.polled.as_ref()?)))
        .collect();
    if rows.is_empty() {
        return;
    }
    let name = |(function, _): &(&Function, _)| Name {
        path: safe(&function.path).into_owned(),
        ..Name::default()
    };
    let times: Vec<&AsyncTimes> = rows.iter().map(|(_, times)| *times).collect();
    page.table(Grid {
        head: "async function",
        names: rows.iter().map(name).collect(),
        columns: polled_columns(&times),
    });
}

fn polled_columns(rows: &[&AsyncTimes]) -> Vec<Column> {
    let column = |head: &str, importance, cell: &dyn Fn(&AsyncTimes) -> String| {
        Column::new(head.to_owned(), importance, rows.iter().copied().map(cell).collect())
    };
    let ended = |times: &AsyncTimes| times.finished > 0 || times.cancelled > 0 || times.wall_ns > 0;
    let wall = |times: &AsyncTimes, ns| optional(ended(times).then_some(ns), units::duration);
    let mut columns = vec![
        column("wall", MOST_IMPORTANT, &|times| wall(times, times.wall_ns)),
        column("busy", 80, &|times| wall(times, times.busy_ns)),
        column("waiting", 90, &|times| wall(times, times.waiting_ns)),
        column("polls", 50, &|times| units::count(times.polls)),
        column("finished", 60, &|times| units::count(times.finished)),
        column("cancelled", 70, &|times| units::count(times.cancelled)),
    ];
    for key in quantile_keys(rows.iter().flat_map(|times| times.wall_quantiles.keys())) {
        let cell =
            |times: &AsyncTimes| optional(times.wall_quantiles.get(key).copied(), units::duration);
        columns.push(column(&format!("{}\nwall", safe(key)), 20, &cell));
    }
    columns.push(column("max\nwall", 10, &|times| optional(times.max_wall_ns, units::duration)));
    columns
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn table(snapshot: &Snapshot, columns: u16) -> String {
        samples::rendered("table", snapshot, Some(columns))
    }

    /// The rows of the table alone, from its head to the next blank line.
    fn rows(text: &str) -> Vec<&str> {
        let lines = text.lines().skip_while(|line| !line.starts_with("function"));
        lines.take_while(|line| !line.is_empty()).collect()
    }

    #[test]
    fn a_wide_terminal_shows_every_column() {
        let text = table(&samples::ordinary(), 180);
        let rows = rows(&text);
        let heads: Vec<&str> = rows[0].split_whitespace().collect();
        let expected =
            "function total % self calls mean mean p50 p95 p99 max allocations bytes peak retained";
        assert_eq!(heads.join(" "), expected);
        let row: Vec<&str> =
            rows[3].split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect();
        let [ran, mean] = ["1.77 ms", "5.32 ms"];
        let numbers = ["21.9 s", "96.9", "20.9 s", "12,345", ran, ran, ran, ran, ran, mean];
        assert_eq!(row[0], "Parser::run");
        assert_eq!(row[1..11], numbers);
        assert_eq!(row[11..], ["37,035", "2.35 MiB", "1.00 MiB", "-512 B"]);
        assert!(!text.contains("no room for"), "{text}");
    }

    #[test]
    fn a_narrow_terminal_shows_what_matters_and_names_the_rest() {
        let mut snapshot = samples::ordinary();
        snapshot.functions.truncate(2);
        let text = table(&snapshot, 40);
        assert_eq!(
            rows(&text),
            [
                "function     total   self  calls    mean",
                "────────────────────────────────────────",
                "main        22.5 s 400 ms      1  22.5 s",
                "Parser::run 21.9 s 20.9 s 12,345 1.77 ms",
            ]
        );
        assert!(text.contains("no room for: %, trimmed mean, p50"), "{text}");
    }

    #[test]
    fn the_column_of_the_order_is_not_dropped() {
        for (sort, head) in [(Sort::Max, "max"), (Sort::Allocations, "allocations")] {
            let style = Style { columns: Some(40), sort, ..Style::default() };
            let text = samples::rendered_in("table", &samples::ordinary(), &style);
            assert!(rows(&text)[0].contains(head), "{text}");
        }
    }

    #[test]
    fn what_was_not_measured_is_a_dash_and_never_0() {
        let text = table(&samples::zero(), 120);
        let row = text.lines().find(|line| line.contains(" async ")).expect("a row");
        assert_eq!(row.split_whitespace().collect::<Vec<_>>().join(" "), "async - - - 0 - - -");
    }

    #[test]
    fn memory_columns_are_there_only_if_memory_was_measured() {
        let mut snapshot = samples::ordinary();
        snapshot.functions[1].allocations = None;
        let text = table(&snapshot, 150);
        assert!(rows(&text)[3].contains(" - 2.35 MiB 1.00 MiB"), "{text}");
        snapshot.process.allocator = false;
        let text = table(&snapshot, 150);
        assert!(rows(&text)[0].ends_with("max"), "{text}");
    }

    #[test]
    fn async_functions_have_a_table_of_their_own() {
        let text = table(&samples::ordinary(), 120);
        let row = text.lines().filter(|line| line.starts_with("fetch")).nth(1).expect("a row");
        let cells: Vec<&str> =
            row.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect();
        let times =
            ["9.00 s", "100 ms", "8.90 s", "1,234", "190", "8", "45.0 ms", "61.0 ms", "80.0 ms"];
        assert_eq!(cells[1..], times);
    }

    #[test]
    fn functions_of_one_path_have_their_locations() {
        let mut snapshot = samples::ordinary();
        snapshot.functions.truncate(2);
        let path = snapshot.functions[0].path.clone();
        snapshot.functions[1].path = path;
        snapshot.functions[1].line = 99;
        let text = table(&snapshot, 150);
        assert!(text.contains("main main.rs:12 "), "{text}");
        assert!(text.contains("main main.rs:99 "), "{text}");
    }

    #[test]
    fn requested_percentiles_are_in_order() {
        let mut snapshot = samples::ordinary();
        snapshot.functions[0].quantiles.insert("p99.9".to_owned(), 1);
        snapshot.functions[1].quantiles.insert("p5".to_owned(), 1);
        let text = table(&snapshot, 200);
        assert!(rows(&text)[0].replace(' ', "").contains("p5p50p95p99p99.9max"), "{text}");
    }
}
