//! Measures the cost of work in this thread, and in those that entered its
//! [`context`](crate::context).

use std::time::Instant;

use crate::record::counters::HeapCounts;
use crate::record::{calibrate, frame, handed, thread};
use crate::segment::layout::{Frame, heap};
use crate::snapshot::Measured;

/// Measures work in this thread. Other threads count only if they were given its context. There are
/// no counts if the work closes the span in which it began.
///
/// ```
/// # use profile_core::ProfilingAllocator;
/// # #[global_allocator]
/// # static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();
/// # #[cfg(feature = "profile")] {
/// let measured = profile_core::measure(|| vec![0_u8; 100]);
/// assert_eq!((measured.allocations, measured.retained_bytes), (Some(1), Some(100)));
/// # }
/// ```
///
/// # Panics
/// If `work` panics.
pub fn measure<T>(work: impl FnOnce() -> T) -> Measured<T> {
    calibrate::begin();
    let before = Counted::begin();
    let started = Instant::now();
    let value = work();
    let time_ns = started.elapsed().as_nanos() as u64;
    let counted = before.filter(|_| thread::allocator_counts()).and_then(Counted::end);
    let count = |index: usize| counted.map(|(counts, _)| counts[index]);
    let live = |(counts, _): HeapCounts| {
        counts[heap::ALLOCATED_BYTES].wrapping_sub(counts[heap::FREED_BYTES]).cast_signed()
    };
    Measured {
        value,
        allocations: count(heap::ALLOCATIONS),
        allocated_bytes: count(heap::ALLOCATED_BYTES),
        frees: count(heap::FREES),
        freed_bytes: count(heap::FREED_BYTES),
        peak_bytes: counted.map(|(_, peak)| peak),
        retained_bytes: counted.map(live),
        time_ns,
    }
}

/// The counts of the innermost open frame at the start of a measurement.
///
/// The frame's peak is reset at the start. When this is dropped, at the end or by a panic, the
/// frame gets the higher of both peaks, so the earlier peak is not lost.
pub(crate) struct Counted {
    frame: &'static Frame,
    /// Identifies the call in the frame.
    started: u64,
    counts: [u64; heap::COUNTS],
    live: i64,
    peak: i64,
    /// The same, including what other threads hold and held for it.
    live_with_others: i64,
    peak_with_others: Option<i64>,
}

impl Counted {
    /// Resets the frame's peak to what is held now. `None`: this thread has no frame.
    pub(crate) fn begin() -> Option<Counted> {
        let (_, frame) = thread::here()?;
        let live = frame::live_bytes(frame);
        let peak = frame.peak_bytes.get() as i64;
        frame.peak_bytes.set(live as u64);
        let (live_with_others, started) = (handed::held_by(frame), frame.started.get());
        let peak_with_others = handed::replace_peak_with_others(frame, None);
        let counts = counts(frame);
        Some(Counted { frame, started, counts, live, peak, live_with_others, peak_with_others })
    }

    /// The counts since the start, and the peak above what was held then. `None`: the span that was
    /// open at the start has closed.
    pub(crate) fn end(self) -> Option<HeapCounts> {
        if !self.is_open() {
            return None;
        }
        let now = counts(self.frame);
        let since = std::array::from_fn(|index| now[index].wrapping_sub(self.counts[index]));
        let peak = self.frame.peak_bytes.get() as i64;
        let with_others = handed::replace_peak_with_others(self.frame, None);
        handed::replace_peak_with_others(self.frame, with_others);
        let others = with_others.map_or(0, |peak| peak.saturating_sub(self.live_with_others));
        Some((since, peak.saturating_sub(self.live).max(others).max(0) as u64))
    }

    fn is_open(&self) -> bool {
        !self.frame.edge.get().is_null() && self.frame.started.get() == self.started
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.is_open() {
            let peak = self.frame.peak_bytes.get() as i64;
            self.frame.peak_bytes.set(peak.max(self.peak) as u64);
            let with_others = handed::replace_peak_with_others(self.frame, None);
            let both = with_others.max(self.peak_with_others);
            handed::replace_peak_with_others(self.frame, both);
        }
    }
}

/// Including what other threads counted for it.
fn counts(frame: &Frame) -> [u64; heap::COUNTS] {
    std::array::from_fn(|index| frame.heap[index].get().wrapping_add(frame.carried[index].get()))
}
