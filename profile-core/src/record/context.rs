//! Attributes work on other threads to the function that spawned it.
//!
//! A [`Context`] is the call path of a moment. Entering it in another thread opens a frame on the
//! same path there: functions called in it are below that path in the tree. When it is left, its
//! allocations are added to the frame of the function that spawned the work if that call is still
//! running, otherwise to its path. The time is recorded separately: a function's total is that of
//! its own thread.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::frame::{TOP, begin_update, live_bytes, marked, marks, put_on_top};
use super::handed::{self, Running, held_by, take_back};
use super::span::SpanGuard;
use super::{held, paths, thread};
use crate::callsite::CallSite;
use crate::clock::Clock;
use crate::segment::layout::{Edge, Frame, flags};

/// The call path of a moment, to be entered in another thread. Cheap to clone and to send.
///
/// ```
/// # #[cfg(feature = "profile")] {
/// #[profile_core::profile]
/// fn sum(numbers: &[u64]) -> u64 {
///     let context = profile_core::context();
///     let (low, high) = numbers.split_at(numbers.len() / 2);
///     std::thread::scope(|scope| {
///         let low = scope.spawn(context.wrap(|| add(low)));
///         add(high) + low.join().unwrap()
///     })
/// }
///
/// #[profile_core::profile]
/// fn add(numbers: &[u64]) -> u64 {
///     numbers.iter().sum()
/// }
///
/// assert_eq!(sum(&[1, 2, 3, 4]), 10);
/// let tree = profile_core::capture().call_tree;
/// let add = tree.iter().find(|node| node.path.ends_with("add")).unwrap();
/// assert_eq!((add.calls, tree.len()), (2, 2), "both calls are below `sum`");
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Outermost first.
    path: Vec<&'static CallSite>,
    from: Option<From>,
    /// The number of the [`held::Scope`].
    scope: u64,
}

/// The frame that spawns work, and what identifies the call in it.
#[derive(Clone, Copy, Debug)]
struct From {
    frame: &'static Frame,
    call: u64,
}

/// Returns the current call path.
#[must_use]
pub fn context() -> Context {
    let Some((block, frame)) = thread::here() else { return Context::default() };
    if thread::is_suspended(block, frame) {
        return Context::default();
    }
    // SAFETY: an open frame has an edge; edges and what they link to are never freed.
    let target = unsafe { &*(*frame.edge.get()).target.get() };
    // SAFETY: as above; the root has no parent.
    let above = std::iter::successors(Some(target), |edge| unsafe { edge.parent.get().as_ref() });
    // SAFETY: sites are statics; only the root has none.
    let sites = above.filter_map(|edge| unsafe { edge.site.get().as_ref() });
    let mut path: Vec<&'static CallSite> = sites.collect();
    path.reverse();
    Context { path, from: Some(From { frame, call: number_of(frame) }), scope: held::scope() }
}

/// The number of the call in a frame, assigned the first time that it spawns work. Closing the
/// frame removes it and adds what other threads counted.
fn number_of(frame: &Frame) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let known = frame.flags.get();
    if known & flags::HANDED_ON != 0 {
        return known >> flags::CALL_SHIFT;
    }
    // Discards what arrived too late for the previous call.
    frame.carried.iter().for_each(|word| word.set(0));
    let number = NEXT.fetch_add(1, Relaxed) & u64::from(u32::MAX);
    frame.flags.set(known | flags::HANDED_ON | number << flags::CALL_SHIFT);
    handed::begin(number);
    number
}

impl Context {
    /// Attributes the work of this thread to the path, until the guard is dropped.
    pub fn enter(&self) -> ContextGuard<'_> {
        let frame = self.open();
        let from = self.from.filter(|from| frame.is_some() && from.still_runs());
        let held_bytes = from.map_or(0, |from| held_by(from.frame));
        let running = from.zip(frame).and_then(|(from, frame)| Running::new(from.call, frame));
        let scope_before = held::enter(self.scope);
        ContextGuard {
            context: self,
            frame,
            running,
            held_bytes,
            scope_before,
            not_send: PhantomData,
        }
    }

    /// Runs work on the path.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _here = self.enter();
        work()
    }

    /// Wraps work so that it runs on the path wherever it is called: for `std::thread::spawn`,
    /// scopes, thread pools.
    pub fn wrap<T, F: FnOnce() -> T>(&self, work: F) -> impl FnOnce() -> T + use<T, F> {
        let context = self.clone();
        move || context.run(work)
    }

    /// Wraps a future so that its polls are on the path: for spawned tasks.
    pub fn follow<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let context = self.clone();
        let mut future = Box::pin(future);
        std::future::poll_fn(move |task| {
            let _here = context.enter();
            future.as_mut().poll(task)
        })
    }

    /// Opens a frame on the path, on top of this thread's open spans.
    fn open(&self) -> Option<&'static Frame> {
        let (block, outer) = thread::here()?;
        if self.from.is_none() || thread::is_suspended(block, outer) {
            return None;
        }
        thread::mark_recording(block);
        // SAFETY: a block has a root; edges are never freed.
        let root: &Edge = unsafe { &*block.root.get() };
        let edge = self.path.iter().try_fold(root, |from, site| paths::child(block, from, site))?;
        // SAFETY: frames of this block, never unmapped.
        let frame = unsafe { &*thread::frame_above(block, outer)? };
        begin_update();
        frame.flags.set(flags::CARRIED);
        frame.started.set(Clock::current().now());
        frame.edge.publish(std::ptr::from_ref(edge).cast_mut());
        put_on_top(frame);
        Some(frame)
    }
}

/// An entered [`Context`].
#[must_use = "the context is left when this is dropped: bind it to a name"]
#[derive(Debug)]
pub struct ContextGuard<'a> {
    context: &'a Context,
    frame: Option<&'static Frame>,
    running: Option<Running>,
    /// Bytes held for the call that spawned the work, when the context was entered.
    held_bytes: i64,
    scope_before: u64,
    not_send: PhantomData<*mut ()>,
}

impl Drop for ContextGuard<'_> {
    fn drop(&mut self) {
        held::enter(self.scope_before);
        let Some(frame) = self.frame else { return };
        if std::ptr::eq(TOP.get(), frame) {
            take_back(frame);
            if let Some(from) = self.context.from.filter(From::still_runs) {
                self.raise_peak(from, frame);
                from.receive(frame);
            }
        }
        self.running = None;
        drop(SpanGuard::of(marked(frame, marks::SLOW)));
    }
}

impl ContextGuard<'_> {
    /// Raises the peak to the sum of what the spawning call holds, the peak of this work, and the
    /// peaks of others that work for the same call. Of the pieces of work that run at the moment of
    /// the true peak, the first to end sees all the others still running.
    fn raise_peak(&self, from: From, frame: &Frame) {
        let own = (frame.peak_bytes.get() as i64).max(live_bytes(frame));
        let others = self.running.as_ref().map_or(0, Running::peak_of_others);
        let held = held_by(from.frame).max(self.held_bytes);
        handed::raise(from.call, held.saturating_add(own).saturating_add(others));
    }
}

impl From {
    fn still_runs(&self) -> bool {
        let flags = self.frame.flags.get();
        flags & flags::HANDED_ON != 0 && flags >> flags::CALL_SHIFT == self.call
    }

    /// Moves the counters of a frame to the frame that spawned the work.
    fn receive(&self, frame: &Frame) {
        for (own, carried) in frame.heap.iter().zip(&self.frame.carried) {
            carried.shared().fetch_add(own.get(), Relaxed);
            own.set(0);
        }
        frame.peak_bytes.set(0);
    }
}
