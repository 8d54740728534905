//! What `#[memory_usage]` puts around a call: a span, a window of memory if one is asked for, and limits.
//!
//! A limit is looked at when the call ends, from what the call's own frame has counted. Nothing here looks at other
//! threads, so tests that run beside each other never count for each other.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::limits::{UsagePlan, Used};
use super::measure::Counted;
use super::sampler::{self, Plan};
use super::tell;
use super::usage::Window;
use crate::callsite::CallSite;
use crate::record::thread::Suspended;
use crate::record::{SpanGuard, begin, enter};
use crate::segment::layout::heap;
use crate::warnings::{Action, Category, DataLossWarning, RaisedWarning, Warning};

/// A call that is watched.
#[derive(Debug)]
#[must_use = "the call ends when this is dropped"]
pub struct Watched {
    site: &'static CallSite,
    plan: &'static UsagePlan,
    span: Option<SpanGuard>,
    window: Option<Window>,
    started: Instant,
}

/// Opens the span and, if asked for, the window of a call.
pub fn watch(site: &'static CallSite, plan: &'static UsagePlan) -> Watched {
    // The window is open before the span: opening it takes time, which is none of the call's.
    let window = open_window(site, plan);
    Watched { site, plan, window, started: Instant::now(), span: Some(enter(site)) }
}

fn open_window(site: &'static CallSite, plan: &'static UsagePlan) -> Option<Window> {
    if !plan.is_sampled {
        return None;
    }
    let name = begin::path_text(site)?;
    let plan = Plan {
        process: std::process::id(),
        backend: plan.backend,
        interval: Duration::from_nanos(plan.interval_ns),
        include_children: plan.include_children,
        multiprocess: plan.multiprocess,
    };
    match sampler::open(name, plan, None) {
        Ok(id) => Some(Window::of(id)),
        Err(why) => {
            let sentence = format!("{}: its memory is not read: {why}", site.path());
            tell::tell(&DataLossWarning, site.module(), &site.path(), &sentence);
            None
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let time_ns = self.started.elapsed().as_nanos() as u64;
        let counted = self.span.as_ref().and_then(SpanGuard::counted);
        drop(self.span.take());
        end_call(self.site, self.plan, self.window.take(), counted, time_ns);
    }
}

/// The call is over: its window ends, and its limits are looked at.
///
/// # Panics
/// One is broken, and that shall fail the test, or a filter makes it an error: then with a
/// [`RaisedWarning`](crate::warnings::RaisedWarning).
fn end_call(
    site: &CallSite,
    plan: &UsagePlan,
    window: Option<Window>,
    counted: Option<([u64; heap::COUNTS], u64)>,
    time_ns: u64,
) {
    // What is done here is ours, and must not be charged to whoever called.
    let own = Suspended::new();
    let resident = window.and_then(|window| window.end().ok()).map(|it| it.highest_bytes());
    // While it unwinds the call has failed already.
    if std::thread::panicking() {
        return;
    }
    let complaint = Used { counted, time_ns, resident }.complaint(site, plan);
    let Some((category, sentence)) = complaint else { return };
    drop(own);
    if plan.fails {
        panic!("{sentence}");
    }
    if tell::tell(category, site.module(), &site.path(), &sentence) == Action::Error {
        std::panic::panic_any(raised(sentence, category, site));
    }
}

fn raised(message: String, category: &'static Category, site: &CallSite) -> RaisedWarning {
    let (file, line) = (site.file().to_owned(), u64::from(site.line()));
    RaisedWarning(Warning { message, category, file, line })
}

/// A future that is watched, from its first poll to its end. It counts what its own polls do, wherever they run.
///
/// One that is dropped before its end has a window, and no limit is looked at: there is no one to fail.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct WatchedFuture<F> {
    inner: F,
    call: Polls,
}

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
pub fn watch_future<F>(
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
    WatchedFuture { inner, call }
}

impl<F: Future> Future for WatchedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `inner` is pinned with `self` and never moved out; `call` is never pinned.
        let (inner, call) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.inner), &mut this.call)
        };
        if call.started.is_none() {
            call.window = open_window(call.site, call.plan);
            call.started = Some(Instant::now());
        }
        let before = Counted::begin();
        let outcome = inner.poll(context);
        call.add(before);
        if outcome.is_ready() {
            call.end();
        }
        outcome
    }
}

impl Polls {
    fn add(&mut self, before: Option<Counted>) {
        let Some((counts, peak)) = before.map(Counted::end) else {
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

    fn end(&mut self) {
        let time_ns = self.started.map_or(0, |started| started.elapsed().as_nanos() as u64);
        let counted = self.is_counted.then_some((self.counts, self.peak));
        end_call(self.site, self.plan, self.window.take(), counted, time_ns);
    }
}
