//! Scheduling of the recording threads: how long they ran, and how long they were runnable and
//! waited for a processor. Read when recording begins, when a thread ends, and when a snapshot is
//! taken; never during a call.

use super::thread;
use crate::segment::layout::{Header, SCHEDULING, ThreadBlock, Word};
use crate::segment::writer;
use crate::sys::{self, Scheduled};

/// Stores the figures when recording begins: later figures are relative to them.
pub(super) fn begin(header: &Header) {
    let first = sys::scheduled_of_first_thread();
    write(&header.scheduling_at_start, figures(first));
}

/// Stores the number of processors of this machine, for readers on another one.
pub(super) fn write_cores(header: &Header) {
    header.cores.iter().zip(sys::cores()).for_each(|(word, cores)| word.set(cores));
}

/// Adds the figures of a thread that ends, because they are not available afterwards.
pub(super) fn thread_ends(block: &ThreadBlock) {
    let is_first = block.thread_id.get() == u64::from(std::process::id());
    // Threads that recorded nothing do not count, and the first thread can be queried as long as
    // the process exists.
    if block.silent.get() != 0 || is_first {
        return;
    }
    if let Some(scheduled) = sys::scheduled_of_this_thread() {
        block.ended_cpu_ns.add(scheduled.cpu_ns);
        block.ended_delay_ns.add(scheduled.delay_ns);
    }
}

/// Updates the segment's figures.
pub(crate) fn note() {
    let Some(header) = writer::header() else { return };
    if header.cores.iter().all(|cores| cores.get() == 0) {
        write_cores(header);
    }
    let first = read(&header.scheduling_at_start);
    let now = figures(of_threads(header));
    let since = |index: usize| now[index]?.checked_sub(first[index]?);
    write(&header.scheduling, std::array::from_fn(since));
}

type Figures = [Option<u64>; SCHEDULING];

fn figures(threads: Option<Scheduled>) -> Figures {
    let [cpu_ns, delay_ns] = [threads.map(|it| it.cpu_ns), threads.map(|it| it.delay_ns)];
    [cpu_ns, delay_ns, sys::involuntary_switches(), sys::cpu_pressure_ns()]
}

fn write(words: &[Word], figures: Figures) {
    let plus_one = |figure: Option<u64>| figure.map_or(0, |figure| figure.saturating_add(1));
    words.iter().zip(figures).for_each(|(word, figure)| word.set(plus_one(figure)));
}

fn read(words: &[Word; SCHEDULING]) -> Figures {
    words.each_ref().map(|word| word.get().checked_sub(1))
}

/// The sum over all threads that recorded something, including ended ones, and always the first
/// thread. `None` if the system does not provide it.
fn of_threads(header: &Header) -> Option<Scheduled> {
    let mut sum = sys::scheduled_of_first_thread()?;
    let mut add = |cpu_ns: u64, delay_ns: u64| {
        sum.cpu_ns = sum.cpu_ns.saturating_add(cpu_ns);
        sum.delay_ns = sum.delay_ns.saturating_add(delay_ns);
    };
    for block in thread::blocks(header) {
        add(block.ended_cpu_ns.get(), block.ended_delay_ns.get());
        if let Some(it) = running(header, block) {
            add(it.cpu_ns, it.delay_ns);
        }
    }
    Some(sum)
}

/// The figures of a block's owner, if that is a recording thread other than the first, which is
/// already included.
fn running(header: &Header, block: &ThreadBlock) -> Option<Scheduled> {
    let thread_id = block.thread_id.get();
    let counts = block.owned.get() != 0 && block.silent.get() == 0;
    let is_first = thread_id == header.process_id.get();
    (counts && !is_first).then(|| sys::scheduled_of_thread(thread_id)).flatten()
}
