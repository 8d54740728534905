//! The ledger of allocations that a repository keeps: `allocations.json` beside a crate's `Cargo.toml`, a line for each name.
//!
//! ```text
//! {
//!   "tolerance_percent": 0,
//!   "parser::tests::one_line": { "allocations": 3, "bytes": 120 },
//!   "parser::tests::whole_file": { "allocations": 12, "bytes": 4096 }
//! }
//! ```
//!
//! Allocations are compared exactly, bytes to within the tolerance. A count that grew fails, one that fell is told, and
//! `PROFILE_BLESS=1` writes what was counted: of several calls in a process the most of each. What else stands in the file remains.
//!
//! A new ledger is written beside the old one and takes its name, so whoever reads it sees one or the other, and one that cannot be written
//! costs none. Its folder is locked meanwhile: tests run beside each other, in one process and in many. The ledger itself could not be the
//! lock, since the file that one waits for would be gone when it is free.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tinyjson::JsonValue as Value;

use crate::diagnostics::{self, Diagnostic, OnError};
use crate::json;
use crate::record::thread::Suspended;
use crate::sys;
use crate::warnings::MemoryWarning;

const FILE: &str = "allocations.json";
const TOLERANCE: &str = "tolerance_percent";
const ALLOCATIONS: &str = "allocations";
const BYTES: &str = "bytes";

/// A line of the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    allocations: u64,
    bytes: u64,
}

/// The ledger as it stands in its file, with what only its owner understands.
#[derive(Debug, Default, PartialEq)]
struct Ledger {
    tolerance_percent: f64,
    entries: BTreeMap<String, Value>,
}

/// Compares a line with the ledger in a folder, or writes it there.
///
/// # Errors
/// It grew, is not in the ledger, or the ledger cannot be read or written.
pub(crate) fn check(folder: &Path, name: &str, line: Line, bless: bool) -> Result<(), String> {
    let _own = Suspended::new();
    let path = folder.join(FILE);
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    if name == TOLERANCE {
        return Err(format!("`{name}` is not a name for a line of a ledger"));
    }
    if bless {
        return write(folder, &path, name, dearest(name, line)).map_err(failed);
    }
    let ledger = read(&path).map_err(failed)?;
    compare(&ledger, name, line).map_err(|sentence| format!("{sentence} ({})", path.display()))
}

fn compare(ledger: &Ledger, name: &str, line: Line) -> Result<(), String> {
    let Some(known) = ledger.line(name)? else {
        return Err(format!("{name} is not in the ledger: run once with PROFILE_BLESS=1"));
    };
    if let Some(grown) = ledger.is_grown(line, known) {
        return Err(format!("{name}: {grown}; PROFILE_BLESS=1 writes the new figures"));
    }
    let mut seen = seen();
    let (_, dearest) = seen.entry(name.to_owned()).or_insert((known, line));
    *dearest = dearest.most_of_each(line);
    Ok(())
}

/// Of each name what the ledger says and the most of all calls of this process: one cheap call among dear ones is no fall.
fn seen() -> MutexGuard<'static, BTreeMap<String, (Line, Line)>> {
    static SEEN: Mutex<BTreeMap<String, (Line, Line)>> = Mutex::new(BTreeMap::new());
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most of all blessed calls of that name in this process, this one among them.
fn dearest(name: &str, line: Line) -> Line {
    static BLESSED: Mutex<BTreeMap<String, Line>> = Mutex::new(BTreeMap::new());
    let mut blessed = BLESSED.lock().unwrap_or_else(PoisonError::into_inner);
    let dearest = blessed.entry(name.to_owned()).or_insert(line);
    *dearest = dearest.most_of_each(line);
    *dearest
}

/// At the end of the process: says which counts fell.
pub(crate) fn tell_falls() {
    let _own = Suspended::new();
    for (name, (known, dearest)) in seen().iter() {
        let (before, now) = (known.allocations, dearest.allocations);
        if now < before {
            let sentence = format!(
                "{name}: allocations fell from {before} to {now}; PROFILE_BLESS=1 writes that down"
            );
            diagnostics::emit(
                &Diagnostic::own(&MemoryWarning, Some(name), sentence),
                OnError::Emit,
            );
        }
    }
}

