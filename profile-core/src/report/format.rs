//! What an export format is: a name, what its files are, and how a snapshot is written in it.

use std::error::Error;
use std::fmt;
use std::io;

use crate::options::{Sort, Top};
use crate::snapshot::Snapshot;

/// An export format of reports, chosen by its name in `PROFILE_REPORT`, in
/// [`Settings::report`](crate::Settings::report) and in `profile show --format`.
///
/// A crate adds its own with [`register_format!`](crate::register_format):
///
/// ```
/// use std::io;
///
/// use profile_core::Snapshot;
/// use profile_core::report::{Format, Style};
///
/// /// One line per function: path and calls.
/// struct Calls;
///
/// impl Format for Calls {
///     fn name(&self) -> &'static str {
///         "calls"
///     }
///
///     fn description(&self) -> &'static str {
///         "path and calls of each function, one per line"
///     }
///
///     fn extension(&self) -> &'static str {
///         "txt"
///     }
///
///     fn media_type(&self) -> &'static str {
///         "text/plain"
///     }
///
///     fn write(&self, snapshot: &Snapshot, _: &Style, to: &mut dyn io::Write) -> io::Result<()> {
///         let mut functions = snapshot.functions.iter();
///         functions.try_for_each(|it| writeln!(to, "{:?} {}", it.path, it.calls))
///     }
/// }
///
/// profile_core::register_format!(Calls);
///
/// assert_eq!(profile_core::report::format("calls")?.extension(), "txt");
/// # Ok::<(), profile_core::SettingError>(())
/// ```
pub trait Format: Send + Sync {
    /// What it is chosen by: not empty, not `none`, without `,`, `:` or blanks.
    fn name(&self) -> &'static str;

    /// One line for lists of formats, without a full stop.
    fn description(&self) -> &'static str;

    /// What names of its files end in, without the dot.
    fn extension(&self) -> &'static str;

    /// The media type of its files (RFC 6838), such as `text/csv`.
    fn media_type(&self) -> &'static str;

    /// Whether it is bytes and no text. A binary report is not written to a terminal.
    fn is_binary(&self) -> bool {
        false
    }

    /// Why this build cannot write it, as the rest of a sentence; `None` if it can.
    fn unavailable(&self) -> Option<&'static str> {
        None
    }

    /// Bytes of stack that writing takes, if that may be more than a thread has. Looked at before
    /// the file is made: a stack overflow would end the program.
    fn stack_bytes(&self) -> usize {
        0
    }

    /// Writes the snapshot. The writer is buffered.
    ///
    /// Names and messages in the snapshot may contain any character, and the report may be shown on
    /// a terminal: escape control characters, as `{:?}` does.
    ///
    /// # Errors
    /// What the writer says, or why there is nothing to write; [`Incomplete`] inside an
    /// [`io::Error`] if the report is written and usable but lacks something.
    fn write(&self, snapshot: &Snapshot, style: &Style, to: &mut dyn io::Write) -> io::Result<()>;
}

impl fmt::Debug for dyn Format + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Format({})", self.name())
    }
}

/// How a report is to look, beside its format. The default is that of a file.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Style {
    /// The terminal's width. `None` where the report goes to a file or a pipe: then no column is
    /// dropped and no line wrapped, since an editor and `less -S` can scroll and a figure left out
    /// cannot be brought back.
    pub columns: Option<u16>,
    /// Whether to write bold and dim.
    pub color: bool,
    /// Order of the functions.
    pub sort: Sort,
    /// Which rows the table and the tree have.
    pub top: Top,
}

impl Default for Style {
    fn default() -> Style {
        Style { columns: None, color: false, sort: Sort::Total, top: Top::All }
    }
}

/// The report was written, and lacks this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incomplete(pub &'static str);

impl Incomplete {
    /// What a report lacks that was written with this outcome.
    ///
    /// # Errors
    /// It was not written.
    fn of(written: io::Result<()>) -> io::Result<Option<Incomplete>> {
        let Err(error) = written else { return Ok(None) };
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Incomplete>()) {
            Some(incomplete) => Ok(Some(*incomplete)),
            None => Err(error),
        }
    }
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the report lacks {}", self.0)
    }
}

impl Error for Incomplete {}

impl From<Incomplete> for io::Error {
    fn from(incomplete: Incomplete) -> io::Error {
        io::Error::other(incomplete)
    }
}

impl Snapshot {
    /// Writes it in a format, as to a file: sorted by total time, no colour, no column left out.
    ///
    /// # Errors
    /// What the writer or the format says.
    ///
    /// ```
    /// let mut csv = Vec::new();
    /// let format = profile_core::report::format("csv").expect("a built-in format");
    /// profile_core::capture().write(format, &mut csv)?;
    /// assert!(csv.starts_with(b"path,"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn write(&self, format: &dyn Format, to: &mut dyn io::Write) -> io::Result<()> {
        render(format, self, &Style::default(), to).map(drop)
    }
}

/// Writes the report, and gives what it lacks, if anything.
///
/// # Errors
/// What the writer or the format says. Some of the report may be written by then.
pub(crate) fn render(
    format: &dyn Format,
    snapshot: &Snapshot,
    style: &Style,
    to: &mut dyn io::Write,
) -> io::Result<Option<Incomplete>> {
    // The writer may be standard error, where every write is a system call.
    let mut to = io::BufWriter::with_capacity(1 << 16, to);
    let incomplete = Incomplete::of(format.write(snapshot, style, &mut to))?;
    io::Write::flush(&mut to)?;
    Ok(incomplete)
}
