//! Readings written down as they come, for runs that are longer than a window remembers or that may be killed.
//!
//! A thread of its own writes: the sampler holds a lock that the program waits for when a window begins, and a pipe may be
//! full for ever. What does not fit between the two is left out and counted.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::record::thread::Suspended;
use crate::snapshot::mprof_line;
use crate::sys;
use crate::telling::{self, Complaint, OnError};
use crate::warnings::DataLossWarning;

/// Where lines go.
#[derive(Clone)]
pub(crate) struct Target(Arc<Mutex<dyn Write + Send>>);

impl Target {
    pub(crate) fn new(to: impl Write + Send + 'static) -> Target {
        Target(Arc::new(Mutex::new(to)))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target(..)")
    }
}

/// A window's stream.
#[derive(Debug)]
pub(crate) struct Stream {
    lines: SyncSender<Line>,
    left_out: AtomicU64,
    writer: JoinHandle<()>,
}

#[derive(Debug)]
struct Line {
    other_process: Option<u32>,
    bytes: u64,
    unix_ns: u64,
}

impl Stream {
    /// # Errors
    /// No thread can be started.
    pub(crate) fn open(target: Target) -> Result<Stream, String> {
        /// Some seconds of readings at the shortest interval.
        const WAITING: usize = 1 << 14;
        let (lines, received) = sync_channel(WAITING);
        let builder = std::thread::Builder::new().name("profile-stream".to_owned());
        let spawned = sys::without_signals(|| builder.spawn(move || write(&target, &received)));
        let writer = spawned.map_err(|error| format!("stream: not available: {error}"))?;
        Ok(Stream { lines, left_out: AtomicU64::new(0), writer })
    }

    /// Never waits.
    pub(crate) fn send(&self, other_process: Option<u32>, bytes: u64, unix_ns: u64) {
        if self.lines.try_send(Line { other_process, bytes, unix_ns }).is_err() {
            self.left_out.fetch_add(1, Relaxed);
        }
    }

    /// All lines are written when this returns.
    pub(crate) fn close(self) {
        drop(self.lines);
        let _ = self.writer.join();
        let left_out = self.left_out.into_inner();
        if left_out > 0 {
            let sentence = format!("a stream was too slow: {left_out} readings are not in it");
            telling::tell(
                &Complaint::own(&DataLossWarning, Some("stream"), sentence),
                OnError::Tell,
            );
        }
    }
}

/// The thread. Whatever has come is written at once, so that a reader of the file sees it.
fn write(target: &Target, lines: &Receiver<Line>) {
    let _own = Suspended::new();
    let mut to = target.0.lock().unwrap_or_else(PoisonError::into_inner);
    for first in lines {
        let mut text = String::new();
        for Line { other_process, bytes, unix_ns } in std::iter::once(first).chain(lines.try_iter())
        {
            text.push_str(&mprof_line(other_process, bytes, unix_ns));
            text.push('\n');
        }
        if let Err(error) = to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
            let sentence = format!("a stream of readings ends early: {error}");
            telling::tell(
                &Complaint::own(&DataLossWarning, Some("stream"), sentence),
                OnError::Tell,
            );
            return;
        }
    }
}
