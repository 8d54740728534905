//! Linux: reserved and committed memory, exits of threads and of the process, `fork`.

mod ends;
mod folders;
mod long_lived;
mod output;
mod resident;
mod scheduling;
mod second_process;
mod signals;

use std::ffi::{c_int, c_void};
use std::io::Write;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

pub(crate) use ends::*;
pub(crate) use folders::{
    create_private_folders, make_private_folder, mapped_files, runtime_folders,
};
pub(crate) use long_lived::SegmentFile;
pub(crate) use output::*;
pub(crate) use resident::*;
pub(crate) use scheduling::*;
pub(crate) use second_process::{
    end_at_once, passed_segment, prepare_reports, without_running_report,
};
pub(crate) use signals::{handle_signals, report_every};

/// The C library calls the function pointers in this section before `main`.
macro_rules! before_main {
    ($start:path) => {
        #[used]
        // SAFETY: `$start` has the type that the C library calls. It is called once, and needs
        // nothing that is not initialized yet.
        #[allow(unsafe_code, reason = "a link section; `sys` says what is in it")]
        #[unsafe(link_section = ".init_array")]
        static BEFORE_MAIN: extern "C" fn() = $start;
    };
}
pub(crate) use before_main;

pub(crate) fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec to write to; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Whether the kernel uses the time stamp counter as its clock source, so has checked that the
/// cores agree.
pub(crate) fn kernel_trusts_tsc() -> bool {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    std::fs::read_to_string(path).is_ok_and(|name| name.trim() == "tsc")
}

pub(crate) fn reserve(length: usize) -> Option<*mut u8> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new private mapping at an address chosen by the kernel overlaps no other memory.
    let start = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return None;
    }
    // With huge pages one touched word would cost 2 MiB of resident memory.
    // SAFETY: the range is the mapping just created.
    unsafe { libc::madvise(start, length, libc::MADV_NOHUGEPAGE) };
    Some(start.cast())
}

/// # Safety
/// The range is in a live reservation, and its contents are no longer needed.
pub(crate) unsafe fn commit_anonymous(start: *mut u8, length: usize) -> bool {
    // SAFETY: by the contract the range is ours.
    unsafe { libc::mprotect(start.cast(), length, libc::PROT_READ | libc::PROT_WRITE) == 0 }
}

/// # Safety
/// The range is in a live reservation.
pub(crate) unsafe fn replace_by_zeroes(start: *mut u8, length: usize) -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: by the contract the range is ours, so MAP_FIXED replaces no other mapping.
    let got = unsafe { libc::mmap(start.cast(), length, access, flags, -1, 0) };
    if got != libc::MAP_FAILED {
        // SAFETY: the mapping just created.
        unsafe { libc::madvise(got, length, libc::MADV_NOHUGEPAGE) };
    }
    got != libc::MAP_FAILED
}

/// Maps a part of a file over a part of a reservation.
///
/// # Safety
/// The range is in a live reservation, and is either unused or already this mapping.
unsafe fn map_file(fd: RawFd, start: *mut u8, length: usize, offset: libc::off_t) -> bool {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_FIXED;
    // SAFETY: by the contract the range is ours.
    let got = unsafe { libc::mmap(start.cast(), length, access, flags, fd, offset) };
    got != libc::MAP_FAILED
}

/// Calls a function with all signals blocked in this thread. Threads that it starts inherit this,
/// so signals are delivered only to the program's own threads.
pub(crate) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    // SAFETY: a sigset_t is plain bits; both sets are written before they are read.
    let before = unsafe {
        let mut before: libc::sigset_t = std::mem::zeroed();
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        before
    };
    let started = start();
    // SAFETY: `before` was filled in above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
    started
}

fn set_of(signals: &[c_int]) -> libc::sigset_t {
    // SAFETY: a sigset_t is plain bits, which the first call initializes.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        set
    }
}

/// Blocks a signal in this thread until it is dropped, and discards the signal if it arrived
/// meanwhile.
struct BlockedSignal {
    before: libc::sigset_t,
    signal: c_int,
}

impl BlockedSignal {
    fn new(signal: c_int) -> BlockedSignal {
        // SAFETY: a sigset_t is plain bits; both sets are written before they are read.
        unsafe {
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, &set_of(&[signal]), &mut before);
            BlockedSignal { before, signal }
        }
    }
}

