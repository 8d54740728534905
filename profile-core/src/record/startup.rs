//! The start of recording in a process, its restart in a forked child, and the end of recording in
//! a thread. Cold: each runs once.

use std::ffi::c_void;
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::*};
use std::sync::{Once, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{
    counters, handed, held, lines, policy, problems, scheduling, sizes, slow_path, thread, turns,
};
use crate::callsite::{self, Mode};
use crate::clock::{Anchor, Clock};
use crate::runs;
use crate::segment::layout::{Header, ThreadBlock, Word, heap};
use crate::segment::writer::{self, write_text};
use crate::settings::{self, RunDir};
use crate::sys;

static BEGIN: Once = Once::new();
/// Where the process records: the setting at the start, whatever is selected later.
static RUN_DIR: OnceLock<RunDir> = OnceLock::new();

/// What remains to be done before the first call, or null.
static BEFORE_FIRST_CALL: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Has a function run before the first call of anything annotated.
pub(crate) fn before_first_call(run: fn()) {
    BEFORE_FIRST_CALL.store(run as *mut (), Release);
}

/// Runs it, once. To be called where a call has no frame yet.
pub(super) fn run_before_first_call() {
    if BEFORE_FIRST_CALL.load(Relaxed).is_null() {
        return;
    }
    let run = BEFORE_FIRST_CALL.swap(ptr::null_mut(), AcqRel);
    if !run.is_null() {
        // SAFETY: only `before_first_call` stores it, from a `fn()`.
        let run: fn() = unsafe { std::mem::transmute(run) };
        run();
    }
}

/// Starts recording, once in a process.
pub(crate) fn begin() {
    BEGIN.call_once(|| {
        let settings = settings::current();
        let clock = settings.clock.unwrap_or_else(Clock::best);
        clock.select();
        let run_dir = RUN_DIR.get_or_init(|| settings.run_dir.clone());
        let path = segment_path(run_dir);
        let (header, outcome) = writer::create(path.as_deref());
        let Some(header) = header else {
            return problems::report("no memory to record into: nothing is recorded");
        };
        if let (RunDir::Folder(folder), Err(error)) = (run_dir, outcome) {
            let location = folder.display();
            problems::report(format!(
                "PROFILE_RUN_DIR: cannot record into {location}: {error}; recording in memory"
            ));
        }
        counters::begin();
        sys::on_thread_exit(release);
        sys::at_fork_in_child(restart_in_child);
        describe(header, clock);
        // Determining the physical cores takes long on a large machine, and only a segment in a
        // folder on a disk may be read on another one.
        if writer::is_file() && *run_dir != RunDir::Default {
            scheduling::write_cores(header);
        }
        // No site has been called yet, so none needs to be updated; there may be many.
        policy::set_budget(settings.budget);
        sizes::want(settings.block_sizes);
        // An initial clock rate, for a reader of a process that is killed at once.
        thread::write_anchor(clock);
    });
}

/// Where this process records, if into a file. Its name consists of the process id and the start
/// time.
fn segment_path(run_dir: &RunDir) -> Option<PathBuf> {
    let folder = match run_dir {
        RunDir::Default => runs::private_default()?,
        RunDir::Folder(folder) => {
            // If it cannot be created, neither can the file, which is reported.
            let _ = sys::create_private_folders(folder);
            folder.clone()
        }
        RunDir::Memory => return None,
    };
    Some(folder.join(format!("{}-{}.segment", std::process::id(), unix_ns())))
}

/// After the report: removes the file, unless a folder for it was named. May run in a signal
/// handler.
pub(crate) fn discard_run() {
    if RUN_DIR.get() == Some(&RunDir::Default) && !is_forked_child() {
        writer::remove_file();
    }
}

pub(crate) fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Writes what a reader must know about the process.
pub(super) fn describe(header: &Header, clock: Clock) {
    let anchor = Anchor::now(clock);
    header.clock.set(clock as u64);
    header.first_ticks.set(anchor.ticks);
    header.first_monotonic_ns.set(anchor.monotonic_ns);
    header.last_ticks.set(anchor.ticks);
    header.last_monotonic_ns.set(anchor.monotonic_ns);
    header.started_unix_ns.set(unix_ns());
    header.debug_assertions.set(u64::from(cfg!(debug_assertions)));
    header.allocator.set(u64::from(allocator_is_installed()));
    let program = std::env::args_os().next().unwrap_or_default();
    header.program.set(write_text(&program.to_string_lossy()));
    scheduling::begin(header);
}

/// Whether allocations reach the recorder, determined by making one.
fn allocator_is_installed() -> bool {
    let seen = || thread::here().map_or(0, |(_, frame)| frame.heap[heap::ALLOCATIONS].get());
    let before = seen();
    drop(std::hint::black_box(Box::new(0_u8)));
    seen() != before
}

static FORKED: AtomicBool = AtomicBool::new(false);

/// Whether this process is the child of a `fork` of an instrumented one.
pub(crate) fn is_forked_child() -> bool {
    FORKED.load(Relaxed)
}

/// In the child of a `fork`: starts an empty segment, without the parent's figures.
extern "C" fn restart_in_child() {
    FORKED.store(true, Relaxed);
    // Until the child has its own segment, its allocations must not find the parent's.
    if let Some(block) = thread::own_block() {
        turns::end_all(block);
    }
    thread::forget_block();
    sizes::forget();
    held::forget();
    lines::forget();
    handed::forget();
    // Children of `fork` often end in `_exit`, which would leave their files in the default folder.
    let path = RUN_DIR.get().filter(|it| **it != RunDir::Default).and_then(segment_path);
    // The costs of calls, and the processors, are the same here.
    let parents = writer::header().map(|header| {
        let is_off = header.off_since_ns.get() != 0;
        (header.costs.each_ref().map(Word::get), header.cores.each_ref().map(Word::get), is_off)
    });
    if !writer::restart_after_fork(path.as_deref()) {
        return;
    }
    thread::allow_block();
    for site in callsite::linked() {
        site.forget_record();
        if site.mode() != Mode::OFF {
            site.set_mode(Mode::UNREGISTERED);
        }
    }
    if let Some(header) = writer::header() {
        describe(header, Clock::current());
        let (costs, cores, is_off) = parents.unwrap_or_default();
        if is_off {
            header.off_since_ns.set(sys::monotonic_ns());
        }
        header.costs.iter().zip(costs).for_each(|(word, cost)| word.set(cost));
        header.cores.iter().zip(cores).for_each(|(word, cores)| word.set(cores));
    }
}

/// At the end of a thread: closes the spans that were never closed, and releases the block for
/// another thread.
extern "C" fn release(block: *mut c_void) {
    // SAFETY: `attach` passed a block, which is never freed.
    let block = unsafe { &*block.cast::<ThreadBlock>() };
    slow_path::close_abandoned();
    turns::end_all(block);
    held::publish();
    scheduling::thread_ends(block);
    thread::write_anchor(Clock::current());
    thread::detach();
    block.owned.publish(0);
}
