//! The slowest calls of a function and those that allocated most, with their arguments:
//! `#[profile(args(…))]`.
//!
//! A call captures its arguments when it begins: by copy if possible, otherwise by reference. They
//! are formatted when the call ends, and only if it enters one of the lists. An argument that
//! cannot be copied, and that the body may move or change, is formatted before each call. A list
//! has slots for [`CALLS`] calls; most calls are only compared with its smallest entry.

use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::frame::tally_of;
use super::thread::{self, Suspended, own_span};
use crate::callsite::{CallSite, Mode};
use crate::clock::Clock;
use crate::segment::layout::{CALL_TEXT, CALLS, CallList, CallRecord, Edge, Word, flags, heap};
use crate::sys;

/// A variable of the user's code, to be copied or borrowed.
#[derive(Debug)]
pub struct Place<'a, T: ?Sized>(pub &'a T);

/// Captures by copy; preferred to [`ByReference`] by method resolution, because the receiver has
/// one reference more.
pub trait ByCopy {
    /// The captured value.
    type Kept;
    /// Captures the value.
    fn keep(&self) -> Self::Kept;
}

impl<T: Copy> ByCopy for &Place<'_, T> {
    type Kept = T;

    fn keep(&self) -> T {
        *self.0
    }
}

/// Captures by reference what cannot be copied.
pub trait ByReference<'a> {
    /// The captured reference.
    type Kept;
    /// Captures the reference.
    fn keep(&self) -> Self::Kept;
}

impl<'a, T: ?Sized> ByReference<'a> for Place<'a, T> {
    type Kept = &'a T;

    fn keep(&self) -> &'a T {
        self.0
    }
}

/// A variable of the user's code that the body may move or change: to be copied, or formatted at
/// once.
#[derive(Debug)]
pub struct Movable<'a, T: ?Sized>(pub &'a T);

/// Captures by copy; tried first, as above.
pub trait CopyNow {
    /// The captured value.
    type Kept;
    /// Captures the value.
    fn note(&self, site: &'static CallSite) -> Self::Kept;
}

impl<T: Copy> CopyNow for &&Movable<'_, T> {
    type Kept = T;

    fn note(&self, _: &'static CallSite) -> T {
        *self.0
    }
}

/// Formats with `Debug`; tried second.
pub trait WriteDebug {
    /// Captures the text.
    fn note(&self, site: &'static CallSite) -> Written;
}

impl<T: fmt::Debug + ?Sized> WriteDebug for &Movable<'_, T> {
    fn note(&self, site: &'static CallSite) -> Written {
        Written::new(site, |text| write!(text, "{:?}", self.0))
    }
}

/// Formats with `Display` if there is no `Debug`.
pub trait WriteDisplay {
    /// Captures the text.
    fn note(&self, site: &'static CallSite) -> Written;
}

impl<T: fmt::Display + ?Sized> WriteDisplay for Movable<'_, T> {
    fn note(&self, site: &'static CallSite) -> Written {
        Written::new(site, |text| write!(text, "{}", self.0))
    }
}

/// An argument as text.
pub struct Written(Text);

impl Written {
    fn new(site: &'static CallSite, write: impl FnOnce(&mut Text) -> fmt::Result) -> Written {
        // A panic while the thread unwinds would abort the process.
        if site.mode() == Mode::OFF || std::thread::panicking() {
            return Written(Text::new());
        }
        let _own = Suspended::new();
        Written(Text::shown(|text| {
            let _ = write(text);
        }))
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// A captured argument, to be formatted.
#[derive(Debug)]
pub struct Shown<'a, T: ?Sized>(pub &'a T);

/// Formats with `Debug`; preferred to [`ViaDisplay`], as above.
pub trait ViaDebug {
    /// Appends the argument to a text.
    fn show(&self, text: &mut Text);
}

impl<T: fmt::Debug + ?Sized> ViaDebug for &Shown<'_, T> {
    fn show(&self, text: &mut Text) {
        let _ = write!(text, "{:?}", self.0);
    }
}

/// Formats with `Display` if there is no `Debug`.
pub trait ViaDisplay {
    /// Appends the argument to a text.
    fn show(&self, text: &mut Text);
}

impl<T: fmt::Display + ?Sized> ViaDisplay for Shown<'_, T> {
    fn show(&self, text: &mut Text) {
        let _ = write!(text, "{}", self.0);
    }
}

/// A text of limited length: if it is too long, it is cut and ends in `…`.
#[derive(Debug)]
pub struct Text {
    bytes: [u8; CALL_TEXT * 8],
    length: usize,
    is_cut: bool,
}

impl Text {
    const MARK: &str = "…";

    fn new() -> Text {
        Text { bytes: [0; CALL_TEXT * 8], length: 0, is_cut: false }
    }

