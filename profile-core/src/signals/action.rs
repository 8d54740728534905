//! What a signal does.

use std::fmt;
use std::sync::Arc;

use super::signal::Signal;
use super::system::Disposition;

/// A handler: any code, called with the signal.
pub type Handler = Arc<dyn Fn(Signal) + Send + Sync>;

/// What a signal does.
#[derive(Clone)]
pub enum Action {
    /// What the system does if the program does nothing: mostly, it ends the process.
    Default,
    /// Nothing. Programs that this one executes ignore the signal, too.
    Ignore,
    /// Calls this on the thread of the handlers.
    Handler(Handler),
    /// A handler that was not set by this module. It can be set again.
    Foreign(Foreign),
}

impl Action {
    /// A handler.
    pub fn handler(handler: impl Fn(Signal) + Send + Sync + 'static) -> Action {
        Action::Handler(Arc::new(handler))
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Default => "Default",
            Action::Ignore => "Ignore",
            Action::Handler(_) => "Handler(..)",
            Action::Foreign(_) => "Foreign(..)",
        })
    }
}

/// A handler that was not set by this module, with its flags and its mask.
#[derive(Clone)]
pub struct Foreign(pub(super) Disposition);

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Foreign(..)")
    }
}
