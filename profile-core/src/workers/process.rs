//! One task in a process of its own.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

use super::attached::attaching;
use super::encoding::{append_item, encode};
use super::error::StartError;
use super::link::{Head, RUN, STOP};
use super::pool::START_LIMIT;
use super::start::{Hello, Started};
use super::system::{Ended, KILL, TERMINATE};
use super::task::Task;

/// A process that runs one task and ends. Results come through a [`Queue`](super::Queue) or a
/// [`pipe`](super::pipe).
///
/// The exit code is 0, or 1 if the task panicked, or what the task gave to `exit`.
///
/// Dropping it waits for the end of the process, as Python does at its own end; a daemon is killed
/// instead.
///
/// ```
/// use profile_core::workers::{self, Process, Queue};
///
/// fn greet((queue, name): (Queue<String>, String)) {
///     queue.put(&format!("hello, {name}")).expect("the other process waits");
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     workers::init();
///     let queue = Queue::new()?;
///     let mut process =
///         Process::start(workers::task!(greet), (queue.clone(), "world".to_owned()))?;
///     assert_eq!(queue.get()?, "hello, world");
///     process.join();
///     assert_eq!(process.exit_code(), Some(0));
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Process {
    started: Started,
    name: String,
    is_daemon: bool,
    ended: Option<Ended>,
}

impl Process {
    /// Starts a process that runs this task.
    ///
    /// # Errors
    /// It cannot be started, `main` does not call [`init`](super::init), or the input cannot be
    /// encoded.
    pub fn start<In: Serialize, Out>(
        task: Task<In, Out>,
        input: In,
    ) -> Result<Process, StartError> {
        Process::builder().start(task, input)
    }

    /// For another name, or a daemon.
    pub fn builder() -> ProcessBuilder {
        ProcessBuilder { name: None, is_daemon: false }
    }

    /// Its name: `Process-1`, `Process-2` and so on, if no other was assigned.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The system's number of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.started.child.id()
    }

    /// Whether it is killed when this is dropped.
    #[must_use]
    pub fn is_daemon(&self) -> bool {
        self.is_daemon
    }

    /// Waits for its end.
    pub fn join(&mut self) {
        self.wait(None);
    }

    /// Waits for its end, but not longer than this. `false`: it is still running.
    pub fn join_timeout(&mut self, limit: Duration) -> bool {
        self.wait(Some(limit));
        self.ended.is_some()
    }

    fn wait(&mut self, limit: Option<Duration>) {
        if self.ended.is_none() {
            self.ended = self.started.child.wait(limit).ok().flatten();
        }
    }

    /// Whether it is still running.
    #[must_use]
    pub fn is_alive(&mut self) -> bool {
        !self.join_timeout(Duration::ZERO)
    }

    /// How it ended, as Python counts it: n if with code n, -n if signal n ended it; `None` while
    /// it is running.
    #[must_use]
    pub fn exit_code(&mut self) -> Option<i32> {
        self.wait(Some(Duration::ZERO));
        self.ended.map(Ended::exit_code)
    }

    /// Asks it to end, by SIGTERM.
    pub fn terminate(&self) {
        self.started.child.signaller().signal(TERMINATE);
    }

    /// Ends it, by SIGKILL.
    pub fn kill(&self) {
        self.started.child.signaller().signal(KILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_daemon {
            self.kill();
        }
        self.join();
    }
}

/// Settings of a process.
#[derive(Clone, Debug)]
#[must_use = "a process starts with `start`"]
pub struct ProcessBuilder {
    name: Option<String>,
    is_daemon: bool,
}

impl ProcessBuilder {
    /// Its name, for [`current_process`](super::current_process).
    pub fn name(mut self, name: impl Into<String>) -> ProcessBuilder {
        self.name = Some(name.into());
        self
    }

    /// Whether it is killed when the [`Process`] is dropped, instead of waited for.
    pub fn daemon(mut self, is_daemon: bool) -> ProcessBuilder {
        self.is_daemon = is_daemon;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started, `main` does not call [`init`](super::init), or the input cannot be
    /// encoded.
    pub fn start<In: Serialize, Out>(
        self,
        task: Task<In, Out>,
        input: In,
    ) -> Result<Process, StartError> {
        let mut body = Vec::new();
        let (encoded, descriptors) =
            attaching(|| append_item(&mut body, |bytes| encode(&input, bytes)));
        encoded.map_err(StartError::Encode)?;
        let name = self.name.unwrap_or_else(next_name);
        let is_daemon = self.is_daemon;
        let mut started =
            Started::new(&Hello { name: name.clone(), stack_bytes: None, is_daemon })?;
        started.wait_until_ready(START_LIMIT)?;
        let head = Head { kind: RUN, task: task.index(), count: 1, ..Head::default() };
        started.send(head, &body, &descriptors)?;
        started.send(Head { kind: STOP, ..Head::default() }, &[], &[])?;
        Ok(Process { started, name, is_daemon, ended: None })
    }
}

fn next_name() -> String {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    format!("Process-{}", STARTED.fetch_add(1, Relaxed) + 1)
}
