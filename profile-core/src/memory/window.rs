//! One window: a period during which the memory of a process is read, stored in the segment as it
//! grows.
//!
//! It holds [`READINGS`] readings. When they are full, the higher of each two neighbors is
//! retained, and the lowest of all: so a window of days keeps its shape, its extremes, its first
//! and its last reading, in constant memory.
//!
//! Nothing here takes a lock: the writer holds the sampler's.

#![allow(unsafe_code, reason = "records of the segment, written under the sampler's lock")]

use std::io;

pub use crate::options::Backend;
use crate::record::live::{self, Watch};
use crate::record::{startup, thread};
use crate::segment::layout::{BACKENDS, NAME, READINGS, Window, Word};
use crate::segment::writer;
use crate::sys;

/// The source of a window's readings.
#[derive(Debug)]
pub(crate) enum Source {
    Process(sys::ProcessMemory),
    Heap,
}

/// What to read of a process for a backend. `None`: the heap, which only the process itself knows.
pub(super) fn resident(backend: Backend) -> Option<sys::Resident> {
    match backend {
        Backend::Rss => Some(sys::Resident::Rss),
        Backend::Pss => Some(sys::Resident::Pss),
        Backend::Uss => Some(sys::Resident::Uss),
        Backend::Heap => None,
    }
}

impl Source {
    /// # Errors
    /// The reason why it cannot be read.
    pub(crate) fn open(process: u32, backend: Backend) -> Result<Source, String> {
        let Some(what) = resident(backend) else { return Source::heap(process) };
        let opened = sys::ProcessMemory::open(process, what);
        let name = BACKENDS[backend as usize];
        opened.map(Source::Process).map_err(|error| format!("{name}: not available: {error}"))
    }

    fn heap(process: u32) -> Result<Source, String> {
        if !thread::allocator_counts() {
            return Err("heap: not available: ProfilingAllocator is not installed".to_owned());
        }
        if process != std::process::id() {
            return Err("heap: not available: only the process itself knows its heap".to_owned());
        }
        Ok(Source::Heap)
    }

    /// The current number of bytes; `None` once the process has ended.
    ///
    /// # Errors
    /// If it may no longer be read.
    pub(crate) fn bytes(&mut self) -> io::Result<Option<u64>> {
        match self {
            Source::Process(memory) => memory.bytes(),
            Source::Heap => Ok(Some(live::bytes())),
        }
    }

    /// The kernel's high-water mark of the process.
    pub(super) fn kernel_peak_bytes(&self) -> Option<u64> {
        match self {
            Source::Process(memory) => memory.kernel_peak_bytes(),
            Source::Heap => None,
        }
    }
}

/// The name of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A function's path, which is in the segment already.
    Path(u64),
    /// A text, stored with the window, so that a new name reuses the memory of an old one.
    Own(String),
}

impl Name {
    /// Truncates the text to the capacity of a window.
    pub(crate) fn own(words: &str) -> Name {
        const LONGEST: usize = (NAME - 1) * size_of::<Word>();
        const ELLIPSIS: char = '…';
        if words.len() <= LONGEST {
            return Name::Own(words.to_owned());
        }
        // `floor_char_boundary` requires Rust 1.91.
        let mut ends = (0..=LONGEST - ELLIPSIS.len_utf8()).rev();
        let end = ends.find(|end| words.is_char_boundary(*end)).unwrap_or(0);
        Name::Own(format!("{}{ELLIPSIS}", &words[..end]))
    }
}

/// Memory in the segment for one window after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Curve {
    record: &'static Window,
}

impl Curve {
    /// `None`: out of memory.
    pub(crate) fn make() -> Option<Curve> {
        let room = writer::take(size_of::<Window>(), 64)?.cast::<Window>();
        // SAFETY: fresh zeroed room of the right size and alignment, all atomics; never freed.
        let record = unsafe { &*room };
        // Odd, as while it is being written: readers ignore it.
        record.version.set(1);
        let header = writer::header()?;
        let first = header.first_window.shared();
        let push = |head| {
            writer::keep_in_file(&header.first_window_in_file, head, room);
            record.next.set(head);
            Some(room)
        };
        first
            .fetch_update(
                std::sync::atomic::Ordering::Release,
                std::sync::atomic::Ordering::Relaxed,
                push,
            )
            .ok()?;
        Some(Curve { record })
    }

