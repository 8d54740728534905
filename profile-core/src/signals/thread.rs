//! The table of handlers, and the thread that calls them. The lock of the table is never held while
//! a handler runs, so a handler may change the table.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::action::{Action, Foreign, Handler};
use super::signal::{HIGHEST, Signal, SignalError};
use super::system::{self, Disposition, NUMBERS};

struct Table {
    handlers: [Option<Handler>; NUMBERS],
    /// What the system has for a signal that signal-hook handles, to be set again: signal-hook
    /// itself sets it once.
    hooks: [Option<Disposition>; NUMBERS],
    /// How many arrivals have been handled.
    done: [u64; NUMBERS],
    /// How many handlers have run, and for which signal the last.
    ran: u64,
    last: Signal,
    /// The process that the thread is in; 0: not started.
    process: u32,
}

static TABLE: Mutex<Table> = Mutex::new(Table {
    handlers: [const { None }; NUMBERS],
    hooks: [None; NUMBERS],
    done: [0; NUMBERS],
    ran: 0,
    last: Signal::HUP,
    process: 0,
});
/// Notified when a handler has run.
static RAN: Condvar = Condvar::new();

thread_local!(static IS_OURS: Cell<bool> = const { Cell::new(false) });

/// Nothing panics while it is held.
fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets the action of a signal and returns the one before, which can be set again, or called if it
/// is a handler.
///
/// # Errors
/// The system allows no other action (SIGKILL, SIGSTOP), or the signal is raised by an instruction
/// (SIGSEGV, SIGBUS, SIGILL, SIGFPE) and `action` is a handler, or there is no thread for handlers.
///
/// ```
/// use profile_core::signals::{self, Action, Signal, SignalError};
///
/// let refused = signals::set(Signal::KILL, Action::Ignore);
/// assert_eq!(refused.unwrap_err(), SignalError::Refused(Signal::KILL));
///
/// let first = signals::set(Signal::USR1, Action::handler(|_| println!("first")))?;
/// assert!(matches!(first, Action::Default));
/// // Both run: the second calls the one before.
/// let before = signals::get(Signal::USR1)?;
/// let both = Action::handler(move |signal| {
///     println!("second");
///     if let Action::Handler(before) = &before {
///         before(signal);
///     }
/// });
/// signals::set(Signal::USR1, both)?;
/// # Ok::<(), SignalError>(())
/// ```
pub fn set(signal: Signal, action: Action) -> Result<Action, SignalError> {
    let refused = |_| SignalError::Refused(signal);
    if signal == Signal::KILL || signal == Signal::STOP {
        return Err(SignalError::Refused(signal));
    }
    let mut table = table();
    let before = table.action(signal)?;
    let (handler, disposition) = match action {
        Action::Default => (None, Disposition::plain(Disposition::DEFAULT)),
        Action::Ignore => (None, Disposition::plain(Disposition::IGNORE)),
        Action::Foreign(Foreign(disposition)) => (None, disposition),
        Action::Handler(_) if signal.is_fault() => return Err(SignalError::Fault(signal)),
        Action::Handler(handler) => {
            table.start_thread()?;
            let hook = table.hook(signal).map_err(refused)?;
            (Some(handler), hook)
        }
    };
    // In this order, no arrival finds the table without its handler.
    if handler.is_some() {
        table.handlers[signal.index()] = handler;
        disposition.set(signal).map_err(refused)?;
    } else {
        disposition.set(signal).map_err(refused)?;
        table.handlers[signal.index()] = None;
    }
    Ok(before)
}

/// The action of a signal.
///
/// # Errors
/// The system knows no such signal.
pub fn get(signal: Signal) -> Result<Action, SignalError> {
    table().action(signal)
}

/// Sends a signal to this process, and waits until its handler, if it has one, has run. Within a
/// handler it does not wait: the handler is called again, or another one is, when this one ends.
///
/// The calling thread must not hold a lock that the handler takes.
///
/// # Errors
/// There is no thread for handlers.
pub fn raise(signal: Signal) -> Result<(), SignalError> {
    if IS_OURS.get() {
        // This thread blocks all signals.
        system::send_to_process(signal);
        return Ok(());
    }
    let mut held = table();
    if held.handlers[signal.index()].is_some() {
        held.start_thread()?;
    }
    // The handler of another library may call this module.
    drop(held);
    system::send_to_thread(signal);
    let arrived = system::arrived(signal);
    let mut table = table();
    while table.handlers[signal.index()].is_some() && table.done[signal.index()] < arrived {
        table = RAN.wait(table).unwrap_or_else(PoisonError::into_inner);
    }
    Ok(())
}

/// Waits until a handler of this module has run, and returns its signal. As with `pause` of the
/// system, a handler that ran before the call is not waited for.
///
/// # Errors
/// The caller is a handler, or there is no thread for handlers.
pub fn pause() -> Result<Signal, SignalError> {
    if IS_OURS.get() {
        return Err(SignalError::InHandler);
    }
    let mut table = table();
    table.start_thread()?;
    let before = table.ran;
    while table.ran == before {
        table = RAN.wait(table).unwrap_or_else(PoisonError::into_inner);
    }
    Ok(table.last)
}

impl Table {
    fn action(&self, signal: Signal) -> Result<Action, SignalError> {
        let found = Disposition::of(signal).map_err(|_| SignalError::Refused(signal))?;
        let hook = self.hooks[signal.index()].map(|hook| hook.address());
        Ok(match (found.address(), &self.handlers[signal.index()]) {
            (Disposition::DEFAULT, _) => Action::Default,
            (Disposition::IGNORE, _) => Action::Ignore,
            (address, Some(handler)) if hook == Some(address) => {
                Action::Handler(Arc::clone(handler))
            }
            _ => Action::Foreign(Foreign(found)),
        })
    }

    /// What has signal-hook called for a signal. Installed by the first call.
    fn hook(&mut self, signal: Signal) -> std::io::Result<Disposition> {
        let hook = &mut self.hooks[signal.index()];
        if let Some(hook) = *hook {
            return Ok(hook);
        }
        system::count(signal)?;
        Ok(*hook.insert(Disposition::of(signal)?))
    }

    /// Starts the thread, unless this process has it.
    fn start_thread(&mut self) -> Result<(), SignalError> {
        let process = std::process::id();
        if self.process == process {
            return Ok(());
        }
        let no_thread = |error: std::io::Error| SignalError::NoThread(error.kind());
        system::prepare_waiting().map_err(no_thread)?;
        let builder = std::thread::Builder::new().name("signals".to_owned());
        system::without_signals(|| builder.spawn(call_handlers)).map_err(no_thread)?;
        self.process = process;
        Ok(())
    }
}

/// The thread. Begins with what arrived before it was started.
fn call_handlers() {
    IS_OURS.set(true);
    loop {
        for signal in (1..=HIGHEST).filter_map(|number| Signal::new(number).ok()) {
            call_handlers_of(signal);
        }
        system::wait_for_arrival();
    }
}

/// Once for each arrival.
fn call_handlers_of(signal: Signal) {
    let mut held = table();
    while held.done[signal.index()] < system::arrived(signal) {
        let handler = held.handlers[signal.index()].clone();
        drop(held);
        if let Some(handler) = &handler {
            // The panic hook has reported it.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| handler(signal)));
        }
        held = table();
        held.done[signal.index()] += 1;
        if handler.is_some() {
            held.ran += 1;
            held.last = signal;
        }
        RAN.notify_all();
    }
}
