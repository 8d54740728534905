//! How a process ended.

use std::fmt;
use std::process::ExitStatus;

/// How a process ended: by itself with a code, or by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    exit_code: i32,
}

impl Ended {
    #[cfg_attr(
        any(not(target_os = "linux"), profile_fallback),
        allow(dead_code, reason = "no process was started")
    )]
    pub(in super::super) fn new(status: ExitStatus) -> Ended {
        #[cfg(unix)]
        let by_signal = std::os::unix::process::ExitStatusExt::signal(&status);
        #[cfg(not(unix))]
        let by_signal: Option<i32> = None;
        let exit_code = by_signal.map(|signal| -signal).or(status.code()).unwrap_or(i32::MAX);
        Ended { exit_code }
    }

    /// The code as Python counts it: n if the process ended with code n, -n if signal n ended it.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        self.exit_code
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exit_code {
            signal @ ..=-1 => write!(f, "ended by signal {}", -signal),
            code => write!(f, "ended with code {code}"),
        }
    }
}
