//! Starting a child: this program, executed again, until its `init` has answered.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::encoding::{decode, encode};
use super::error::StartError;
use super::journal::Journal;
use super::link::{self, HELLO, Head, READY, Reader};
use super::system::{self, Channel, Child, Descriptor};
use super::task;

/// The first message to a child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub name: String,
    /// The stack of the thread that runs tasks; `None`: it is the main thread.
    pub stack_bytes: Option<u64>,
    pub is_daemon: bool,
}

/// A child that was started.
#[derive(Debug)]
pub(super) struct Started {
    pub child: Child,
    pub reader: Reader,
    pub journal: Journal,
}

impl Started {
    /// Does not wait for the child, so that several can start at the same time.
    pub(super) fn new(hello: &Hello) -> Result<Started, StartError> {
        if system::is_waiting_child() {
            return Err(StartError::InitNotCalled);
        }
        if let Some(id) = task::ambiguous() {
            return Err(StartError::SameName(id.to_string()));
        }
        let journal = Journal::new()?;
        let (child, channel) = system::start_this_program()?;
        let started = Started { child, reader: Reader::new(Arc::new(channel)), journal };
        let mut body = Vec::new();
        encode(hello, &mut body).map_err(StartError::Encode)?;
        let head = Head { kind: HELLO, ..Head::default() };
        // If it has ended already, `wait_until_ready` says so.
        let _ = started.send(head, &body, &[started.journal.descriptor().clone()]);
        Ok(started)
    }

    pub(super) fn send(
        &self,
        head: Head,
        body: &[u8],
        descriptors: &[Descriptor],
    ) -> io::Result<()> {
        link::send(&self.reader.channel, head, body, descriptors)
    }

    /// Waits for the answer. A child that does not give one is killed.
    pub(super) fn wait_until_ready(&mut self, limit: Duration) -> Result<(), StartError> {
        let answered = self.answer(limit);
        if answered.is_err() {
            self.child.signaller().signal(system::KILL);
            let _ = self.child.wait(None);
        }
        answered
    }

    fn answer(&mut self, limit: Duration) -> Result<(), StartError> {
        let end = Instant::now().checked_add(limit);
        let child = &self.child;
        let wait = &mut |channel: &Channel| {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            child.wait_for_data(channel, left)?.ok_or_else(|| io::ErrorKind::TimedOut.into())
        };
        match self.reader.next(wait) {
            Ok(Some(frame)) if frame.head.kind == READY => {
                let is_same = frame.head.ticket == task::fingerprint();
                if is_same { Ok(()) } else { Err(StartError::OtherProgram) }
            }
            // Only `init` uses the socket, unless the program writes to its standard input.
            Ok(Some(_)) => Err(StartError::OtherProgram),
            // It has ended, or closed its standard input and will never answer.
            Ok(None) => match self.child.wait(Some(limit))? {
                Some(ended) => Err(StartError::EndedBeforeInit(ended)),
                None => Err(StartError::NoInit(limit)),
            },
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(StartError::NoInit(limit)),
            Err(error) => Err(error.into()),
        }
    }

    /// The next frame; `None` once the child has ended.
    pub(super) fn next(&mut self) -> Option<link::Frame> {
        let child = &self.child;
        let wait = &mut |channel: &Channel| Ok(child.wait_for_data(channel, None)? == Some(true));
        self.reader.next(wait).ok().flatten()
    }
}

/// What a child reads first.
pub(super) fn read_hello(reader: &mut Reader) -> Option<(Hello, Journal)> {
    let frame = reader.next(&mut |_| Ok(true)).ok().flatten()?;
    let hello = decode(&frame.body).ok().filter(|_| frame.head.kind == HELLO)?;
    let journal = Journal::from_descriptor(frame.descriptors.into_iter().next()?).ok()?;
    Some((hello, journal))
}
