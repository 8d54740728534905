//! The memory format, word by word.
//!
//! A segment is one stretch of 64-bit little-endian words, all of them atomics. Everything in it is
//! found from the [`Header`] at its start. A *link* is the address of a record in the process that
//! wrote it; a reader subtracts the header's `base`. 0 is no link. Every record has exactly one
//! writer: the thread that owns its block (headers and site records: whoever holds the session's
//! start). A record never moves, is never freed, and is zero until it is written; it is published
//! by the link to it.
//!
//! ```text
//!  Header ──first_window─► Window ─next─► Window …                curves of memory over time
//!     ├───first_site──► SiteRecord ─next─► SiteRecord …            names, places, texts; ─held─► Held
//!     └───first_block─► ThreadBlock ─next─► ThreadBlock …            one per thread alive at once
//!                          │  ├─frames──► page of 63 Frames ─next─►  the spans open now
//!                          │  ├─first_edge──► Edge ─next─► Edge …    one per call path
//!                          │  └─first_tally─► Tally ─next─► Tally …  one per function
//!                          │                    ├─histogram──► HistogramRoot → Node → Leaf
//!                          │                    ├─heap───────► HeapTally (if it allocates)
//!                          │                    ├─polled─────► Polled (async functions only)
//!                          │                    └─extras─────► Extras (those that recurse, or have more enabled)
//! ```
//!
//! A *text* is one word of length in bytes, then the bytes, padded to words. The leaf of a
//! histogram is sixteen counters of 32 bits, two in a word. A page of frames is its links and 63
//! frames, aligned to its size of 8,192 bytes.

// docs/segment-format.md is this page with a table of each record, made by `segment::format_page`.

use super::table::{Key, Keyed, Table};
pub(crate) use super::word::{Link, Word};

/// First word of every segment: `PROFSEG1` in memory order.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"PROFSEG1");
/// Second word. A reader refuses what it does not know.
pub(crate) const VERSION: u64 = 6;

/// Calls that an edge keeps: the newest, and the one before while that is being folded.
pub(crate) const RING: usize = 2;
/// Bytes of a page of frames, and its alignment: the end of a page shows in the address alone.
pub(crate) const FRAME_PAGE: usize = 8192;
/// Call paths per thread; further ones go to `<other>`.
pub(crate) const MAX_PATHS: u64 = 1 << 16;

/// A record as documentation and tests see it.
#[derive(Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "documentation is written by a test"))]
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) words: u64,
    pub(crate) fields: &'static [Field],
}

/// A field of a record.
#[derive(Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "documentation is written by a test"))]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) description: &'static str,
    /// Number of its first word in the record, and how many it has.
    pub(crate) first: u64,
    pub(crate) words: u64,
}

