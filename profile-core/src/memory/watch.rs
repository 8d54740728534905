//! What `#[memory_usage]` adds around a call: a span, a memory window if requested, and limits.
//!
//! A limit is checked when the call ends, against the counts of the call's own frame. Other threads
//! are not counted, so concurrent tests never affect each other. The exception is `max_rss`:
//! resident memory is the process's, and no lock could keep other tests from running meanwhile, so
//! the message includes how much is the call's own.

#![allow(unsafe_code, reason = "pins a future in its wrapper")]

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::ledger::{self, Line};
use super::measure::Counted;
use super::plan::UsagePlan;
use super::reading_plan::Plan;
use super::sampler;
use super::usage::Window;
use super::window::Name;
use crate::callsite::CallSite;
use crate::diagnostics::limits::{self, Finding};
use crate::diagnostics::raise::Raising;
use crate::diagnostics::{self, Diagnostic, OnError};
use crate::limits::{Exceeded, Figures, HeapFigures, Needs, Row, Scope};
use crate::record::counters::HeapCounts;
use crate::record::thread::Suspended;
use crate::record::{SpanGuard, checks, enter_each, sites};
use crate::segment::layout::heap;
use crate::settings;
use crate::units;
use crate::warnings::{DataLossWarning, RaisedWarning};

/// A watched call.
#[derive(Debug)]
#[must_use = "the call ends when this is dropped"]
pub struct Watched {
    site: &'static CallSite,
    plan: &'static UsagePlan,
    span: Option<SpanGuard>,
    window: RefCell<Option<Window>>,
    /// The maximum that its window measured, once that has ended.
    resident: Cell<Option<u64>>,
    started: Instant,
    /// Whether its limits have been checked.
    is_checked: Cell<bool>,
}

/// Opens the span of a call and, if needed, its window.
pub fn watch(site: &'static CallSite, plan: &'static UsagePlan) -> Watched {
    // The window is opened first, so that the time to open it is not charged to the call.
    let window = RefCell::new(open_window(site, plan));
    let (started, resident) = (Instant::now(), Cell::new(None));
    let is_checked = Cell::new(false);
    Watched { site, plan, window, resident, started, is_checked, span: Some(enter_each(site)) }
}

fn open_window(site: &'static CallSite, plan: &'static UsagePlan) -> Option<Window> {
    if !plan.is_sampled && !plan.limits.need_window() {
        return None;
    }
    let name = Name::Path(sites::path_text(site)?);
    let plan = Plan {
        include_children: plan.include_children,
        multiprocess: plan.multiprocess,
        ..Plan::of_this_process(plan.backend, Duration::from_nanos(plan.interval_ns))
    };
    match sampler::open(name, plan, None) {
        Ok(id) => Some(Window::of(id)),
        Err(why) => {
            let sentence = format!("{}: its memory cannot be read: {why}", site.path());
            let diagnostic = Diagnostic::about(site, &DataLossWarning, sentence, None);
            diagnostics::emit(&diagnostic, OnError::Emit);
            None
        }
    }
}

impl Watched {
    fn diagnostics(&self, is_open: bool) -> Vec<Diagnostic> {
        let time_ns = self.started.elapsed().as_nanos() as u64;
        // A disabled function exceeds nothing, except in a test, which would pass unnoticed.
        if !self.site.is_enabled() && !self.plan.fails {
            return Vec::new();
        }
        let counts = self.span.as_ref().and_then(SpanGuard::counted);
        if let Some(resident) = self.window.take().and_then(highest) {
            self.resident.set(Some(resident));
        }
        let used = Used { counts, time_ns, resident_bytes: self.resident.get(), is_open };
        used.diagnostics(self.site, self.plan)
    }

    /// Checks a call that is about to return, and returns the error it should return instead.
    fn check_before_return(&self) -> Option<RaisedWarning> {
        let diagnostics = self.diagnostics(true);
        self.is_checked.set(!diagnostics.is_empty());
        // Checks other limits, from a file, too. Before any error is created, which allocates.
        let others = self.span.as_ref().and_then(limits::check_before_return);
        let raised = failed(self.plan, diagnostics, OnError::Return).or(others);
        if raised.is_some() {
            self.span.as_ref().map(limits::set_checked);
        }
        raised
    }
}

