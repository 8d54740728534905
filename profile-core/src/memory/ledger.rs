//! The ledger of allocations of a repository: `allocations.json` beside a crate's `Cargo.toml`, one
//! line per name.
//!
//! ```text
//! {
//!   "tolerance_percent": 0,
//!   "parser::tests::one_line": { "allocations": 3, "bytes": 120 },
//!   "parser::tests::whole_file": { "allocations": 12, "bytes": 4096 }
//! }
//! ```
//!
//! Allocations are compared exactly, bytes with a tolerance. An increase is a failure, a decrease
//! is reported, and `PROFILE_BLESS=1` writes the counts: for several calls in a process, the
//! maximum of each. Unknown fields of the file are preserved.
//!
//! A new ledger is written to a temporary file and renamed, so readers see either the old or the
//! new one, and a failed write loses nothing. Its directory is locked meanwhile, because tests run
//! concurrently, in one process and in several. The ledger itself cannot be the lock, since a
//! waiting process would get the lock of a file that has been replaced.

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

/// One entry of the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    allocations: u64,
    bytes: u64,
}

/// The contents of the file, including fields that this module does not know.
#[derive(Debug, Default, PartialEq)]
struct Ledger {
    tolerance_percent: f64,
    entries: BTreeMap<String, Value>,
}

/// Compares an entry with the ledger in a folder, or writes it there.
///
/// # Errors
/// If a count grew, the name is not in the ledger, or the ledger cannot be read or written.
pub(crate) fn check(folder: &Path, name: &str, line: Line, bless: bool) -> Result<(), String> {
    let _own = Suspended::new();
    let path = folder.join(FILE);
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    if name == TOLERANCE {
        return Err(format!("`{name}` is reserved and cannot be the name of a ledger entry"));
    }
    if bless {
        return write(folder, &path, name, highest(name, line)).map_err(failed);
    }
    let ledger = read(&path).map_err(failed)?;
    compare(&ledger, name, line).map_err(|sentence| format!("{sentence} ({})", path.display()))
}

fn compare(ledger: &Ledger, name: &str, line: Line) -> Result<(), String> {
    let Some(known) = ledger.line(name)? else {
        return Err(format!("{name} is not in the ledger: run once with PROFILE_BLESS=1"));
    };
    if let Some(growth) = ledger.growth(line, known) {
        return Err(format!("{name}: {growth}; PROFILE_BLESS=1 accepts the new counts"));
    }
    let mut seen = seen();
    let (_, highest) = seen.entry(name.to_owned()).or_insert((known, line));
    *highest = highest.max_of_each(line);
    Ok(())
}

/// For each name, the entry of the ledger and the maximum over all calls of this process: one cheap
/// call among expensive ones is not a decrease.
fn seen() -> MutexGuard<'static, BTreeMap<String, (Line, Line)>> {
    static SEEN: Mutex<BTreeMap<String, (Line, Line)>> = Mutex::new(BTreeMap::new());
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The maximum over all blessed calls of that name in this process, including this one.
fn highest(name: &str, line: Line) -> Line {
    static BLESSED: Mutex<BTreeMap<String, Line>> = Mutex::new(BTreeMap::new());
    let mut blessed = BLESSED.lock().unwrap_or_else(PoisonError::into_inner);
    let highest = blessed.entry(name.to_owned()).or_insert(line);
    *highest = highest.max_of_each(line);
    *highest
}

