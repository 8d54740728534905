//! Async functions: a span per poll, a call per future.
//!
//! A guard held across an `.await` would close on another thread, or be on top of other tasks'
//! spans. So the user's block is wrapped in a future that opens a span while it polls the block,
//! and while it drops the block of a cancelled call.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::open_spans::Exit;
use super::slow_path::{self, Opened};
use super::{checks, fold, returned, sites, thread};
use crate::callsite::{CallSite, Mode};
use crate::clock::Clock;
use crate::segment::layout::{Edge, Polled, Tally, flags};

/// A future whose polls are recorded. Created by `#[profile]` on an `async fn`.
///
/// 16 bytes larger than the future it wraps: the site is named by a closure that captures nothing
/// and has no size.
#[must_use = "futures do nothing unless polled"]
pub struct Instrumented<S, F>
where
    S: Fn() -> &'static CallSite,
{
    inner: ManuallyDrop<F>,
    site: S,
    call: Call,
}

/// One call, from its first poll to its end.
#[derive(Debug, Default)]
struct Call {
    /// Ticks of the first poll; 0 before it, [`Call::ENDED`] after the last.
    started: u64,
    /// Ticks spent in polls.
    busy: u64,
}

impl Call {
    const ENDED: u64 = u64::MAX;

    fn is_running(&self) -> bool {
        self.started != 0 && self.started != Call::ENDED
    }
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Finished,
    Cancelled,
}

impl<S: Fn() -> &'static CallSite, F> Instrumented<S, F> {
    /// Wraps the block of an async function.
    pub fn new(site: S, inner: F) -> Instrumented<S, F> {
        Instrumented { inner: ManuallyDrop::new(inner), site, call: Call::default() }
    }
}

impl<S: Fn() -> &'static CallSite, F: Future> Future for Instrumented<S, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `inner` is pinned with `self` and only dropped in place by `drop`; the other
        // fields are never pinned.
        let (inner, site, call) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut *this.inner), (this.site)(), &mut this.call)
        };
        let Some(mut poll) = PollSpan::open(site, call) else { return inner.poll(context) };
        let outcome = inner.poll(context);
        if outcome.is_ready() {
            poll.end = Some(End::Finished);
        }
        outcome
    }
}

impl<S: Fn() -> &'static CallSite, F> Drop for Instrumented<S, F> {
    fn drop(&mut self) {
        let running = self.call.is_running();
        let span = if running { PollSpan::open((self.site)(), &mut self.call) } else { None };
        let _span = span.map(PollSpan::cancelling);
        // SAFETY: dropped here, once, in place; nothing uses it afterwards.
        unsafe { ManuallyDrop::drop(&mut self.inner) };
    }
}

/// The span of one poll.
struct PollSpan<'a> {
    site: &'static CallSite,
    opened: Opened,
    started: u64,
    call: &'a mut Call,
    end: Option<End>,
}

impl<'a> PollSpan<'a> {
    #[inline(never)]
    fn open(site: &'static CallSite, call: &'a mut Call) -> Option<PollSpan<'a>> {
        if site.mode() == Mode::UNREGISTERED {
            sites::register(site);
        }
        // A call that has begun is recorded to its end, even if its function was disabled since;
        // otherwise it would stay open forever.
        let is_skipped = match site.mode() {
            Mode::OFF | Mode::STOPPED => !call.is_running(),
            _ => call.started == Call::ENDED,
        };
        if is_skipped {
            return None;
        }
        let Some(opened) = PollSpan::acquire(site) else {
            // Counted as lost; its next poll must not count it again.
            if !call.is_running() {
                call.started = Call::ENDED;
            }
            return None;
        };
        let unwinding = if std::thread::panicking() { flags::WHILE_PANICKING } else { 0 };
        opened.frame.flags.set(flags::POLL | unwinding);
        if call.started == 0 {
            opened.edge.polled_calls.add(1);
        }
        let started = Clock::current().now();
        if call.started == 0 {
            // 0 means "not started"; only a mock clock can return it.
            call.started = started.max(1);
        }
        opened.frame.started.set(started);
        opened.publish();
        Some(PollSpan { site, opened, started, call, end: None })
    }

    fn acquire(site: &'static CallSite) -> Option<Opened> {
        if site.mode() == Mode::UNREGISTERED {
            thread::lose_call();
            return None;
        }
        slow_path::open(site)
    }

    fn cancelling(mut self) -> PollSpan<'a> {
        self.end = Some(End::Cancelled);
        self
    }

    /// The frame to close, and its path, which has changed if a span below was closed in this poll.
    /// `None` if the process has forked during the poll: the call belongs to the parent, and this
    /// is the child.
    fn exit(&self) -> Option<(Exit<'static>, &'static Edge)> {
        let frame = self.opened.frame;
        // SAFETY: null, or an edge, which is never freed; all zero after a fork.
        let edge = unsafe { frame.edge.get().as_ref() }?;
        if !std::ptr::eq(edge.site.get(), self.site) {
            return None;
        }
        slow_path::close_above(frame);
        Some((Exit::of_top(frame)?, edge))
    }

    /// Ends the call: adds its times to the function's histograms.
    fn end(&mut self, end: End, now: u64) -> u64 {
        let Opened { block, .. } = self.opened;
        let tally = self.opened.tally();
        let wall = fold::forward_only(block, now.wrapping_sub(self.call.started));
        fold::record(block, tally, self.call.busy);
        if let Some(polled) = polled_of(self.opened, tally) {
            let ends = if end == End::Finished { &polled.finished } else { &polled.cancelled };
            ends.add(1);
            polled.wall_ticks.set(polled.wall_ticks.get().saturating_add(wall));
            polled.busy_ticks.set(polled.busy_ticks.get().saturating_add(self.call.busy));
            polled.max_wall_ticks.raise_to(wall);
            fold::count(block, &polled.wall_histogram, wall, 1);
        }
        self.call.started = Call::ENDED;
        wall
    }
}

impl Drop for PollSpan<'_> {
    fn drop(&mut self) {
        let Some((exit, edge)) = self.exit() else {
            self.call.started = Call::ENDED;
            return;
        };
        let Opened { block, frame, .. } = self.opened;
        let now = Clock::current().now();
        let counts_return = self.site.source().asks_return;
        let elapsed = fold::forward_only(block, now.wrapping_sub(self.started));
        self.call.busy = self.call.busy.saturating_add(elapsed);
        let unwinds = std::thread::panicking() && frame.flags.get() & flags::WHILE_PANICKING == 0;
        if counts_return && self.end == Some(End::Finished) {
            returned::ended(frame, edge, Some(self.call.busy), 1);
        }
        let is_checked = frame.flags.get() & flags::CHECKED != 0;
        slow_path::close_poll(block, exit, elapsed);
        if let Some(polled) = polled_of(self.opened, self.opened.tally()) {
            polled.polls.add(u64::from(self.end != Some(End::Cancelled)));
        }
        let end = if unwinds { Some(End::Finished) } else { self.end };
        if end.is_none() {
            block.waiting_since.set(now);
        }
        let wall = end.map(|end| self.end(end, now));
        thread::refresh_anchor(block);
        // Last, because the check may panic. A cancelled call is not checked.
        if self.end == Some(End::Finished) && !is_checked {
            checks::ended(edge, wall);
        }
    }
}

/// The record that only async functions have, created at the first poll.
fn polled_of(opened: Opened, tally: &'static Tally) -> Option<&'static Polled> {
    thread::get_or_create(&thread::get_or_create(&tally.extras, opened.block)?.polled, opened.block)
}