/// The value of a watched call, or an error if the call exceeded a limit.
pub fn raised_watched<T: Raising>(value: T, call: &Watched) -> T {
    if !value.is_ok() {
        return value;
    }
    call.check_before_return().map_or(value, T::of)
}

impl Drop for Watched {
    fn drop(&mut self) {
        let is_checked = self.is_checked.get();
        let diagnostics = if is_checked { Vec::new() } else { self.diagnostics(false) };
        drop(self.span.take());
        end_call(self.site, self.plan, diagnostics);
    }
}

/// Ends a window. The cost is ours, and must not be charged to the caller.
fn highest(window: Window) -> Option<u64> {
    let _own = Suspended::new();
    window.end().ok().map(|it| it.highest_bytes())
}

/// The measurements of one call.
struct Used {
    /// `None`: it was not recorded.
    counts: Option<HeapCounts>,
    time_ns: u64,
    resident_bytes: Option<u64>,
    is_open: bool,
}

impl Used {
    /// The findings: exceeded limits, limits whose figures are unknown though they should be known,
    /// and differences from the ledger. A call that unwinds has failed already.
    fn diagnostics(&self, site: &CallSite, plan: &UsagePlan) -> Vec<Diagnostic> {
        if std::thread::panicking() {
            return Vec::new();
        }
        let _own = Suspended::new();
        let heap = checks::counted_figures(self.counts);
        let (time_ns, resident_bytes) = (Some(self.time_ns), self.resident_bytes);
        let figures =
            Figures { time_ns, heap, resident_bytes, is_open: self.is_open, ..Figures::default() };
        let exceeded = plan.limits.exceeded(Scope::Call, figures);
        let exceeded = exceeded.map(|it| finding(it, heap));
        let unknown = plan.limits.unknown(&figures).map(|row| self.unavailable(row));
        let ledger = plan.ledger.and_then(|folder| self.ledger_finding(folder, site, heap));
        let all: Vec<Finding> = exceeded.chain(unknown).chain(ledger).collect();
        limits::diagnostics(site, &all)
    }

    fn unavailable(&self, row: &Row) -> Finding {
        let why = match row.needs {
            Needs::Window => "resident memory cannot be read here",
            _ => self.why_not_counted(),
        };
        Finding::of_allocations(format!("{}: not available: {why}", row.name()))
    }

    fn ledger_finding(
        &self,
        folder: &str,
        site: &CallSite,
        heap: Option<HeapFigures>,
    ) -> Option<Finding> {
        let checked = match heap {
            Some(heap) => {
                let line = Line::new(heap.allocations, heap.allocated_bytes);
                ledger::check(Path::new(folder), &site.path(), line, settings::is_blessing())
            }
            None => Err(format!("ledger: not available: {}", self.why_not_counted())),
        };
        checked.err().map(Finding::of_allocations)
    }

    fn why_not_counted(&self) -> &'static str {
        match self.counts {
            None => "the function is disabled, or was not recorded",
            Some(_) => "ProfilingAllocator is not the global allocator",
        }
    }
}

/// Resident memory is that of the process: other threads, such as concurrent tests, may have used
/// what is attributed to the call.
fn finding(exceeded: Exceeded, heap: Option<HeapFigures>) -> Finding {
    let is_of_process = exceeded.row().needs == Needs::Window;
    let finding = Finding::from(exceeded);
    match heap {
        _ if !is_of_process => finding,
        None => finding.with_remark("of the whole process"),
        Some(heap) => finding.with_remark(&format!(
            "of the whole process; this call itself held at most {} of its heap",
            units::bytes(heap.peak_bytes)
        )),
    }
}

/// Emits the diagnostics; returns one if the filters turn it into an error.
///
/// # Panics
/// If there are any and the call should fail the test.
fn failed(
    plan: &UsagePlan,
    diagnostics: Vec<Diagnostic>,
    on_error: OnError,
) -> Option<RaisedWarning> {
    if plan.fails && !diagnostics.is_empty() {
        let own = Suspended::new();
        let sentences: Vec<String> = diagnostics.iter().map(Diagnostic::sentence).collect();
        drop(own);
        panic!("{}", sentences.join("\n"));
    }
    limits::emit_all(diagnostics, on_error)
}

