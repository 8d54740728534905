//! The thread that reads memory while windows are open, and the windows themselves.
//!
//! It sleeps until the next reading is due, and indefinitely while no window is open. One lock
//! guards everything here; it is taken when a window begins or ends and at each reading, never by a
//! span or an allocation. A forked child starts without any of it (see [`forget`]).

#![allow(unsafe_code, reason = "the sampler behind a pointer that a forked child can replace")]

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::*};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::children::{self, Children, Output};
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

/// Maximum number of windows per name; beyond it, the one that grew least is reused.
const MOST_PER_NAME: usize = 8;
/// Maximum number of windows, at 9 KiB each.
const MOST: usize = 512;
/// An open window, by the index of its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowId {
    slot: usize,
    /// Distinguishes windows that use the same slot.
    generation: u64,
}

/// The progress of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Readings continue.
    Reading {
        /// Time until the next reading.
        next_in: Duration,
    },
    /// It has the requested number of readings.
    Full,
    /// Its process has ended, or may no longer be read.
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
    slots: Vec<Slot>,
    texts: Texts,
}

#[derive(Debug)]
struct Slot {
    curve: Curve,
    name: Name,
    generation: u64,
    open: Option<Open>,
    /// Curves for children, from all windows that have used this slot.
    spare: Vec<Curve>,
}

#[derive(Debug)]
struct Open {
    plan: Plan,
    source: Source,
    /// `u64::MAX`: no more readings.
    due_ns: u64,
    watch: Option<Watch>,
    children: Children,
    stream: Option<Stream>,
    /// The kernel's high-water mark of another process at the last reading.
    mark: Option<u64>,
    has_ended: bool,
    /// The reasons for missing data.
    unavailable: Vec<String>,
}

/// The sampler of this process. Null before the first window, and in a forked child.
static SAMPLER: AtomicPtr<Sampler> = AtomicPtr::new(std::ptr::null_mut());

fn sampler() -> &'static Sampler {
    let known = SAMPLER.load(Acquire);
    // SAFETY: null, or from a box that is never freed.
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

/// In a forked child: its thread and any holder of its lock do not exist.
pub(crate) fn forget() {
    SAMPLER.store(std::ptr::null_mut(), Release);
    children::forget();
}

impl Sampler {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a window with its first reading. Readings are also written to `to` as they are taken.
///
/// # Errors
/// The reason why the memory cannot be read.
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
    let slot = inner.slot_for(name).ok_or("no memory for a window")?;
    let now_ns = sys::monotonic_ns();
    let due_ns = now_ns.saturating_add(plan.interval_ns());
    let watch = (is_own && thread::allocator_counts()).then(Watch::new).flatten();
    let children = Children::default();
    let (mark, has_ended) = (None, false);
    let window =
        Open { plan, source, due_ns, watch, children, stream, mark, has_ended, unavailable };
    let generation = inner.begin(slot, window, now_ns);
    drop(inner);
    sampler.wake.notify_one();
    Ok(WindowId { slot, generation })
}

