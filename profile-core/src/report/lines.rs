//! The section of the table on source lines: the source of each function, with figures before each
//! line.
//!
//! Hot lines are bold and have a bar. Lines that were not run have no figures.

use std::collections::HashMap;
use std::ops::Range;

use super::page::Page;
use super::text;
use super::text::safe_and_short as safe;
use crate::snapshot::{Function, Line};
use crate::units;

/// Share of the function's time from which on a line is hot.
pub(super) const HOT: f64 = 0.1;
/// Column heads that the HTML report refers to.
pub(super) const NUMBER: &str = "Line #";
pub(super) const SHARE: &str = "% time";
pub(super) const BYTES: &str = "Bytes";
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Expects the functions in the order of the table.
pub(crate) fn section(functions: &[&Function], lines: &[Line], page: &mut Page) {
    let mut of: HashMap<(&str, &str), Vec<&Line>> = HashMap::new();
    for line in lines {
        of.entry((&line.path, &line.file)).or_default().push(line);
    }
    for function in functions {
        if let Some(lines) = of.remove(&(&*function.path, &*function.file)) {
            one(function, &lines, page);
        }
    }
}

fn one(function: &Function, lines: &[&Line], page: &mut Page) {
    let location = format!("{}:{}", safe(&function.file), function.line);
    page.blank();
    page.bold(&format!("lines of {} ({location})", safe(&function.path)));
    let sum = time_of(lines);
    let columns = columns_with_figures(lines);
    let head: Vec<String> = columns.iter().map(|column| column.padded(column.head)).collect();
    page.bold_row(&format!("{}  Contents", head.join("  ")));
    let sources = sources(lines);
    let mut blocks = blocks_not_run(lines).into_iter().peekable();
    for (row, (line, source)) in lines.iter().zip(sources).enumerate() {
        while blocks.next_if(|block| block.end <= row).is_some() {}
        if let Some(block) = blocks.peek().filter(|block| block.contains(&row)) {
            if block.start == row {
                let [first, last] = [line.line, lines[block.end - 1].line];
                page.dim(&format!("lines {first} to {last} were not run"));
            }
            continue;
        }
        let cells: Vec<String> =
            columns.iter().map(|column| column.padded(&column.cells[row])).collect();
        let words = format!("{}  {source}", cells.join("  "));
        match line.inclusive_ns.and_then(|ns| units::share(ns, sum)) {
            Some(share) if share >= HOT => page.bold_row(&words),
            _ => page.row(&words),
        }
    }
    notes(lines).iter().for_each(|note| page.dim(note));
}

/// Long blocks of lines that were not run, which one line replaces. A block begins with a statement
/// that was not run, and ends before a line that was, or that is indented less.
fn blocks_not_run(lines: &[&Line]) -> Vec<Range<usize>> {
    const SHORTEST: usize = 5;
    let indent = |line: &Line| line.source.len() - line.source.trim_start().len();
    let mut blocks = Vec::new();
    let mut row = 0;
    while row < lines.len() {
        let start = row;
        row += 1;
        if lines[start].hits != Some(0) {
            continue;
        }
        let is_inside = |line: &&&Line| {
            !line.has_run()
                && (line.source.trim().is_empty() || indent(line) >= indent(lines[start]))
        };
        row += lines[row..].iter().take_while(is_inside).count();
        if row - start >= SHORTEST {
            blocks.push(start..row);
        }
    }
    blocks
}

pub(super) struct Column {
    pub(super) head: &'static str,
    pub(super) cells: Vec<String>,
    width: usize,
    /// Whether to show the column even if no line has a figure in it.
    always: bool,
}

impl Column {
    fn new(head: &'static str, always: bool, cells: Vec<String>) -> Column {
        let width = text::widest(cells.iter().map(String::as_str)).max(text::width(head));
        Column { head, cells, width, always }
    }

    fn has_figures(&self) -> bool {
        self.always || self.cells.iter().any(|cell| !cell.is_empty())
    }

    fn padded(&self, cell: &str) -> String {
        format!("{}{cell}", " ".repeat(self.width.saturating_sub(text::width(cell))))
    }
}

/// Total time of the lines, in ns.
pub(super) fn time_of(lines: &[&Line]) -> u64 {
    lines.iter().filter_map(|line| line.inclusive_ns).fold(0, u64::saturating_add)
}

