//! The runs in a folder.

use std::fs::{self, DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::segment::layout::header;
use crate::segment::reader::{Allowance, View, words_of};
use crate::sys;

/// A run that was recorded into a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Run {
    /// Its segment, for [`read_segment`](crate::read_segment).
    pub path: PathBuf,
    /// The process that recorded it.
    pub process_id: u32,
    /// Its program as it was called, or empty if that is not recorded yet.
    pub program: String,
    /// When it started.
    pub started: SystemTime,
    /// When the file last changed in size; a run that ended did so later.
    pub modified: SystemTime,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Whether the process still runs, or a child that it made without telling the C library.
    pub is_running: bool,
}

/// The runs in a folder, oldest first. Files that are not segments are left out.
///
/// A process holds a lock on its file for as long as it runs, so a process number that another
/// process has now is not mistaken for it.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: impl AsRef<Path>) -> io::Result<Vec<Run>> {
    let entries = fs::read_dir(folder)?.flatten();
    let mut runs: Vec<Run> =
        entries.filter(is_segment).filter_map(|it| run_in(it.path())).collect();
    crate::sort::by(&mut runs, |a, b| (a.started, &a.path).cmp(&(b.started, &b.path)));
    Ok(runs)
}

/// The run that a process records now, wherever its file is. `None` if it records into no file, is
/// another user's, or does not run.
pub fn of_process(process_id: u32) -> Option<Run> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|it| it == "segment");
    let mapped = sys::mapped_files(process_id).ok()?;
    mapped.into_iter().filter(is_segment).find_map(run_in)
}

/// By its name; a link is none.
fn is_segment(entry: &DirEntry) -> bool {
    let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
    is_file && entry.path().extension().is_some_and(|extension| extension == "segment")
}

/// `None` if the file is not a segment of this version, or is gone.
fn run_in(path: PathBuf) -> Option<Run> {
    /// Contains the header and what is written at the start.
    const BEGINNING: u64 = 64 << 10;
    let file = File::open(&path).ok()?;
    let about = file.metadata().ok()?;
    let words = words_of(&file, BEGINNING.min(about.len())).ok()?;
    let allowance = Allowance::for_words(&words);
    let view = View::from_words(&words, &allowance).ok()?;
    let started = Duration::from_nanos(view.header(header::started_unix_ns));
    Some(Run {
        process_id: view.header(header::process_id) as u32,
        program: view.text(view.header(header::program)),
        started: SystemTime::UNIX_EPOCH.checked_add(started)?,
        modified: about.modified().ok()?,
        bytes: about.len(),
        is_running: sys::is_locked(&file),
        path,
    })
}