/// Emits the diagnostics of a call that has ended and can no longer return an error.
///
/// # Panics
/// As [`failed`], and with a [`RaisedWarning`] if a filter turns one into an error. Not for a
/// function that returns such errors: it has returned one already.
fn end_call(site: &CallSite, plan: &UsagePlan, diagnostics: Vec<Diagnostic>) {
    let throws = !plan.limits.raises() && site.can_unwind();
    let on_error = if throws { OnError::Throw } else { OnError::Emit };
    if let Some(raised) = failed(plan, diagnostics, on_error) {
        diagnostics::throw(raised);
    }
}

/// A watched future, from its first poll to its end. It counts what its own polls do, on any
/// thread.
///
/// If it is dropped before its end, it has a window, but no limit is checked: no caller could
/// receive the error.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct WatchedFuture<F: Future> {
    inner: F,
    call: Polls,
    /// With `raise`: whether a value is `Ok`, and how to create an error.
    raise: Option<Raise<F::Output>>,
}

/// The functions of [`Raising`], for a type that may not implement it.
type Raise<T> = (fn(&T) -> bool, fn(RaisedWarning) -> T);

/// The counts of the polls of a call so far.
#[derive(Debug)]
struct Polls {
    site: &'static CallSite,
    plan: &'static UsagePlan,
    window: Option<Window>,
    started: Option<Instant>,
    counts: [u64; heap::COUNTS],
    peak: u64,
    is_counted: bool,
}

/// Wraps the block of an async function.
pub fn watch_future<F: Future>(
    site: &'static CallSite,
    plan: &'static UsagePlan,
    inner: F,
) -> WatchedFuture<F> {
    let call = Polls {
        site,
        plan,
        window: None,
        started: None,
        counts: [0; heap::COUNTS],
        peak: 0,
        is_counted: true,
    };
    WatchedFuture { inner, call, raise: None }
}

/// The same for a function that returns an exceeded limit as its error.
pub fn watch_raising_future<F: Future<Output: Raising>>(
    site: &'static CallSite,
    plan: &'static UsagePlan,
    inner: F,
) -> WatchedFuture<F> {
    let raise: Raise<F::Output> = (F::Output::is_ok, F::Output::of);
    WatchedFuture { raise: Some(raise), ..watch_future(site, plan, inner) }
}

impl<F: Future> Future for WatchedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `inner` is pinned with `self` and never moved out; `call` is never pinned.
        let (inner, call, raise) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.inner), &mut this.call, this.raise)
        };
        if call.started.is_none() {
            call.window = open_window(call.site, call.plan);
            call.started = Some(Instant::now());
        }
        let before = Counted::begin();
        let outcome = inner.poll(context);
        call.add(before);
        outcome.map(|value| match raise {
            Some((is_ok, failure)) if is_ok(&value) => {
                let raised = failed(call.plan, call.diagnostics(), OnError::Return);
                let others = limits::check_before_last_poll_ends(call.site, call.time_ns());
                raised.or(others).map_or(value, failure)
            }
            _ => {
                end_call(call.site, call.plan, call.diagnostics());
                value
            }
        })
    }
}

impl Polls {
    fn add(&mut self, before: Option<Counted>) {
        let Some((counts, peak)) = before.and_then(Counted::end) else {
            self.is_counted = false;
            return;
        };
        // What earlier polls left allocated; negative if they freed memory of others.
        let held = self.counts[heap::ALLOCATED_BYTES]
            .wrapping_sub(self.counts[heap::FREED_BYTES])
            .cast_signed();
        self.peak = self.peak.max(peak.saturating_add_signed(held));
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            *sum = sum.wrapping_add(count);
        }
    }

    fn time_ns(&self) -> u64 {
        self.started.map_or(0, |started| started.elapsed().as_nanos() as u64)
    }

    fn diagnostics(&mut self) -> Vec<Diagnostic> {
        let counts = self.is_counted.then_some((self.counts, self.peak));
        let resident_bytes = self.window.take().and_then(highest);
        let used = Used { counts, time_ns: self.time_ns(), resident_bytes, is_open: false };
        used.diagnostics(self.site, self.plan)
    }
}