    /// The text that `show` writes. It calls the user's code, which may panic.
    fn shown(show: impl FnOnce(&mut Text)) -> Text {
        let mut text = Text::new();
        if catch_unwind(AssertUnwindSafe(|| show(&mut text))).is_err() {
            text = Text::new();
            text.push("not shown: its Debug or Display panicked");
        }
        text
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    /// Starts the next argument.
    pub fn name(&mut self, name: &str) {
        let separator = if self.length == 0 { "" } else { ", " };
        let _ = write!(self, "{separator}{name} = ");
    }

    fn push(&mut self, text: &str) {
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text.as_bytes());
        self.length += text.len();
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_cut {
            return Ok(());
        }
        let room = self.bytes.len() - Text::MARK.len() - self.length;
        if text.len() <= room {
            self.push(text);
            return Ok(());
        }
        // `floor_char_boundary` requires Rust 1.91.
        let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        self.push(&text[..end]);
        self.push(Text::MARK);
        self.is_cut = true;
        // Stops the formatting.
        Err(fmt::Error)
    }
}

/// A call whose arguments are captured.
#[must_use = "the call ends when this is dropped"]
pub struct Arguments<T, S: Fn(&T, &mut Text)> {
    kept: T,
    show: S,
    site: &'static CallSite,
    /// For an async function: ticks at its first poll.
    started: Option<u64>,
}

/// Captures the arguments of the call whose span was opened last.
pub fn note_arguments<T, S: Fn(&T, &mut Text)>(
    site: &'static CallSite,
    kept: T,
    show: S,
) -> Arguments<T, S> {
    let is_poll = own_span(site).is_some_and(|(frame, _)| frame.flags.get() & flags::POLL != 0);
    Arguments { kept, show, site, started: is_poll.then(|| Clock::current().now()) }
}

impl<T, S: Fn(&T, &mut Text)> Drop for Arguments<T, S> {
    fn drop(&mut self) {
        // Formatting an argument may panic, and a second panic would abort the process.
        if std::thread::panicking() {
            return;
        }
        let Some((frame, edge)) = own_span(self.site) else { return };
        let started = self.started.unwrap_or(frame.started.get());
        let ticks = match started {
            0 => 0,
            _ => Clock::current().now().wrapping_sub(started),
        };
        // The frame does not contain earlier polls.
        let bytes =
            if self.started.is_some() { 0 } else { frame.heap[heap::ALLOCATED_BYTES].get() };
        let Some(list) = list_of(edge) else { return };
        let enters = [ticks > list.least[0].get(), bytes > list.least[1].get()];
        if !enters.contains(&true) {
            return;
        }
        let allocations = frame.heap[heap::ALLOCATIONS].get();
        let _own = Suspended::new();
        let text = Text::shown(|text| (self.show)(&self.kept, text));
        let call =
            Call { ticks, started, bytes, allocations, caller: edge.parent.get() as u64, text };
        for (which, key) in
            [ticks, bytes].into_iter().enumerate().filter(|(which, _)| enters[*which])
        {
            call.enter(list, which, key);
        }
    }
}

/// A call to be entered in a list.
struct Call {
    ticks: u64,
    started: u64,
    bytes: u64,
    allocations: u64,
    caller: u64,
    text: Text,
}

impl Call {
    /// Replaces the smallest entry of the list.
    fn enter(&self, list: &CallList, which: usize, key: u64) {
        let records = &list.calls[which * CALLS..(which + 1) * CALLS];
        let Some(slot) = records.iter().min_by_key(|record| record.key.get()) else { return };
        // An odd version means that the record is being written.
        slot.version.publish(slot.version.get() | 1);
        self.write(slot, key);
        slot.version.publish(slot.version.get() + 1);
        list.least[which].set(records.iter().map(|record| record.key.get()).min().unwrap_or(0));
    }

    fn write(&self, record: &CallRecord, key: u64) {
        record.key.set(key);
        record.ticks.set(self.ticks);
        record.started.set(self.started);
        record.allocated_bytes.set(self.bytes);
        record.allocations.set(self.allocations);
        record.caller.set(self.caller);
        record.thread_id.set(sys::thread_id());
        write_bytes(&record.thread_name, &sys::thread_name());
        write_bytes(&record.text, &self.text.bytes);
        record.length.set(self.text.length as u64);
    }
}

fn write_bytes(words: &[Word], bytes: &[u8]) {
    let (bytes, _) = bytes.as_chunks::<8>();
    words.iter().zip(bytes).for_each(|(word, bytes)| word.set(u64::from_le_bytes(*bytes)));
}

/// Created at the first call whose arguments are captured.
fn list_of(edge: &Edge) -> Option<&'static CallList> {
    let block = thread::own_block()?;
    thread::get_or_create(&thread::get_or_create(&tally_of(edge).extras, block)?.calls, block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let mut text = Text::new();
        text.name("a");
        let _ = write!(text, "{}", "é".repeat(1_000));
        text.name("b");
        let shown = std::str::from_utf8(&text.bytes[..text.length]).expect("whole characters");
        assert!(shown.starts_with("a = é") && shown.ends_with("é…"), "{shown}");
        assert!(text.length <= CALL_TEXT * 8);
    }
}
