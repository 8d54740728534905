//! The thread that reads memory while windows are open, and the windows.
//!
//! It sleeps until the next reading is due, and for good while no window is open. One lock holds
//! all of this; it is taken when a window begins or ends and at each reading, never by a span or an
//! allocation. A forked child starts with nothing of it (see [`forget`]).

#![allow(unsafe_code, reason = "the sampler behind a pointer that a forked child can replace")]

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::*};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::children::{self, Children, To};
use super::reading_plan::Plan;
use super::stream::{Stream, Target};
use super::window::{Curve, Head, Name, Source};
use crate::record::live::{self, Watch};
use crate::record::thread::Suspended;
use crate::record::{held, startup, thread};
use crate::segment::reader::View;
use crate::segment::writer;
use crate::snapshot::MemoryRecord;
use crate::snapshot::read::windows;
use crate::sys;

/// Windows kept of one name: beyond these, one that added least gives its place.
const KEPT_OF_A_NAME: usize = 8;
/// Windows kept of all names, at 9 KiB each.
const KEPT: usize = 512;
/// An open window, by its place among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowId {
    place: usize,
    /// The window that is open in this place now.
    turn: u64,
}

/// How far a window has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It continues.
    Reading {
        /// The next reading is due then.
        next_in: Duration,
    },
    /// It has as many readings as were requested.
    Full,
    /// Its process has ended, or may not be looked at any more.
    Ended,
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
    texts: Texts,
}

#[derive(Debug)]
struct Place {
    curve: Curve,
    name: Name,
    turn: u64,
    open: Option<Open>,
    /// Curves of children, of whichever window is or was open here.
    spare: Vec<Curve>,
}

#[derive(Debug)]
struct Open {
    plan: Plan,
    source: Source,
    /// The end of time: no more readings.
    due_ns: u64,
    watch: Option<Watch>,
    children: Children,
    stream: Option<Stream>,
    /// The kernel's mark of another process when it was last read.
    mark: Option<u64>,
    has_ended: bool,
    /// What cannot be had.
    unavailable: Vec<String>,
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
    children::forget();
}

