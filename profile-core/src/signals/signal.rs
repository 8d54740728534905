//! Numbers of signals, and why a function of this module failed.

use std::error::Error;
use std::fmt::{self, Display};

/// The highest number of a signal.
pub(super) const HIGHEST: i32 = 64;

/// A signal, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(i32);

macro_rules! signals {
    ($($name:ident: $number:ident, $description:literal;)*) => {
        impl Signal {
            $(#[doc = $description] pub const $name: Signal = Signal(libc::$number);)*
        }
    };
}

signals! {
    HUP: SIGHUP, "The terminal was closed; services reload their configuration.";
    INT: SIGINT, "Ctrl-C.";
    QUIT: SIGQUIT, "Ctrl-\\.";
    ABRT: SIGABRT, "`abort`.";
    KILL: SIGKILL, "Ends the process; has no other action.";
    USR1: SIGUSR1, "For the program's own use.";
    USR2: SIGUSR2, "For the program's own use.";
    PIPE: SIGPIPE, "A write to a pipe that nobody reads; ignored by Rust programs.";
    ALRM: SIGALRM, "The end of `alarm`.";
    TERM: SIGTERM, "A request to end.";
    CHLD: SIGCHLD, "A child has ended.";
    CONT: SIGCONT, "Continues a stopped process.";
    STOP: SIGSTOP, "Stops the process; has no other action.";
    TSTP: SIGTSTP, "Ctrl-Z.";
    WINCH: SIGWINCH, "The terminal has another size.";
}

impl Signal {
    /// The signal with this number.
    ///
    /// # Errors
    /// The number is not within 1 to 64.
    ///
    /// ```
    /// use profile_core::signals::{Signal, SignalError};
    ///
    /// assert_eq!(Signal::new(15), Ok(Signal::TERM));
    /// assert_eq!(Signal::new(65), Err(SignalError::OutOfRange(65)));
    /// ```
    pub fn new(number: i32) -> Result<Signal, SignalError> {
        let is_valid = (1..=HIGHEST).contains(&number);
        is_valid.then_some(Signal(number)).ok_or(SignalError::OutOfRange(number))
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }

    /// Whether the kernel raises it for an instruction, which runs again after the handler. A
    /// handler on another thread cannot end that.
    pub(super) fn is_fault(self) -> bool {
        matches!(self.0, libc::SIGSEGV | libc::SIGILL | libc::SIGFPE | libc::SIGBUS)
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Its name, such as `SIGTERM`; `signal 40` if it has none.
impl Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match signal_hook::low_level::signal_name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// Why a function of this module failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignalError {
    /// There is no signal with this number.
    OutOfRange(i32),
    /// The system allows no other action for this signal.
    Refused(Signal),
    /// A handler on another thread cannot handle this signal.
    Fault(Signal),
    /// The thread of the handlers could not be started.
    NoThread(std::io::ErrorKind),
    /// A handler waits for a handler, but all of them run on its thread.
    InHandler,
}

impl Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignalError::OutOfRange(number) => {
                write!(f, "signal number {number} is out of range; expected 1 to {HIGHEST}")
            }
            SignalError::Refused(signal) => write!(f, "the action of {signal} cannot be changed"),
            SignalError::Fault(signal) => {
                write!(f, "{signal} cannot be handled on another thread; use a handler in C style")
            }
            SignalError::NoThread(why) => write!(f, "no thread for handlers of signals: {why}"),
            SignalError::InHandler => f.write_str("a handler cannot wait for a handler"),
        }
    }
}

impl Error for SignalError {}
