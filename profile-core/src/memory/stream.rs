//! Readings written down as they come, for runs that are longer than a window remembers or that may be killed.
//!
//! A thread of its own writes: the sampler holds a lock that the program waits for when a window begins, and a pipe may be
//! full for ever. What does not fit between the two is left out and counted. Windows may have one target in common, in
//! each other too: each holds it only while it writes some lines.

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

/// Where lines go.
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
    /// Something was written. Its other end goes when all is.
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
    /// No thread can be started.
    pub(crate) fn open(target: Target) -> Result<Stream, String> {
        /// Some seconds of readings at the shortest interval.
        const WAITING: usize = 1 << 14;
        let (lines, received) = sync_channel(WAITING);
        let (written, progress) = sync_channel(1);
        let builder = std::thread::Builder::new().name("profile-stream".to_owned());
        let write = move || write(&target, &received, &written);
        let spawned = sys::without_signals(|| builder.spawn(write));
        let writer = spawned.map_err(|error| format!("stream: not available: {error}"))?;
        Ok(Stream { lines, left_out: AtomicU64::new(0), writer, progress })
    }

    /// Never waits.
    pub(crate) fn send(&self, other_process: Option<u32>, bytes: u64, unix_ns: u64) {
        if self.lines.try_send(Line { other_process, bytes, unix_ns }).is_err() {
            self.left_out.fetch_add(1, Relaxed);
        }
    }

    /// All lines are written when this returns, unless whoever reads them has stopped to.
    pub(crate) fn close(self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        drop(self.lines);
        let stopped = loop {
            match self.progress.recv_timeout(PATIENCE) {
                Ok(()) => {}
                Err(stopped) => break stopped,
            }
        };
        match stopped {
            RecvTimeoutError::Disconnected => drop(self.writer.join()),
            // The program goes on, and the writer waits alone.
            RecvTimeoutError::Timeout => {
                let sentence = "a stream took nothing for 5 s: its last readings are not in it";
                tell("stream at its end", sentence.to_owned());
            }
        }
        let left_out = self.left_out.into_inner();
        if left_out > 0 {
            tell(
                "slow stream",
                format!("a stream was too slow: {left_out} readings are not in it"),
            );
        }
    }
}

/// `what`: of each the first is told.
fn tell(what: &str, sentence: String) {
    diagnostics::emit(&Diagnostic::own(&DataLossWarning, Some(what), sentence), OnError::Emit);
}

/// The thread. Whatever has come is written at once, so that a reader of the file sees it.
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
            return tell("stream", format!("a stream of readings ends early: {error}"));
        }
        // One that has not been heard of yet is enough.
        let _ = written.try_send(());
    }
}
