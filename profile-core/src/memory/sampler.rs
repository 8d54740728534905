//! The thread that reads memory while windows are open, and the windows.
//!
//! It sleeps until the next reading is due, and for good while no window is open. One lock holds all of this; it is taken
//! when a window begins or ends and at each reading, never by a span or an allocation. A forked child starts
//! with nothing of it (see [`forget`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::*};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::stream::{Stream, Target};
use super::window::{Backend, Curve, Head, Source};
use crate::record::begin;
use crate::record::live::{self, Watch};
use crate::record::thread::Suspended;
use crate::sys;

/// Windows kept of one name: beyond these, one that added least gives its place.
const KEPT_OF_A_NAME: usize = 8;
/// Curves of children that one window keeps.
const MOST_CHILDREN: usize = 64;

/// How a window is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) process: u32,
    pub(crate) backend: Backend,
    pub(crate) interval: Duration,
    /// The sum over all descendants is in each reading.
    pub(crate) include_children: bool,
    /// Each descendant has a curve of its own.
    pub(crate) multiprocess: bool,
}

/// An open window, by its place among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowId {
    place: usize,
    /// The window that is open in this place now.
    turn: u64,
}

#[derive(Debug, Default)]
struct Sampler {
    inner: Mutex<Inner>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    has_thread: bool,
    places: Vec<Place>,
    texts: HashMap<String, u64>,
}

#[derive(Debug)]
struct Place {
    curve: Curve,
    name: u64,
    turn: u64,
    open: Option<Open>,
    /// Curves of children, of whichever window is or was open here.
    spare: Vec<Curve>,
}

#[derive(Debug)]
struct Open {
    plan: Plan,
    source: Source,
    due_ns: u64,
    watch: Option<Watch>,
    children: Vec<Child>,
    stream: Option<Stream>,
}

#[derive(Debug)]
struct Child {
    process: u32,
    source: Source,
    curve: Option<Curve>,
}

/// Of this process. Null before the first window, and in a forked child again.
static SAMPLER: AtomicPtr<Sampler> = AtomicPtr::new(std::ptr::null_mut());

fn sampler() -> &'static Sampler {
    let known = SAMPLER.load(Acquire);
    // SAFETY: null, or of a box that is never freed.
    if let Some(known) = unsafe { known.as_ref() } {
        return known;
    }
    let own = Box::into_raw(Box::new(Sampler::default()));
    match SAMPLER.compare_exchange(std::ptr::null_mut(), own, AcqRel, Acquire) {
        // SAFETY: from a box, never freed from now on.
        Ok(_) => unsafe { &*own },
        Err(other) => {
            // SAFETY: nobody else has seen `own`; `other` is as above.
            unsafe {
                drop(Box::from_raw(own));
                &*other
            }
        }
    }
}

/// In the child of a `fork`: its thread and whoever held its lock are not there.
pub(crate) fn forget() {
    SAMPLER.store(std::ptr::null_mut(), Release);
}

