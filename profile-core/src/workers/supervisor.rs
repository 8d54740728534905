//! The thread that supervises one process of a pool: it assigns chunks to the process, passes on
//! the results, and replaces the process after it has ended.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dispatcher::{Chunk, Dispatcher};
use super::encoding::next_item;
use super::error::{StartError, TaskError};
use super::link::{Frame, Head, RESULTS, RUN, STOP};
use super::start::{Hello, Started};

/// Maximum number of short chunks in one message, which costs several system calls and often a
/// context switch. Errors and kills still concern single items.
const MOST_JOINED: usize = 16;
/// Maximum number of short messages assigned to a process, so that it does not wait for the next
/// one.
const MOST_ASSIGNED: usize = 2;
/// Attempts to start a replacement, if a signal ends each one.
const MOST_STARTS: usize = 10;
/// A chunk is short below this: waking a process takes a considerable part of that time. A process
/// that works on longer chunks gets no second one, which another process may be free to take.
const SHORT: Duration = Duration::from_millis(1);

/// How a pool starts its processes.
#[derive(Clone, Debug)]
pub(super) struct StartOptions {
    pub stack_bytes: Option<u64>,
    pub limit: Duration,
}

impl StartOptions {
    pub(super) fn start(&self, name: String) -> Result<Started, StartError> {
        Started::new(&Hello { name, stack_bytes: self.stack_bytes, is_daemon: true })
    }
}

/// A chunk that the process has.
struct Assigned {
    ticket: u64,
    chunk: Chunk,
    /// Outcomes passed on.
    received: usize,
}

pub(super) struct Supervisor {
    dispatcher: Arc<Dispatcher>,
    options: StartOptions,
    slot: usize,
    assigned: VecDeque<Assigned>,
    next_ticket: u64,
    last_took: Duration,
    last_end: Instant,
}

impl Supervisor {
    pub(super) fn new(
        dispatcher: Arc<Dispatcher>,
        options: StartOptions,
        slot: usize,
    ) -> Supervisor {
        Supervisor {
            dispatcher,
            options,
            slot,
            assigned: VecDeque::new(),
            next_ticket: 1,
            last_took: Duration::MAX,
            last_end: Instant::now(),
        }
    }

    /// Runs until the pool is closed and has no more work.
    pub(super) fn run(mut self, started: Started) {
        let mut process = Some(started);
        loop {
            if self.assigned.is_empty() && !self.take_first() {
                break;
            }
            match &mut process {
                Some(started) => {
                    self.give(started);
                    if self.assigned.is_empty() {
                        continue;
                    }
                    match started.next() {
                        Some(frame) => self.pass_on(&frame),
                        None => {
                            self.handle_exit(started);
                            // A replacement is ready before there is work for it.
                            process = self.restart();
                        }
                    }
                }
                None => process = self.restart(),
            }
        }
        if let Some(mut started) = process {
            let _ = started.send(Head { kind: STOP, ..Head::default() }, &[], &[]);
            let _ = started.child.wait(None);
        }
    }

    /// Waits for work. `false`: there will be none.
    fn take_first(&mut self) -> bool {
        let Some(chunk) = self.dispatcher.wait_for_chunk(self.slot) else { return false };
        self.last_end = Instant::now();
        self.assign(chunk);
        true
    }

    fn assign(&mut self, chunk: Chunk) {
        self.assigned.push_back(Assigned { ticket: 0, chunk, received: 0 });
    }

    /// Takes more than the one chunk, if chunks are short and others have enough.
    fn take_more(&mut self) {
        for _ in 1..MOST_JOINED {
            let Some(chunk) = self.dispatcher.spare_chunk() else { return };
            let last = self.assigned.back_mut().filter(|assigned| assigned.ticket == 0);
            let left = match last {
                Some(last) => last.chunk.join(chunk).err(),
                None => Some(chunk),
            };
            if let Some(chunk) = left {
                self.assign(chunk);
            }
        }
    }

