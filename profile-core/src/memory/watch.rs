//! What `#[memory_usage]` puts around a call: a span, a window of memory if one is asked for, and
//! limits.
//!
//! A limit is looked at when the call ends, from what the call's own frame has counted. Nothing
//! here looks at other threads, so tests that run beside each other never count for each other. The
//! exception is `max_rss`: resident memory is the process's, and no lock of ours would keep other
//! tests from running meanwhile, so the sentence says how much is the call's own.

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

/// A call that is watched.
#[derive(Debug)]
#[must_use = "the call ends when this is dropped"]
pub struct Watched {
    site: &'static CallSite,
    plan: &'static UsagePlan,
    span: Option<SpanGuard>,
    window: RefCell<Option<Window>>,
    /// The most that its window saw, once that has ended.
    resident: Cell<Option<u64>>,
    started: Instant,
    /// Its limits have been checked.
    is_checked: Cell<bool>,
}

/// Opens the span and, if asked for, the window of a call.
pub fn watch(site: &'static CallSite, plan: &'static UsagePlan) -> Watched {
    // The window is open before the span: opening it takes time, which is none of the call's.
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
            let sentence = format!("{}: its memory is not read: {why}", site.path());
            let diagnostic = Diagnostic::about(site, &DataLossWarning, sentence, None);
            diagnostics::emit(&diagnostic, OnError::Emit);
            None
        }
    }
}

impl Watched {
    fn diagnostics(&self, is_open: bool) -> Vec<Diagnostic> {
        let time_ns = self.started.elapsed().as_nanos() as u64;
        // One that is switched off exceeds nothing, but in a test, which would pass unseen.
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

    /// The call is about to return: what it exceeded shall be its error.
    fn check_before_return(&self) -> Option<RaisedWarning> {
        let diagnostics = self.diagnostics(true);
        self.is_checked.set(!diagnostics.is_empty());
        // Those that it has besides, of a file. Before any error is made, which allocates.
        let others = self.span.as_ref().and_then(limits::check_before_return);
        let raised = failed(self.plan, diagnostics, OnError::Return).or(others);
        if raised.is_some() {
            self.span.as_ref().map(limits::set_checked);
        }
        raised
    }
}

/// The value of a watched call, or the error that it exceeded a limit.
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

/// Ends a window. That is ours, and must not be charged to whoever called.
fn highest(window: Window) -> Option<u64> {
    let _own = Suspended::new();
    window.end().ok().map(|it| it.highest_bytes())
}

/// What was measured of one call.
struct Used {
    /// `None`: it was not recorded.
    counts: Option<HeapCounts>,
    time_ns: u64,
    resident_bytes: Option<u64>,
    is_open: bool,
}

impl Used {
    /// What there is to say against the call: limits that it exceeded, those of which that is not
    /// known though it should be, and the ledger. A call that unwinds has failed already.
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
        let unknown = plan.limits.unknown(&figures).map(|row| self.not_available(row));
        let ledger = plan.ledger.and_then(|folder| self.not_in_ledger(folder, site, heap));
        let all: Vec<Finding> = exceeded.chain(unknown).chain(ledger).collect();
        limits::diagnostics(site, &all)
    }

    fn not_available(&self, row: &Row) -> Finding {
        let why = match row.needs {
            Needs::Window => "resident memory cannot be read here",
            _ => self.why_not_counted(),
        };
        Finding::of_allocations(format!("{}: not available: {why}", row.name()))
    }

    fn not_in_ledger(
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
            None => "the function is switched off, or was not recorded",
            Some(_) => "ProfilingAllocator is not the global allocator",
        }
    }
}

/// Resident memory is that of the process: other threads may have taken what one call is blamed
/// for, such as tests beside it.
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

/// Tells what there is to say; gives it back if the filters make it an error.
///
/// # Panics
/// It shall fail the test.
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

/// Tells what there is to say against a call that has ended: it can return no error any more.
///
/// # Panics
/// As [`failed`], and with a [`RaisedWarning`] if a filter makes it an error. A function that
/// returns such errors has one of its own by then.
fn end_call(site: &CallSite, plan: &UsagePlan, diagnostics: Vec<Diagnostic>) {
    let throws = !plan.limits.raises() && site.can_unwind();
    let on_error = if throws { OnError::Throw } else { OnError::Emit };
    if let Some(raised) = failed(plan, diagnostics, on_error) {
        diagnostics::throw(raised);
    }
}

/// A future that is watched, from its first poll to its end. It counts what its own polls do,
/// wherever they run.
///
/// One that is dropped before its end has a window, and no limit is looked at: there is no one to
/// fail.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct WatchedFuture<F: Future> {
    inner: F,
    call: Polls,
    /// With `raise`: whether a value is good, and how a failure is made.
    raise: Option<Raise<F::Output>>,
}

/// [`Raising`] of a type of which only some functions ask it.
type Raise<T> = (fn(&T) -> bool, fn(RaisedWarning) -> T);

/// What the polls of a call have counted so far.
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

/// The same for one whose error an exceeded limit may be.
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
        // What earlier polls left behind, which below 0 is what they freed of others.
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
