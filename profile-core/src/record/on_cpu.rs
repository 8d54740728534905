//! Whether functions work or wait: samples of the processor time of each thread, charged to the
//! function that is innermost in it.
//!
//! A thread of its own looks at the clocks; the threads it looks at do nothing for it, and need no
//! rights. It is started only when requested. What it finds goes into the records of call sites, of
//! which it is the only writer of these two words.

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
        // Without memory for a thread there are no samples.
        let _ = sys::without_signals(|| builder.spawn(move || run(interval)));
    });
}

/// The clocks of a thread when it was looked at last.
#[derive(Clone, Copy, Debug)]
struct Seen {
    thread_id: u64,
    wall_ns: u64,
    cpu_ns: u64,
    /// For how long it has waited for a processor; 0 where that is not known.
    delay_ns: u64,
}

fn run(interval: Duration) {
    let _own = Suspended::new();
    let mut seen: HashMap<*const ThreadBlock, Seen> = HashMap::new();
    loop {
        std::thread::sleep(interval);
        let Some(header) = writer::header() else { continue };
        thread::blocks(header).for_each(|block| look_at(block, &mut seen));
    }
}

fn look_at(block: &ThreadBlock, seen: &mut HashMap<*const ThreadBlock, Seen>) {
    let thread_id = block.thread_id.get();
    let cpu_ns = Some(thread_id).filter(|_| block.owned.get() != 0).and_then(sys::thread_cpu_ns);
    let Some(cpu_ns) = cpu_ns else {
        seen.remove(&std::ptr::from_ref(block));
        return;
    };
    let delay_ns = sys::scheduled_of_thread(thread_id).map_or(0, |scheduled| scheduled.delay_ns);
    let now = Seen { thread_id, wall_ns: sys::monotonic_ns(), cpu_ns, delay_ns };
    let before = seen.insert(block, now).filter(|before| before.thread_id == thread_id);
    if let (Some(before), Some(record)) = (before, innermost(block)) {
        let wall_ns = now.wall_ns.saturating_sub(before.wall_ns);
        record.sampled_ns.add(wall_ns);
        record.on_cpu_ns.add(now.cpu_ns.saturating_sub(before.cpu_ns).min(wall_ns));
        // The kernel counts a wait when it is over: it may be longer than the time since the last
        // sample. Where the thread waited it is still, so that the function is the right one.
        record.run_delay_ns.add(now.delay_ns.saturating_sub(before.delay_ns));
    }
}

/// The record of the function whose span is open innermost. `None`: no span is open, or one just
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
        // One whose span closed below others has the root there.
        if at != block.root.get() {
            edge = at;
        }
        match known_frame_above(frame) {
            Some(above) => frame = above,
            None => break,
        }
    }
    // What the owner wrote before it published the edge.
    fence(Acquire);
    // SAFETY: null, or an edge, which is never freed.
    let edge = unsafe { edge.as_ref() }?;
    let site: &Link<CallSite> = &tally_of(edge).site;
    // SAFETY: null, or a static.
    let site = unsafe { site.get().as_ref() }?;
    // SAFETY: 0, or the address of the site's record, which is never freed.
    unsafe { (site.record() as *const SiteRecord).as_ref() }
}