    /// Sends what the process does not have yet.
    fn give(&mut self, started: &Started) {
        if self.last_took < SHORT && self.assigned.len() < MOST_ASSIGNED {
            self.take_more();
        }
        for assigned in self.assigned.iter_mut().filter(|assigned| assigned.ticket == 0) {
            assigned.ticket = self.next_ticket;
            self.next_ticket += 1;
            let chunk = &assigned.chunk;
            let (task, count) = (chunk.task, chunk.count as u32);
            let head = Head { kind: RUN, task, count, ticket: assigned.ticket, ..Head::default() };
            let sent = started.send(head, &chunk.inputs, &chunk.descriptors);
            // If the process has ended, that is what is read next. What it cannot be sent fails.
            if let Some(error) = sent.err().filter(|it| it.kind() == ErrorKind::InvalidInput) {
                let error = TaskError::Encoding(error.to_string());
                chunk.sink.fail(chunk.first, chunk.count, &error);
                assigned.received = chunk.count;
            }
        }
        self.assigned.retain(|assigned| assigned.received < assigned.chunk.count);
    }

    fn pass_on(&mut self, frame: &Frame) {
        let Some(assigned) = self.assigned.front_mut() else { return };
        if frame.head.kind != RESULTS || frame.head.ticket != assigned.ticket {
            return;
        }
        let mut rest = &frame.body[..];
        let mut outcomes = std::iter::from_fn(|| {
            let (outcome, after) = next_item(rest)?;
            rest = after;
            Some(outcome)
        });
        assigned.chunk.sink.deliver(assigned.chunk.first + assigned.received, &mut outcomes);
        assigned.received += frame.head.count as usize;
        if assigned.received >= assigned.chunk.count {
            self.assigned.pop_front();
            let now = Instant::now();
            self.last_took = now - self.last_end;
            self.last_end = now;
        }
    }

    /// The process has ended: passes on what it finished, fails what it was working on, and returns
    /// the rest.
    fn handle_exit(&mut self, process: &mut Started) {
        self.dispatcher.forget(self.slot);
        let ended = process.child.wait(None).ok().flatten();
        let is_terminated = self.dispatcher.is_terminated();
        let mut rest = Vec::new();
        for assigned in self.assigned.drain(..) {
            let Assigned { ticket, mut chunk, received } = assigned;
            let left = process.journal.left(ticket, received);
            let mut outcomes = left.outcomes.iter().map(Vec::as_slice);
            chunk.sink.deliver(chunk.first + received, &mut outcomes);
            let mut done = received + left.outcomes.len();
            let crashed = ended.filter(|_| !is_terminated).map(TaskError::Crashed);
            if left.was_working && done < chunk.count {
                let error = crashed.unwrap_or(TaskError::Terminated);
                chunk.sink.fail(chunk.first + done, 1, &error);
                done += 1;
            }
            chunk.skip(done);
            rest.push(chunk);
        }
        self.dispatcher.put_back(rest);
    }

    /// Another process. If it cannot be started, the work that waits fails.
    fn restart(&mut self) -> Option<Started> {
        if self.dispatcher.is_terminated() {
            self.dispatcher
                .put_back(self.assigned.drain(..).map(|assigned| assigned.chunk).collect());
            return None;
        }
        let mut started = self.start();
        for _ in 1..MOST_STARTS {
            // A signal says nothing about the program: somebody killed the process.
            match &started {
                Err(StartError::EndedBeforeInit(ended)) if ended.exit_code() < 0 => {}
                _ => break,
            }
            if self.dispatcher.is_terminated() {
                break;
            }
            started = self.start();
        }
        match started {
            Ok(started) => Some(started),
            Err(error) => {
                self.dispatcher.forget(self.slot);
                let error = match self.dispatcher.is_terminated() {
                    true => TaskError::Terminated,
                    false => TaskError::NotStarted(error.to_string()),
                };
                for Assigned { chunk, .. } in self.assigned.drain(..) {
                    chunk.sink.fail(chunk.first, chunk.count, &error);
                }
                None
            }
        }
    }

    fn start(&self) -> Result<Started, StartError> {
        let mut started = self.options.start(self.dispatcher.next_name())?;
        self.dispatcher.remember(self.slot, &started.child);
        started.wait_until_ready(self.options.limit)?;
        self.dispatcher.set_ready(self.slot);
        Ok(started)
    }
}
