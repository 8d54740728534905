//! The interface of an export format: its name, the properties of its files, and its writer.

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
    /// The name that selects the format: neither empty nor `none`, without `,`, `:` or whitespace.
    fn name(&self) -> &'static str;

    /// A one-line description for lists of formats, without a full stop.
    fn description(&self) -> &'static str;

    /// The extension of its files, without the dot.
    fn extension(&self) -> &'static str;

    /// The media type of its files (RFC 6838), such as `text/csv`.
    fn media_type(&self) -> &'static str;

    /// Whether the output is binary. Binary reports are not written to a terminal.
    fn is_binary(&self) -> bool {
        false
    }

    /// Why this build cannot write the format, phrased as the rest of a sentence; `None` if it can.
    fn unavailable(&self) -> Option<&'static str> {
        None
    }

    /// Bytes of stack that writing needs, if a thread may not have as many. Checked before the file
    /// is created, since a stack overflow would abort the program.
    fn stack_bytes(&self) -> usize {
        0
    }

    /// Writes the snapshot. The writer is buffered.
    ///
    /// Names and messages in the snapshot may contain any character, and the report may be shown on
    /// a terminal: escape control characters, as `{:?}` does.
    ///
    /// # Errors
    /// Writing failed, or the snapshot has nothing to write. If the report was written and is
    /// usable but lacks something, the [`io::Error`] contains [`Incomplete`].
    fn write(&self, snapshot: &Snapshot, style: &Style, to: &mut dyn io::Write) -> io::Result<()>;
}

impl fmt::Debug for dyn Format + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Format({})", self.name())
    }
}

/// Appearance of a report, independent of its format. The default is suitable for files.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Style {
    /// Width of the terminal. `None` for a file or a pipe: no column is dropped and no line is
    /// wrapped, since editors and `less -S` can scroll, but cannot restore a dropped figure.
    pub columns: Option<u16>,
    /// Whether to use bold and dim text.
    pub color: bool,
    /// Order of the functions.
    pub sort: Sort,
    /// Which rows the table and the tree show.
    pub top: Top,
}

impl Default for Style {
    fn default() -> Style {
        Style { columns: None, color: false, sort: Sort::Total, top: Top::All }
    }
}

/// The report was written, but lacks this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incomplete(pub &'static str);

impl Incomplete {
    /// What a written report lacks.
    ///
    /// # Errors
    /// The report was not written.
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
    /// Writes the snapshot in a format, as to a file: sorted by total time, without color, with all
    /// columns.
    ///
    /// # Errors
    /// Writing failed, or the format cannot represent the snapshot.
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

/// Writes the report. Returns what it lacks, if anything.
///
/// # Errors
/// Writing failed, or the format cannot represent the snapshot. A part may have been written.
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
