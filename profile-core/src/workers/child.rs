//! A child: answers its parent, then runs what it is sent until it is told to stop.
//!
//! A thread reads all frames, while the main thread runs tasks. So the parent never waits with a
//! chunk that the child has no time to read, and the end of the parent is noticed during a task:
//! the child then kills itself. Rejected: `PR_SET_PDEATHSIG`, which fires when the thread that
//! started the child ends, though its process lives on.

use std::process::exit;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::thread;

use super::attached::with_attached;
use super::encoding::next_item;
use super::journal::{CAPACITY, Journal};
use super::link::{self, Frame, Head, READY, RESULTS, RUN, Reader, STOP};
use super::start::read_hello;
use super::system::{self, Channel};
use super::task::{self, Callable};

/// The thread that reads has shallow calls.
const READER_STACK_BYTES: usize = 128 << 10;

/// This process, as [`current_process`] sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CurrentProcess {
    /// `MainProcess` in a process that no other started as its worker.
    pub name: String,
    /// The system's number of the process.
    pub pid: u32,
    /// Whether it ends when its [`Process`](super::Process) is dropped. Always in a pool.
    pub is_daemon: bool,
}

static CHILD: OnceLock<(String, bool)> = OnceLock::new();

/// The name and number of this process.
#[must_use]
pub fn current_process() -> CurrentProcess {
    let (name, is_daemon) = CHILD.get().cloned().unwrap_or(("MainProcess".to_owned(), false));
    CurrentProcess { name, pid: std::process::id(), is_daemon }
}

/// Runs the tasks of a worker process, and does not return in one. In any other process it does
/// nothing.
///
/// Call it first in `main`: a worker is this program, executed again, and what precedes the call
/// happens in each of them.
///
/// ```
/// profile_core::workers::init();
/// // The program, as without workers.
/// ```
pub fn init() {
    let Some(channel) = system::channel_of_parent() else { return };
    let channel = Arc::new(channel);
    let mut reader = Reader::new(channel.clone());
    let Some((hello, journal)) = read_hello(&mut reader) else { exit(1) };
    let _ = CHILD.set((hello.name, hello.is_daemon));
    let (send, frames) = mpsc::channel();
    let read = move || read_frames(reader, &send);
    let reading = thread::Builder::new().name("workers".to_owned()).stack_size(READER_STACK_BYTES);
    if reading.spawn(read).is_err() {
        exit(1);
    }
    let ready = Head { kind: READY, ticket: task::fingerprint(), ..Head::default() };
    if link::send(&channel, ready, &[], &[]).is_err() {
        exit(1);
    }
    let worker = Worker { channel, journal };
    let is_well = match hello.stack_bytes {
        None => worker.run_all(&frames),
        Some(bytes) => run_with_stack(usize::try_from(bytes).unwrap_or(usize::MAX), worker, frames),
    };
    exit(i32::from(!is_well));
}

fn run_with_stack(bytes: usize, worker: Worker, frames: Receiver<Frame>) -> bool {
    let thread = thread::Builder::new().name("tasks".to_owned()).stack_size(bytes);
    let running = thread.spawn(move || worker.run_all(&frames));
    running.is_ok_and(|running| running.join().unwrap_or(false))
}

/// Ends the process when the parent has ended.
fn read_frames(mut reader: Reader, frames: &Sender<Frame>) {
    while let Ok(Some(frame)) = reader.next(&mut |_| Ok(true)) {
        if frame.head.kind == STOP || frames.send(frame).is_err() {
            return;
        }
    }
    system::end_at_once();
}

struct Worker {
    channel: Arc<Channel>,
    journal: Journal,
}

impl Worker {
    /// Until the parent says stop. `false`: the last item had no result, which is an error of a
    /// process that runs a single one.
    fn run_all(&self, frames: &Receiver<Frame>) -> bool {
        let mut is_well = true;
        while let Ok(frame) = frames.recv() {
            let Some(callable) = task::callable(frame.head.task) else { return false };
            if frame.head.kind != RUN {
                return false;
            }
            let (head, body) = (frame.head, frame.body);
            is_well = with_attached(frame.descriptors, || self.run(callable, head, &body));
        }
        is_well
    }

    fn run(&self, callable: &dyn Callable, head: Head, mut inputs: &[u8]) -> bool {
        self.journal.begin_chunk(head.ticket);
        let mut outcomes = Vec::new();
        let (mut first, mut item, mut is_well) = (0, 0, true);
        while let Some((input, rest)) = next_item(inputs) {
            inputs = rest;
            self.journal.begin_item(item);
            let start = outcomes.len();
            callable.call(input, &mut outcomes);
            is_well = outcomes.get(start + 4) == Some(&task::RETURNED);
            item += 1;
            let is_stored = self.journal.end_item(&outcomes[start..]);
            let is_last = inputs.is_empty();
            if is_last || !is_stored || outcomes.len() > CAPACITY / 2 {
                self.send(head, item - first, &outcomes);
                self.journal.sent_up_to(item);
                outcomes.clear();
                first = item;
            }
        }
        is_well
    }

    fn send(&self, head: Head, count: usize, outcomes: &[u8]) {
        let head = Head { kind: RESULTS, count: count as u32, ..head };
        // Without a parent the other thread ends this process.
        let _ = link::send(&self.channel, head, outcomes, &[]);
    }
}
