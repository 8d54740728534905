//! One window: a stretch of time over which the memory of a process is read, kept in the segment as it grows.
//!
//! It holds [`READINGS`] readings. When they are full, of each two neighbours the higher stays, and the lowest of all: so
//! a window of days keeps its shape, its extremes, its first and its last reading, in the same memory.
//!
//! Nothing here takes a lock: whoever writes holds the sampler's.

pub use crate::choices::Backend;
use crate::record::begin;
use crate::record::live::{self, Watch};
use crate::segment::layout::{BACKENDS, READINGS, Window, Word};
use crate::segment::writer;
use crate::sys;

/// What a window reads.
#[derive(Debug)]
pub(crate) enum Source {
    Process(sys::ProcessMemory),
    Heap,
}

impl Source {
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn open(process: u32, backend: Backend) -> Result<Source, String> {
        let what = match backend {
            Backend::Rss => sys::Resident::Rss,
            Backend::Pss => sys::Resident::Pss,
            Backend::Uss => sys::Resident::Uss,
            Backend::Heap if !begin::allocator_counts() => {
                return Err("heap: not available: ProfilingAllocator is not installed".to_owned());
            }
            Backend::Heap if process != std::process::id() => {
                return Err("heap: not available: only of the process itself".to_owned());
            }
            Backend::Heap => return Ok(Source::Heap),
        };
        let opened = sys::ProcessMemory::open(process, what);
        let name = BACKENDS[backend as usize];
        opened.map(Source::Process).map_err(|error| format!("{name}: not available: {error}"))
    }

    /// Bytes now; `None` once the process has ended.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match self {
            Source::Process(memory) => memory.bytes(),
            Source::Heap => Some(live::bytes()),
        }
    }
}

/// A place in the segment for one window after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Curve {
    record: &'static Window,
}

impl Curve {
    /// `None`: no room.
    pub(crate) fn make() -> Option<Curve> {
        let room = writer::take(size_of::<Window>(), 64)?.cast::<Window>();
        // SAFETY: fresh zeroed room of the right size and alignment, all atomics; never freed.
        let record = unsafe { &*room };
        // Begun and never finished: no reader takes it for a window yet.
        record.version.set(1);
        let header = writer::header()?;
        let first = header.first_window.shared();
        let push = |head| {
            writer::keep_in_file(&header.first_window_in_file, head, room);
            record.next.set(head);
            Some(room)
        };
        first
            .try_update(
                std::sync::atomic::Ordering::Release,
                std::sync::atomic::Ordering::Relaxed,
                push,
            )
            .ok()?;
        Some(Curve { record })
    }

    /// Begins a window here.
    pub(crate) fn begin(self, head: &Head) {
        let record = self.record;
        self.hide();
        record.name.set(head.name);
        record.process_id.set(u64::from(head.process));
        record.parent.set(head.parent);
        record.backend.set(head.backend as u64);
        record.interval_ns.set(head.interval_ns);
        record.started_unix_ns.set(begin::unix_ns());
        record.started_monotonic_ns.set(head.now_ns);
        record.last_monotonic_ns.set(head.now_ns);
        record.unavailable.set(head.unavailable);
        record.includes_children.set(u64::from(head.includes_children));
        let empty = [
            &record.ended_monotonic_ns,
            &record.taken,
            &record.kept,
            &record.baseline_bytes,
            &record.peak_bytes,
            &record.end_bytes,
            &record.kernel_peak_bytes,
            &record.heap_baseline_bytes,
            &record.heap_peak_bytes,
            &record.heap_end_bytes,
        ];
        empty.into_iter().for_each(|word| word.set(0));
        record.version.publish(record.version.get() + 1);
    }

    /// Takes its window from all readers.
    pub(crate) fn hide(self) {
        self.record.version.publish(self.record.version.get() | 1);
    }

    /// Readings taken so far.
    pub(crate) fn taken(self) -> u64 {
        self.record.taken.get()
    }

    /// Adds a reading.
    pub(crate) fn add(self, now_ns: u64, bytes: u64) {
        let record = self.record;
        if record.kept.get() as usize >= READINGS {
            self.thin();
        }
        let kept = record.kept.get() as usize;
        let at_ns = now_ns.saturating_sub(record.started_monotonic_ns.get());
        if let [at, read] = &record.readings[2 * kept..2 * kept + 2] {
            at.set(at_ns);
            read.set(bytes);
        }
        record.kept.publish(kept as u64 + 1);
        if record.taken.get() == 0 {
            record.baseline_bytes.set(bytes);
        }
        record.taken.add(1);
        record.peak_bytes.raise_to(bytes);
        record.end_bytes.set(bytes);
        record.last_monotonic_ns.set(now_ns);
    }