impl Drop for BlockedSignal {
    fn drop(&mut self) {
        // SAFETY: `before` was filled in by `new`; the wait has a timeout of zero.
        unsafe {
            if libc::sigismember(&self.before, self.signal) == 0 {
                let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
                libc::sigtimedwait(&set_of(&[self.signal]), ptr::null_mut(), &at_once);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut());
        }
    }
}

/// A raw pthread key instead of a thread-local with `Drop`: pthread destructors run after those of
/// Rust's thread-locals, and again (up to four rounds) if one of these marks the thread again. So
/// calls in the destructor of a thread-local are recorded, and their block is still released.
pub(crate) fn on_thread_exit(run: extern "C" fn(*mut c_void)) {
    let mut key: libc::pthread_key_t = 0;
    // SAFETY: `key` is valid for the write; `run` is valid as long as this code is loaded.
    if unsafe { libc::pthread_key_create(&mut key, Some(run as unsafe extern "C" fn(_))) } == 0 {
        EXIT_KEY.store(key + 1, Relaxed);
    }
}

pub(crate) fn forget_thread_exit() {
    if let Some(key) = EXIT_KEY.swap(0, Relaxed).checked_sub(1) {
        // SAFETY: `on_thread_exit` created the key; because of the swap only one caller deletes it.
        unsafe { libc::pthread_key_delete(key) };
    }
}

/// The key plus one; 0 before [`on_thread_exit`] and after [`forget_thread_exit`].
static EXIT_KEY: AtomicU32 = AtomicU32::new(0);

pub(crate) fn mark_thread(value: *mut c_void) {
    if let Some(key) = EXIT_KEY.load(Relaxed).checked_sub(1) {
        // SAFETY: `on_thread_exit` created the key. After it is deleted the call is an error
        // without effect.
        unsafe { libc::pthread_setspecific(key, value) };
    }
}

/// Registers a function to run at exit (return from `main`, or `exit`), after functions that are
/// registered later.
pub(crate) fn at_exit(run: extern "C" fn()) {
    // SAFETY: `run` is valid as long as this code is loaded, and does not unwind.
    unsafe { libc::atexit(run) };
}

/// To be called in an exit handler. The remaining handlers still run; then a process that would
/// exit with 0 exits with this code instead, and prints that. A library must not do so: the program
/// may be unloading it as a plugin, and goes on.
#[cfg(target_env = "gnu")]
pub(crate) fn fail_at_exit(code: u8) {
    unsafe extern "C" {
        /// glibc's variant of `atexit` whose handlers get the exit code. A function registered by a
        /// handler runs next.
        fn on_exit(run: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    }
    extern "C" fn fail(status: c_int, code: *mut c_void) {
        // The part of the status that a parent sees.
        if status & 0xff == 0 {
            print_failure(code.addr());
            // SAFETY: POSIX does not define a second `exit`; glibc continues with the remaining
            // handlers.
            unsafe { libc::exit(code.addr() as c_int) }
        }
    }
    if is_in_program() {
        // SAFETY: the program's own code is never unloaded; the argument is a number.
        unsafe { on_exit(fail, ptr::without_provenance_mut(usize::from(code))) };
    } else {
        print_sentence(
            "a filter makes a warning an error; the exit code is left to the program, since this is a library of it",
        );
    }
}

/// Whether this code is part of the executable, not of a library that it loaded.
#[cfg(target_env = "gnu")]
fn is_in_program() -> bool {
    let base_of = |address: *const c_void| {
        // SAFETY: plain pointers, filled in by the call, which accepts any address.
        unsafe {
            let mut found: libc::Dl_info = std::mem::zeroed();
            (libc::dladdr(address, &mut found) != 0).then_some(found.dli_fbase)
        }
    };
    // SAFETY: reads the auxiliary vector.
    let entry = unsafe { libc::getauxval(libc::AT_ENTRY) };
    let entry = base_of(ptr::without_provenance(entry as usize));
    // In a static executable both are `None`.
    entry == base_of((is_in_program as fn() -> bool) as *const c_void)
}

/// To be called in an exit handler: ends the process with this code, whatever its status was. With
/// this C library a second `exit` would deadlock.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn fail_at_exit(code: u8) {
    print_failure(usize::from(code));
    // SAFETY: ends the process.
    unsafe { libc::_exit(i32::from(code)) }
}