impl Sampler {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins a window with its first reading. `name`: a text in the segment. `to`: where readings are written as they come.
///
/// # Errors
/// Why there is none.
pub(crate) fn open(name: u64, plan: Plan, to: Option<Target>) -> Result<WindowId, String> {
    let _own = Suspended::new();
    let source = Source::open(plan.process, plan.backend)?;
    let stream = to.map(Stream::open).transpose()?;
    let sampler = sampler();
    let mut inner = sampler.lock();
    let own_process = plan.process == std::process::id();
    let unavailable = if own_process { inner.begin_kernel_peak() } else { String::new() };
    let place = inner.place_for(name).ok_or("no memory for a window")?;
    let now_ns = sys::monotonic_ns();
    let head = Head {
        name,
        process: plan.process,
        parent: 0,
        backend: plan.backend,
        interval_ns: plan.interval.as_nanos() as u64,
        now_ns,
        includes_children: plan.include_children,
        unavailable: inner.text(&unavailable),
    };
    let watch = (own_process && begin::allocator_counts()).then(Watch::new).flatten();
    let Place { curve, turn, open, spare, .. } = &mut inner.places[place];
    *turn += 1;
    spare.iter().for_each(|curve| curve.hide());
    curve.begin(&head);
    if watch.is_some() {
        live::publish();
        curve.set_heap_baseline(live::bytes());
    }
    let (due_ns, children) = (now_ns + head.interval_ns, Vec::new());
    let mut window = Open { plan, source, due_ns, watch, children, stream };
    window.read(*curve, spare);
    *open = Some(window);
    let id = WindowId { place, turn: *turn };
    inner.ensure_thread();
    drop(inner);
    sampler.wake.notify_one();
    Ok(id)
}

/// Ends a window with its last reading. Gives its curve; `None` if it has ended already, or is of the process this one was
/// forked from.
pub(crate) fn close(id: WindowId) -> Option<Curve> {
    let _own = Suspended::new();
    let mut inner = sampler().lock();
    let place = inner.places.get_mut(id.place).filter(|place| place.turn == id.turn)?;
    let mut window = place.open.take()?;
    let curve = place.curve;
    if window.watch.is_some() {
        live::publish();
    }
    window.read(curve, &mut place.spare);
    if let Ok(peak) = sys::kernel_peak_bytes(window.plan.process) {
        curve.note_kernel_peak(peak);
    }
    let now_ns = sys::monotonic_ns();
    let children = window.children.iter().filter_map(|child| child.curve);
    children.chain([curve]).for_each(|curve| curve.end(now_ns));
    drop(inner);
    if let Some(stream) = window.stream {
        stream.close();
    }
    Some(curve)
}

/// Takes a reading for every window of this process, so that the report ends with how things stand.
pub(crate) fn read_now() {
    let _own = Suspended::new();
    // Whoever holds the lock may be waiting for the thread that ends the process.
    let Ok(mut inner) = sampler().inner.try_lock() else { return };
    let own = std::process::id();
    for Place { curve, open, spare, .. } in &mut inner.places {
        if let Some(window) = open.as_mut().filter(|open| open.plan.process == own) {
            window.read(*curve, spare);
        }
    }
    inner.note_kernel_peak();
}

/// Resident memory of this process now.
pub(crate) fn resident_bytes() -> Option<u64> {
    Source::open(std::process::id(), Backend::Rss).ok()?.bytes()
}

/// The highest that the kernel's mark of this process ever was. `None` where there is none.
pub(crate) fn run_kernel_peak_bytes() -> Option<u64> {
    let now = sys::kernel_peak_bytes(std::process::id()).ok()?;
    Some(RUN_KERNEL_PEAK.load(Relaxed).max(now))
}

/// What the kernel's mark stood at before a window let it begin anew.
static RUN_KERNEL_PEAK: AtomicU64 = AtomicU64::new(0);

/// How many readings the window has, and whether its process has ended.
pub(crate) fn progress(id: WindowId) -> (u64, bool) {
    let inner = sampler().lock();
    let place = inner.places.get(id.place).filter(|place| place.turn == id.turn);
    place.map_or((0, true), |place| {
        let ended = place.open.as_ref().is_none_or(|open| open.source.bytes().is_none());
        (place.curve.taken(), ended)
    })
}

/// A text in the segment, the same one for the same words.
pub(crate) fn text(words: &str) -> u64 {
    let _own = Suspended::new();
    sampler().lock().text(words)
}

impl Inner {
    fn text(&mut self, words: &str) -> u64 {
        if words.is_empty() {
            return 0;
        }
        if let Some(known) = self.texts.get(words) {
            return *known;
        }
        let text = begin::write_text(words);
        self.texts.insert(words.to_owned(), text);
        text
    }

    /// A place that is free: a new one while there are few of that name, else that of the window that added least.
    fn place_for(&mut self, name: u64) -> Option<usize> {
        let of_name = |(_, place): &(usize, &Place)| place.name == name;
        let closed: Vec<(usize, &Place)> = self
            .places
            .iter()
            .enumerate()
            .filter(of_name)
            .filter(|it| it.1.open.is_none())
            .collect();
        if closed.len() >= KEPT_OF_A_NAME {
            let least = closed.into_iter().min_by_key(|(_, place)| place.curve.increment_bytes());
            return least.map(|(place, _)| place);
        }
        self.places.push(Place {
            curve: Curve::make()?,
            name,
            turn: 0,
            open: None,
            spare: Vec::new(),
        });
        Some(self.places.len() - 1)
    }

    /// Gives all windows of this process what the kernel's mark stands at, and lets it begin anew. Says what is not to be
    /// had.
    fn begin_kernel_peak(&self) -> String {
        self.note_kernel_peak();
        match sys::reset_kernel_peak() {
            Ok(()) => String::new(),
            Err(error) => format!(
                "kernel peak of the window alone: not available: {error}; it is that of the whole run"
            ),
        }
    }