impl Sampler {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins a window with its first reading. `to`: where readings are written as they come.
///
/// # Errors
/// Why there is none.
pub(crate) fn open(name: Name, plan: Plan, to: Option<Target>) -> Result<WindowId, String> {
    let _own = Suspended::new();
    let source = Source::open(plan.process, plan.backend)?;
    let stream = to.map(Stream::open).transpose()?;
    let sampler = sampler();
    let mut inner = sampler.lock();
    let is_own = plan.is_of_this_process();
    let mut unavailable = Vec::new();
    if is_own {
        unavailable.extend(inner.begin_kernel_peak().err());
    }
    unavailable.extend(inner.ensure_thread().err());
    let place = inner.place_for(name).ok_or("no memory for a window")?;
    let now_ns = sys::monotonic_ns();
    let due_ns = now_ns.saturating_add(plan.interval_ns());
    let watch = (is_own && thread::allocator_counts()).then(Watch::new).flatten();
    let children = Children::default();
    let (mark, has_ended) = (None, false);
    let window =
        Open { plan, source, due_ns, watch, children, stream, mark, has_ended, unavailable };
    let turn = inner.begin(place, window, now_ns);
    drop(inner);
    sampler.wake.notify_one();
    Ok(WindowId { place, turn })
}

/// Ends a window with its last reading, and gives it as it is then: its place may be another's as
/// soon as the lock is free. `None` if it has ended already, or is of the process this one was
/// forked from. `kernel_peak_bytes`: the kernel's mark of a child that has ended and been waited
/// for.
pub(crate) fn close(id: WindowId, kernel_peak_bytes: Option<u64>) -> Option<MemoryRecord> {
    let _own = Suspended::new();
    let mut inner = sampler().lock();
    let Inner { places, texts, .. } = &mut *inner;
    let place = places.get_mut(id.place).filter(|place| place.turn == id.turn)?;
    let mut window = place.open.take()?;
    let curve = place.curve;
    if window.watch.is_some() {
        held::publish();
    }
    window.read(curve, &mut place.spare);
    window.end_kernel_peak(curve, kernel_peak_bytes);
    window.record_unavailable(curve, texts);
    let now_ns = sys::monotonic_ns();
    window.children.curves().chain([curve]).for_each(|curve| curve.end(now_ns));
    let children: Vec<u64> = window.children.curves().map(Curve::address).collect();
    let record = View::live().and_then(|view| windows::at(view, curve.address(), &children));
    drop(inner);
    if let Some(stream) = window.stream {
        stream.close();
    }
    record
}

/// Takes a reading for every window of this process, so that the report ends with how things stand.
pub(crate) fn read_now() {
    let _own = Suspended::new();
    // Whoever holds the lock may be waiting for the thread that ends the process.
    let Ok(mut inner) = sampler().inner.try_lock() else { return };
    for Place { curve, open, spare, .. } in &mut inner.places {
        if let Some(window) = open.as_mut().filter(|open| open.plan.is_of_this_process()) {
            window.read(*curve, spare);
        }
    }
    inner.note_kernel_peak();
}

/// Resident memory of this process now.
pub(crate) fn resident_bytes() -> Option<u64> {
    sys::memory_of(std::process::id(), sys::Resident::Rss).ok()?
}

/// The highest that the kernel's mark of this process ever was. `None` where there is none.
pub(crate) fn run_kernel_peak_bytes() -> Option<u64> {
    let now = sys::kernel_peak_bytes(std::process::id()).ok()?;
    Some(RUN_KERNEL_PEAK.load(Relaxed).max(now))
}

/// What the kernel's mark stood at before a window let it begin anew.
static RUN_KERNEL_PEAK: AtomicU64 = AtomicU64::new(0);

/// How far the window has come.
pub(crate) fn progress(id: WindowId) -> Progress {
    let inner = sampler().lock();
    let place = inner.places.get(id.place).filter(|place| place.turn == id.turn);
    let open = place.and_then(|place| place.open.as_ref().map(|open| (open, place.curve)));
    match open {
        Some((open, curve)) if open.is_full(curve) => Progress::Full,
        Some((Open { has_ended: false, due_ns, .. }, _)) => {
            let next_in = Duration::from_nanos(due_ns.saturating_sub(sys::monotonic_ns()));
            Progress::Reading { next_in }
        }
        _ => Progress::Ended,
    }
}

/// Texts that windows have in common, each once in the segment: reasons, of which there are few.
#[derive(Debug, Default)]
struct Texts(HashMap<String, u64>);

impl Texts {
    fn text(&mut self, words: String) -> u64 {
        if words.is_empty() {
            return 0;
        }
        *self.0.entry(words).or_insert_with_key(|words| writer::write_text(words))
    }
}

impl Inner {
    /// Opens a window in a place. Gives its turn.
    fn begin(&mut self, place: usize, mut window: Open, now_ns: u64) -> u64 {
        let Place { curve, name, turn, open, spare } = &mut self.places[place];
        *turn += 1;
        spare.iter().for_each(|curve| curve.hide());
        curve.begin(&Head {
            name: Some(name),
            process: window.plan.process,
            parent: 0,
            backend: window.plan.backend,
            interval_ns: window.plan.interval_ns(),
            now_ns,
            includes_children: window.plan.include_children,
        });
        if window.watch.is_some() {
            held::publish();
            curve.set_heap_baseline(live::bytes());
        }
        window.read(*curve, spare);
        window.record_unavailable(*curve, &mut self.texts);
        *open = Some(window);
        *turn
    }

    /// A place that is free: a new one while there are few of that name and not too many in total,
    /// else that of the window that added least.
    fn place_for(&mut self, name: Name) -> Option<usize> {
        let closed = || self.places.iter().enumerate().filter(|(_, place)| place.open.is_none());
        let of_name = || closed().filter(|(_, place)| place.name == name);
        let is_full = of_name().nth(KEPT_OF_A_NAME - 1).is_some();
        if !is_full
            && closed().nth(KEPT - 1).is_none()
            && let Some(curve) = Curve::make()
        {
            self.places.push(Place { curve, name, turn: 0, open: None, spare: Vec::new() });
            return Some(self.places.len() - 1);
        }
        let added = |(_, place): &(usize, &Place)| place.curve.increment_bytes();
        let least = if is_full { of_name().min_by_key(added) } else { closed().min_by_key(added) };
        let (least, _) = least?;
        writer::header()?.windows_left_out.add(1);
        self.places[least].name = name;
        Some(least)
    }

    /// Gives all windows of this process what the kernel's mark is at, and lets it begin anew.
    ///
    /// # Errors
    /// What is not to be had, and why.
    fn begin_kernel_peak(&self) -> Result<(), String> {
        self.note_kernel_peak();
        sys::reset_kernel_peak().map_err(|error| {
            format!(
                "kernel peak of the window alone: not available: {error}; it is that of the whole run"
            )
        })
    }

    fn note_kernel_peak(&self) {
        let Ok(peak) = sys::kernel_peak_bytes(std::process::id()) else { return };
        RUN_KERNEL_PEAK.fetch_max(peak, Relaxed);
        for place in &self.places {
            if place.open.as_ref().is_some_and(|open| open.plan.is_of_this_process()) {
                place.curve.note_kernel_peak(peak);
            }
        }
    }