/// The columns that have figures for this function.
pub(super) fn columns_with_figures(lines: &[&Line]) -> Vec<Column> {
    columns(lines, time_of(lines)).into_iter().filter(Column::has_figures).collect()
}

fn columns(lines: &[&Line], sum: u64) -> Vec<Column> {
    let of_run = |cell: &dyn Fn(&Line) -> Option<String>| -> Vec<String> {
        let cell = |line: &&Line| line.has_run().then(|| cell(line)).flatten().unwrap_or_default();
        lines.iter().map(cell).collect()
    };
    let some = |number: u64| (number > 0).then_some(number);
    let share = |line: &Line| units::share(line.inclusive_ns?, sum);
    let per_hit = |line: &Line| Some(line.inclusive_ns? as f64 / line.hits? as f64);
    vec![
        Column::new(NUMBER, true, lines.iter().map(|line| line.line.to_string()).collect()),
        Column::new("Hits", true, of_run(&|line| line.hits.map(units::count))),
        Column::new("Time", true, of_run(&|line| line.inclusive_ns.map(units::duration))),
        Column::new("Per hit", true, of_run(&|line| per_hit(line).map(units::duration_f64))),
        Column::new(SHARE, true, of_run(&|line| share(line).map(units::per_cent))),
        Column::new("", false, of_run(&|line| share(line).and_then(bar))),
        Column::new(
            "Waiting",
            false,
            of_run(&|line| line.waiting_ns.and_then(some).map(units::duration)),
        ),
        Column::new(
            "Allocs",
            false,
            of_run(&|line| line.allocations.and_then(some).map(units::count)),
        ),
        Column::new(
            "Bytes",
            false,
            of_run(&|line| line.allocated_bytes.and_then(some).map(units::bytes)),
        ),
        Column::new(
            "Net",
            false,
            of_run(&|line| line.net_bytes.filter(|net| *net != 0).map(units::signed_bytes)),
        ),
        Column::new("Mem usage", false, of_run(&|line| line.resident_bytes.map(units::bytes))),
        Column::new(
            "Increment",
            false,
            of_run(&|line| line.resident_increment_bytes.map(units::signed_bytes)),
        ),
    ]
}

/// `None` for a negligible share.
fn bar(share: f64) -> Option<String> {
    let eighths = (share * BARS.len() as f64).round() as usize;
    (share >= HOT / 10.0).then(|| BARS[eighths.clamp(1, BARS.len()) - 1].to_string())
}

/// The source lines without their common indentation, fit for a terminal. A tab counts as four
/// spaces, as in rustfmt.
pub(super) fn sources(lines: &[&Line]) -> Vec<String> {
    let sources: Vec<String> = lines.iter().map(|line| line.source.replace('\t', "    ")).collect();
    let indent = |source: &String| source.len() - source.trim_start_matches(' ').len();
    let written = sources.iter().filter(|source| !source.trim().is_empty());
    let common = written.map(indent).min().unwrap_or(0);
    sources
        .iter()
        .map(|source| safe(source.get(common..).unwrap_or_default()).into_owned())
        .collect()
}

/// Notes on how to read the figures.
pub(super) fn notes(lines: &[&Line]) -> Vec<String> {
    let is_estimated = |line: &&Line| line.timed_hits < line.hits;
    if lines.iter().all(|line| line.hits.is_none()) {
        let note = "its statements could not be told apart: they have no figures of their own";
        return vec![note.to_owned()];
    }
    let estimated =
        lines.iter().any(is_estimated).then_some("times are estimates: not every hit was timed");
    estimated.map(str::to_owned).into_iter().chain(parts(lines)).collect()
}