/// Declares a record, the number of each of its words, which the reader uses, and its [`Layout`].
macro_rules! record {
    ($(#[doc = $description:literal])* $name:ident, $words:ident {
        $($(#[doc = $field_description:literal])* $field:ident: $type:ty,)*
    }) => {
        $(#[doc = $description])*
        #[repr(C, align(64))]
        #[derive(Debug)]
        pub(crate) struct $name { $($(#[doc = $field_description])* pub(crate) $field: $type,)* }

        #[doc = concat!("Word numbers of [`", stringify!($name), "`].")]
        #[allow(dead_code, non_upper_case_globals, reason = "one constant per field, named as the field")]
        pub(crate) mod $words {
            use super::*;
            $(pub(crate) const $field: u64 = (std::mem::offset_of!($name, $field) / 8) as u64;)*

            /// All of them.
            pub(crate) const LAYOUT: Layout = Layout {
                name: stringify!($name),
                description: concat!($($description),*),
                words: size_of::<$name>() as u64 / 8,
                fields: &[$(Field {
                    name: stringify!($field),
                    kind: stringify!($type),
                    description: concat!($($field_description),*),
                    first: $field,
                    words: size_of::<$type>() as u64 / 8,
                }),*],
            };
        }
    };
}

record! {
    /// The start of a segment.
    Header, header {
        /// `PROFSEG1`, in the order of the bytes in memory. Written last.
        magic: Word,
        /// Of the format: a reader refuses one that it does not know.
        version: Word,
        /// Address of the segment in the process that wrote it.
        base: Word,
        /// Address space of the segment.
        reserved_bytes: Word,
        /// Handed out to records; what comes next begins here.
        used_bytes: Word,
        /// Of the process that writes it.
        process_id: Word,
        /// When the process began to record, since 1970.
        started_unix_ns: Word,
        /// The first anchor: ticks of the clock, and monotonic nanoseconds at the same moment.
        first_ticks: Word,
        first_monotonic_ns: Word,
        /// The last anchor, as the first.
        last_ticks: Word,
        last_monotonic_ns: Word,
        /// 0 tsc, 1 fenced, 2 monotonic, 3 mock.
        clock: Word,
        first_site: Link<SiteRecord>,
        first_block: Link<ThreadBlock>,
        /// 1: `ProfilingAllocator` is in use.
        allocator: Word,
        /// Calls of threads that found no room for a block.
        lost_calls: Word,
        /// Text: path of the program.
        program: Word,
        /// Bytes from the start that have memory behind them.
        committed_bytes: Word,
        /// 1: built with debug assertions.
        debug_assertions: Word,
        /// What recording costs, in ticks, as bits of an `f64`: between the readings of an empty
        /// span and, beyond its body, of a long one; from one empty span to the next, of one around
        /// a long body that waits, of one around a busy body, of one that is only counted; of a
        /// mark of a line, of one that is only counted, of a call with lines beside those, of a
        /// stay on a line that is timed as one of many, and of a call that is left out.
        costs: [Word; COSTS],
        first_window: Link<Window>,
        /// Where in the segment what its file does not hold begins, since the disk was full; 0: it
        /// holds all. Later records are in memory only.
        memory_from: Word,
        /// The newest records that the file holds, once there are newer ones in memory only.
        first_site_in_file: Link<SiteRecord>,
        first_block_in_file: Link<ThreadBlock>,
        first_window_in_file: Link<Window>,
        /// Windows whose place another one has taken.
        windows_left_out: Word,
        /// Processors of the machine, physical cores, processors that the process may use; 0: not
        /// known, or nobody looked yet.
        cores: [Word; CORES],
        /// When recording began, each plus one, 0 being not known: processor time of the first
        /// thread, the time for which it waited for a processor, involuntary switches, and the time
        /// in which any thread of the machine waited.
        scheduling_at_start: [Word; SCHEDULING],
        /// When a snapshot was taken last, the same of all threads that recorded something, less
        /// what it was at the start.
        scheduling: [Word; SCHEDULING],
    }
}

/// [`Header::cores`].
pub(crate) const CORES: usize = 3;

/// Figures of the scheduler: see [`Header`].
pub(crate) const SCHEDULING: usize = 4;

/// What spans and marks cost, as [`Costs`](super::costs::Costs) has them: bits of `f64`, in ticks.
pub(crate) const COSTS: usize = 11;

record! {
    /// A call site's text, so that another process can name it.
    SiteRecord, site_record {
        next: Link<SiteRecord>,
        /// Address of the `CallSite`.
        site: Word,
        kind: Word,
        /// Line in the low, column in the high half.
        place: Word,
        /// Texts.
        name: Word,
        path: Word,
        module: Word,
        file: Word,
        documentation: Word,
        signature: Word,
        /// Of a function whose lines are recorded: the line at which its text begins, the text, and
        /// which line each of its numbers is, `12,13,17` as a text.
        first_line: Word,
        source: Word,
        line_numbers: Word,
        /// 1: resident memory is read at each mark.
        with_resident: Word,
        /// Wall-clock time in which a sample found it innermost in some thread, and how much of
        /// that the thread ran. Written by the sampling thread alone.
        sampled_ns: Word,
        on_cpu_ns: Word,
        /// Of the rest, for how long the thread was ready to run and waited for a processor;
        /// written by the same.
        run_delay_ns: Word,
        /// Of a function whose lines are recorded: what is counted on another line than its own, as
        /// a text. Each line of it is `12 18 11 select!`: lines 12 to 18 are a `select!` that is
        /// counted on line 11.
        line_parts: Word,
        /// Of a function that has allocated.
        held: Link<Held>,
    }
}

/// Stretches of [`Held`].
pub(crate) const HELD_STRETCHES: usize = 32;

record! {
    /// What the process holds of that which a function allocated itself, in all threads. Every
    /// thread writes it: sums by addition, the stretches under the lock, which nobody waits for,
    /// but for `least`, which any thread lowers.
    Held, held {
        /// As estimated, with the estimate's variance.
        bytes: Word,
        variance: Word,
        /// Calls that had ended when something was last allocated.
        calls: Word,
        /// Each stretch is of 2^n calls; the number of the last one.
        stretch_log2: Word,
        newest: Word,
        lock: Word,
        /// Scratch: `bytes` before the table was thinned.
        before: Word,
        /// The least it held in each stretch.
        least: [Word; HELD_STRETCHES],
    }
}

/// What windows read.
pub(crate) const BACKENDS: [&str; 4] = ["rss", "pss", "uss", "heap"];
/// Readings that a window keeps.
pub(crate) const READINGS: usize = 512;
/// Words for a window's own name: its length, then its bytes.
pub(crate) const NAME: usize = 64;

record! {
    /// A curve of memory over time. Written by whoever holds the sampler's lock.
    Window, window {
        next: Link<Window>,
        /// Odd while the readings are being thinned or the record begins a new window: look again.
        version: Word,
        /// Text: path of the function, or the window's name.
        name: Word,
        process_id: Word,
        /// Its place in [`BACKENDS`].
        backend: Word,
        started_unix_ns: Word,
        started_monotonic_ns: Word,
        /// 0: open.
        ended_monotonic_ns: Word,
        /// Of the last reading, so that a window of a killed process has an end.
        last_monotonic_ns: Word,
        interval_ns: Word,
        taken: Word,
        kept: Word,
        baseline_bytes: Word,
        peak_bytes: Word,
        end_bytes: Word,
        /// These plus one; 0: not known.
        kernel_peak_bytes: Word,
        heap_baseline_bytes: Word,
        heap_peak_bytes: Word,
        heap_end_bytes: Word,
        /// Text: what could not be had, one sentence a line.
        unavailable: Word,
        /// Of the curve of a child process: the window that it belongs to.
        parent: Word,
        /// 1: each reading is the sum over all descendants.
        includes_children: Word,
        /// Pairs: ns since the start, bytes.
        readings: [Word; 2 * READINGS],
        /// The name's text, if it is not that of a function: then `name` leads here.
        own_name: [Word; NAME],
    }
}

record! {
    /// All that one thread writes. When the thread ends the next new thread continues with it.
    ThreadBlock, thread_block {
        next: Link<ThreadBlock>,
        /// 0 free, 1 owned by a running thread.
        owned: Word,
        first_frames: Link<FramePage>,
        first_edge: Link<Edge>,
        first_tally: Link<Tally>,
        root: Link<Edge>,
        /// Where paths beyond the limit are kept, one per function.
        other: Link<Edge>,
        paths: Word,
        /// Calls that found no room at all. Those of threads without a block are in the header's.
        lost_calls: Word,
        /// Clock readings that went backwards.
        anomalies: Word,
        /// The owner's bump allocator.
        cursor: Word,
        limit: Word,
        /// The owner's indices: (parent, site) to edge, site to tally.
        edges: Table<Edge>,
        tallies: Table<Tally>,
        /// How many threads have recorded a call in it; and whether its owner has none yet (1).
        threads: Word,
        silent: Word,
        /// Ticks when the last anchor was refreshed.
        anchored: Word,
        /// Budget: when the window began, ticks that recording took in it, and what part of the
        /// budget each function may take, as bits of an `f64`; 0: all of it.
        window_start: Word,
        window_spent: Word,
        allotment: Word,
        /// Functions whose count-down has begun.
        first_begun: Link<Tally>,
        /// State of the generator that spreads the timed calls.
        random: Word,
        /// Where allocations of the recorder itself are charged.
        own_frame: Link<Frame>,
        /// The kernel's number of the owner.
        thread_id: Word,
        /// Of a block that a signal handler records into: the block that it interrupted.
        interrupted: Link<ThreadBlock>,
        /// Ticks when a recorded poll last ended in waiting.
        waiting_since: Word,
        /// As [`Header::first_site_in_file`].
        first_edge_in_file: Link<Edge>,
        first_tally_in_file: Link<Tally>,
        /// Of the owners that have ended and had recorded something: for how long they ran, and
        /// waited for a processor.
        ended_cpu_ns: Word,
        ended_delay_ns: Word,
    }
}

/// 63 frames and, in place of the first, the page's links.
#[repr(C, align(8192))]
#[derive(Debug)]
pub(crate) struct FramePage {
    pub(crate) links: PageLinks,
    pub(crate) frames: [Frame; FRAME_PAGE / size_of::<Frame>() - 1],
}

record! {
    /// A page of frames begins with these, in the room of a frame.
    PageLinks, page_links {
        /// The page above, in which the next frame stands when this one is full. Above the page of
        /// the top frame all are free.
        next: Link<FramePage>,
        previous: Link<FramePage>,
        /// Whose page it is.
        block: Link<ThreadBlock>,
        /// One for each frame, the room of the links included; made at the first [`flags::SPLIT`]
        /// in the page.
        splits: Link<Split>,
        reserved: [Word; 12],
    }
}

/// Frames of a page, its links counted as one.
pub(crate) const PAGE_FRAMES: usize = FRAME_PAGE / size_of::<Frame>();

record! {
    /// What an open call has left on the call paths it stood on before. Only spans that overlap
    /// have such parts: when a span closes before one that opened in it, the inner one continues on
    /// the path without it.
    Split, split {
        ticks: Word,
        /// See [`heap`].
        heap: [Word; heap::COUNTS],
        reserved: Word,
    }
}

record! {
    /// One open span. All zero while no span is open in it, but for `edge`: that is the block's
    /// root in a frame whose span closed before spans above it.
    Frame, frame {
        /// The call path; published last when the span opens, cleared first when it closes.
        edge: Link<Edge>,
        /// Ticks at which the body began; 0: not timed. While the span closes: see [`closing`].
        started: Word,
        /// See [`flags`].
        flags: Word,
        /// Highest live bytes so far: allocated less freed.
        peak_bytes: Word,
        /// See [`heap`]. The first four share the frame's first cache line.
        heap: [Word; heap::COUNTS],
        /// What other threads counted for this call, see [`heap`]: the one thing in a block that
        /// others write.
        carried: [Word; heap::COUNTS],
    }
}

/// What is counted of the heap, in a frame, a path and a function alike.
pub(crate) mod heap {
    use super::Word;

    /// Blocks allocated and their bytes, blocks freed and theirs. A block that changes its size is
    /// one of each.
    pub(crate) const ALLOCATIONS: usize = 0;
    pub(crate) const ALLOCATED_BYTES: usize = 1;
    pub(crate) const FREES: usize = 2;
    pub(crate) const FREED_BYTES: usize = 3;
    /// Of these, blocks that became larger and smaller.
    pub(crate) const GROWN: usize = 4;
    pub(crate) const SHRUNK: usize = 5;
    pub(crate) const COUNTS: usize = 6;

    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "the start of statics, copied on purpose"
    )]
    pub(crate) const ZERO: [Word; COUNTS] = [Word::ZERO; COUNTS];
}

/// [`Frame::started`] while the span closes: one of these bits, and the value of the edge's
/// `pushed` or `untimed` from which on the call is counted there, and its frame stands for nothing.
pub(crate) mod closing {
    pub(crate) const TIMED: u64 = 0b10 << 62;
    pub(crate) const UNTIMED: u64 = 0b11 << 62;
    pub(crate) const COUNT: u64 = (1 << 62) - 1;
}

/// Bits of [`Frame::flags`]; any of them sends the closing span the slow way.
pub(crate) mod flags {
    /// Opened while the thread was already unwinding.
    pub(crate) const WHILE_PANICKING: u64 = 1;
    /// Part of the call is on other paths already: see [`super::Split`].
    pub(crate) const SPLIT: u64 = 2;
    /// One poll of a future, not a call.
    pub(crate) const POLL: u64 = 4;
    /// The frame below it is one whose span closed early.
    pub(crate) const ABOVE_CLOSED: u64 = 8;
    /// Of a context that was entered here: no call.
    pub(crate) const CARRIED: u64 = 16;
    /// Work was handed on from here: other threads may have counted for it.
    pub(crate) const HANDED_ON: u64 = 32;
    /// How the call returns is asked; and it has returned `Ok` or `Some`.
    pub(crate) const ASKED: u64 = 64;
    pub(crate) const OK: u64 = 128;
    /// The limits of the call have been checked already.
    pub(crate) const CHECKED: u64 = 1 << 16;
    /// Opened by a signal handler while the recorder was at work.
    pub(crate) const INTERRUPTS: u64 = 1 << 17;
    /// Bits 8 to 15: log2 of the number of calls that this one, being timed, stands for.
    pub(crate) const STANDS_FOR_SHIFT: u32 = 8;
    /// Bits 32 to 63, with `HANDED_ON`: a number that no other call has, by which other threads
    /// know this one.
    pub(crate) const CALL_SHIFT: u32 = 32;
}

record! {
    /// One call path: a site called from a given path. `ring[folded..pushed]`, modulo [`RING`], are
    /// the durations in ticks not yet in `ticks` and in the function's histogram.
    Edge, edge {
        /// The owner's guess at what is called next from here: what was called last. Never null.
        last_child: Link<Edge>,
        /// The owner's guess at what its caller calls after this: what it called then. Never null.
        successor: Link<Edge>,
        tally: Link<Tally>,
        /// The path this one continues.
        parent: Link<Edge>,
        site: Link<crate::callsite::CallSite>,
        /// Calls that have ended untimed.
        untimed: Word,
        /// Timed calls that have ended.
        pushed: Word,
        folded: Word,
        /// Sum over the folded calls, and over all polls.
        ticks: Word,
        ring: [Word; RING],
        /// Itself; or, for a recursive call, the ancestor on the path that has the same site.
        target: Link<Edge>,
        next: Link<Edge>,
        /// See [`heap`].
        heap: [Word; heap::COUNTS],
        /// Calls of an async function begun here.
        polled_calls: Word,
        /// What only few paths have.
        extras: Link<PathExtras>,
        /// Of the calls, those during which the same function was already open: inclusive figures
        /// leave them out, since the outermost call holds them.
        recursive_calls: Word,
        recursive_ticks: Word,
        /// Marks of lines in its ended calls and polls.
        marks: Word,
    }
}

record! {
    /// What a path has under a budget, or when work was handed on from it. Apart, so that an
    /// [`Edge`] fits into three cache lines: 64 threads that call a thousand functions each take 4
    /// MiB less.
    PathExtras, path_extras {
        /// Time of work that was handed on from this path and done in this thread.
        carried_ticks: Word,
        /// A call that was timed as one in 2^k stands for 2^k - 1 others: how many these are, and
        /// their ticks.
        stood_for_calls: Word,
        stood_for_ticks: Word,
        /// As bits of `f64`, the sums over such calls of 4^k - 2^k, of that times the ticks, and of
        /// that times their square: what the variance of the estimate is made of.
        spread: [Word; 3],
        /// Calls that were left out, and for which timed ones of this path stand.
        left_out: Word,
        /// Ended calls that the function's [`Held`] knows of.
        told_calls: Word,
    }
}

record! {
    /// One function in one thread: what is counted over all its call paths.
    Tally, tally {
        /// Calls (of any path) open now.
        open: Word,
        site: Link<crate::callsite::CallSite>,
        next: Link<Tally>,
        min_ticks: Word,
        max_ticks: Word,
        panicked: Word,
        histogram: Link<HistogramRoot>,
        /// Calls of more ticks are looked at in the slow way: the clock wants a new anchor, or they
        /// may have exceeded a limit.
        slow_above: Word,
        heap: Link<HeapTally>,
        /// Budget: see [`pace`].
        pace: Word,
        /// Calls recorded in the histogram: those folded from rings, those that timed ones stand
        /// for, and ended async calls.
        recorded: Word,
        /// Of a function whose lines are recorded.
        lines: Link<LineTally>,
        /// What only few functions have.
        extras: Link<Extras>,
        /// The count-down that is inlined into the function, see [`turns`]; 0 before it has begun.
        turns: Word,
        /// Under a budget.
        pacing: Link<Pacing>,
        /// Its first timed call in this thread, plus one, so that a zeroed record has none.
        first_ticks: Word,
    }
}

record! {
    /// What a function has in one thread that recurses, or has more enabled. Apart, so that a
    /// [`Tally`] fits into two cache lines.
    Extras, extras {
        /// The most of its calls that were open at a time.
        deepest: Word,
        /// Of a function that is asked how it returns.
        returns: Link<ReturnTally>,
        /// Of a function whose arguments are noted.
        calls: Link<CallList>,
        /// Where sizes are requested.
        sizes: Link<SizeTally>,
        /// Of an async function.
        polled: Link<Polled>,
    }
}

/// [`Tally::pace`]: calls to go until the pace is looked at again, and whether these are timed or
/// only counted.
pub(crate) mod pace {
    pub(crate) const TO_GO: u64 = 0xffff_ffff;
    pub(crate) const TIMED: u64 = 1 << 32;
}

/// [`Tally::turns`]: how many calls were ever to be left out, times 2^20, plus how many of them are
/// still to come; the difference is how many were. One word, so that a kill between two stores
/// loses none. The second number has a sign: a signal handler that comes between a look at it and
/// its decrement may take it below 0.
pub(crate) mod turns {
    const LEFT_BITS: u32 = 20;
    /// The most calls that can still be to come.
    pub(crate) const MOST_LEFT: u64 = (1 << (LEFT_BITS - 1)) - 1;

    /// Calls that are still to be left out, times 2^12.
    #[inline(always)]
    pub(crate) fn left_shifted(word: u64) -> i32 {
        (word as i32) << (32 - LEFT_BITS)
    }

    /// Calls that were left out.
    pub(crate) fn left_out(word: u64) -> u64 {
        let left = i64::from(left_shifted(word) >> (32 - LEFT_BITS));
        let counted = word.wrapping_sub(left as u64) >> LEFT_BITS;
        counted.wrapping_sub(left as u64)
    }

    /// So many are still to come, and so many were left out in total when they have.
    pub(crate) fn word(counted: u64, left: u64) -> u64 {
        (counted << LEFT_BITS).wrapping_add(left.min(MOST_LEFT))
    }
}

record! {
    /// How often a function is timed in one thread, under a budget. See `record::pacing`.
    Pacing, pacing {
        /// What its calls go through: a place in `record::pacing::Phase`.
        phase: Word,
        /// Ticks when this phase began, and its calls.
        since: Word,
        calls: Word,
        /// Timed calls still to come in a burst; log2 of one more than the calls that each stands
        /// for.
        burst_left: Word,
        others_log2: Word,
        /// 1: these were left out, not counted.
        were_left_out: Word,
        /// How many were ever left out when the phase is over, unless somebody ends it before.
        left_out_until: Word,
        /// Ticks that the calls took at the most for which a burst still has to stand; and each of
        /// them on the average.
        room: Word,
        each: Word,
        /// 1: it calls annotated functions, so that its calls cannot be left out.
        is_caller: Word,
        /// How often in a row even counting cost more than the budget. Ticks when recording was
        /// stopped for that; 0: it was not.
        too_dear: Word,
        stopped: Word,
        /// Address of the thread's `Turns` if that counts down here; and the next such tally.
        turns: Word,
        next_begun: Link<Tally>,
    }
}

record! {
    /// What only functions have in which something was allocated or freed.
    HeapTally, heap_tally {
        peak_bytes: Word,
        /// Of calls within a call, as the edges' `recursive_ticks`; see [`heap`].
        recursive: [Word; heap::COUNTS],
        /// Of the calls in which something was allocated: how many, their bytes each, the least of
        /// these plus one, the most.
        calls: Word,
        bytes: Link<HistogramRoot>,
        least_bytes: Word,
        most_bytes: Word,
        /// The function's limits, if any is on what a call allocates. Of use to the process that
        /// wrote it only.
        limits: Link<crate::limits::Limits>,
    }
}

record! {
    /// How the ended calls of a function returned: with `Ok` or `Some`, and with `Err` or `None`.
    ReturnTally, return_tally {
        /// 1: a `Result`; 2: an `Option`; 0: not known, all ended by `?`.
        kind: Word,
        calls: [Word; 2],
        /// Of these, those that were timed, each as many as it stands for, and their ticks.
        timed: [Word; 2],
        ticks: [Word; 2],
    }
}

/// Calls that each of the two lists keeps.
pub(crate) const CALLS: usize = 8;
/// Words of a call's text.
pub(crate) const CALL_TEXT: usize = 37;

record! {
    /// The slowest calls of a function in one thread, and those that allocated most.
    CallList, call_list {
        /// Ticks, or bytes, of the least call in each list; 0 while it has room.
        least: [Word; 2],
        calls: [CallRecord; 2 * CALLS],
    }
}

record! {
    /// A call that is remembered. All zero: none.
    CallRecord, call_record {
        /// Odd while it is being written.
        version: Word,
        /// What it is in the list for: its ticks or its bytes.
        key: Word,
        ticks: Word,
        /// Ticks when it began; 0: not timed.
        started: Word,
        allocated_bytes: Word,
        allocations: Word,
        /// The path it was called from: an edge.
        caller: Word,
        thread_id: Word,
        thread_name: [Word; 2],
        /// Bytes of the text.
        length: Word,
        text: [Word; CALL_TEXT],
    }
}

/// Classes of [`SizeTally::classes`]: the last ends at 64 TiB.
pub(crate) const SIZE_CLASSES: usize = 47;

record! {
    /// Blocks that a function allocated itself, by size.
    SizeTally, size_tally {
        /// Freed by their thread before it allocated another.
        temporary: Word,
        /// Class n: of more than 2^(n-1) and at most 2^n bytes.
        classes: [Word; SIZE_CLASSES],
    }
}

record! {
    /// The lines of a function in one thread. Followed by [`LineCounts`] for each of them, and one
    /// for what runs before the first.
    LineTally, line_tally {
        site: Link<crate::callsite::CallSite>,
        lines: Word,
        /// The line that runs, and since when.
        current: Link<LineCounts>,
        since: Word,
        /// Of the innermost call: what it allocates is what its lines allocate.
        frame: Link<Frame>,
        /// Allocations and frees in the frame at the last mark that saw one, and what lines count
        /// of them.
        events: Word,
        seen: [Word; 3],
        /// Marks until the clock is read; 0: at each. What it was when marks were counted last.
        to_go: Word,
        to_go_from: Word,
        /// Marks of the innermost call, and of all that have ended.
        marks: Word,
        all_marks: Word,
        /// How the clock is read, and the function's mode that this was chosen for.
        way: Word,
        mode: Word,
        /// Budget: one stay in 2^k is timed; when the last one was, and how many marks there were
        /// then.
        period_log2: Word,
        sampled_at: Word,
        sampled_marks: Word,
        /// 1: resident memory is read at each mark. The last reading.
        resident: Word,
        resident_seen: Word,
        reserved: [Word; 4],
    }
}

/// [`LineTally::way`]: how the clock is read.
pub(crate) mod way {
    pub(crate) const INLINED: u64 = 1;
    /// At every mark, but by another clock, or with resident memory.
    pub(crate) const SLOWLY: u64 = 2;
    /// At one in 2^k: waiting for its turn, and with the clock running for one stay.
    pub(crate) const SAMPLED: u64 = 3;
    pub(crate) const SAMPLING: u64 = 4;
}

record! {
    /// One line.
    LineCounts, line_counts {
        hits: Word,
        /// Time of the stays that were timed, each times what it stands for; and how many these
        /// were so.
        ticks: Word,
        timed: Word,
        /// Allocations, their bytes, bytes freed.
        heap: [Word; 3],
        /// Between the polls of a future that continued here.
        waiting_ticks: Word,
        /// Sum of the increments of resident memory, in two's complement, and the highest reading.
        resident: [Word; 2],
        /// Futures that wait here now, less those that continued here after they had begun to wait
        /// in another thread, and the sum of the ticks at which they began, likewise.
        waiting: [Word; 2],
        reserved: [Word; 5],
    }
}

record! {
    /// What only async functions have.
    Polled, polled {
        polls: Word,
        finished: Word,
        cancelled: Word,
        /// From the first poll to the end, summed over the calls that ended.
        wall_ticks: Word,
        busy_ticks: Word,
        /// Recursive polls' share, as in [`Tally`].
        min_wall_ticks: Word,
        max_wall_ticks: Word,
        wall_histogram: Link<HistogramRoot>,
    }
}

/// 64 buckets of equal width to each power of two: the middle of a bucket is within 1/128 of every
/// value in it. Bucket `b` is in leaf `b / 16` (16 counters of 32 bits), leaf `l` in node `l / 8`.
pub(crate) mod buckets {
    pub(crate) const SUB_BITS: u32 = 6;
    pub(crate) const LEAF: usize = 16;
    pub(crate) const LEAVES: usize = 8;
    /// Two powers of two each; the room of a last one holds the link to what no longer fits, so
    /// that a root has four cache lines.
    pub(crate) const NODES: usize = 31;
    pub(crate) const ALL: usize = NODES * LEAVES * LEAF;
    /// Longer is no duration: 2^62 ns are 146 years. A little less, since the next numbers are
    /// rounded up to the bucket that is not there.
    const MOST: u64 = (1 << (2 * NODES)) - (1 << 10);
    /// Buckets that the arithmetic knows.
    const WRAP: usize = (NODES + 1) * LEAVES * LEAF;

    /// The difference of two readings of the clock, unless it is none: then that has stepped back.
    #[inline(always)]
    pub(crate) fn duration(ticks: u64) -> Option<u64> {
        if ticks <= MOST { Some(ticks) } else { None }
    }

    /// The bucket of a duration; 0 shares that of 1.
    ///
    /// The exponent and the first six bits of the fraction of the floating-point form are the
    /// bucket: one conversion and a shift. Counting leading zeros takes eight micro-operations on
    /// AMD unless the program is built for processors that have `lzcnt`.
    #[inline(always)]
    pub(crate) fn of(ticks: u64) -> usize {
        const ONE: u64 = 1.0_f64.to_bits() >> (f64::MANTISSA_DIGITS - 1 - SUB_BITS);
        let bits = (ticks.max(1) as i64 as f64).to_bits() >> (f64::MANTISSA_DIGITS - 1 - SUB_BITS);
        (bits - ONE) as usize % WRAP
    }

    /// The middle of a bucket's whole numbers, the value that stands for them.
    pub(crate) fn middle(bucket: usize) -> f64 {
        let octave = 2f64.powi((bucket >> SUB_BITS) as i32);
        let width = octave / f64::from(1 << SUB_BITS);
        let low = octave + width * (bucket % (1 << SUB_BITS)) as f64;
        low + ((width - 1.0) / 2.0).max(0.0)
    }
}

record! {
    /// Root of a histogram: links to nodes, and counts that no longer fitted 32 bits.
    HistogramRoot, histogram_root {
        nodes: [Link<HistogramNode>; buckets::NODES],
        carries: Link<Carry>,
    }
}

record! {
    /// Links to eight leaves: 128 buckets.
    HistogramNode, histogram_node {
        leaves: [Link<HistogramLeaf>; buckets::LEAVES],
    }
}

/// Sixteen counters of 32 bits.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct HistogramLeaf {
    pub(crate) counts: [std::sync::atomic::AtomicU32; buckets::LEAF],
}

/// The counters of a leaf, from its words.
pub(crate) fn histogram_leaf_words(word: impl Fn(u64) -> u64) -> impl Iterator<Item = u32> {
    let words = (0..buckets::LEAF as u64 / 2).map(word);
    words.flat_map(|pair| [pair as u32, (pair >> 32) as u32])
}

record! {
    /// 2^31 calls at a time, taken out of a counter before it overflows.
    Carry, carry {
        next: Link<Carry>,
        bucket: Word,
        count: Word,
    }
}

impl Keyed for Edge {
    fn key(&self) -> Key {
        Key(self.parent.get().addr(), self.site.get().addr())
    }
}

impl Keyed for Tally {
    fn key(&self) -> Key {
        Key(0, self.site.get().addr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_has_the_documented_size() {
        assert_eq!(size_of::<Frame>(), 128);
        assert_eq!(size_of::<PageLinks>(), size_of::<Frame>());
        assert_eq!(size_of::<FramePage>(), FRAME_PAGE);
        assert_eq!(size_of::<Split>(), 64);
        assert_eq!(size_of::<Edge>(), 192);
        assert_eq!(size_of::<Tally>(), 128);
        assert_eq!(size_of::<CallRecord>(), 384);
        assert_eq!(size_of::<LineTally>(), 192);
        assert_eq!(size_of::<LineCounts>(), 128);
        assert_eq!(size_of::<HistogramRoot>(), 256);
        assert_eq!(size_of::<HistogramLeaf>(), 64);
    }

    #[test]
    fn buckets_never_go_back() {
        let mut last = buckets::of(0);
        for ticks in 1..100_000_u64 {
            let bucket = buckets::of(ticks);
            assert!(bucket >= last, "{ticks}");
            last = bucket;
        }
        assert_eq!(buckets::of(0), 0);
        assert_eq!(
            [1 << 61, (1 << 62) - (1 << 10), 1 << 62].map(buckets::of),
            [buckets::ALL - 64, buckets::ALL - 1, buckets::ALL]
        );
    }

    #[test]
    fn a_bucket_stands_for_its_values_within_one_part_in_128() {
        for shift in 0..57 {
            for ticks in
                [1_u64 << shift, 64 << shift, (64 << shift) + (63 << shift) / 2, (128 << shift) - 1]
            {
                let error = (buckets::middle(buckets::of(ticks)) - ticks as f64).abs();
                assert!(error <= ticks as f64 / 128.0, "{ticks}: {error}");
            }
        }
    }
}
