//! The `.dat` files of memory_profiler, written and read: `mprof plot` and `mprof peak` can show
//! our recordings, and its recordings can be loaded here.
//!
//! ```text
//! CMDLINE program                                        the last one counts
//! MEM 22.917969 1795339408.3749                          MiB, seconds since 1970
//! CHLD 17822 13.941406 1795339414.2695                   process, MiB, seconds
//! FUNC crate::f 22.9102 1795339398.2375 22.9102 1795339398.3228 2
//!     name, MiB and seconds at the start, the same at the end, level
//! ```

use std::collections::{HashMap, HashSet};
use std::io;

use super::curves::{Curve, Curves, Point, Span, Subject};
use super::format::{Format, Style};
use super::text;
use crate::snapshot::{Snapshot, mib, mprof_line, seconds};

pub(crate) struct Mprof;

impl Format for Mprof {
    fn name(&self) -> &'static str {
        "mprof"
    }

    fn description(&self) -> &'static str {
        "memory over time as a .dat file of memory_profiler, for mprof"
    }

    fn extension(&self) -> &'static str {
        "dat"
    }

    fn media_type(&self) -> &'static str {
        "text/plain"
    }

    fn write(&self, snapshot: &Snapshot, _: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        write(snapshot, to)
    }
}

/// `MEM` lines contain the main curve, `CHLD` lines other processes, one curve per process id.
/// Other curves are left out (another backend, or with instead of without children), since readers
/// would merge all curves of the same process.
fn write(snapshot: &Snapshot, to: &mut dyn io::Write) -> io::Result<()> {
    writeln!(to, "CMDLINE {}", word(&snapshot.process.program))?;
    let Some(curves) = Curves::of(snapshot) else { return Ok(()) };
    for point in &curves.main.points {
        writeln!(to, "{}", mprof_line(None, point.bytes, point.unix_ns))?;
    }
    let main = curves.main.subject;
    let is_child =
        |it: &Subject<'_>| it.process_id != main.process_id && it.backend == main.backend;
    // For each process the curve without children comes first.
    let mut written = HashSet::new();
    for Curve { subject, points } in curves.others.iter().filter(|curve| is_child(&curve.subject)) {
        if written.insert(subject.process_id) {
            for Point { unix_ns, bytes } in points.iter().copied() {
                writeln!(to, "{}", mprof_line(Some(subject.process_id), bytes, unix_ns))?;
            }
        }
    }
    curves.spans.iter().try_for_each(|span| function(span, to))
}

fn function(span: &Span<'_>, to: &mut dyn io::Write) -> io::Result<()> {
    let Span { start, end, level, .. } = span;
    writeln!(
        to,
        "FUNC {} {:.4} {} {:.4} {} {level}",
        name(&span.record.path),
        mib(start.bytes),
        seconds(start.unix_ns),
        mib(end.bytes),
        seconds(end.unix_ns),
    )
}

/// The program, quoted as `mprof` quotes a word of a command.
fn word(program: &str) -> String {
    let word = one_line(program);
    if word.contains(' ') { format!("'{word}'") } else { word }
}

/// A name as one field: a space would start the next field.
fn name(path: &str) -> String {
    match one_line(path).replace(' ', "_") {
        name if name.is_empty() => "?".to_owned(),
        name => name,
    }
}

/// Removes line breaks, and escapes dollar signs: matplotlib would parse the text between two of
/// them as a formula, and often fail.
fn one_line(text: &str) -> String {
    text::safe_and_short(text).replace('$', "\\$")
}

/// The contents of a `.dat` file of memory_profiler, in the order of its lines.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MprofData {
    /// The last command line in the file, including its line terminator.
    pub command_line: Option<String>,
    /// Memory of the process.
    pub readings: Vec<MprofReading>,
    /// Functions with their calls.
    pub functions: Vec<MprofFunction>,
    /// Memory of each child process.
    pub children: Vec<MprofChild>,
}

