//! The thread that looks after one process of a pool: it gives it chunks, passes its outcomes on,
//! and replaces it when it has ended.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::board::{Board, Chunk};
use super::encoding::next_item;
use super::error::{StartError, TaskError};
use super::link::{Frame, Head, RESULTS, RUN, STOP};
use super::start::{Hello, Started};

/// Short chunks that are sent together at most, as one: each message costs several system calls and
/// often a change of threads. Errors and kills concern single items all the same.
const MOST_JOINED: usize = 16;
/// Messages that a process has at most, if they are short: it then finds the next one without
/// waiting.
const MOST_GIVEN: usize = 2;
/// How often a replacement is started that a signal ends at once.
const MOST_STARTS: usize = 10;
/// Shorter than this: the time to wake a process is a good part of it. A process that works on
/// longer chunks gets no second one, which another process may be free to take.
const SHORT: Duration = Duration::from_millis(1);

/// How a pool starts its processes.
#[derive(Clone, Debug)]
pub(super) struct HowToStart {
    pub stack_bytes: Option<u64>,
    pub limit: Duration,
}

impl HowToStart {
    pub(super) fn start(&self, name: String) -> Result<Started, StartError> {
        Started::new(&Hello { name, stack_bytes: self.stack_bytes, is_daemon: true })
    }
}

/// A chunk that the process has.
struct Given {
    ticket: u64,
    chunk: Chunk,
    /// Outcomes passed on.
    received: usize,
}

pub(super) struct Supervisor {
    board: Arc<Board>,
    how: HowToStart,
    place: usize,
    given: VecDeque<Given>,
    next_ticket: u64,
    last_took: Duration,
    last_end: Instant,
}

impl Supervisor {
    pub(super) fn new(board: Arc<Board>, how: HowToStart, place: usize) -> Supervisor {
        Supervisor {
            board,
            how,
            place,
            given: VecDeque::new(),
            next_ticket: 1,
            last_took: Duration::MAX,
            last_end: Instant::now(),
        }
    }

    /// Until the pool is closed and has no more work.
    pub(super) fn run(mut self, started: Started) {
        let mut process = Some(started);
        loop {
            if self.given.is_empty() && !self.take_first() {
                break;
            }
            match &mut process {
                Some(started) => {
                    self.give(started);
                    if self.given.is_empty() {
                        continue;
                    }
                    match started.next() {
                        Some(frame) => self.pass_on(&frame),
                        None => {
                            self.bury(started);
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
        let Some(chunk) = self.board.wait_for_chunk(self.place) else { return false };
        self.last_end = Instant::now();
        self.keep(chunk);
        true
    }

    fn keep(&mut self, chunk: Chunk) {
        self.given.push_back(Given { ticket: 0, chunk, received: 0 });
    }

    /// Takes more than the one chunk, if chunks are short and others have enough.
    fn take_more(&mut self) {
        for _ in 1..MOST_JOINED {
            let Some(chunk) = self.board.spare_chunk() else { return };
            let last = self.given.back_mut().filter(|given| given.ticket == 0);
            let left = match last {
                Some(last) => last.chunk.join(chunk).err(),
                None => Some(chunk),
            };
            if let Some(chunk) = left {
                self.keep(chunk);
            }
        }
    }

    /// Sends what the process does not have yet.
    fn give(&mut self, started: &Started) {
        if self.last_took < SHORT && self.given.len() < MOST_GIVEN {
            self.take_more();
        }
        for given in self.given.iter_mut().filter(|given| given.ticket == 0) {
            given.ticket = self.next_ticket;
            self.next_ticket += 1;
            let chunk = &given.chunk;
            let (task, count) = (chunk.task, chunk.count as u32);
            let head = Head { kind: RUN, task, count, ticket: given.ticket, ..Head::default() };
            let sent = started.send(head, &chunk.inputs, &chunk.descriptors);
            // If the process has ended, that is what is read next. What it cannot be sent fails.
            if let Some(error) = sent.err().filter(|it| it.kind() == ErrorKind::InvalidInput) {
                let error = TaskError::Encoding(error.to_string());
                chunk.sink.fail(chunk.first, chunk.count, &error);
                given.received = chunk.count;
            }
        }
        self.given.retain(|given| given.received < given.chunk.count);
    }

    fn pass_on(&mut self, frame: &Frame) {
        let Some(given) = self.given.front_mut() else { return };
        if frame.head.kind != RESULTS || frame.head.ticket != given.ticket {
            return;
        }
        let mut rest = &frame.body[..];
        let mut outcomes = std::iter::from_fn(|| {
            let (outcome, after) = next_item(rest)?;
            rest = after;
            Some(outcome)
        });
        given.chunk.sink.deliver(given.chunk.first + given.received, &mut outcomes);
        given.received += frame.head.count as usize;
        if given.received >= given.chunk.count {
            self.given.pop_front();
            let now = Instant::now();
            self.last_took = now - self.last_end;
            self.last_end = now;
        }
    }

    /// The process has ended: passes on what it finished, fails what it was working on, and returns
    /// the rest.
    fn bury(&mut self, process: &mut Started) {
        self.board.forget(self.place);
        let ended = process.child.wait(None).ok().flatten();
        let is_terminated = self.board.is_terminated();
        let mut rest = Vec::new();
        for given in self.given.drain(..) {
            let Given { ticket, mut chunk, received } = given;
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
        self.board.put_back(rest);
    }

    /// Another process. If it cannot be started, the work that waits fails.
    fn restart(&mut self) -> Option<Started> {
        if self.board.is_terminated() {
            self.board.put_back(self.given.drain(..).map(|given| given.chunk).collect());
            return None;
        }
        let mut started = self.start();
        for _ in 1..MOST_STARTS {
            // A signal says nothing about the program: somebody killed the process.
            match &started {
                Err(StartError::EndedBeforeInit(ended)) if ended.exit_code() < 0 => {}
                _ => break,
            }
            if self.board.is_terminated() {
                break;
            }
            started = self.start();
        }
        match started {
            Ok(started) => Some(started),
            Err(error) => {
                self.board.forget(self.place);
                let error = match self.board.is_terminated() {
                    true => TaskError::Terminated,
                    false => TaskError::NotStarted(error.to_string()),
                };
                for Given { chunk, .. } in self.given.drain(..) {
                    chunk.sink.fail(chunk.first, chunk.count, &error);
                }
                None
            }
        }
    }

    fn start(&self) -> Result<Started, StartError> {
        let mut started = self.how.start(self.board.next_name())?;
        self.board.remember(self.place, &started.child);
        started.wait_until_ready(self.how.limit)?;
        self.board.set_ready(self.place);
        Ok(started)
    }
}
