//! The line tables of Python's memory_profiler 0.61, in exactly its format, for programs that parse
//! them.
//!
//! ```text
//! Filename: src/main.rs
//!
//! Line #    Mem usage    Increment  Occurrences   Line Contents
//! =============================================================
//!      3   41.777 MiB    0.883 MiB           2       let a = load();
//! ```
//!
//! The increments of memory_profiler are differences to a maximum, so a loop that frees memory
//! seems to shrink more and more. Here they are differences to the previous reading, so they can be
//! added.

use std::fmt::Write as _;
use std::io;

use super::format::{Format, Style};
use super::text;
use crate::snapshot::{Line, Snapshot, mib};

/// Decimals: the default of `python -m memory_profiler`.
const PRECISION: usize = 3;

pub(crate) struct MemoryProfiler;

impl Format for MemoryProfiler {
    fn name(&self) -> &'static str {
        "memory_profiler"
    }

    fn description(&self) -> &'static str {
        "the tables of Python's memory_profiler, of functions with lines(rss)"
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

/// # Errors
/// Writing failed, or there is nothing to write: an empty file would not explain that.
fn write(snapshot: &Snapshot, to: &mut dyn io::Write) -> io::Result<()> {
    let mut written = 0;
    for lines in snapshot.lines.chunk_by(|a, b| (&a.path, &a.file) == (&b.path, &b.file)) {
        if lines.iter().any(|line| line.resident_bytes.is_some()) {
            let rows: Vec<Row<'_>> = lines.iter().map(row).collect();
            let file = text::safe_and_short(&lines[0].file);
            to.write_all(table(&file, PRECISION, &rows).as_bytes())?;
            written += 1;
        }
    }
    match written {
        0 => Err(io::Error::other("memory_profiler: no function has `#[profile(lines(rss))]`")),
        _ => Ok(()),
    }
}

/// A line, with figures if it was run.
struct Row<'a> {
    line: u32,
    source: &'a str,
    figures: Option<Figures>,
}

struct Figures {
    memory_mib: f64,
    increment_mib: f64,
    occurrences: u64,
}

fn row(line: &Line) -> Row<'_> {
    let figures = line.resident_bytes.filter(|_| line.has_run()).map(|memory| {
        let increment = line.resident_increment_bytes.unwrap_or(0);
        Figures {
            memory_mib: mib(memory),
            increment_mib: mib(increment.unsigned_abs()) * increment.signum() as f64,
            occurrences: line.hits.unwrap_or(0),
        }
    });
    Row { line: line.line, source: &line.source, figures }
}

