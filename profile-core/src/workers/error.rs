//! What can go wrong: when a process is started, with one call of a task, and with a message.

use std::fmt;
use std::io;
use std::time::Duration;

use super::system::Ended;

/// Why a process was not started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The system refused, or is not supported (`ErrorKind::Unsupported`).
    System(io::Error),
    /// The new process ended before its `main` called [`init`](super::init).
    EndedBeforeInit(Ended),
    /// The new process did not call [`init`](super::init) in this time.
    NoInit(Duration),
    /// This process is itself such a child, whose `main` has not called [`init`](super::init).
    /// Starting processes in it would never end.
    InitNotCalled,
    /// The new process is another build of the program: its list of tasks differs.
    OtherProgram,
    /// Two calls of [`task!`](crate::task) that one macro wrote have the same name and place.
    SameName(String),
    /// The input of the process cannot be encoded.
    Encode(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = "call `profile_core::workers::init()` first in `main`";
        match self {
            StartError::System(error) => write!(f, "cannot start a worker process: {error}"),
            StartError::EndedBeforeInit(ended) => {
                write!(f, "the worker process {ended} before `workers::init`; {call}")
            }
            StartError::NoInit(limit) => {
                write!(f, "the worker process did not reach `workers::init` in {limit:?}; {call}")
            }
            StartError::InitNotCalled => {
                write!(f, "this is a worker process that did not call `workers::init`; {call}")
            }
            StartError::OtherProgram => {
                f.write_str("the worker process is another build of the program; start it again")
            }
            StartError::SameName(name) => {
                write!(f, "two tasks that one macro defines are called {name}; rename one")
            }
            StartError::Encode(message) => write!(f, "cannot start a worker process: {message}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> StartError {
        StartError::System(error)
    }
}

/// Why one call of a task has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskError {
    /// The function panicked; the message of the panic.
    Panicked(String),
    /// The process ended while it was working on this item.
    Crashed(Ended),
    /// The input or the output cannot be encoded or decoded.
    Encoding(String),
    /// No process could be started for it.
    NotStarted(String),
    /// The pool was closed before the call.
    Closed,
    /// The pool was terminated or dropped before the call was finished.
    Terminated,
    /// There is no result yet.
    TimedOut,
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Panicked(message) => write!(f, "the task panicked: {message}"),
            TaskError::Crashed(ended) => write!(f, "the worker process {ended} during the task"),
            TaskError::Encoding(message) | TaskError::NotStarted(message) => f.write_str(message),
            TaskError::Closed => f.write_str("the pool is closed"),
            TaskError::Terminated => f.write_str("the pool was terminated before the task ended"),
            TaskError::TimedOut => f.write_str("the task has not finished yet"),
        }
    }
}

impl std::error::Error for TaskError {}

impl From<String> for TaskError {
    fn from(message: String) -> TaskError {
        TaskError::Encoding(message)
    }
}
