//! Frames between a parent and its child: a head of fixed size, then bytes.
//!
//! ```text
//! parent                                  child
//!   HELLO  name, stack; journal's file  ─►   in `init`
//!      ◄─  READY  fingerprint of tasks
//!   RUN    ticket, task, inputs         ─►   any number, one after the other
//!      ◄─  RESULTS  ticket, outcomes         at the end of a chunk, or when many bytes are ready
//!   STOP                                ─►   the child ends
//! ```
//!
//! The end of the stream means that the other process has ended.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::system::{Channel, Descriptor};

pub(super) const HELLO: u32 = 1;
pub(super) const READY: u32 = 2;
pub(super) const RUN: u32 = 3;
pub(super) const RESULTS: u32 = 4;
pub(super) const STOP: u32 = 5;

/// Bytes of a head: six words.
const HEAD: usize = 28;
/// Bytes that are read at once.
const BUFFER: usize = 64 << 10;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    pub kind: u32,
    /// The index of the task in the list.
    pub task: u32,
    /// Items in the body.
    pub count: u32,
    /// Which chunk this is about; in `READY` the fingerprint.
    pub ticket: u64,
    /// Bytes of the body, and descriptors: `send` sets both.
    pub length: u32,
    pub descriptors: u32,
}

impl Head {
    fn to_bytes(self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        let words = [self.kind, self.task, self.count, self.length, self.descriptors];
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes[20..].copy_from_slice(&self.ticket.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; HEAD]) -> Head {
        let word = |index: usize| {
            let bytes = &bytes[index * 4..][..4];
            bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
        };
        let ticket = u64::from(word(6)) << 32 | u64::from(word(5));
        let (kind, task, count, length, descriptors) =
            (word(0), word(1), word(2), word(3), word(4));
        Head { kind, task, count, ticket, length, descriptors }
    }
}

/// # Errors
/// The other process has ended, or the body is too large.
pub(super) fn send(
    channel: &Channel,
    head: Head,
    body: &[u8],
    descriptors: &[Descriptor],
) -> io::Result<()> {
    let too_large = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let length = u32::try_from(body.len()).map_err(too_large)?;
    let count = u32::try_from(descriptors.len()).map_err(too_large)?;
    channel.send(&Head { length, descriptors: count, ..head }.to_bytes(), body, descriptors)
}

/// A frame that was received.
#[derive(Debug)]
pub(super) struct Frame {
    pub head: Head,
    pub body: Vec<u8>,
    pub descriptors: Vec<Descriptor>,
}

/// Reads frames.
#[derive(Debug)]
pub(super) struct Reader {
    pub channel: Arc<Channel>,
    /// What was read but not used is at `start..end`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    descriptors: VecDeque<Descriptor>,
}

/// Before each read: whether something can come; an error ends the wait.
pub(super) type Wait<'a> = &'a mut dyn FnMut(&Channel) -> io::Result<bool>;

impl Reader {
    pub(super) fn new(channel: Arc<Channel>) -> Reader {
        let buffer = vec![0; BUFFER];
        Reader { channel, buffer, start: 0, end: 0, descriptors: VecDeque::new() }
    }

    /// The next frame; `None` at the end, also in the middle of a frame.
    ///
    /// # Errors
    /// Those of `wait`.
    pub(super) fn next(&mut self, wait: Wait<'_>) -> io::Result<Option<Frame>> {
        while self.end - self.start < HEAD {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let Some(more) = self.read(wait, None)? else { return Ok(None) };
            self.end += more;
        }
        let mut head = [0; HEAD];
        head.copy_from_slice(&self.buffer[self.start..][..HEAD]);
        self.start += HEAD;
        let head = Head::from_bytes(&head);
        let Some(body) = self.body(head.length as usize, wait)? else { return Ok(None) };
        let sent = self.descriptors.len().min(head.descriptors as usize);
        Ok(Some(Frame { head, body, descriptors: self.descriptors.drain(..sent).collect() }))
    }

    fn body(&mut self, length: usize, wait: Wait<'_>) -> io::Result<Option<Vec<u8>>> {
        let buffered = length.min(self.end - self.start);
        let mut body = Vec::with_capacity(length);
        body.extend_from_slice(&self.buffer[self.start..][..buffered]);
        self.start += buffered;
        body.resize(length, 0);
        let mut filled = buffered;
        while filled < length {
            let Some(more) = self.read(wait, Some(&mut body[filled..]))? else { return Ok(None) };
            filled += more;
        }
        Ok(Some(body))
    }

    /// Reads into `bytes`, or else into the buffer. `None` at the end.
    fn read(&mut self, wait: Wait<'_>, bytes: Option<&mut [u8]>) -> io::Result<Option<usize>> {
        if !wait(&self.channel)? {
            return Ok(None);
        }
        let bytes = bytes.unwrap_or(&mut self.buffer[self.end..]);
        match self.channel.receive(bytes, &mut self.descriptors) {
            Ok(0) => Ok(None),
            Ok(received) => Ok(Some(received)),
            // It ended without reading all that was sent to it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            Err(error) => Err(error),
        }
    }
}