/// Closes a window with its last reading, and returns its record, since its slot may be reused as
/// soon as the lock is released. `None` if it has ended already, or belongs to the process this one
/// was forked from. `kernel_peak_bytes`: the kernel's mark of a child that has ended and been
/// waited for.
pub(crate) fn close(id: WindowId, kernel_peak_bytes: Option<u64>) -> Option<MemoryRecord> {
    let _own = Suspended::new();
    let mut inner = sampler().lock();
    let Inner { slots, texts, .. } = &mut *inner;
    let slot = slots.get_mut(id.slot).filter(|slot| slot.generation == id.generation)?;
    let mut window = slot.open.take()?;
    let curve = slot.curve;
    if window.watch.is_some() {
        held::publish();
    }
    window.read(curve, &mut slot.spare);
    window.end_kernel_peak(curve, kernel_peak_bytes);
    window.store_unavailable(curve, texts);
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

/// Takes a reading for every window of this process, so that the report ends with current values.
pub(crate) fn read_now() {
    let _own = Suspended::new();
    // The holder of the lock may be waiting for the thread that ends the process.
    let Ok(mut inner) = sampler().inner.try_lock() else { return };
    for Slot { curve, open, spare, .. } in &mut inner.slots {
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

/// The highest value of the kernel's mark of this process. `None` if unsupported.
pub(crate) fn run_kernel_peak_bytes() -> Option<u64> {
    let now = sys::kernel_peak_bytes(std::process::id()).ok()?;
    Some(RUN_KERNEL_PEAK.load(Relaxed).max(now))
}

/// The highest value of the kernel's mark before a window reset it.
static RUN_KERNEL_PEAK: AtomicU64 = AtomicU64::new(0);

/// The progress of the window.
pub(crate) fn progress(id: WindowId) -> Progress {
    let inner = sampler().lock();
    let slot = inner.slots.get(id.slot).filter(|slot| slot.generation == id.generation);
    let open = slot.and_then(|slot| slot.open.as_ref().map(|open| (open, slot.curve)));
    match open {
        Some((open, curve)) if open.is_full(curve) => Progress::Full,
        Some((Open { has_ended: false, due_ns, .. }, _)) => {
            let next_in = Duration::from_nanos(due_ns.saturating_sub(sys::monotonic_ns()));
            Progress::Reading { next_in }
        }
        _ => Progress::Ended,
    }
}

/// Texts shared between windows, each stored once in the segment: the few different reasons.
#[derive(Debug, Default)]
struct Texts(HashMap<String, u64>);

impl Texts {
    fn text(&mut self, text: String) -> u64 {
        if text.is_empty() {
            return 0;
        }
        *self.0.entry(text).or_insert_with_key(|text| writer::write_text(text))
    }
}

impl Inner {
    /// Opens a window in a slot, and returns its generation.
    fn begin(&mut self, slot: usize, mut window: Open, now_ns: u64) -> u64 {
        let Slot { curve, name, generation, open, spare } = &mut self.slots[slot];
        *generation += 1;
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
        window.store_unavailable(*curve, &mut self.texts);
        *open = Some(window);
        *generation
    }

    /// A free slot: a new one while there are few of that name and not too many in total, otherwise
    /// that of the window that grew least.
    fn slot_for(&mut self, name: Name) -> Option<usize> {
        let closed = || self.slots.iter().enumerate().filter(|(_, slot)| slot.open.is_none());
        let of_name = || closed().filter(|(_, slot)| slot.name == name);
        let is_full = of_name().nth(MOST_PER_NAME - 1).is_some();
        if !is_full
            && closed().nth(MOST - 1).is_none()
            && let Some(curve) = Curve::make()
        {
            self.slots.push(Slot { curve, name, generation: 0, open: None, spare: Vec::new() });
            return Some(self.slots.len() - 1);
        }
        let added = |(_, slot): &(usize, &Slot)| slot.curve.increment_bytes();
        let least = if is_full { of_name().min_by_key(added) } else { closed().min_by_key(added) };
        let (least, _) = least?;
        writer::header()?.windows_left_out.add(1);
        self.slots[least].name = name;
        Some(least)
    }

    /// Records the kernel's mark in all windows of this process, and resets it.
    ///
    /// # Errors
    /// What is missing, and why.
    fn begin_kernel_peak(&self) -> Result<(), String> {
        self.note_kernel_peak();
        sys::reset_kernel_peak().map_err(|error| {
            format!(
                "kernel peak of the window alone: not available: {error}; the value is that of the whole run"
            )
        })
    }

    fn note_kernel_peak(&self) {
        let Ok(peak) = sys::kernel_peak_bytes(std::process::id()) else { return };
        RUN_KERNEL_PEAK.fetch_max(peak, Relaxed);
        for slot in &self.slots {
            if slot.open.as_ref().is_some_and(|open| open.plan.is_of_this_process()) {
                slot.curve.note_kernel_peak(peak);
            }
        }
    }

    /// # Errors
    /// What is missing without it.
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

    /// Takes the readings that are due. Returns the time until the next one; `None`: there is none.
    fn take_readings(&mut self) -> Option<Duration> {
        let now_ns = sys::monotonic_ns();
        let mut next_ns = u64::MAX;
        for Slot { curve, open, spare, .. } in &mut self.slots {
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

    /// `None`: the process can no longer be read.
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
        self.children.read(&mut Output { plan, parent: curve.address(), spare, stream })
    }

    /// The mark of another process covers its whole life, and cannot be reset. If it changes, the
    /// new value belongs to the window.
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

    /// Records the kernel's final mark, or why it is missing.
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

    fn store_unavailable(&self, curve: Curve, texts: &mut Texts) {
        let mut reasons = self.unavailable.clone();
        if self.plan.include_children || self.plan.multiprocess {
            reasons.extend(self.children.unavailable(&self.plan));
        }
        curve.set_unavailable(texts.text(reasons.join("\n")));
    }

    /// Missed readings are skipped, not made up for.
    fn due_after(&self, now_ns: u64, curve: Curve) -> u64 {
        if self.has_ended || self.is_full(curve) {
            return u64::MAX;
        }
        let interval_ns = self.plan.interval_ns();
        let missed = (now_ns - self.due_ns) / interval_ns;
        self.due_ns.saturating_add(missed.saturating_add(1).saturating_mul(interval_ns))
    }
}

/// The loop of the sampler thread.
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
