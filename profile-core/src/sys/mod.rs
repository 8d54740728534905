//! The only module with code that depends on the operating system: one folder or file per system,
//! and `fallback` for the others, which documents what is missing there.
//!
//! The re-exports below are the contract. Each item is re-exported by name from the system's
//! module, so a missing one is a compile error, and its description holds on every system. Where a
//! system does not support a function, that returns `None`, `false`, 0 or an error of kind
//! `Unsupported`, depending on its type; a function without a result does nothing.
//!
//! Nothing here knows what is being measured. No function panics, and none allocates through the
//! program's allocator unless its description says that it reads a file.

#![allow(unsafe_code, reason = "calls of the operating system")]

mod decrement;
mod figures;
mod lock;
mod tsc;

#[cfg(any(not(target_os = "linux"), profile_fallback))]
mod fallback;
#[cfg(all(target_os = "linux", not(profile_fallback)))]
mod linux;

#[cfg(any(not(target_os = "linux"), profile_fallback))]
use fallback as system;
#[cfg(all(target_os = "linux", not(profile_fallback)))]
use linux as system;

// Arithmetic and the time stamp counter.

/// Subtracts one, atomically with respect to signal handlers of the same thread.
pub(crate) use decrement::decrement;
pub(crate) use figures::{Descendant, Resident, Scheduled};
/// Reads the time stamp counter without waiting for earlier instructions; a compiler barrier. Reads
/// the monotonic clock where there is no such counter.
pub(crate) use tsc::read_tsc;
/// The same, ordered after all earlier and before all later instructions.
pub(crate) use tsc::read_tsc_fenced;
/// Whether the counter ticks at a constant rate on all cores and in all sleep states.
pub(crate) use tsc::tsc_is_invariant;

// Time and processors.

/// Numbers of processors: online, physical cores, and available to this process; 0: unknown. Reads
/// files.
pub(crate) use system::cores;
/// Time since boot, in ns, during which at least one thread of the machine waited for a processor.
/// Reads a file.
pub(crate) use system::cpu_pressure_ns;
/// How often threads of this process, including ended ones, were preempted while runnable.
pub(crate) use system::involuntary_switches;
/// Whether the kernel uses the time stamp counter as its clock source, so has checked that the
/// cores agree. Reads a file.
pub(crate) use system::kernel_trusts_tsc;
/// Nanoseconds of a clock that never goes backwards, never 0. On Linux all processes share it, and
/// it starts at boot.
pub(crate) use system::monotonic_ns;
/// Scheduling times of the first thread of this process. Reads a file.
pub(crate) use system::scheduled_of_first_thread;
/// Scheduling times of the calling thread. Reads a file, but does not allocate.
pub(crate) use system::scheduled_of_this_thread;
/// Scheduling times of a thread of this process, given its [`thread_id`]; `None` once it has ended.
/// Reads a file.
pub(crate) use system::scheduled_of_thread;
/// Processor time in ns that a thread of this process has used, given its [`thread_id`]; `None` if
/// there is no such thread.
pub(crate) use system::thread_cpu_ns;

// Memory of the segment.

/// The file of a segment. `create` makes a new, private one that is closed on exec. `commit` grows
/// the file and maps a part of it over a part of a reservation. It allocates disk space, so that
/// later stores cannot fail; repeating it preserves the contents. `close` leaves the mappings in
/// place. `remove` removes the file unless another one has its name. The file is locked until the
/// process ends. If the program closes the descriptor, the file is opened again.
pub(crate) use system::SegmentFile;
/// Limit on the address space of the process in bytes, if there is one.
pub(crate) use system::address_space_limit;
/// Commits zeroed private memory to a part of a reservation. Repeating it preserves the contents.
pub(crate) use system::commit_anonymous;
/// Replaces a part of a reservation by fresh zeroed memory at the same address.
pub(crate) use system::replace_by_zeroes;
/// Reserves page-aligned address space, which has no memory until it is committed; `None` if the
/// system refuses.
pub(crate) use system::reserve;

// Threads.

/// Undoes [`on_thread_exit`]: threads that end later do not run its function.
pub(crate) use system::forget_thread_exit;
/// Marks the calling thread: the function of [`on_thread_exit`] gets this value when it ends.
pub(crate) use system::mark_thread;
/// Registers a function to run at the end of each thread that [`mark_thread`] marked, after the
/// destructors of Rust's thread-locals, and once more if one of these marks the thread again.
pub(crate) use system::on_thread_exit;
/// Bytes left on the calling thread's stack.
pub(crate) use system::stack_left;
/// The system's id of the calling thread.
pub(crate) use system::thread_id;
/// The first 15 bytes of the calling thread's name, and a NUL.
pub(crate) use system::thread_name;
/// Calls a function with all signals blocked in this thread. Threads that it starts keep them
/// blocked.
pub(crate) use system::without_signals;

