//! Removes runs that ended.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::list::{Run, list};

/// Which of the runs that ended stay. Runs of processes that still run always do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Keep {
    /// The newest this many.
    pub count: usize,
    /// As many of these as take no more bytes.
    pub bytes: u64,
    /// Those that are not older.
    pub age: Duration,
}

impl Keep {
    /// None.
    pub const NONE: Keep = Keep { count: 0, bytes: 0, age: Duration::ZERO };
    /// In a default folder: 16 runs, 64 MiB, seven days. It is in memory, so this much is used.
    pub const DEFAULT: Keep =
        Keep { count: 16, bytes: 64 << 20, age: Duration::from_secs(7 * 24 * 3600) };

    /// All but what these limits remove.
    pub fn new(count: usize, bytes: u64, age: Duration) -> Keep {
        Keep { count, bytes, age }
    }
}

/// Removes the runs in a folder that ended and that `keep` does not retain, oldest first, and
/// returns them.
///
/// # Errors
/// The folder cannot be read. A file that cannot be removed is left out of the result.
pub fn prune(folder: impl AsRef<Path>, keep: Keep) -> io::Result<Vec<Run>> {
    let mut runs = list(folder)?;
    runs.retain(|run| !run.is_running);
    let mut retained = Keep::NONE;
    // Newest first, so that the oldest ones are beyond the limits.
    let mut removed = Vec::new();
    for run in runs.into_iter().rev() {
        let (count, bytes) = (retained.count + 1, retained.bytes.saturating_add(run.bytes));
        if count <= keep.count && bytes <= keep.bytes && age(&run) <= keep.age {
            (retained.count, retained.bytes) = (count, bytes);
        } else {
            removed.push(run);
        }
    }
    removed.reverse();
    removed.retain(|run| fs::remove_file(&run.path).is_ok());
    Ok(removed)
}

/// Prunes a default folder once it contains twice as many runs as are retained. Every program calls
/// this at its start, and reading the header of each file takes longer than counting them.
pub(super) fn prune_if_large(folder: &Path) {
    let files = fs::read_dir(folder).map_or(0, Iterator::count);
    if files > 2 * Keep::DEFAULT.count {
        let _ = prune(folder, Keep::DEFAULT);
    }
}

/// 0 if the clock was set back.
fn age(run: &Run) -> Duration {
    SystemTime::now().duration_since(run.modified).unwrap_or_default()
}