/// Lines that have no figures of their own, since they are counted on another line. Without a note
/// they would look as if they had not been run.
fn parts(lines: &[&Line]) -> impl Iterator<Item = String> {
    let is_same = |a: &&Line, b: &&Line| (a.counted_on, &a.part_of) == (b.counted_on, &b.part_of);
    let has_run = |number| lines.iter().any(|line| line.line == number && line.has_run());
    lines.chunk_by(is_same).filter_map(move |part| {
        let (first, last) = (part.first()?, part.last()?);
        let (on, what) = (first.counted_on?, safe(first.part_of.as_deref()?));
        let numbers = match first.line == last.line {
            true => format!("line {}", first.line),
            false => format!("lines {} to {}", first.line, last.line),
        };
        has_run(on).then(|| format!("{numbers} ({what}): counted on line {on}"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use crate::snapshot::{Line, Snapshot};

    fn line(number: u32, source: &str, hits: Option<u64>, ns: u64) -> Line {
        Line {
            path: "survey::main".to_owned(),
            file: "src/main.rs".to_owned(),
            line: number,
            source: source.to_owned(),
            hits,
            timed_hits: hits,
            inclusive_ns: hits.map(|_| ns),
            ..Line::default()
        }
    }

    fn section(lines: Vec<Line>, columns: Option<u16>) -> String {
        let mut snapshot = samples::ordinary();
        snapshot.lines = lines;
        let text = samples::rendered("table", &snapshot, columns);
        let (_, section) =
            text.split_once("\nlines of main (src/main.rs:12)\n").expect("a section");
        section.split("\n\n").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn each_source_line_has_its_figures_before_it() {
        let mut allocating = line(9, "        let x = vec![];", Some(1_200), 900_000);
        (allocating.allocations, allocating.allocated_bytes) = (Some(1_200), Some(1 << 20));
        allocating.net_bytes = Some(-64);
        let lines = vec![
            line(7, "    fn main() {", None, 0),
            line(8, "        // Why.", None, 0),
            allocating,
            line(10, "\tnever();", Some(0), 0),
            line(11, "        x.push(\"\u{1b}[2J\");", Some(3), 100_000),
            line(12, "    }", None, 0),
        ];
        assert_eq!(
            section(lines, None).lines().collect::<Vec<_>>(),
            [
                "Line #   Hits    Time  Per hit  % time     Allocs     Bytes    Net  Contents",
                "     7                                                              fn main() {",
                "     8                                                                  // Why.",
                "     9  1,200  900 µs   750 ns    90.0  ▇   1,200  1.00 MiB  -64 B      let x = vec![];",
                "    10                                                              never();",
                "    11      3  100 µs  33.3 µs    10.0  ▁                               x.push(\"\\u{1b}[2J\");",
                "    12                                                              }",
            ]
        );
    }

    #[test]
    fn blocks_that_were_not_run_are_a_line() {
        let mut lines = vec![line(7, "if a {", Some(1), 5)];
        lines.extend((8..14).map(|number| line(number, "    b();", Some(0), 0)));
        lines.extend([line(14, "}", None, 0), line(15, "c();", Some(0), 0)]);
        lines.extend([line(16, "d();", Some(1), 5)]);
        let text = section(lines, None);
        let shown: Vec<&str> = text.lines().skip(1).map(str::trim).collect();
        assert_eq!(shown[1], "lines 8 to 13 were not run");
        assert!(shown[2].starts_with("14") && shown[3].starts_with("15"), "{text}");
        assert_eq!(shown.len(), 5, "{text}");
    }

    #[test]
    fn a_narrow_terminal_cuts_the_source_and_not_the_figures() {
        let text = section(vec![line(7, &"x".repeat(200), Some(1), 5)], Some(60));
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        assert!(text.ends_with('…'), "{text}");
    }

    #[test]
    fn what_is_counted_on_another_line_is_named() {
        let part = |number, what: &str| Line {
            counted_on: Some(7),
            part_of: Some(what.to_owned()),
            ..line(number, "x", None, 0)
        };
        let other = Line { counted_on: Some(12), ..part(13, "closure") };
        let lines = vec![
            line(7, "select! {", Some(1), 5),
            part(8, "select!"),
            part(9, "select!"),
            line(10, "b();", Some(1), 5),
            part(11, "closure"),
            line(12, "never(|| {", Some(0), 0),
            other,
        ];
        let text = section(lines, None);
        let notes: Vec<&str> = text.lines().filter(|it| it.contains("counted")).collect();
        assert_eq!(
            notes,
            ["lines 8 to 9 (select!): counted on line 7", "line 11 (closure): counted on line 7"]
        );
    }

    #[test]
    fn notes_mention_estimates_and_bodies_without_statements() {
        let sampled = Line { timed_hits: Some(1), ..line(7, "a();", Some(64), 5) };
        assert!(section(vec![sampled], None).ends_with("not every hit was timed"));
        let text = section(vec![line(7, "@", None, 0)], None);
        assert!(text.contains("could not be told apart"), "{text}");
        let without = samples::rendered("table", &Snapshot::default(), None);
        assert!(!without.contains("lines of"));
    }
}
