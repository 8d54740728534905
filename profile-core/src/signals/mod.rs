//! Handlers of signals that may run any code, in the manner of Python's `signal.signal`. Independent
//! of profiling; Unix only.
//!
//! [`set`] sets the action of a signal and returns the one before, so handlers can be chained and
//! restored. Handlers run one after the other on a thread of their own, which the first handler
//! starts and which blocks all signals. So they may allocate, lock and panic. A panic is reported by
//! the panic hook, and later signals are still handled.
//!
//! ```
//! use profile_core::signals::{self, Action, Signal};
//! use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
//!
//! static RELOADS: AtomicU32 = AtomicU32::new(0);
//!
//! let reload = Action::handler(|_| _ = RELOADS.fetch_add(1, Relaxed));
//! let before = signals::set(Signal::HUP, reload)?;
//! signals::raise(Signal::HUP)?;
//! assert_eq!(RELOADS.load(Relaxed), 1);
//! signals::set(Signal::HUP, before)?;
//! # Ok::<(), signals::SignalError>(())
//! ```
//!
//! # Reports on signals
//!
//! With `PROFILE_SIGNALS=1`, a handler set here replaces the one that reports, as any handler of the
//! program does. A handler that wants the report and the usual end restores the action that [`set`]
//! returned, and raises the signal again:
//!
//! ```no_run
//! use profile_core::signals::{self, Action, Signal};
//! use std::sync::{Arc, Mutex};
//!
//! let before = Arc::new(Mutex::new(Action::Default));
//! let of_handler = Arc::clone(&before);
//! let clean_up = Action::handler(move |signal| {
//!     // Remove temporary files here.
//!     let before = of_handler.lock().expect("no panic").clone();
//!     let _ = signals::set(signal, before).and_then(|_| signals::raise(signal));
//! });
//! let mut place = before.lock().expect("no panic");
//! *place = signals::set(Signal::TERM, clean_up)?;
//! # Ok::<(), signals::SignalError>(())
//! ```
//!
//! # Fork
//!
//! A child of `fork` keeps the handlers, but not their thread: signals are counted, and handled from
//! the first call of a function of this module on.

mod action;
mod signal;
mod system;
mod thread;

pub use action::{Action, Foreign, Handler};
pub use signal::{Signal, SignalError};
pub use thread::{get, pause, raise, set};
