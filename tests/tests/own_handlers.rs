//! Programs with their own handlers of signals, beside `PROFILE_SIGNALS=1`; and the handlers of
//! `profile_core::signals`, which behave as those of Python where both can.

#![allow(unsafe_code, reason = "fork")]

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::*};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use profile_core::Snapshot;
use profile_core::signals::{self, Action, Signal, SignalError};
use tests::{Dialog, calls};

fn interrupted(library: &str) -> Dialog {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interrupted"));
    command.arg(library).env("PROFILE_SIGNALS", "1").env("PROFILE_REPORT", "json");
    Dialog::start(command.stderr(Stdio::piped()))
}

fn report(dialog: &mut Dialog) -> Snapshot {
    let mut printed = String::new();
    let stderr = dialog.child.stderr.as_mut().expect("its errors");
    stderr.read_to_string(&mut printed).expect("text");
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

#[test]
fn the_programs_handler_runs_once_and_the_report_is_written() {
    for library in ["tokio", "ctrlc", "signal-hook", "sigwait", "signalfd", "signals"] {
        let mut dialog = interrupted(library);
        dialog.signal(libc::SIGINT);
        assert_eq!(dialog.next_line(), "handled", "{library}");
        assert!(dialog.end().success(), "{library}");
        assert_eq!(calls(&report(&mut dialog), "work"), 1, "{library}");
    }
}

#[test]
fn a_handler_that_restores_the_action_before_has_the_report_and_the_end() {
    let mut dialog = interrupted("reports_too");
    dialog.signal(libc::SIGINT);
    assert_eq!(dialog.next_line(), "handled");
    assert_eq!(dialog.end().signal(), Some(libc::SIGINT));
    assert_eq!(calls(&report(&mut dialog), "work"), 1);
}

/// The tests below share the actions of this process.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A counter, and a handler that adds to it.
fn counting() -> (Arc<AtomicU32>, Action) {
    let count = Arc::new(AtomicU32::new(0));
    let of_handler = Arc::clone(&count);
    (count, Action::handler(move |_| _ = of_handler.fetch_add(1, Relaxed)))
}

#[test]
fn a_handler_stays_installed_and_runs_once_for_each_signal() {
    let _alone = alone();
    let (count, handler) = counting();
    signals::set(Signal::USR1, handler).expect("set");
    for _ in 0..3 {
        signals::raise(Signal::USR1).expect("sent");
    }
    assert_eq!(count.load(Relaxed), 3);
    let before = signals::set(Signal::USR1, Action::Ignore).expect("set");
    assert!(matches!(before, Action::Handler(_)));
    signals::raise(Signal::USR1).expect("sent");
    assert_eq!(count.load(Relaxed), 3);
    assert!(matches!(signals::get(Signal::USR1), Ok(Action::Ignore)));
    signals::set(Signal::USR1, before).expect("set");
    signals::raise(Signal::USR1).expect("sent");
    assert_eq!(count.load(Relaxed), 4);
}

#[test]
fn handlers_are_chained_as_in_python() {
    let _alone = alone();
    let log = Arc::new(Mutex::new(Vec::new()));
    let logging = |name: &'static str| {
        let log = Arc::clone(&log);
        move || log.lock().expect("no panic").push(name)
    };
    let [first, second] = ["first", "second"].map(logging);
    signals::set(Signal::USR2, Action::handler(move |_| first())).expect("set");
    let before = signals::get(Signal::USR2).expect("known");
    let both = Action::handler(move |signal| {
        second();
        if let Action::Handler(before) = &before {
            before(signal);
        }
    });
    signals::set(Signal::USR2, both).expect("set");
    signals::raise(Signal::USR2).expect("sent");
    assert_eq!(*log.lock().expect("no panic"), ["second", "first"]);
}

