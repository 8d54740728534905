//! A program that does to its process what a profiler may not expect; each scene is an argument.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

use profile_core::{ProfilingAllocator, Settings, memory_usage, profile};

/// Has no memory while this is set.
static IS_EXHAUSTED: AtomicBool = AtomicBool::new(false);

struct Exhaustible;

// SAFETY: the system's allocator, or null.
unsafe impl GlobalAlloc for Exhaustible {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match IS_EXHAUSTED.load(Relaxed) {
            true => std::ptr::null_mut(),
            // SAFETY: the caller's promises.
            false => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: ProfilingAllocator<Exhaustible> = ProfilingAllocator::new(Exhaustible);

#[profile]
fn work(number: u64) -> u64 {
    black_box(number + 1)
}

#[profile]
fn reserves() -> bool {
    Vec::<u8>::new().try_reserve(1 << 20).is_ok()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let scene: &str = &arguments[1];
    (0..20).for_each(|number| _ = work(number));
    match scene {
        "closes_descriptors" => closes_descriptors(&arguments[2]),
        "closes_descriptors_in_a_window" => {
            window(&arguments[2]);
        }
        "default_sigpipe" => default_sigpipe(),
        "no_memory_in_a_first_call" => {
            IS_EXHAUSTED.store(true, Relaxed);
            let has_reserved = reserves();
            IS_EXHAUSTED.store(false, Relaxed);
            assert!(!has_reserved);
        }
        "no_memory_at_the_end" => IS_EXHAUSTED.store(true, Relaxed),
        "leaves_its_folder" => std::env::set_current_dir("/").expect("the root"),
        "unnoticed_fork" => unnoticed_fork(),
        "waits" => waits(),
        "enables_signals" => {
            let settings = Settings::new().report("csv").expect("a format");
            settings.report_on_signals(true).apply();
            waits();
        }
        "calls_the_handler_before" => calls_the_handler_before(),
        "warns_of_commands" => {
            let _ = profile_core::warn!("bad\n::error file=a.rs,line=1::forged");
        }
        _ => panic!("no scene is called {scene}"),
    }
}

fn default_sigpipe() {
    // SAFETY: the default action.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

fn close_all() {
    // SAFETY: what a daemon does; nothing here uses a descriptor that it has closed.
    unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
}

/// Closes all descriptors, fills a file of its own, and makes the segment grow.
fn closes_descriptors(path: &str) {
    const THREADS: usize = 100;
    close_all();
    let mut options = std::fs::File::options();
    let mut file =
        options.create(true).truncate(true).read(true).write(true).open(path).expect("a file");
    let content = b"precious ".repeat((3 << 20) / 9);
    file.write_all(&content).expect("written");
    assert_eq!(file.as_raw_fd(), 3);
    // Threads alive at once have a block each.
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                work(1);
                barrier.wait();
            });
        }
    });
    let mut now = Vec::new();
    file.rewind().expect("the start");
    file.read_to_end(&mut now).expect("read");
    assert!(now == content, "the program's file has changed");
}

/// The window ends with a descriptor that is no longer its own.
fn window(path: &str) {
    let file = watched(path);
    file.metadata().expect("it is still open");
}

#[memory_usage(interval = "1 ms")]
fn watched(path: &str) -> std::fs::File {
    close_all();
    let files: Vec<_> = (0..8).map(|_| std::fs::File::create(path).expect("a file")).collect();
    let mut files = files.into_iter();
    let first = files.next().expect("eight of them");
    // As many as the window has.
    std::mem::forget(files);
    first
}

/// Until a signal ends it.
#[profile]
fn waits() {
    println!("ready");
    std::io::stdout().flush().expect("somebody reads");
    loop {
        std::thread::park();
    }
}

/// As libraries do that share a signal: their handler calls the one that was there before.
fn calls_the_handler_before() {
    static BEFORE: AtomicUsize = AtomicUsize::new(0);
    static HAS_COME: AtomicBool = AtomicBool::new(false);
    extern "C" fn on_signal(signal: i32) {
        HAS_COME.store(true, Relaxed);
        let before = BEFORE.load(Relaxed);
        if before > libc::SIG_IGN {
            // SAFETY: the address of a handler of this type.
            let before: extern "C" fn(i32) = unsafe { std::mem::transmute(before) };
            before(signal);
        }
    }
    // SAFETY: the handler makes no calls that a handler must not make.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let mut before: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        libc::sigaction(libc::SIGTERM, &raw const action, &raw mut before);
        BEFORE.store(before.sa_sigaction, Relaxed);
        libc::raise(libc::SIGTERM);
    }
    assert!(HAS_COME.load(Relaxed));
    work(1);
}

fn unnoticed_fork() {
    unsafe extern "C" {
        fn _Fork() -> libc::pid_t;
    }
    // SAFETY: the child calls nothing that another thread may hold.
    let child = unsafe { _Fork() };
    if child == 0 {
        std::process::exit(0);
    }
    let mut status = 0;
    // SAFETY: room for the status.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
}
