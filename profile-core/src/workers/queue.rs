//! Messages between processes: queues with any number of ends, and pipes with two.
//!
//! Both are sockets that preserve message boundaries. A message is sent and received by one system
//! call, so no process holds a lock that its death would leave locked, as one of Python's queues
//! may.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::attached::{attach, attached};
use super::encoding::{decode, encode};
use super::system::{Descriptor, Packets};

/// Why a message was not sent or received.
#[derive(Debug)]
#[non_exhaustive]
pub enum MessageError {
    /// The other end of the pipe is closed, in all processes that had it.
    Closed,
    /// The message cannot be encoded or decoded.
    Encoding(String),
    /// The system refused, or is not supported (`ErrorKind::Unsupported`).
    System(io::Error),
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MessageError::Closed => f.write_str("the other end of the pipe is closed"),
            MessageError::Encoding(message) => f.write_str(message),
            MessageError::System(error) => write!(f, "cannot pass a message: {error}"),
        }
    }
}

impl std::error::Error for MessageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            MessageError::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for MessageError {
    fn from(error: io::Error) -> MessageError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset => MessageError::Closed,
            _ => MessageError::System(error),
        }
    }
}

fn send<T: Serialize>(to: &Packets, message: &T) -> Result<(), MessageError> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes).map_err(MessageError::Encoding)?;
    Ok(to.send(&bytes)?)
}

fn receive<T: DeserializeOwned>(
    from: &Packets,
    limit: Option<Duration>,
) -> Result<Option<T>, MessageError> {
    let bytes = from.receive(limit)?;
    bytes.map(|bytes| decode(&bytes).map_err(MessageError::Encoding)).transpose()
}

/// Adds a descriptor to the message that is being encoded.
pub(super) fn send_descriptor<S: Serializer>(
    descriptor: &Descriptor,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let only = "queues, pipes and shared values are sent as inputs of tasks only";
    attach(descriptor).ok_or_else(|| S::Error::custom(only))?.serialize(serializer)
}

/// The descriptor that came with the message that is being decoded.
pub(super) fn receive_descriptor<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Descriptor, D::Error> {
    let index = u32::deserialize(deserializer)?;
    attached(index).ok_or_else(|| D::Error::custom("its descriptor did not arrive"))
}

/// A queue: every process that has it can add and take messages, each of which is taken once.
/// Messages of one process keep their order. Clones are the same queue, and so is what a task gets
/// as its input.
///
/// Adding waits while some 200 KiB are in it: the kernel's limit on a socket.
///
/// ```
/// use profile_core::workers::Queue;
///
/// let queue = Queue::new()?;
/// queue.put(&(1, "one".to_owned()))?;
/// assert_eq!(queue.get()?, (1, "one".to_owned()));
/// assert_eq!(queue.try_get()?, None);
/// # Ok::<(), profile_core::workers::MessageError>(())
/// ```
#[derive(Debug)]
pub struct Queue<T> {
    /// For adding, and for taking. Each process has both, so a queue never ends.
    entry: Packets,
    exit: Packets,
    _messages: PhantomData<fn(T) -> T>,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Queue<T> {
        Queue { entry: self.entry.clone(), exit: self.exit.clone(), _messages: PhantomData }
    }
}

impl<T: Serialize + DeserializeOwned> Queue<T> {
    /// Creates an empty queue.
    ///
    /// # Errors
    /// The system refuses.
    pub fn new() -> Result<Queue<T>, MessageError> {
        let [entry, exit] = Packets::pair()?;
        Ok(Queue { entry, exit, _messages: PhantomData })
    }

    /// Adds a message. Waits while the queue is full.
    ///
    /// # Errors
    /// The message cannot be encoded, or the system refuses.
    pub fn put(&self, message: &T) -> Result<(), MessageError> {
        send(&self.entry, message)
    }

    /// Waits for the next message, and takes it.
    ///
    /// # Errors
    /// The message cannot be decoded, or the system refuses.
    pub fn get(&self) -> Result<T, MessageError> {
        receive(&self.exit, None)?.ok_or(MessageError::Closed)
    }

    /// The same, but does not wait longer than this; then it returns `None`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_timeout(&self, limit: Duration) -> Result<Option<T>, MessageError> {
        receive(&self.exit, Some(limit))
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn try_get(&self) -> Result<Option<T>, MessageError> {
        self.get_timeout(Duration::ZERO)
    }
}

