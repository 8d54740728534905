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
//! `PROFILE_BLESS=1` writes what was counted. The file is locked while it is read and written: tests run beside each other, in one process and
//! in many.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::record::thread::Suspended;
use crate::telling::{self, Complaint, OnError};
use crate::warnings::MemoryWarning;

const FILE: &str = "allocations.json";
const TOLERANCE: &str = "tolerance_percent";

/// A line of the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Line {
    allocations: u64,
    bytes: u64,
}

/// The ledger as it stands in its file.
#[derive(Debug, Default)]
struct Ledger {
    tolerance_percent: f64,
    lines: BTreeMap<String, Line>,
}

/// Compares a line with the ledger in a folder, or writes it there.
///
/// # Errors
/// It grew, is not in the ledger, or the ledger cannot be read or written.
pub(crate) fn check(folder: &Path, name: &str, line: Line, bless: bool) -> Result<(), String> {
    let _own = Suspended::new();
    let path = folder.join(FILE);
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let mut file = open(&path, bless).map_err(failed)?;
    file.lock().map_err(failed)?;
    let mut ledger = Ledger::read(&mut file).map_err(failed)?;
    let known = ledger.lines.get(name).copied();
    if bless {
        // The dearest of several calls counts.
        let dearest =
            known.filter(|known| ledger.is_grown(line, *known).is_none() && is_blessed(name));
        ledger.lines.insert(name.to_owned(), dearest.unwrap_or(line));
        return ledger.write(&mut file).map_err(failed);
    }
    let Some(known) = known else {
        let place = path.display();
        return Err(format!("{name} is not in {place}: run once with PROFILE_BLESS=1 to write it"));
    };
    if let Some(grown) = ledger.is_grown(line, known) {
        return Err(format!(
            "{name}: {grown} ({}); PROFILE_BLESS=1 writes the new figures",
            path.display()
        ));
    }
    let mut seen = seen();
    let (_, dearest) = seen.entry(name.to_owned()).or_insert((known, line));
    dearest.allocations = dearest.allocations.max(line.allocations);
    Ok(())
}

/// Of each name what the ledger says and the dearest call of this process: one cheap call among dear ones is no fall.
fn seen() -> MutexGuard<'static, BTreeMap<String, (Line, Line)>> {
    static SEEN: Mutex<BTreeMap<String, (Line, Line)>> = Mutex::new(BTreeMap::new());
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
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
            telling::tell(&Complaint::own(&MemoryWarning, Some(name), sentence), OnError::Tell);
        }
    }
}

/// Whether this process has written the name already.
fn is_blessed(name: &str) -> bool {
    static BLESSED: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut blessed = BLESSED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = blessed.iter().any(|known| known == name);
    if !known {
        blessed.push(name.to_owned());
    }
    known
}

fn open(path: &Path, bless: bool) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(bless).create(bless).truncate(false);
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if !bless => {
            io::Error::new(error.kind(), "there is no ledger; PROFILE_BLESS=1 begins one")
        }
        _ => error,
    })
}

impl Line {
    pub(crate) fn new(allocations: u64, bytes: u64) -> Line {
        Line { allocations, bytes }
    }
}

impl Ledger {
    fn read(file: &mut File) -> io::Result<Ledger> {
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        if text.trim().is_empty() {
            return Ok(Ledger::default());
        }
        let mut entries: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text)?;
        let tolerance = entries.remove(TOLERANCE).and_then(|value| value.as_f64()).unwrap_or(0.0);
        let line = |(name, value)| Ok((name, serde_json::from_value(value)?));
        let lines = entries.into_iter().map(line).collect::<io::Result<_>>()?;
        Ok(Ledger { tolerance_percent: tolerance, lines })
    }

    /// A line a name, sorted, for a clean difference in review.
    fn write(&self, file: &mut File) -> io::Result<()> {
        let mut text = format!("{{\n  \"{TOLERANCE}\": {}", self.tolerance_percent);
        for (name, Line { allocations, bytes }) in &self.lines {
            let name = serde_json::to_string(name)?;
            text +=
                &format!(",\n  {name}: {{ \"allocations\": {allocations}, \"bytes\": {bytes} }}");
        }
        text += "\n}\n";
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(text.as_bytes())
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
