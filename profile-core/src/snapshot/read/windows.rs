//! Reads the memory windows in a segment.

use std::collections::HashMap;

use crate::segment::layout::{BACKENDS, READINGS, header, window};
use crate::segment::reader::{Record, View};
use crate::snapshot::{ChildCurve, MemoryRecord, Reading};

/// All windows, in the order in which they began.
pub(crate) fn read(view: View<'_>, now_ns: Option<u64>) -> Vec<MemoryRecord> {
    assembled(view, now_ns).into_iter().map(|window| window.record).collect()
}

/// The window at one link, with the curves of its children, which are at other links. Only while
/// nothing writes to them.
pub(crate) fn at(view: View<'_>, link: u64, children: &[u64]) -> Option<MemoryRecord> {
    let here = |link: &u64| one(view, &view.record(*link)?, None);
    let mut windows = vec![here(&link)?];
    windows.extend(children.iter().filter_map(here));
    with_children(windows).into_iter().next().map(|window| window.record)
}

/// All windows with the curves of their children.
fn assembled(view: View<'_>, now_ns: Option<u64>) -> Vec<Window> {
    let in_file = view.header(header::first_window_in_file);
    let newest = view.header(header::first_window);
    let windows = view.list_in_file(newest, in_file, window::next).into_iter();
    with_children(windows.filter_map(|record| one(view, &record, now_ns)).collect())
}

fn with_children(mut windows: Vec<Window>) -> Vec<Window> {
    crate::sort::by_key(&mut windows, |window| window.started_ns);
    let starts: HashMap<u64, u64> =
        windows.iter().map(|window| (window.link, window.started_ns)).collect();
    let (own, children): (Vec<Window>, Vec<Window>) =
        windows.into_iter().partition(|window| window.parent == 0);
    let mut curves: HashMap<u64, Vec<ChildCurve>> = HashMap::new();
    for child in children {
        let Some(start) = starts.get(&child.parent) else { continue };
        let later_ns = child.started_ns.saturating_sub(*start);
        let shifted =
            |reading: Reading| Reading { at_ns: reading.at_ns.saturating_add(later_ns), ..reading };
        let MemoryRecord { process_id, readings, .. } = child.record;
        let readings = readings.into_iter().map(shifted).collect();
        curves.entry(child.parent).or_default().push(ChildCurve { process_id, readings });
    }
    let with_its_own = |mut window: Window| {
        window.record.children = curves.remove(&window.link).unwrap_or_default();
        window
    };
    own.into_iter().map(with_its_own).collect()
}

/// A window as read at one moment.
struct Window {
    link: u64,
    parent: u64,
    started_ns: u64,
    record: MemoryRecord,
}

/// `None` if the slot is still empty or keeps changing.
fn one(view: View<'_>, record: &Record<'_>, now_ns: Option<u64>) -> Option<Window> {
    const ATTEMPTS: usize = 1000;
    const BYTES: usize = 2 * size_of::<Window>() + READINGS * size_of::<Reading>();
    if !(view.may_visit(2 * READINGS as u64) && view.may_keep(BYTES)) {
        return None;
    }
    // What is not being written does not change.
    let attempts = if view.is_live() { ATTEMPTS } else { 1 };
    (0..attempts).find_map(|_| {
        let version = record.word(window::version);
        let window = read_window(view, record, now_ns);
        let is_consistent = version.is_multiple_of(2) && record.word(window::version) == version;
        is_consistent.then_some(window)
    })
}

fn sentences(view: View<'_>, text: &str) -> Vec<String> {
    let bytes = |sentence: &str| 2 * size_of::<String>() + sentence.len();
    let sentences = text.lines().take_while(|sentence| view.may_keep(bytes(sentence)));
    sentences.map(str::to_owned).collect()
}

fn read_window(view: View<'_>, record: &Record<'_>, now_ns: Option<u64>) -> Window {
    let word = |word| record.word(word);
    let (started_ns, ended_ns) =
        (word(window::started_monotonic_ns), word(window::ended_monotonic_ns));
    let last_ns = match ended_ns {
        0 => now_ns.unwrap_or(word(window::last_monotonic_ns)),
        ended_ns => ended_ns,
    };
    let stored = word(window::kept).min(READINGS as u64);
    let reading = |index: u64| Reading {
        at_ns: word(window::readings + 2 * index),
        resident_bytes: word(window::readings + 2 * index + 1),
    };
    let readings: Vec<Reading> = (0..stored).map(reading).collect();
    let taken = word(window::taken);
    let achieved = readings.last().and_then(|last| last.at_ns.checked_div(taken.saturating_sub(1)));
    let known = |index| word(index).checked_sub(1);
    let backend = usize::try_from(word(window::backend)).unwrap_or(0);
    let unavailable = view.text(word(window::unavailable));
    Window {
        link: record.link(),
        parent: word(window::parent),
        started_ns,
        record: MemoryRecord {
            path: view.text(word(window::name)),
            process_id: word(window::process_id) as u32,
            backend: BACKENDS.get(backend).unwrap_or(&BACKENDS[0]).to_string(),
            includes_children: word(window::includes_children) != 0,
            started_unix_ns: word(window::started_unix_ns),
            duration_ns: last_ns.saturating_sub(started_ns),
            open: ended_ns == 0,
            interval_ns: word(window::interval_ns),
            achieved_interval_ns: achieved,
            baseline_bytes: word(window::baseline_bytes),
            peak_bytes: word(window::peak_bytes),
            end_bytes: word(window::end_bytes),
            kernel_peak_bytes: known(window::kernel_peak_bytes),
            heap_baseline_bytes: known(window::heap_baseline_bytes),
            heap_peak_bytes: known(window::heap_peak_bytes),
            heap_end_bytes: known(window::heap_end_bytes),
            readings_taken: taken,
            readings,
            children: Vec::new(),
            unavailable: sentences(view, &unavailable),
        },
    }
}