fn read(path: &Path) -> io::Result<Ledger> {
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            io::Error::new(error.kind(), "there is no ledger; PROFILE_BLESS=1 begins one")
        }
        _ => error,
    })?;
    Ledger::parse(&text)
}

fn write(folder: &Path, path: &Path, name: &str, line: Line) -> io::Result<()> {
    let lock = File::open(folder)?;
    sys::lock(&lock)?;
    let mut ledger = match fs::read_to_string(path) {
        Ok(text) => Ledger::parse(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ledger::default(),
        Err(error) => return Err(error),
    };
    ledger.set(name, line);
    replace(path, &ledger.text())
}

/// A link remains one, and what it leads to keeps its permissions.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path: PathBuf = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let beside = path.with_extension(format!("json.{}", std::process::id()));
    let written = fs::write(&beside, text)
        .and_then(|()| match fs::metadata(&path) {
            Ok(before) => fs::set_permissions(&beside, before.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

impl Line {
    pub(crate) fn new(allocations: u64, bytes: u64) -> Line {
        Line { allocations, bytes }
    }

    fn most_of_each(self, other: Line) -> Line {
        Line {
            allocations: self.allocations.max(other.allocations),
            bytes: self.bytes.max(other.bytes),
        }
    }
}

impl Ledger {
    /// A file without anything in it is an empty ledger.
    fn parse(text: &str) -> io::Result<Ledger> {
        if text.trim().is_empty() {
            return Ok(Ledger::default());
        }
        let wrong = |sentence: String| io::Error::new(io::ErrorKind::InvalidData, sentence);
        let entries = match text.parse() {
            Ok(Value::Object(entries)) => entries.into_iter().collect::<BTreeMap<_, _>>(),
            Ok(other) => return Err(wrong(format!("no object, but {}", spaced(&other)))),
            Err(error) => return Err(wrong(tinyjson::JsonParseError::to_string(&error))),
        };
        let tolerance_percent = match entries.get(TOLERANCE) {
            None => 0.0,
            Some(Value::Number(percent)) if *percent >= 0.0 => *percent,
            Some(value) => {
                let value = spaced(value);
                let what = format!("`{TOLERANCE}` is a number such as 5, and not {value}");
                return Err(wrong(what));
            }
        };
        Ok(Ledger { tolerance_percent, entries })
    }

    /// # Errors
    /// What stands there is not a line.
    fn line(&self, name: &str) -> Result<Option<Line>, String> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        let line = count(entry, ALLOCATIONS).zip(count(entry, BYTES));
        let wrong = || {
            let found = spaced(entry);
            format!("{name}: `{ALLOCATIONS}` and `{BYTES}` are expected, not {found}")
        };
        line.map(|(allocations, bytes)| Some(Line { allocations, bytes })).ok_or_else(wrong)
    }

    fn set(&mut self, name: &str, line: Line) {
        let entry = self.entries.entry(name.to_owned()).or_insert(Value::Null);
        let mut fields = match std::mem::replace(entry, Value::Null) {
            Value::Object(fields) => fields,
            _ => HashMap::new(),
        };
        fields.insert(ALLOCATIONS.to_owned(), Value::Number(line.allocations as f64));
        fields.insert(BYTES.to_owned(), Value::Number(line.bytes as f64));
        *entry = Value::Object(fields);
    }

    /// An entry a line, sorted, for a clean difference in review.
    fn text(&self) -> String {
        let zero = Value::Number(0.0);
        let tolerance = self.entries.get(TOLERANCE).unwrap_or(&zero);
        let others = self.entries.iter().filter(|(name, _)| *name != TOLERANCE);
        let all = std::iter::once((TOLERANCE, tolerance))
            .chain(others.map(|(name, entry)| (name.as_str(), entry)));
        let entry = |(name, entry)| format!("  {}: {}", quoted(name), spaced(entry));
        format!("{{\n{}\n}}\n", all.map(entry).collect::<Vec<_>>().join(",\n"))
    }

    /// What grew, as a sentence.
    fn is_grown(&self, now: Line, before: Line) -> Option<String> {
        if now.allocations > before.allocations {
            return Some(format!(
                "allocations grew from {} to {}",
                before.allocations, now.allocations
            ));
        }
        let most = before.bytes as f64 * (1.0 + self.tolerance_percent / 100.0);
        (now.bytes as f64 > most).then(|| {
            format!(
                "bytes grew from {} to {}, beyond the tolerance of {} %",
                before.bytes, now.bytes, self.tolerance_percent
            )
        })
    }
}

/// A whole number from 0, of so many that a double holds each.
fn count(entry: &Value, key: &str) -> Option<u64> {
    let Value::Object(fields) = entry else { return None };
    let Value::Number(number) = fields.get(key)? else { return None };
    (*number >= 0.0 && number.fract() == 0.0).then_some(*number as u64)
}

/// On one line, an object sorted and with blanks as a person would put them.
fn spaced(value: &Value) -> String {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let fields: BTreeMap<&String, &Value> = fields.iter().collect();
            let field =
                |(name, value): (&String, &Value)| format!("{}: {}", quoted(name), spaced(value));
            format!("{{ {} }}", fields.into_iter().map(field).collect::<Vec<_>>().join(", "))
        }
        Value::Object(_) => "{}".to_owned(),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(spaced).collect::<Vec<_>>().join(","))
        }
        Value::String(text) => quoted(text),
        Value::Number(number) => number.to_string(),
        Value::Boolean(is_so) => is_so.to_string(),
        Value::Null => "null".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    json::quote(&mut quoted, text);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_else_stands_in_the_file_remains() {
        let text = "{\n  \"tolerance_percent\": 2.5,\n  \
                    \"_comment\": \"see docs\",\n  \
                    \"a\": { \"allocations\": 1, \"bytes\": 10, \"why\": [\"one Vec\"] },\n  \
                    \"z\": { \"allocations\": 2, \"bytes\": 20 }\n}\n";
        let mut ledger = Ledger::parse(text).expect("a ledger");
        assert_eq!(ledger.text(), text);
        ledger.set("a", Line::new(3, 30));
        ledger.set("b", Line::new(4, 40));
        let a = "\"a\": { \"allocations\": 3, \"bytes\": 30, \"why\": [\"one Vec\"] },\n  \
                 \"b\": { \"allocations\": 4, \"bytes\": 40 },\n  \"z\"";
        assert!(ledger.text().contains(a), "{}", ledger.text());
        assert!(ledger.text().contains("\"_comment\": \"see docs\""));
    }

    #[test]
    fn a_tolerance_that_is_no_number_is_an_error_and_so_is_a_line_that_is_none() {
        for wrong in ["\"5\"", "-1", "null", "[5]"] {
            let text = format!("{{ \"tolerance_percent\": {wrong} }}");
            let error = Ledger::parse(&text).expect_err("no number").to_string();
            let expected = format!("`tolerance_percent` is a number such as 5, and not {wrong}");
            assert_eq!(error, expected);
        }
        let ledger = Ledger::parse("{ \"a\": { \"allocations\": \"3\", \"bytes\": 0 } }");
        let error = ledger.expect("a ledger").line("a").expect_err("no line");
        assert!(error.starts_with("a: `allocations` and `bytes` are expected"), "{error}");
        assert_eq!(Ledger::parse(" \n").expect("an empty one"), Ledger::default());
    }

    #[test]
    fn of_several_calls_the_most_of_each_counts() {
        let name = "of_several_calls_the_most_of_each_counts";
        assert_eq!(dearest(name, Line::new(10, 100)), Line::new(10, 100));
        assert_eq!(dearest(name, Line::new(3, 500)), Line::new(10, 500));
        assert_eq!(dearest(name, Line::new(4, 1)), Line::new(10, 500));
    }
}