    fn note_kernel_peak(&self) {
        let own = std::process::id();
        let Ok(peak) = sys::kernel_peak_bytes(own) else { return };
        RUN_KERNEL_PEAK.fetch_max(peak, Relaxed);
        for place in &self.places {
            if place.open.as_ref().is_some_and(|open| open.plan.process == own) {
                place.curve.note_kernel_peak(peak);
            }
        }
    }

    fn ensure_thread(&mut self) {
        if self.has_thread {
            return;
        }
        let builder = std::thread::Builder::new().name("profile-sampler".to_owned());
        self.has_thread = sys::without_signals(|| builder.spawn(run)).is_ok();
    }

    /// Takes the readings that are due. Gives the time to the next one; `None`: no window is open.
    fn take_readings(&mut self) -> Option<Duration> {
        let now_ns = sys::monotonic_ns();
        let mut next_ns = None::<u64>;
        for Place { curve, open, spare, .. } in &mut self.places {
            let Some(window) = open else { continue };
            if window.due_ns <= now_ns {
                window.read(*curve, spare);
                // What could not be taken in time is left out, not made up for.
                let interval_ns = (window.plan.interval.as_nanos() as u64).max(1);
                let missed = (now_ns - window.due_ns) / interval_ns;
                window.due_ns += (missed + 1) * interval_ns;
            }
            next_ns = Some(next_ns.map_or(window.due_ns, |next| next.min(window.due_ns)));
        }
        next_ns.map(|next| Duration::from_nanos(next.saturating_sub(sys::monotonic_ns())))
    }
}

impl Open {
    fn read(&mut self, curve: Curve, spare: &mut Vec<Curve>) {
        let own = self.source.bytes();
        let all = self.plan.include_children || self.plan.multiprocess;
        let children = if all { self.read_children(curve.address(), spare) } else { 0 };
        let Some(own) = own else { return };
        let sum = own + if self.plan.include_children { children } else { 0 };
        curve.add(sys::monotonic_ns(), sum);
        if let Some(stream) = &self.stream {
            stream.send(None, sum, begin::unix_ns());
        }
        if let Some(watch) = &self.watch {
            curve.note_heap(watch);
        }
    }

    /// The sum over all descendants. One that vanishes while it is read is normal.
    fn read_children(&mut self, parent: u64, spare: &mut Vec<Curve>) -> u64 {
        let running = sys::descendants(self.plan.process);
        self.children.retain(|child| child.curve.is_some() || running.contains(&child.process));
        for process in running {
            if self.children.iter().all(|child| child.process != process)
                && self.children.len() < MOST_CHILDREN
                && let Ok(source) = Source::open(process, self.plan.backend)
            {
                let own_curve = if self.plan.multiprocess {
                    self.curve_of(process, parent, spare)
                } else {
                    None
                };
                self.children.push(Child { process, source, curve: own_curve });
            }
        }
        let now_ns = sys::monotonic_ns();
        let read = |child: &Child| {
            let bytes = child.source.bytes()?;
            if let Some(curve) = child.curve {
                curve.add(now_ns, bytes);
            }
            if let Some(stream) = self.stream.as_ref().filter(|_| self.plan.multiprocess) {
                stream.send(Some(child.process), bytes, begin::unix_ns());
            }
            Some(bytes)
        };
        self.children.iter().filter_map(read).sum()
    }

    fn curve_of(&self, process: u32, parent: u64, spare: &mut Vec<Curve>) -> Option<Curve> {
        let used = self.children.iter().filter(|child| child.curve.is_some()).count();
        if used == spare.len() {
            spare.push(Curve::make()?);
        }
        let curve = *spare.get(used)?;
        curve.begin(&Head {
            name: 0,
            process,
            parent,
            backend: self.plan.backend,
            interval_ns: self.plan.interval.as_nanos() as u64,
            now_ns: sys::monotonic_ns(),
            includes_children: false,
            unavailable: 0,
        });
        Some(curve)
    }
}

/// The thread.
fn run() {
    let _own = Suspended::new();
    let sampler = sampler();
    let mut inner = sampler.lock();
    loop {
        inner = match inner.take_readings() {
            None => sampler.wake.wait(inner).unwrap_or_else(PoisonError::into_inner),
            Some(Duration::ZERO) => continue,
            Some(pause) => {
                let woken = sampler.wake.wait_timeout(inner, pause);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}