/// One reading. It contains whatever numbers are in the file, including NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MprofReading {
    /// Memory in MiB.
    pub mib: f64,
    /// Seconds since 1970.
    pub unix_seconds: f64,
}

/// A function in a `.dat` file.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MprofFunction {
    /// Its name.
    pub name: String,
    /// Its calls, one per line of the file.
    pub calls: Vec<MprofCall>,
}

/// A call in a `.dat` file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MprofCall {
    /// Memory and time when it began.
    pub start: MprofReading,
    /// The same when it ended.
    pub end: MprofReading,
    /// Number of calls that enclose it. Old files do not contain it.
    pub level: Option<i64>,
}

/// A child process in a `.dat` file.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MprofChild {
    /// Its process id, as in the file.
    pub process_id: String,
    /// Its memory.
    pub readings: Vec<MprofReading>,
}

/// An error in a `.dat` file, in a line that `mprof` cannot read either.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MprofError {
    /// Line number, starting at 1.
    pub line: usize,
    /// What is wrong with it.
    pub kind: MprofErrorKind,
}

/// The kind of an [`MprofError`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MprofErrorKind {
    /// The line is empty. `mprof` explains this as a too short sampling time.
    Empty,
    /// The line has no space after its first word.
    NoFields,
    /// The line has fewer fields than its first word requires.
    MissingField,
    /// A field is not a number; its text.
    NotANumber(String),
    /// The last field is not an integer; its text.
    NotALevel(String),
}

impl std::fmt::Display for MprofError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a file of mprof: line {}: {}", self.line, self.kind)
    }
}

impl std::fmt::Display for MprofErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MprofErrorKind::Empty => write!(f, "it is empty; the time of sampling was too short"),
            MprofErrorKind::NoFields => write!(f, "a word and a blank are expected"),
            MprofErrorKind::MissingField => write!(f, "a field is missing"),
            MprofErrorKind::NotANumber(field) => write!(f, "{field:?} is not a number"),
            MprofErrorKind::NotALevel(field) => write!(f, "{field:?} is not a level"),
        }
    }
}

impl std::error::Error for MprofError {}

/// Parses a `.dat` file of memory_profiler by the rules of `mprof` 0.61, which ignores lines with
/// an unknown first word, and surplus fields.
///
/// ```
/// let data = profile_core::read_mprof("CMDLINE ls\nMEM 1.5 1700000000.25\n")?;
/// assert_eq!(data.readings[0].mib, 1.5);
/// # Ok::<(), profile_core::MprofError>(())
/// ```
///
/// # Errors
/// The first line that `mprof` would reject.
pub fn read_mprof(text: &str) -> Result<MprofData, MprofError> {
    // Like Python's text mode, in which `\r` ends a line too.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut reader = Reader::default();
    for (before, line) in text.split_inclusive('\n').enumerate() {
        reader.line(line).map_err(|kind| MprofError { line: before + 1, kind })?;
    }
    Ok(reader.data)
}

