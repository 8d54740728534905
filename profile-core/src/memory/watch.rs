//! What `#[memory_usage]` puts around a call: a span, a window of memory if one is asked for, and limits.
//!
//! A limit is looked at when the call ends, from what the call's own frame has counted. Nothing here looks at other
//! threads, so tests that run beside each other never count for each other. The exception is `max_rss`: resident memory is the
//! process's, and no lock of ours would keep other tests from running meanwhile, so the sentence says how much is the call's own.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::kept::{self, Used};
use super::measure::Counted;
use super::plan::UsagePlan;
use super::raise::Raising;
use super::sampler::{self, Plan};
use super::usage::Window;
use super::window::Name;
use crate::callsite::CallSite;
use crate::record::thread::Suspended;
use crate::record::{SpanGuard, enter_each, sites};
use crate::segment::layout::heap;
use crate::telling::{self, Complaint, OnError};
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
    /// Its limits have been looked at.
    is_judged: Cell<bool>,
}

/// Opens the span and, if asked for, the window of a call.
pub fn watch(site: &'static CallSite, plan: &'static UsagePlan) -> Watched {
    // The window is open before the span: opening it takes time, which is none of the call's.
    let window = RefCell::new(open_window(site, plan));
    let (started, resident) = (Instant::now(), Cell::new(None));
    let is_judged = Cell::new(false);
    Watched { site, plan, window, resident, started, is_judged, span: Some(enter_each(site)) }
}

fn open_window(site: &'static CallSite, plan: &'static UsagePlan) -> Option<Window> {
    if !plan.is_sampled {
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
            let complaint = Complaint::about(site, &DataLossWarning, sentence, None);
            telling::tell(&complaint, OnError::Tell);
            None
        }
    }
}

impl Watched {
    fn complaints(&self, is_over: bool) -> Vec<Complaint> {
        let time_ns = Some(self.started.elapsed().as_nanos() as u64);
        // One that is switched off breaks nothing, but in a test, which would pass unseen.
        if !self.site.is_enabled() && !self.plan.fails {
            return Vec::new();
        }
        let counted = self.span.as_ref().and_then(SpanGuard::counted);
        if let Some(resident) = self.window.take().and_then(highest) {
            self.resident.set(Some(resident));
        }
        let resident = self.resident.get();
        complaints(self.site, self.plan, &Used { counted, time_ns, resident, is_over })
    }

    /// The call is about to return: what it broke shall be its error.
    pub(super) fn before_the_end(&self) -> Option<RaisedWarning> {
        let complaints = self.complaints(false);
        self.is_judged.set(!complaints.is_empty());
        // Those that it has besides, of a file. Before any error is made, which allocates.
        let others = self.span.as_ref().and_then(kept::before_the_end);
        let raised = failed(self.plan, complaints, OnError::Return).or(others);
        if raised.is_some() {
            self.span.as_ref().map(kept::leave_alone);
        }
        raised
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let is_judged = self.is_judged.get();
        let complaints = if is_judged { Vec::new() } else { self.complaints(true) };
        drop(self.span.take());
        end_call(self.site, self.plan, complaints);
    }
}

/// Ends a window. That is ours, and must not be charged to whoever called.
fn highest(window: Window) -> Option<u64> {
    let _own = Suspended::new();
    window.end().ok().map(|it| it.highest_bytes())
}

/// What there is to say against a call. While it unwinds it has failed already.
fn complaints(site: &CallSite, plan: &UsagePlan, used: &Used) -> Vec<Complaint> {
    if std::thread::panicking() { Vec::new() } else { used.against_plan(site, plan) }
}

/// Tells what there is to say; gives it back if the filters make it an error.
///
/// # Panics
/// It shall fail the test.
fn failed(
    plan: &UsagePlan,
    complaints: Vec<Complaint>,
    on_error: OnError,
) -> Option<RaisedWarning> {
    if plan.fails && !complaints.is_empty() {
        let own = Suspended::new();
        let sentences: Vec<String> = complaints.iter().map(Complaint::sentence).collect();
        drop(own);
        panic!("{}", sentences.join("\n"));
    }
    kept::tell_all(complaints, on_error)
}

/// Nobody takes what a call broke that has ended.
///
/// # Panics
/// As [`failed`], and with a [`RaisedWarning`] if a filter makes it an error. A function that returns such errors has one of its own by
/// then.
fn end_call(site: &CallSite, plan: &UsagePlan, complaints: Vec<Complaint>) {
    let throws = !plan.raises && site.can_unwind();
    let on_error = if throws { OnError::Throw } else { OnError::Tell };
    if let Some(raised) = failed(plan, complaints, on_error) {
        telling::throw(raised);
    }
}

/// A future that is watched, from its first poll to its end. It counts what its own polls do, wherever they run.
///
/// One that is dropped before its end has a window, and no limit is looked at: there is no one to fail.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct WatchedFuture<F: Future> {
    inner: F,
    call: Polls,
    /// With `raise`: whether a value is good, and the one that is a failure.
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

/// The same for one whose error a broken limit may be.
pub fn watch_raising_future<F: Future<Output: Raising>>(
    site: &'static CallSite,
    plan: &'static UsagePlan,
    inner: F,
) -> WatchedFuture<F> {
    let raise: Raise<F::Output> = (F::Output::is_good, F::Output::of);
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
            Some((is_good, failure)) if is_good(&value) => {
                let raised = failed(call.plan, call.complaints(), OnError::Return);
                let others = kept::before_the_last_poll_ends(call.site, call.time_ns());
                raised.or(others).map_or(value, failure)
            }
            _ => {
                end_call(call.site, call.plan, call.complaints());
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

    fn complaints(&mut self) -> Vec<Complaint> {
        let time_ns = Some(self.time_ns());
        let counted = self.is_counted.then_some((self.counts, self.peak));
        let resident = self.window.take().and_then(highest);
        complaints(self.site, self.plan, &Used { counted, time_ns, resident, is_over: true })
    }
}