#[test]
fn numbers_and_actions_that_do_not_exist_are_refused() {
    let _alone = alone();
    for number in [-1, 0, 65] {
        assert_eq!(Signal::new(number), Err(SignalError::OutOfRange(number)));
    }
    for signal in [Signal::KILL, Signal::STOP] {
        let refused = signals::set(signal, Action::Default).expect_err("refused");
        assert_eq!(refused, SignalError::Refused(signal));
    }
    let fault = Signal::new(libc::SIGSEGV).expect("a signal");
    let refused = signals::set(fault, Action::handler(|_| ())).expect_err("refused");
    assert_eq!(refused, SignalError::Fault(fault));
    assert_eq!(Signal::TERM.to_string(), "SIGTERM");
    // Of the C library's own.
    let reserved = Signal::new(32).expect("a signal");
    assert!(signals::set(reserved, Action::Ignore).is_err());
}

#[test]
fn a_panic_in_a_handler_is_reported_once_and_later_signals_are_handled() {
    let _alone = alone();
    static PANICS: AtomicU32 = AtomicU32::new(0);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| _ = PANICS.fetch_add(1, Relaxed)));
    signals::set(Signal::HUP, Action::handler(|_| panic!("in a handler"))).expect("set");
    signals::raise(Signal::HUP).expect("sent");
    std::panic::set_hook(hook);
    assert_eq!(PANICS.load(Relaxed), 1);
    let (count, handler) = counting();
    signals::set(Signal::HUP, handler).expect("set");
    signals::raise(Signal::HUP).expect("sent");
    assert_eq!(count.load(Relaxed), 1);
}

#[test]
fn a_handler_may_raise_change_handlers_and_not_pause() {
    let _alone = alone();
    let (count, handler) = counting();
    let handler = Mutex::new(Some(handler));
    let raising = Action::handler(move |signal| {
        assert_eq!(signals::pause(), Err(SignalError::InHandler));
        let next = handler.lock().expect("no panic").take().expect("called once");
        signals::set(signal, next).expect("set");
        signals::raise(signal).expect("sent");
    });
    signals::set(Signal::WINCH, raising).expect("set");
    signals::raise(Signal::WINCH).expect("sent");
    while count.load(Relaxed) == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn pause_returns_the_signal_that_was_handled() {
    let _alone = alone();
    let (_, handler) = counting();
    signals::set(Signal::ALRM, handler).expect("set");
    let waiting = std::thread::spawn(signals::pause);
    while !waiting.is_finished() {
        signals::raise(Signal::ALRM).expect("sent");
    }
    assert_eq!(waiting.join().expect("no panic"), Ok(Signal::ALRM));
}

#[test]
fn the_thread_of_handlers_blocks_all_signals() {
    let _alone = alone();
    let (_, handler) = counting();
    signals::set(Signal::CONT, handler).expect("set");
    let threads = std::fs::read_dir("/proc/self/task").expect("there is /proc");
    let of_handlers = threads.map(|thread| thread.expect("an entry").path()).find(|thread| {
        std::fs::read_to_string(thread.join("comm")).is_ok_and(|name| name == "signals\n")
    });
    let status = of_handlers.expect("it runs").join("status");
    let status = std::fs::read_to_string(status).expect("it runs");
    // All but SIGKILL, SIGSTOP and the two of the C library.
    assert!(status.contains("SigBlk:\tfffffffe7ffbfeff"), "{status}");
}

#[test]
fn a_forked_child_keeps_its_handlers() {
    let _alone = alone();
    let (count, handler) = counting();
    signals::set(Signal::CHLD, handler).expect("set");
    // SAFETY: the child calls nothing that another thread may hold: those of the other tests wait.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let _ = signals::raise(Signal::CHLD);
        // SAFETY: ends the child.
        unsafe { libc::_exit(count.load(Relaxed).cast_signed()) };
    }
    let mut status = 0;
    // SAFETY: room for the status.
    while unsafe { libc::waitpid(child, &raw mut status, 0) } != child {}
    assert_eq!(libc::WEXITSTATUS(status), 1);
}
