//! Attributes the allocations of a call: from its frame to its path, its function and the caller's
//! frame.

use super::counters::HeapCounts;
use super::frame::{live_bytes, tally_of};
use super::{checks, fold, handed, thread};
use crate::segment::layout::{Edge, Frame, HeapTally, Tally, ThreadBlock, flags, heap};

/// Empties the frame for the next call. Returns whether the call has allocated more than its limits
/// allow; its allocations are then stored for the check.
#[inline(never)]
pub(crate) fn attribute(frame: &Frame, outer: &Frame, edge: &Edge, recursive: bool) -> bool {
    let counts = Counts::take(frame);
    counts.add_to(&edge.heap);
    let mut is_excessive = false;
    if let Some(block) = thread::own_block() {
        let is_poll = frame.flags.get() & flags::POLL != 0;
        is_excessive = counts.add_to_function(block, tally_of(edge), recursive, is_poll);
    }
    counts.charge(outer);
    if is_excessive {
        checks::keep(counts.of_call());
    }
    is_excessive
}

/// The counters of an open frame so far, including those of other threads that work for it, see
/// [`heap`].
pub(super) fn counted(frame: &Frame) -> [u64; heap::COUNTS] {
    let handed_on = frame.flags.get() & flags::HANDED_ON != 0;
    std::array::from_fn(|index| {
        let carried = if handed_on { frame.carried[index].get() } else { 0 };
        frame.heap[index].get().wrapping_add(carried)
    })
}

/// Adds the allocations of a call within a call of the same function, see [`heap`].
pub(super) fn add_recursive(block: &ThreadBlock, tally: &Tally, counts: &[u64; heap::COUNTS]) {
    if counts.iter().any(|count| *count != 0)
        && let Some(function) = heap_of(block, tally)
    {
        function.recursive.iter().zip(counts).for_each(|(word, count)| word.add(*count));
    }
}

/// The counters of a frame, see [`heap`].
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
        // A call of an async function has many polls, none of which is a call.
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

    /// Adds to the caller's frame. The callee's peak is on top of what the caller held when it
    /// called.
    fn charge(&self, outer: &Frame) {
        let peak = live_bytes(outer).saturating_add(self.peak_bytes);
        if peak > outer.peak_bytes.get() as i64 {
            outer.peak_bytes.set(peak as u64);
        }
        self.add_to(&outer.heap);
    }
}

/// The record that only functions that allocate have, created at the first such call.
fn heap_of(block: &ThreadBlock, tally: &Tally) -> Option<&'static HeapTally> {
    let is_new = tally.heap.get().is_null();
    let heap = thread::get_or_create(&tally.heap, block)?;
    // SAFETY: the site of a tally is a static; that of the calibration is one too.
    let site = if is_new { unsafe { tally.site.get().as_ref() } } else { None };
    if let Some(limits) = site.and_then(checks::heap_limits) {
        heap.limits.set(std::ptr::from_ref(limits).cast_mut());
    }
    Some(heap)
}
