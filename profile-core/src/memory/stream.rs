//! Readings written as they are taken, for runs that exceed a window's capacity or may be killed.
//!
//! A separate thread writes: the sampler holds a lock that the program waits for when a window
//! begins, and a pipe may stay full forever. Readings that do not fit into the queue between the
//! two are dropped and counted. Windows may share a target, even when nested: each holds it only
//! while it writes some lines.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::diagnostics::{self, Diagnostic, OnError};
use crate::record::thread::Suspended;
use crate::snapshot::mprof_line;
use crate::sys;
use crate::warnings::DataLossWarning;

/// The destination of lines.
#[derive(Clone)]
pub(crate) struct Target(Arc<Mutex<dyn Write + Send>>);

impl Target {
    pub(crate) fn new(to: impl Write + Send + 'static) -> Target {
        Target(Arc::new(Mutex::new(to)))
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        to.write_all(text.as_bytes())?;
        to.flush()
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
    /// Signals that something was written. Disconnected when everything has been written.
    progress: Receiver<()>,
}

#[derive(Debug)]
struct Line {
    other_process: Option<u32>,
    bytes: u64,
    unix_ns: u64,
}

impl Stream {
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn open(target: Target) -> Result<Stream, String> {
        /// A few seconds of readings at the shortest interval.
        const CAPACITY: usize = 1 << 14;
        let (lines, received) = sync_channel(CAPACITY);
        let (written, progress) = sync_channel(1);
        let builder = std::thread::Builder::new().name("profile-stream".to_owned());
        let write = move || write(&target, &received, &written);
        let spawned = sys::without_signals(|| builder.spawn(write));
        let writer = spawned.map_err(|error| format!("stream: not available: {error}"))?;
        Ok(Stream { lines, left_out: AtomicU64::new(0), writer, progress })
    }

    /// Never blocks.
    pub(crate) fn send(&self, other_process: Option<u32>, bytes: u64, unix_ns: u64) {
        if self.lines.try_send(Line { other_process, bytes, unix_ns }).is_err() {
            self.left_out.fetch_add(1, Relaxed);
        }
    }

    /// All lines have been written when this returns, unless their reader has stopped reading.
    pub(crate) fn close(self) {
        const TIMEOUT: Duration = Duration::from_secs(5);
        drop(self.lines);
        let stopped = loop {
            match self.progress.recv_timeout(TIMEOUT) {
                Ok(()) => {}
                Err(stopped) => break stopped,
            }
        };
        match stopped {
            RecvTimeoutError::Disconnected => drop(self.writer.join()),
            // The program continues, and the writer waits alone.
            RecvTimeoutError::Timeout => {
                let sentence = "a stream was blocked for 5 s: its last readings were lost";
                emit("stream at its end", sentence.to_owned());
            }
        }
        let left_out = self.left_out.into_inner();
        if left_out > 0 {
            emit("slow stream", format!("a stream was too slow: {left_out} readings were lost"));
        }
    }
}

/// Only the first diagnostic of each `what` is emitted.
fn emit(what: &str, sentence: String) {
    diagnostics::emit(&Diagnostic::own(&DataLossWarning, Some(what), sentence), OnError::Emit);
}

/// The loop of the writer thread. It writes everything received at once, so that a reader of the
/// file sees it.
fn write(target: &Target, lines: &Receiver<Line>, written: &SyncSender<()>) {
    let _own = Suspended::new();
    for first in lines {
        let mut text = String::new();
        for Line { other_process, bytes, unix_ns } in std::iter::once(first).chain(lines.try_iter())
        {
            text.push_str(&mprof_line(other_process, bytes, unix_ns));
            text.push('\n');
        }
        if let Err(error) = target.write(&text) {
            return emit("stream", format!("a stream of readings ended early: {error}"));
        }
        // One pending signal is enough.
        let _ = written.try_send(());
    }
}
