//! Any other system. Calls are recorded in memory, with the standard library's clock. Missing: a
//! report at exit (call `write_reports` at the end of `main`), the run folder, reuse of the blocks
//! of ended threads, and detection of children of `fork`.

use std::alloc::{Layout, alloc_zeroed};
use std::ffi::{CString, c_void};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::OnceLock;
use std::time::Instant;

use super::{Descendant, Resident, Scheduled};

macro_rules! before_main {
    ($start:path) => {};
}
pub(crate) use before_main;

/// Nanoseconds since the first call.
pub(crate) fn monotonic_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64 + 1
}

pub(crate) fn kernel_trusts_tsc() -> bool {
    false
}

/// Commits all of it at once, so callers have to request less.
pub(crate) fn reserve(length: usize) -> Option<*mut u8> {
    const MOST: usize = 64 << 20;
    const PAGE: usize = 4096;
    if length > MOST {
        return None;
    }
    let layout = Layout::from_size_align(length, PAGE).ok()?;
    // SAFETY: the layout's size is not zero.
    let start = unsafe { alloc_zeroed(layout) };
    (!start.is_null()).then_some(start)
}

/// # Safety
/// None needed: `reserve` has already committed everything.
pub(crate) unsafe fn commit_anonymous(_: *mut u8, _: usize) -> bool {
    true
}

/// # Safety
/// None needed: it does nothing.
pub(crate) unsafe fn replace_by_zeroes(_: *mut u8, _: usize) -> bool {
    false
}

pub(crate) fn on_thread_exit(_: extern "C" fn(*mut c_void)) {}

pub(crate) fn mark_thread(_: *mut c_void) {}

pub(crate) fn forget_thread_exit() {}

pub(crate) fn address_space_limit() -> Option<usize> {
    None
}

pub(crate) fn write_report_file<T>(
    path: &Path,
    mut write: impl FnMut(&mut File) -> io::Result<T>,
) -> io::Result<T> {
    write(&mut File::create(path)?)
}

pub(crate) fn at_exit(_: extern "C" fn()) {}

pub(crate) fn fail_at_exit(_: u8) {}

pub(crate) fn at_fork_in_child(_: extern "C" fn()) {}

pub(crate) fn around_fork(_: extern "C" fn(), _: extern "C" fn()) {}

pub(crate) fn is_secure_execution() -> bool {
    false
}

pub(crate) fn stack_left() -> Option<usize> {
    None
}

pub(crate) fn terminal_columns() -> Option<u16> {
    None
}

pub(crate) fn without_file_size_signal<T>(write: impl FnOnce() -> T) -> T {
    write()
}

pub(crate) fn scheduled_of_this_thread() -> Option<Scheduled> {
    None
}

pub(crate) fn scheduled_of_first_thread() -> Option<Scheduled> {
    None
}

pub(crate) fn scheduled_of_thread(_: u64) -> Option<Scheduled> {
    None
}

pub(crate) fn involuntary_switches() -> Option<u64> {
    None
}

pub(crate) fn cpu_pressure_ns() -> Option<u64> {
    None
}

/// Numbers of processors: online, physical cores, and available to this process; 0: unknown.
pub(crate) fn cores() -> [u64; 3] {
    let available = std::thread::available_parallelism().map_or(0, |cores| cores.get() as u64);
    let physical = sysinfo::System::physical_core_count().unwrap_or(0) as u64;
    [available, physical, available]
}

pub(crate) struct RawStderr;

impl Write for RawStderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

pub(crate) fn raw_stderr() -> RawStderr {
    RawStderr
}

pub(crate) fn mapped_files(_: u32) -> io::Result<Vec<PathBuf>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn runtime_folders(_: Option<&Path>) -> Vec<PathBuf> {
    Vec::new()
}

pub(crate) fn create_private_folders(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

pub(crate) fn make_private_folder(_: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[derive(Debug)]
pub(crate) struct SegmentFile;

impl SegmentFile {
    pub(crate) fn create(_: &Path) -> io::Result<SegmentFile> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// # Safety
    /// None needed: it does nothing.
    pub(crate) unsafe fn commit(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    pub(crate) fn close(&self) {}

    pub(crate) fn remove(&self) {}
}

/// Unsupported here: `open` always fails.
#[derive(Debug)]
pub(crate) struct ProcessMemory;

impl ProcessMemory {
    pub(crate) fn open(_: u32, _: Resident) -> io::Result<ProcessMemory> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system's way is not known"))
    }

    pub(crate) fn bytes(&mut self) -> io::Result<Option<u64>> {
        Ok(None)
    }

    pub(crate) fn own_bytes(&self) -> Option<u64> {
        None
    }

    pub(crate) fn kernel_peak_bytes(&self) -> Option<u64> {
        None
    }
}

pub(crate) fn memory_of(_: u32, _: Resident) -> io::Result<Option<u64>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system's way is not known"))
}

pub(crate) fn kernel_peak_bytes(_: u32) -> io::Result<u64> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system's way is not known"))
}

pub(crate) fn reset_kernel_peak() -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system's way is not known"))
}

pub(crate) fn descendants(_: u32) -> Vec<Descendant> {
    Vec::new()
}

pub(crate) fn lists_children() -> bool {
    false
}

pub(crate) fn shares_memory(_: Descendant) -> bool {
    false
}

/// Unsupported here: no process is read, so there is none to wait for.
#[derive(Debug)]
pub(crate) struct ProcessEnd;

impl ProcessEnd {
    pub(crate) fn of(_: u32) -> ProcessEnd {
        ProcessEnd
    }

    pub(crate) fn wait(&self, _: std::time::Duration) -> bool {
        true
    }
}

pub(crate) fn wait_for_child(child: &mut Child) -> io::Result<(ExitStatus, u64)> {
    child.wait().map(|status| (status, 0))
}

pub(crate) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    start()
}

pub(crate) fn c_heap_bytes() -> Option<u64> {
    None
}

pub(crate) fn thread_id() -> u64 {
    0
}

pub(crate) fn thread_cpu_ns(_: u64) -> Option<u64> {
    None
}

pub(crate) fn thread_name() -> [u8; 16] {
    [0; 16]
}

pub(crate) fn prepare_reports(_: fn() -> (*const u8, usize), _: fn(), _: Vec<CString>, _: CString) {
}

pub(crate) fn handle_signals(_: fn()) {}

pub(crate) fn report_every(interval: Option<std::time::Duration>) -> io::Result<()> {
    match interval {
        Some(_) => Err(io::ErrorKind::Unsupported.into()),
        None => Ok(()),
    }
}

pub(crate) fn without_running_report<T>(write: impl FnOnce() -> T) -> T {
    write()
}

pub(crate) fn passed_segment() -> Option<(u32, Vec<u8>)> {
    None
}

pub(crate) fn end_at_once() {}
