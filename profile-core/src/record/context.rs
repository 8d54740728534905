//! Work handed on to other threads is charged to who handed it on.
//!
//! A [`Context`] is the call path of a moment. Entered in another thread it opens a frame there on
//! the same path: functions called in it stand below that path in the tree, and when it is left,
//! what was allocated in it is added to the frame of the function that handed the work on, if that
//! still runs, else to its path. The time is kept apart: a function's total is that of its own
//! thread.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::frame::{TOP, at_work, live_bytes, marked, marks, put_on_top};
use super::handed::{self, Running, held_by, take_back};
use super::span::SpanGuard;
use super::{held, paths, thread};
use crate::callsite::CallSite;
use crate::clock::Clock;
use crate::segment::layout::{Edge, Frame, flags};

/// The call path of a moment, to be entered elsewhere. Cheap to clone and to send.
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
    /// Of [`held::Scope`].
    scope: u64,
}

/// The frame of whoever hands work on, and what tells whether it is still the same call that stands
/// in it.
#[derive(Clone, Copy, Debug)]
struct From {
    frame: &'static Frame,
    call: u64,
}

/// The call path of here and now.
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

/// The number of the call that is in a frame, given the first time that it hands work on.
/// Closing the frame takes it away and looks for what came back.
fn number_of(frame: &Frame) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let known = frame.flags.get();
    if known & flags::HANDED_ON != 0 {
        return known >> flags::CALL_SHIFT;
    }
    // What came too late for the call before.
    frame.carried.iter().for_each(|word| word.set(0));
    let number = NEXT.fetch_add(1, Relaxed) & u64::from(u32::MAX);
    frame.flags.set(known | flags::HANDED_ON | number << flags::CALL_SHIFT);
    handed::begin(number);
    number
}

impl Context {
    /// Charges what this thread does to the path, until the guard is dropped.
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

    /// Work that runs on the path wherever it is called: for `std::thread::spawn`, scopes, thread
    /// pools.
    pub fn wrap<T, F: FnOnce() -> T>(&self, work: F) -> impl FnOnce() -> T + use<T, F> {
        let context = self.clone();
        move || context.run(work)
    }

    /// A future whose polls are on the path: for spawned tasks.
    pub fn follow<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let context = self.clone();
        let mut future = Box::pin(future);
        std::future::poll_fn(move |task| {
            let _here = context.enter();
            future.as_mut().poll(task)
        })
    }

    /// A frame on the path on top of this thread's, whatever is open there.
    fn open(&self) -> Option<&'static Frame> {
        let (block, outer) = thread::here()?;
        if self.from.is_none() || thread::is_suspended(block, outer) {
            return None;
        }
        thread::no_longer_silent(block);
        // SAFETY: a block has a root; edges are never freed.
        let root: &Edge = unsafe { &*block.root.get() };
        let edge = self.path.iter().try_fold(root, |from, site| paths::child(block, from, site))?;
        // SAFETY: frames of this block, never unmapped.
        let frame = unsafe { &*thread::frame_above(block, outer)? };
        at_work();
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
    /// What was held for the call that handed the work on, when it was entered.
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
                from.give(frame);
            }
        }
        self.running = None;
        drop(SpanGuard::of(marked(frame, marks::SLOW)));
    }
}

impl ContextGuard<'_> {
    /// At a time were held: what whoever handed it on holds, what this work held at most, and what
    /// others work with for the same call. Whichever of those that ran at the moment of the true
    /// peak ends first sees all others still there.
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

    /// What was counted in a frame, to the frame that handed the work on.
    fn give(&self, frame: &Frame) {
        for (own, carried) in frame.heap.iter().zip(&self.frame.carried) {
            carried.shared().fetch_add(own.get(), Relaxed);
            own.set(0);
        }
        frame.peak_bytes.set(0);
    }
}
