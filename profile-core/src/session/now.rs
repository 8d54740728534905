//! What a program may ask for while it runs: a snapshot, and the reports.

use super::capture::captured;
use super::reports::reported;
use super::start::start;
use crate::record::thread;
use crate::snapshot::Snapshot;

/// What was recorded in this process so far. Changes nothing; may be called at any time, from any
/// thread.
///
/// What that takes is charged to no function; the snapshot itself is the caller's, as any other
/// value. Without memory to record in, it is empty.
#[must_use]
pub fn capture() -> Snapshot {
    start();
    thread::for_caller(|| captured().0)
}

/// Writes the reports that the settings ask for, now; at exit they are written again, with all.
///
/// For the endings at which no code runs: before `_exit`, `exec` or `abort`.
pub fn write_reports() {
    start();
    reported();
}