// Start, exit and fork of the process.

/// Registers a function to run before each `fork`, and another to run after it, in parent and
/// child.
pub(crate) use system::around_fork;
/// Registers a function to run after `main` or in `exit`.
pub(crate) use system::at_exit;
/// Registers a function to run in the child of a `fork`, before `fork` returns there.
pub(crate) use system::at_fork_in_child;
/// Registers an `extern "C" fn()` to run before `main`. Where that is unsupported, the session
/// starts with the first call.
pub(crate) use system::before_main;
/// Ends the process immediately with status 0, without the functions of [`at_exit`].
pub(crate) use system::end_at_once;
/// To be called in a function of [`at_exit`]: a run that would exit with 0 exits with this code
/// instead, and prints that. If this crate is only part of a library that the program loaded, the
/// code is not changed.
pub(crate) use system::fail_at_exit;
/// Whether the program has more privileges than its caller, so that environment variables must not
/// be trusted.
pub(crate) use system::is_secure_execution;

/// Handles signals whose action is the default one. Before one that ends the process, the report is
/// written, and the exit status is unchanged. SIGUSR1 writes a report, and the program continues.
/// SIGUSR2 calls the function, which may only do what a signal handler may do.
pub(crate) use system::handle_signals;
/// In a process that was executed to print a report: the id of the process to report, and its
/// segment.
pub(crate) use system::passed_segment;
/// Prepares reports for [`handle_signals`] and [`report_every`]. Another process of the same
/// program prints them, and gets the segment, these variables and this folder. The second function is
/// called once the last report of a process that a signal ends is written; it may only do what a
/// signal handler may do.
pub(crate) use system::prepare_reports;
/// Writes a report at each interval, without a thread and without SIGALRM; `None` stops that.
pub(crate) use system::report_every;
/// Calls a function that writes reports. A report that a signal started is ended, and none is
/// started meanwhile, since it could replace a later one.
pub(crate) use system::without_running_report;

// Files and standard error.

/// Whether another process, or another open file of this one, has a file locked.
pub(crate) use lock::is_locked;
/// Locks a file until it is closed, and waits while another process has it locked.
pub(crate) use lock::lock;
/// Creates a folder and its parents where they do not exist, for this user alone.
pub(crate) use system::create_private_folders;
/// Creates a folder that only this user can use.
///
/// # Errors
/// It exists and others can use it, is not this user's, or is a link; or it cannot be created.
pub(crate) use system::make_private_folder;
/// Standard error. Writing to it does not block forever on a pipe that is not read, and raises no
/// signal if the pipe has no reader. It takes no lock, since the thread that ended the program may
/// hold it.
pub(crate) use system::raw_stderr;
/// Folders in memory for files of this user, best first: that of the environment, if named, and the
/// system's.
pub(crate) use system::runtime_folders;
/// Columns of the terminal on standard error; `None` if it is no terminal.
pub(crate) use system::terminal_columns;
/// Calls a function that writes to a file. Exceeding the limit on file sizes then is an error, not
/// a fatal signal.
pub(crate) use system::without_file_size_signal;
/// Calls a function that writes a report to a file. The file is replaced as a whole where that is
/// possible; otherwise the function may be called again, for the file itself. Writing has the same
/// properties as to standard error.
pub(crate) use system::write_report_file;

// Memory of processes.

/// Waits for the end of a process: `of` selects the process; `wait` has a time limit, and returns
/// whether the process has ended.
pub(crate) use system::ProcessEnd;
/// Reads the memory of one process repeatedly: `open` it, then call `bytes` (`None`: it has ended),
/// `own_bytes` (for this process, which does not run `exec` meanwhile) and `kernel_peak_bytes`.
pub(crate) use system::ProcessMemory;
/// Bytes in use in the C library's heap, including its overhead per block.
pub(crate) use system::c_heap_bytes;
/// All running descendants of a process, except those whose parent has ended. Reads files.
pub(crate) use system::descendants;
/// The kernel's high-water mark of a process's resident memory in bytes. Reads a file.
pub(crate) use system::kernel_peak_bytes;
/// Whether the kernel lists the children of each thread.
pub(crate) use system::lists_children;
/// The files that a process has mapped. Reads a file.
///
/// # Errors
/// The process is another user's, or does not run.
pub(crate) use system::mapped_files;
/// Memory of a process, for a single reading; `None`: it has ended. Reads a file.
pub(crate) use system::memory_of;
/// Resets the kernel's high-water mark of this process.
pub(crate) use system::reset_kernel_peak;
/// Whether a process shares its parent's memory, as between `vfork` and `exec`.
pub(crate) use system::shares_memory;
/// Waits for a child process. Returns its status and its maximum resident memory in bytes (0:
/// unknown).
pub(crate) use system::wait_for_child;