/// The data read so far, and the index of each function and child in it.
#[derive(Default)]
struct Reader {
    data: MprofData,
    functions: HashMap<String, usize>,
    children: HashMap<String, usize>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), MprofErrorKind> {
        if line == "\n" {
            return Err(MprofErrorKind::Empty);
        }
        let (kind, value) = line.split_once(' ').ok_or(MprofErrorKind::NoFields)?;
        let fields: Vec<&str> = value.split(' ').collect();
        match kind {
            "MEM" => self.data.readings.push(reading(&fields)?),
            "FUNC" => self.call(&fields)?,
            "CHLD" => self.child(&fields)?,
            "CMDLINE" => self.data.command_line = Some(value.to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn call(&mut self, fields: &[&str]) -> Result<(), MprofErrorKind> {
        let [name, start_mib, start, end_mib, end, ..] = fields else {
            return Err(MprofErrorKind::MissingField);
        };
        let call = MprofCall {
            start: reading(&[start_mib, start])?,
            end: reading(&[end_mib, end])?,
            level: fields.get(5).map(|field| level(field)).transpose()?,
        };
        let at = *self.functions.entry((*name).to_owned()).or_insert_with(|| {
            let function = MprofFunction { name: (*name).to_owned(), calls: Vec::new() };
            self.data.functions.push(function);
            self.data.functions.len() - 1
        });
        self.data.functions[at].calls.push(call);
        Ok(())
    }

    fn child(&mut self, fields: &[&str]) -> Result<(), MprofErrorKind> {
        let [process_id, fields @ ..] = fields else { return Err(MprofErrorKind::MissingField) };
        let reading = reading(fields)?;
        let at = *self.children.entry((*process_id).to_owned()).or_insert_with(|| {
            let process_id = (*process_id).to_owned();
            self.data.children.push(MprofChild { process_id, readings: Vec::new() });
            self.data.children.len() - 1
        });
        self.data.children[at].readings.push(reading);
        Ok(())
    }
}

fn reading(fields: &[&str]) -> Result<MprofReading, MprofErrorKind> {
    let field = |at: usize| {
        let field: &str = fields.get(at).ok_or(MprofErrorKind::MissingField)?;
        number(field).ok_or_else(|| MprofErrorKind::NotANumber(field.trim().to_owned()))
    };
    Ok(MprofReading { mib: field(0)?, unix_seconds: field(1)? })
}

fn level(field: &str) -> Result<i64, MprofErrorKind> {
    let level = bare(field).and_then(|field| field.parse().ok());
    level.ok_or_else(|| MprofErrorKind::NotALevel(field.trim().to_owned()))
}

fn number(field: &str) -> Option<f64> {
    bare(field)?.parse().ok()
}

/// Converts a number from Python's syntax to Rust's: whitespace around it and `_` between digits
/// are allowed. (Python also accepts digits of other scripts, but no program writes them.)
fn bare(field: &str) -> Option<String> {
    let is_blank = |c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c);
    let field = field.trim_matches(is_blank);
    let ends_in_digit = |part: &str| part.ends_with(|c: char| c.is_ascii_digit());
    let begins_with_digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let parts: Vec<&str> = field.split('_').collect();
    let divided = |pair: &[&str]| ends_in_digit(pair[0]) && begins_with_digit(pair[1]);
    parts.windows(2).all(divided).then(|| parts.concat())
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn written(snapshot: &Snapshot) -> String {
        samples::rendered("mprof", snapshot, None)
    }

    #[test]
    fn the_file_is_as_mprof_writes_it() {
        assert_eq!(
            written(&samples::ordinary()),
            "CMDLINE target/release/survey\n\
             MEM 10.000000 1769862600.0000\n\
             MEM 20.500000 1769862601.0000\n\
             MEM 60.000000 1769862602.5000\n\
             MEM 30.000000 1769862604.0000\n\
             MEM 12.250000 1769862610.0000\n\
             CHLD 4712 5.000000 1769862602.0000\n\
             CHLD 4712 8.000000 1769862603.0000\n\
             FUNC survey::main 10.0000 1769862600.0000 12.2500 1769862610.0000 0\n\
             FUNC <survey::Parser_as_Run>::run 20.5000 1769862601.0000 30.0000 1769862604.0000 1\n"
        );
    }

    #[test]
    fn readings_with_children_and_without_are_never_mixed() {
        let mut snapshot = samples::ordinary();
        let sums = crate::snapshot::MemoryRecord {
            includes_children: true,
            duration_ns: 1,
            children: Vec::new(),
            ..snapshot.memory[0].clone()
        };
        let of_child = crate::snapshot::MemoryRecord { process_id: 4712, ..sums.clone() };
        let without = |snapshot: &Snapshot| {
            let text = written(snapshot);
            text.lines().filter(|line| !line.starts_with("FUNC")).collect::<Vec<_>>().join("\n")
        };
        let before = without(&snapshot);
        snapshot.memory.extend([sums, of_child]);
        assert_eq!(without(&snapshot), before);
    }

    #[test]
    fn what_is_written_reads_back() {
        let data = read_mprof(&written(&samples::ordinary())).expect("what we write");
        assert_eq!(data.command_line.as_deref(), Some("target/release/survey\n"));
        assert_eq!(data.readings.len(), 5);
        assert_eq!(data.readings[2], MprofReading { mib: 60.0, unix_seconds: 1_769_862_602.5 });
        assert_eq!(data.children[0].process_id, "4712");
        assert_eq!(data.functions[1].calls[0].level, Some(1));
    }

    #[test]
    fn files_are_readable_whatever_the_names() {
        for name in samples::HOSTILE.iter().chain(&["$\\frac$", "a\u{a0}b\u{3000}c"]) {
            let text = written(&samples::named(name));
            let data = read_mprof(&text).unwrap_or_else(|error| panic!("{name:?}: {error}"));
            assert_eq!(data.readings.len(), 5, "{name:?}");
            assert_eq!(data.functions.len(), 1, "{name:?}");
            assert_eq!(data.functions[0].calls.len(), 2, "{name:?}");
            let dollars = text.matches('$').count();
            assert_eq!(text.matches("\\$").count(), dollars, "{name:?}");
        }
        for snapshot in [samples::extreme(), samples::zero(), Snapshot::default()] {
            read_mprof(&written(&snapshot)).expect("what we write");
        }
    }

    #[test]
    fn a_program_with_a_blank_in_its_name_is_one_word_of_the_command() {
        assert_eq!(word("/opt/my tools/survey"), "'/opt/my tools/survey'");
        assert_eq!(word("/opt/survey"), "/opt/survey");
        assert_eq!(name(""), "?");
    }

    #[test]
    fn seconds_are_rounded_and_no_digit_of_a_moment_is_lost() {
        assert_eq!(seconds(1_769_862_600_123_449_999), "1769862600.1234");
        assert_eq!(seconds(1_769_862_600_123_450_000), "1769862600.1235");
        assert_eq!(seconds(1_769_862_600_999_950_000), "1769862601.0000");
        assert_eq!(seconds(u64::MAX), "18446744073.7096");
    }

    #[test]
    fn an_error_has_its_line_and_kind() {
        use MprofErrorKind::*;
        let not_a_number = |field: &str| NotANumber(field.to_owned());
        for (bad, kind) in [
            ("", Empty),
            ("MEM", NoFields),
            ("MEM 1", MissingField),
            ("MEM ten", not_a_number("ten")),
            ("MEM 1 2_", not_a_number("2_")),
            ("MEM  1 2", not_a_number("")),
            ("CHLD 7", MissingField),
            ("CHLD 7 1 x", not_a_number("x")),
            ("FUNC f 1 2 3", MissingField),
            ("FUNC f 1 2 3 4 0.0", NotALevel("0.0".to_owned())),
        ] {
            let text = format!("CMDLINE x\n{bad}\nMEM 1 2\n");
            assert_eq!(read_mprof(&text), Err(MprofError { line: 2, kind }), "{bad}");
        }
        let error = read_mprof("MEM ten 2\n").expect_err("it is no number");
        assert_eq!(error.to_string(), "not a file of mprof: line 1: \"ten\" is not a number");
    }

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        for (field, value) in [
            ("1_0\n", 10.0),
            ("\u{1f} +.5 ", 0.5),
            ("5.", 5.0),
            ("1E3", 1e3),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(number(field), Some(value), "{field:?}");
        }
        for field in ["", "_1", "1__0", "1_.0", "0x10", "1 0", "."] {
            assert_eq!(number(field), None, "{field:?}");
        }
        assert_eq!(level(" -1_0\n"), Ok(-10));
    }

    #[test]
    fn a_line_may_end_as_on_any_system() {
        let data = read_mprof("CMDLINE a\r\nMEM 1 2\rMEM 3 4").expect("three lines");
        assert_eq!(data.command_line.as_deref(), Some("a\n"));
        assert_eq!(data.readings.len(), 2);
    }
}