/// Reports decreased counts at the end of the process.
pub(crate) fn emit_decreases() {
    let _own = Suspended::new();
    for (name, (known, highest)) in seen().iter() {
        let (before, now) = (known.allocations, highest.allocations);
        if now < before {
            let sentence = format!(
                "{name}: allocations fell from {before} to {now}; PROFILE_BLESS=1 accepts the new count"
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
            io::Error::new(error.kind(), "there is no ledger; PROFILE_BLESS=1 creates one")
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

/// Follows a symbolic link, and preserves the permissions of its target.
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

    fn max_of_each(self, other: Line) -> Line {
        Line {
            allocations: self.allocations.max(other.allocations),
            bytes: self.bytes.max(other.bytes),
        }
    }
}

impl Ledger {
    /// An empty file is an empty ledger.
    fn parse(text: &str) -> io::Result<Ledger> {
        if text.trim().is_empty() {
            return Ok(Ledger::default());
        }
        let invalid = |sentence: String| io::Error::new(io::ErrorKind::InvalidData, sentence);
        let entries = match text.parse() {
            Ok(Value::Object(entries)) => entries.into_iter().collect::<BTreeMap<_, _>>(),
            Ok(other) => {
                return Err(invalid(format!("expected an object, found {}", formatted(&other))));
            }
            Err(error) => return Err(invalid(tinyjson::JsonParseError::to_string(&error))),
        };
        let tolerance_percent = match entries.get(TOLERANCE) {
            None => 0.0,
            Some(Value::Number(percent)) if *percent >= 0.0 => *percent,
            Some(value) => {
                let value = formatted(value);
                let what = format!("`{TOLERANCE}`: expected a non-negative number, found {value}");
                return Err(invalid(what));
            }
        };
        Ok(Ledger { tolerance_percent, entries })
    }

    /// # Errors
    /// If the entry is invalid.
    fn line(&self, name: &str) -> Result<Option<Line>, String> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        let line = count(entry, ALLOCATIONS).zip(count(entry, BYTES));
        let invalid = || {
            let found = formatted(entry);
            format!("{name}: expected `{ALLOCATIONS}` and `{BYTES}`, found {found}")
        };
        line.map(|(allocations, bytes)| Some(Line { allocations, bytes })).ok_or_else(invalid)
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

    /// One sorted entry per line, for a small diff in review.
    fn text(&self) -> String {
        let zero = Value::Number(0.0);
        let tolerance = self.entries.get(TOLERANCE).unwrap_or(&zero);
        let others = self.entries.iter().filter(|(name, _)| *name != TOLERANCE);
        let all = std::iter::once((TOLERANCE, tolerance))
            .chain(others.map(|(name, entry)| (name.as_str(), entry)));
        let entry = |(name, entry)| format!("  {}: {}", quoted(name), formatted(entry));
        format!("{{\n{}\n}}\n", all.map(entry).collect::<Vec<_>>().join(",\n"))
    }

    /// Describes what grew.
    fn growth(&self, now: Line, before: Line) -> Option<String> {
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

/// A non-negative integer that an `f64` represents exactly.
fn count(entry: &Value, key: &str) -> Option<u64> {
    let Value::Object(fields) = entry else { return None };
    let Value::Number(number) = fields.get(key)? else { return None };
    (*number >= 0.0 && number.fract() == 0.0).then_some(*number as u64)
}

/// Formats a value on one line; objects are sorted and spaced.
fn formatted(value: &Value) -> String {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let fields: BTreeMap<&String, &Value> = fields.iter().collect();
            let field = |(name, value): (&String, &Value)| {
                format!("{}: {}", quoted(name), formatted(value))
            };
            format!("{{ {} }}", fields.into_iter().map(field).collect::<Vec<_>>().join(", "))
        }
        Value::Object(_) => "{}".to_owned(),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(formatted).collect::<Vec<_>>().join(","))
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
    fn unknown_fields_of_the_file_are_preserved() {
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
    fn an_invalid_tolerance_or_entry_is_an_error() {
        for invalid in ["\"5\"", "-1", "null", "[5]"] {
            let text = format!("{{ \"tolerance_percent\": {invalid} }}");
            let error = Ledger::parse(&text).expect_err("an invalid number").to_string();
            let expected =
                format!("`tolerance_percent`: expected a non-negative number, found {invalid}");
            assert_eq!(error, expected);
        }
        let ledger = Ledger::parse("{ \"a\": { \"allocations\": \"3\", \"bytes\": 0 } }");
        let error = ledger.expect("a ledger").line("a").expect_err("an invalid entry");
        assert!(error.starts_with("a: expected `allocations` and `bytes`, found"), "{error}");
        assert_eq!(Ledger::parse(" \n").expect("an empty one"), Ledger::default());
    }

    #[test]
    fn blessing_writes_the_maximum_over_several_calls() {
        let name = "blessing_writes_the_maximum_over_several_calls";
        assert_eq!(highest(name, Line::new(10, 100)), Line::new(10, 100));
        assert_eq!(highest(name, Line::new(3, 500)), Line::new(10, 500));
        assert_eq!(highest(name, Line::new(4, 1)), Line::new(10, 500));
    }
}