/// The table of a function. Wide numbers shift the rest of the row to the right, as they do in
/// memory_profiler.
fn table(file: &str, precision: usize, rows: &[Row<'_>]) -> String {
    const HEADER: &str = "Line #    Mem usage    Increment  Occurrences   Line Contents";
    let mut table = format!("Filename: {file}\n\n{HEADER}\n{}\n", "=".repeat(HEADER.len()));
    let width = precision + 4;
    let mib = |number: f64| format!("{number:>width$.precision$} MiB");
    for Row { line, source, figures } in rows {
        let [memory, increment, occurrences] = match figures {
            Some(it) => [mib(it.memory_mib), mib(it.increment_mib), it.occurrences.to_string()],
            None => Default::default(),
        };
        // memory_profiler keeps tabs, which are harmless on a terminal.
        let source: Vec<_> = source.split('\t').map(text::safe).collect();
        let source = source.join("\t");
        let _ =
            writeln!(table, "{line:>6} {memory:>12} {increment:>12}  {occurrences:>10}   {source}");
    }
    table + "\n\n"
}

#[cfg(test)]
mod mp_lines {
    use super::super::samples;
    use super::*;
    use serde_json::Value;
    use std::path::PathBuf;

    /// Output of memory_profiler for programs with prescribed memory use.
    fn cases() -> Vec<Value> {
        let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/reference");
        let folder = std::env::var_os("REFERENCE_DIR").map_or_else(own, PathBuf::from);
        let text = std::fs::read_to_string(folder.join("mp_line_tables.json"));
        let all: Value = serde_json::from_str(&text.expect("the vectors")).expect("JSON");
        all["cases"].as_array().expect("cases").clone()
    }

    /// The expected table of a function.
    fn expected_of(case: &Value, function: &Value) -> String {
        let whole = |value: &Value| value.as_u64().expect("a number") as u32;
        let number = |value: &Value| value.as_f64().expect("a number");
        let (first, last) = (whole(&function["first_line"]), whole(&function["last_line"]));
        let source: Vec<&str> = case["source"].as_str().expect("a text").split('\n').collect();
        let figures = |line: u32| {
            let mut rows = function["lines"].as_array().expect("lines").iter();
            let row = rows.find(|row| whole(&row[0]) == line)?;
            Some(Figures {
                increment_mib: number(&row[1]),
                memory_mib: number(&row[2]),
                occurrences: row[3].as_u64().expect("a count"),
            })
        };
        let row =
            |line: u32| Row { line, source: source[line as usize - 1], figures: figures(line) };
        let rows: Vec<Row<'_>> = (first..=last).map(row).collect();
        let precision = whole(&case["precision"]) as usize;
        table(case["program"].as_str().expect("a name"), precision, &rows)
    }

    /// Programs that have no equivalent here, with the reason.
    const SKIPPED: [(&str, &str); 1] =
        [("precision_arg.py", "it chooses the digits itself, in the argument of its decorator")];

    /// The order of tables is ignored: recursive calls print the innermost first.
    #[test]
    fn every_table_is_laid_out_as_memory_profiler_does() {
        let cases = cases();
        let is_skipped = |case: &&Value| SKIPPED.iter().any(|skip| case["program"] == skip.0);
        let skipped = cases.iter().filter(is_skipped).count();
        assert!(cases.len() >= 50 && skipped * 20 <= cases.len(), "{skipped} of {}", cases.len());
        for case in cases.iter().filter(|case| !is_skipped(case)) {
            let output = case["output"].as_str().expect("a text");
            let functions = case["result"].as_array().expect("tables");
            // A call that was left by an exception has figures, but prints nothing.
            let printed = output.matches("Filename: ").count();
            let tables = functions.iter().map(|function| expected_of(case, function));
            let found: Vec<String> =
                tables.filter(|table| output.contains(table.as_str())).collect();
            let id = case["id"].as_str().expect("an id");
            assert_eq!(found.len(), printed, "{id}\n{output}");
            assert_eq!(
                found.iter().map(String::len).sum::<usize>(),
                output.len(),
                "{id}\n{output}"
            );
        }
    }

    #[test]
    fn what_was_recorded_is_written_so_and_nothing_is_an_error() {
        let line = |line, source: &str, hits| Line {
            path: "a::f".to_owned(),
            file: "src/a.rs".to_owned(),
            line,
            source: source.to_owned(),
            hits,
            resident_bytes: hits.map(|_| 3 << 19),
            resident_increment_bytes: hits.map(|_| -(1 << 19)),
            ..Line::default()
        };
        let mut snapshot = samples::ordinary();
        snapshot.lines = vec![line(7, "fn f() {", None), line(8, "    drop(x);", Some(2))];
        assert_eq!(
            samples::rendered("memory_profiler", &snapshot, None),
            "Filename: src/a.rs\n\n\
             Line #    Mem usage    Increment  Occurrences   Line Contents\n\
             =============================================================\n     \
             7                                         fn f() {\n     \
             8    1.500 MiB   -0.500 MiB           2       drop(x);\n\n\n"
        );
        let nothing = write(&Snapshot::default(), &mut Vec::new()).expect_err("there is nothing");
        assert!(nothing.to_string().contains("lines(rss)"), "{nothing}");
    }
}