    /// Half of the readings: of each two the higher, and the lowest of all; the first and the last.
    fn thin(self) {
        let record = self.record;
        let (readings, _) = record.readings.as_chunks::<2>();
        let read = |[at, bytes]: &[Word; 2]| (at.get(), bytes.get());
        let lowest = readings.iter().map(read).min_by_key(|reading| reading.1);
        record.version.publish(record.version.get() + 1);
        let mut kept = 1;
        let mut keep = |reading: (u64, u64)| {
            let [at, bytes] = &readings[kept];
            at.set(reading.0);
            bytes.set(reading.1);
            kept += 1;
        };
        for place in (1..READINGS - 2).step_by(2) {
            let (a, b) = (read(&readings[place]), read(&readings[place + 1]));
            let (higher, lower) = if a.1 >= b.1 { (a, b) } else { (b, a) };
            let both = Some(lower) == lowest;
            for reading in [a, b] {
                if reading == higher || both {
                    keep(reading);
                }
            }
        }
        keep(read(&readings[READINGS - 1]));
        record.kept.set(kept as u64);
        record.version.publish(record.version.get() + 1);
    }

    pub(crate) fn set_heap_baseline(self, bytes: u64) {
        self.record.heap_baseline_bytes.set(bytes + 1);
        self.record.heap_peak_bytes.set(bytes + 1);
    }

    /// The heap's figures so far.
    pub(crate) fn note_heap(self, watch: &Watch) {
        self.record.heap_peak_bytes.raise_to(watch.peak_bytes() + 1);
        self.record.heap_end_bytes.set(live::bytes() + 1);
    }

    pub(crate) fn note_kernel_peak(self, bytes: u64) {
        self.record.kernel_peak_bytes.raise_to(bytes + 1);
    }

    pub(crate) fn end(self, now_ns: u64) {
        self.record.ended_monotonic_ns.publish(now_ns.max(1));
    }

    /// How much the window added.
    pub(crate) fn increment_bytes(self) -> u64 {
        self.record.peak_bytes.get().saturating_sub(self.record.baseline_bytes.get())
    }

    /// Where it lies, for its reader.
    pub(crate) fn address(self) -> u64 {
        std::ptr::from_ref(self.record) as u64
    }
}

/// What is known of a window when it begins.
#[derive(Debug)]
pub(crate) struct Head {
    /// A text in the segment, as `unavailable` is: one sentence a line; 0: none.
    pub(crate) name: u64,
    pub(crate) process: u32,
    /// Of a child's curve: where its window lies.
    pub(crate) parent: u64,
    pub(crate) backend: Backend,
    pub(crate) interval_ns: u64,
    pub(crate) now_ns: u64,
    pub(crate) includes_children: bool,
    pub(crate) unavailable: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve() -> Curve {
        begin::begin();
        let curve = Curve::make().expect("memory for a window");
        curve.begin(&Head {
            name: 0,
            process: 1,
            parent: 0,
            backend: Backend::Rss,
            interval_ns: 1,
            now_ns: 1_000,
            includes_children: false,
            unavailable: 0,
        });
        curve
    }

    fn readings(curve: Curve) -> Vec<(u64, u64)> {
        let kept = curve.record.kept.get() as usize;
        let pairs = curve.record.readings.as_chunks::<2>().0.iter().take(kept);
        pairs.map(|[at, bytes]| (at.get(), bytes.get())).collect()
    }

    #[test]
    fn a_long_window_keeps_its_extremes_and_both_ends_in_the_same_memory() {
        let curve = curve();
        for turn in 0..100_000_u64 {
            let bytes = match turn {
                33_333 => 9_000,
                66_667 => 3,
                _ => 1_000 + turn % 7,
            };
            curve.add(1_000 + turn, bytes);
        }
        let kept = readings(curve);
        assert!(kept.len() <= READINGS && kept.len() >= READINGS / 2, "{}", kept.len());
        assert_eq!(kept.first(), Some(&(0, 1_000)));
        assert_eq!(kept.last(), Some(&(99_999, 1_000 + 99_999 % 7)));
        assert!(kept.contains(&(33_333, 9_000)) && kept.contains(&(66_667, 3)), "{kept:?}");
        assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!((curve.record.taken.get(), curve.record.peak_bytes.get()), (100_000, 9_000));
        assert_eq!(curve.increment_bytes(), 8_000);
    }
}