    /// Begins a window here.
    pub(crate) fn begin(self, head: &Head<'_>) {
        let record = self.record;
        self.hide();
        self.set_name(head.name);
        record.process_id.set(u64::from(head.process));
        record.parent.set(head.parent);
        record.backend.set(head.backend as u64);
        record.interval_ns.set(head.interval_ns);
        record.started_unix_ns.set(startup::unix_ns());
        record.started_monotonic_ns.set(head.now_ns);
        record.last_monotonic_ns.set(head.now_ns);
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
            &record.unavailable,
        ];
        empty.into_iter().for_each(|word| word.set(0));
        record.version.publish(record.version.get() + 1);
    }

    /// Only while the window is hidden from readers.
    fn set_name(self, name: Option<&Name>) {
        let record = self.record;
        let words = match name {
            None => return record.name.set(0),
            Some(Name::Path(text)) => return record.name.set(*text),
            Some(Name::Own(words)) => words,
        };
        let [length, room @ ..] = &record.own_name;
        length.set(words.len() as u64);
        for (word, bytes) in room.iter().zip(words.as_bytes().chunks(size_of::<Word>())) {
            let mut whole = [0; size_of::<Word>()];
            whole[..bytes.len()].copy_from_slice(bytes);
            word.set(u64::from_le_bytes(whole));
        }
        record.name.set(std::ptr::from_ref(length) as u64);
    }

    /// The reasons for missing data: a text in the segment, one per line.
    pub(super) fn set_unavailable(self, text: u64) {
        self.record.unavailable.set(text);
    }

    /// Hides the window from readers.
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

    /// Retains about half of the readings: the higher of each two, the lowest of all, the first and
    /// the last.
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
        for index in (1..READINGS - 2).step_by(2) {
            let (a, b) = (read(&readings[index]), read(&readings[index + 1]));
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

    /// Updates the heap's figures.
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

    /// The highest reading.
    pub(super) fn peak_bytes(self) -> u64 {
        self.record.peak_bytes.get()
    }

    /// Whether the kernel's mark is known.
    pub(super) fn has_kernel_peak(self) -> bool {
        self.record.kernel_peak_bytes.get() != 0
    }

    /// The growth of the window: the peak above the first reading.
    pub(crate) fn increment_bytes(self) -> u64 {
        self.record.peak_bytes.get().saturating_sub(self.record.baseline_bytes.get())
    }

    /// The address of its record, for the reader.
    pub(crate) fn address(self) -> u64 {
        std::ptr::from_ref(self.record) as u64
    }
}

/// What is known about a window when it begins.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    /// `None` for a child's curve.
    pub(crate) name: Option<&'a Name>,
    pub(crate) process: u32,
    /// For a child's curve, the address of its window.
    pub(crate) parent: u64,
    pub(crate) backend: Backend,
    pub(crate) interval_ns: u64,
    pub(crate) now_ns: u64,
    pub(crate) includes_children: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::calibrate;

    fn curve() -> Curve {
        calibrate::begin();
        let curve = Curve::make().expect("memory for a window");
        curve.begin(&Head {
            name: None,
            process: 1,
            parent: 0,
            backend: Backend::Rss,
            interval_ns: 1,
            now_ns: 1_000,
            includes_children: false,
        });
        curve
    }

    fn readings(curve: Curve) -> Vec<(u64, u64)> {
        let kept = curve.record.kept.get() as usize;
        let pairs = curve.record.readings.as_chunks::<2>().0.iter().take(kept);
        pairs.map(|[at, bytes]| (at.get(), bytes.get())).collect()
    }

    #[test]
    fn a_name_is_kept_in_the_window_and_a_long_one_is_cut_between_two_characters() {
        let curve = curve();
        let stored = |words: &str| {
            curve.set_name(Some(&Name::own(words)));
            let view = crate::segment::reader::View::live().expect("a segment");
            view.text(curve.record.name.get())
        };
        for words in ["", "a", "12345678", "ünï 9 🦀"] {
            assert_eq!(stored(words), words);
        }
        let long = stored(&"🦀".repeat(1000));
        assert_eq!(long, format!("{}…", "🦀".repeat(125)));
        assert_eq!(stored("short"), "short");
    }

    #[test]
    fn a_long_window_keeps_its_extremes_and_both_ends_in_the_same_memory() {
        let curve = curve();
        for index in 0..100_000_u64 {
            let bytes = match index {
                33_333 => 9_000,
                66_667 => 3,
                _ => 1_000 + index % 7,
            };
            curve.add(1_000 + index, bytes);
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