impl<T> Serialize for Queue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (OneEnd(&self.entry), OneEnd(&self.exit)).serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Queue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Queue<T>, D::Error> {
        let (OwnEnd(entry), OwnEnd(exit)) = Deserialize::deserialize(deserializer)?;
        Ok(Queue { entry, exit, _messages: PhantomData })
    }
}

struct OneEnd<'a>(&'a Packets);

impl Serialize for OneEnd<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        send_descriptor(self.0.descriptor(), serializer)
    }
}

struct OwnEnd(Packets);

impl<'de> Deserialize<'de> for OwnEnd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OwnEnd, D::Error> {
        receive_descriptor(deserializer).map(|it| OwnEnd(Packets::from_descriptor(it)))
    }
}

/// One end of a [`pipe`]: what is sent here is received at the other end, and the other way round.
///
/// An end that is the input of a task is closed when the task ends. The other end notices that only
/// if nobody else has a copy, so pass it by value.
#[derive(Debug)]
pub struct Pipe<T> {
    end: Packets,
    _messages: PhantomData<fn(T) -> T>,
}

/// The two ends of a pipe that carries messages in both directions.
///
/// # Errors
/// The system refuses.
///
/// ```
/// use profile_core::workers::{MessageError, pipe};
///
/// let (one, other) = pipe()?;
/// one.send(&1)?;
/// assert_eq!(other.receive()?, 1);
/// drop(one);
/// assert!(matches!(other.receive(), Err(MessageError::Closed)));
/// # Ok::<(), MessageError>(())
/// ```
pub fn pipe<T: Serialize + DeserializeOwned>() -> Result<(Pipe<T>, Pipe<T>), MessageError> {
    let [one, other] = Packets::pair()?.map(|end| Pipe { end, _messages: PhantomData });
    Ok((one, other))
}

impl<T: Serialize + DeserializeOwned> Pipe<T> {
    /// Sends a message. Waits while the pipe is full.
    ///
    /// # Errors
    /// The other end is closed, or the message cannot be encoded.
    pub fn send(&self, message: &T) -> Result<(), MessageError> {
        send(&self.end, message)
    }

    /// Waits for a message.
    ///
    /// # Errors
    /// The other end is closed and all messages were received, or the message cannot be decoded.
    pub fn receive(&self) -> Result<T, MessageError> {
        receive(&self.end, None)?.ok_or(MessageError::Closed)
    }

    /// The same, but does not wait longer than this; then it returns `None`.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_timeout(&self, limit: Duration) -> Result<Option<T>, MessageError> {
        receive(&self.end, Some(limit))
    }

    /// Whether [`receive`](Self::receive) returns at once, after waiting so long at most.
    ///
    /// # Errors
    /// The system refuses.
    pub fn poll(&self, limit: Duration) -> Result<bool, MessageError> {
        Ok(self.end.is_readable(Some(limit))?)
    }
}

impl<T> Serialize for Pipe<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        OneEnd(&self.end).serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Pipe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pipe<T>, D::Error> {
        let OwnEnd(end) = Deserialize::deserialize(deserializer)?;
        Ok(Pipe { end, _messages: PhantomData })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::*};
    use std::sync::{Arc, Barrier, mpsc};
    use std::thread;

    use super::*;

    /// Threads take from the same queue as other processes would: each sees a message that another
    /// one takes first.
    #[test]
    fn taking_without_waiting_does_not_wait_though_others_take_the_message() {
        const TAKERS: usize = 4;
        const ROUNDS: usize = 500;
        let queue = Queue::new().expect("a queue");
        let (taken, round) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(TAKERS)));
        let (done, ended) = mpsc::channel();
        for taker in 0..TAKERS {
            let (queue, taken, round) = (queue.clone(), taken.clone(), round.clone());
            let done = done.clone();
            thread::spawn(move || {
                for number in 1..=ROUNDS {
                    if round.wait().is_leader() {
                        queue.put(&()).expect("sent");
                    }
                    while taken.load(Acquire) < number {
                        if queue.try_get().expect("an open queue").is_some() {
                            taken.fetch_add(1, AcqRel);
                        }
                    }
                }
                done.send(taker)
            });
        }
        for _ in 0..TAKERS {
            ended.recv_timeout(Duration::from_secs(60)).expect("no taker waits for good");
        }
        assert_eq!(taken.load(Acquire), ROUNDS);
    }
}