    /// # Errors
    /// What is not to be had without it.
    fn ensure_thread(&mut self) -> Result<(), String> {
        if !self.has_thread {
            let builder = std::thread::Builder::new().name("profile-sampler".to_owned());
            let spawned = sys::without_signals(|| builder.spawn(run));
            self.has_thread = spawned.is_ok();
            let why =
                |error| format!("readings between the first and the last: not available: {error}");
            spawned.map_err(why)?;
        }
        Ok(())
    }

    /// Takes the readings that are due. Gives the time to the next one; `None`: there will be none.
    fn take_readings(&mut self) -> Option<Duration> {
        let now_ns = sys::monotonic_ns();
        let mut next_ns = u64::MAX;
        for Place { curve, open, spare, .. } in &mut self.places {
            let Some(window) = open else { continue };
            if window.due_ns <= now_ns {
                window.read(*curve, spare);
                window.due_ns = window.due_after(now_ns, *curve);
            }
            next_ns = next_ns.min(window.due_ns);
        }
        let pause = Duration::from_nanos(next_ns.saturating_sub(sys::monotonic_ns()));
        (next_ns < u64::MAX).then_some(pause)
    }
}

impl Open {
    fn read(&mut self, curve: Curve, spare: &mut Vec<Curve>) {
        if self.has_ended || self.is_full(curve) {
            return;
        }
        let Some(own) = self.read_own() else {
            self.has_ended = true;
            return;
        };
        let children = self.read_children(curve, spare);
        let sum = if self.plan.include_children { own.saturating_add(children) } else { own };
        curve.add(sys::monotonic_ns(), sum);
        if let Some(stream) = &self.stream {
            stream.send(None, sum, startup::unix_ns());
        }
        if let Some(watch) = &self.watch {
            curve.note_heap(watch);
        }
        self.note_mark(curve);
    }

    fn is_full(&self, curve: Curve) -> bool {
        self.plan.most_readings.is_some_and(|most| curve.taken() >= most.max(1))
    }

    /// `None`: there is nothing to be read any more.
    fn read_own(&mut self) -> Option<u64> {
        let refused = |error: io::Error| format!("readings from then on: not available: {error}");
        self.source.bytes().unwrap_or_else(|error| {
            self.unavailable.push(refused(error));
            None
        })
    }

    fn read_children(&mut self, curve: Curve, spare: &mut Vec<Curve>) -> u64 {
        if !self.plan.include_children && !self.plan.multiprocess {
            return 0;
        }
        let (plan, stream) = (&self.plan, self.stream.as_ref());
        self.children.read(&mut To { plan, parent: curve.address(), spare, stream })
    }

    /// Another process's mark is that of its whole life, and not ours to begin anew. Where it
    /// moves, it is the window's.
    fn note_mark(&mut self, curve: Curve) {
        if self.plan.is_of_this_process() {
            return;
        }
        let Some(now) = self.source.kernel_peak_bytes() else { return };
        let has_moved = self.mark.is_some_and(|before| before != now);
        if has_moved || self.plan.is_whole_life {
            curve.note_kernel_peak(now);
        }
        self.mark = Some(now);
    }

    /// The last that the kernel has to say; and what it has not.
    fn end_kernel_peak(&mut self, curve: Curve, of_the_end: Option<u64>) {
        if self.plan.is_of_this_process() {
            let now = sys::kernel_peak_bytes(self.plan.process);
            return now.map_or((), |peak| curve.note_kernel_peak(peak));
        }
        self.note_mark(curve);
        match of_the_end {
            Some(peak) => curve.note_kernel_peak(peak),
            None if self.has_ended => self.unavailable.push(
                "kernel peak after the last reading: not available: the process has ended"
                    .to_owned(),
            ),
            None if !curve.has_kernel_peak() => self.unavailable.push(
                "kernel peak of the window alone: not available: the process was as large before"
                    .to_owned(),
            ),
            None => {}
        }
    }

    fn record_unavailable(&self, curve: Curve, texts: &mut Texts) {
        let mut reasons = self.unavailable.clone();
        if self.plan.include_children || self.plan.multiprocess {
            reasons.extend(self.children.unavailable(&self.plan));
        }
        curve.set_unavailable(texts.text(reasons.join("\n")));
    }

    /// What could not be taken in time is left out, not made up for.
    fn due_after(&self, now_ns: u64, curve: Curve) -> u64 {
        if self.has_ended || self.is_full(curve) {
            return u64::MAX;
        }
        let interval_ns = self.plan.interval_ns();
        let missed = (now_ns - self.due_ns) / interval_ns;
        self.due_ns.saturating_add(missed.saturating_add(1).saturating_mul(interval_ns))
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