fn print_failure(code: usize) {
    print_sentence(&format!("the exit code is {code}, since a filter makes a warning an error"));
}

fn print_sentence(sentence: &str) {
    let _ = raw_stderr().write_all(format!("profile: {sentence}\n").as_bytes());
}

pub(crate) fn at_fork_in_child(run: extern "C" fn()) {
    // SAFETY: as above.
    unsafe { libc::pthread_atfork(None, None, Some(run as unsafe extern "C" fn())) };
}

pub(crate) fn around_fork(before: extern "C" fn(), after: extern "C" fn()) {
    let after = Some(after as unsafe extern "C" fn());
    // SAFETY: as above.
    unsafe { libc::pthread_atfork(Some(before as unsafe extern "C" fn()), after, after) };
}

pub(crate) fn is_secure_execution() -> bool {
    // SAFETY: reads the auxiliary vector.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

pub(crate) fn terminal_columns() -> Option<u16> {
    // SAFETY: winsize is plain numbers, written by the kernel.
    let size = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        (libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, &mut size) == 0).then_some(size)
    };
    size.map(|size| size.ws_col).filter(|columns| *columns > 0)
}

pub(crate) fn address_space_limit() -> Option<usize> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for the write.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) } == 0;
    let limited = known && limit.rlim_cur != libc::RLIM_INFINITY;
    limited.then(|| usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX))
}

pub(crate) fn stack_left() -> Option<usize> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut lowest, mut size) = (ptr::null_mut::<c_void>(), 0);
    // SAFETY: the attributes are read and freed only if the call has filled them in.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        libc::pthread_attr_getstack(attributes.as_ptr(), &mut lowest, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    // The stack below this function's variables is free. In a coroutine the variables are not on
    // this stack.
    let left = (&raw const lowest).addr().checked_sub(lowest.addr())?;
    (left <= size).then_some(left)
}

pub(crate) fn without_file_size_signal<T>(write: impl FnOnce() -> T) -> T {
    let _blocked = BlockedSignal::new(libc::SIGXFSZ);
    write()
}

/// Bytes in use in the C library's heap, including its overhead per block; `None` if it has no
/// `mallinfo2`.
#[cfg(target_env = "gnu")]
pub(crate) fn c_heap_bytes() -> Option<u64> {
    // Looked up at run time, since glibc before 2.33 does not have it.
    // SAFETY: the name ends in NUL; the handle selects all loaded objects.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"mallinfo2".as_ptr()) };
    if found.is_null() {
        return None;
    }
    // SAFETY: glibc's function of this name has this type.
    let mallinfo2: unsafe extern "C" fn() -> libc::mallinfo2 =
        unsafe { std::mem::transmute(found) };
    // SAFETY: it locks the heap's arenas one after the other, as an allocation does.
    let info = unsafe { mallinfo2() };
    Some(info.uordblks as u64 + info.hblkhd as u64)
}

#[cfg(not(target_env = "gnu"))]
pub(crate) fn c_heap_bytes() -> Option<u64> {
    None
}

pub(crate) fn thread_id() -> u64 {
    // SAFETY: no arguments; it cannot fail.
    u64::from(unsafe { libc::gettid() }.cast_unsigned())
}

pub(crate) fn thread_cpu_ns(thread_id: u64) -> Option<u64> {
    // The kernel encodes clock ids of threads as the inverted thread id and these bits: for a
    // single thread, and for scheduler time (see its posix-timers.h).
    const OF_A_THREAD: libc::clockid_t = 4;
    const SCHEDULED: libc::clockid_t = 2;
    let thread = libc::clockid_t::try_from(thread_id).ok().filter(|thread| *thread > 0)?;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: plain system call, valid for the write; it fails for a thread that has ended.
    let failed =
        unsafe { libc::clock_gettime((!thread << 3) | OF_A_THREAD | SCHEDULED, &raw mut time) };
    (failed == 0).then(|| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

pub(crate) fn thread_name() -> [u8; 16] {
    let mut name = [0_u8; 16];
    // SAFETY: the call writes at most sixteen bytes.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name
}
