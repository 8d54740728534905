//! Samples the processor time of each thread, attributed to the thread's innermost function: shows
//! whether functions work or wait.
//!
//! A separate thread reads the clocks. The sampled threads do no work for it, and no privileges are
//! needed. It is started only on request. It writes its results to the records of call sites, as
//! the only writer of these words.

use std::collections::HashMap;
use std::sync::Once;
use std::sync::atomic::{Ordering::Acquire, fence};
use std::time::Duration;

use super::frame::tally_of;
use super::thread::{self, Suspended, known_frame_above};
use crate::callsite::CallSite;
use crate::segment::layout::{Edge, Link, SiteRecord, ThreadBlock};
use crate::segment::writer;
use crate::sys;

/// Starts sampling at this interval, once in a process. A forked child does not sample.
pub(crate) fn start(interval: Duration) {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let builder = std::thread::Builder::new().name("profile-cpu".to_owned());
        // If the thread cannot be created, there are no samples.
        let _ = sys::without_signals(|| builder.spawn(move || run(interval)));
    });
}

/// The clocks of a thread at the last sample.
#[derive(Clone, Copy, Debug)]
struct LastSample {
    thread_id: u64,
    wall_ns: u64,
    cpu_ns: u64,
    /// How long it has waited for a processor; 0 if unknown.
    delay_ns: u64,
}

fn run(interval: Duration) {
    let _own = Suspended::new();
    let mut seen: HashMap<*const ThreadBlock, LastSample> = HashMap::new();
    loop {
        std::thread::sleep(interval);
        let Some(header) = writer::header() else { continue };
        thread::blocks(header).for_each(|block| sample(block, &mut seen));
    }
}

fn sample(block: &ThreadBlock, seen: &mut HashMap<*const ThreadBlock, LastSample>) {
    let thread_id = block.thread_id.get();
    let cpu_ns = Some(thread_id).filter(|_| block.owned.get() != 0).and_then(sys::thread_cpu_ns);
    let Some(cpu_ns) = cpu_ns else {
        seen.remove(&std::ptr::from_ref(block));
        return;
    };
    let delay_ns = sys::scheduled_of_thread(thread_id).map_or(0, |scheduled| scheduled.delay_ns);
    let now = LastSample { thread_id, wall_ns: sys::monotonic_ns(), cpu_ns, delay_ns };
    let before = seen.insert(block, now).filter(|before| before.thread_id == thread_id);
    if let (Some(before), Some(record)) = (before, innermost(block)) {
        let wall_ns = now.wall_ns.saturating_sub(before.wall_ns);
        record.sampled_ns.add(wall_ns);
        record.on_cpu_ns.add(now.cpu_ns.saturating_sub(before.cpu_ns).min(wall_ns));
        // The kernel counts a wait once it is over, so it may be longer than the time since the
        // last sample. The thread is still where it waited, so the function is the right one.
        record.run_delay_ns.add(now.delay_ns.saturating_sub(before.delay_ns));
    }
}

/// The record of the innermost function with an open span. `None` if no span is open, or one just
/// closed.
fn innermost(block: &ThreadBlock) -> Option<&'static SiteRecord> {
    // SAFETY: a published block has its page; pages are never freed.
    let page = unsafe { block.first_frames.get().as_ref() }?;
    let mut frame = known_frame_above(&raw const page.frames[0])?;
    let mut edge: *const Edge = std::ptr::null();
    loop {
        // SAFETY: a frame of this block, in pages that are never freed; its words are atomics.
        let at = unsafe { &*frame }.edge.get();
        if at.is_null() {
            break;
        }
        // A span that closed below others has the root there.
        if at != block.root.get() {
            edge = at;
        }
        match known_frame_above(frame) {
            Some(above) => frame = above,
            None => break,
        }
    }
    // Synchronizes with what the owner wrote before it published the edge.
    fence(Acquire);
    // SAFETY: null, or an edge, which is never freed.
    let edge = unsafe { edge.as_ref() }?;
    let site: &Link<CallSite> = &tally_of(edge).site;
    // SAFETY: null, or a static.
    let site = unsafe { site.get().as_ref() }?;
    // SAFETY: 0, or the address of the site's record, which is never freed.
    unsafe { (site.record() as *const SiteRecord).as_ref() }
}
