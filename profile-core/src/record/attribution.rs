//! What was allocated during a call goes from its frame to its path, its function and the caller's
//! frame.

use super::counters::HeapCounts;
use super::frame::{live_bytes, tally_of};
use super::{checks, fold, handed, thread};
use crate::segment::layout::{Edge, Frame, HeapTally, Tally, ThreadBlock, flags, heap};

/// Leaves the frame empty for the next call. Whether the call has allocated more than it may: then
/// this is kept for the check.
#[inline(never)]
pub(crate) fn charge(frame: &Frame, outer: &Frame, edge: &Edge, recursive: bool) -> bool {
    let counts = Counts::take(frame);
    counts.add_to(&edge.heap);
    let mut is_too_much = false;
    if let Some(block) = thread::own_block() {
        let is_poll = frame.flags.get() & flags::POLL != 0;
        is_too_much = counts.add_to_function(block, tally_of(edge), recursive, is_poll);
    }
    counts.charge(outer);
    if is_too_much {
        checks::keep(counts.of_call());
    }
    is_too_much
}

/// What an open frame has counted so far, with what other threads have for it, see [`heap`].
pub(super) fn counted(frame: &Frame) -> [u64; heap::COUNTS] {
    let handed_on = frame.flags.get() & flags::HANDED_ON != 0;
    std::array::from_fn(|index| {
        let carried = if handed_on { frame.carried[index].get() } else { 0 };
        frame.heap[index].get().wrapping_add(carried)
    })
}

/// What was allocated during a call within a call of the same function, see [`heap`].
pub(super) fn add_recursive(block: &ThreadBlock, tally: &Tally, counts: &[u64; heap::COUNTS]) {
    if counts.iter().any(|count| *count != 0)
        && let Some(function) = heap_of(block, tally)
    {
        function.recursive.iter().zip(counts).for_each(|(word, count)| word.add(*count));
    }
}

/// What was allocated in a frame, see [`heap`].
struct Counts {
    counts: [u64; heap::COUNTS],
    peak_bytes: i64,
}

impl Counts {
    fn take(frame: &Frame) -> Counts {
        handed::take_back(frame);
        let counts = frame.heap.each_ref().map(|word| {
            let value = word.get();
            word.set(0);
            value
        });
        let live = counts[heap::ALLOCATED_BYTES].wrapping_sub(counts[heap::FREED_BYTES]) as i64;
        let peak_bytes = (frame.peak_bytes.get() as i64).max(live);
        frame.peak_bytes.set(0);
        Counts { counts, peak_bytes }
    }

    fn add_to(&self, words: &[crate::segment::layout::Word; heap::COUNTS]) {
        words.iter().zip(self.counts).for_each(|(word, count)| word.add(count));
    }

    fn add_to_function(
        &self,
        block: &ThreadBlock,
        tally: &Tally,
        recursive: bool,
        is_poll: bool,
    ) -> bool {
        let Some(function) = heap_of(block, tally) else { return false };
        function.peak_bytes.raise_to(self.peak_bytes.max(0) as u64);
        if recursive {
            self.add_to(&function.recursive);
        }
        // A call of an async function has many polls, of which none is a call.
        if !is_poll {
            self.add_call(block, function);
        }
        checks::exceeds(function, &self.of_call())
    }

    fn of_call(&self) -> HeapCounts {
        (self.counts, self.peak_bytes.max(0) as u64)
    }

    fn add_call(&self, block: &ThreadBlock, function: &HeapTally) {
        let bytes = self.counts[heap::ALLOCATED_BYTES];
        if self.counts[heap::ALLOCATIONS] == 0 {
            return;
        }
        function.calls.add(1);
        let (least, known) = (bytes.saturating_add(1), function.least_bytes.get());
        if known == 0 || least < known {
            function.least_bytes.set(least);
        }
        function.most_bytes.raise_to(bytes);
        fold::count(block, &function.bytes, bytes, 1);
    }

    /// The callee's peak is on what the caller held when it called.
    fn charge(&self, outer: &Frame) {
        let peak = live_bytes(outer).saturating_add(self.peak_bytes);
        if peak > outer.peak_bytes.get() as i64 {
            outer.peak_bytes.set(peak as u64);
        }
        self.add_to(&outer.heap);
    }
}

/// What only functions that allocate have; made at the first such call.
fn heap_of(block: &ThreadBlock, tally: &Tally) -> Option<&'static HeapTally> {
    let is_new = tally.heap.get().is_null();
    let heap = thread::made(&tally.heap, block)?;
    // SAFETY: the site of a tally is a static; that of the calibration is one too.
    let site = if is_new { unsafe { tally.site.get().as_ref() } } else { None };
    if let Some(limits) = site.and_then(checks::heap_limits) {
        heap.limits.set(std::ptr::from_ref(limits).cast_mut());
    }
    Some(heap)
}
