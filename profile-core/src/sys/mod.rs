//! The only room that knows an operating system: one folder or file for each, and `fallback`, which
//! says what is missing on the others.
//!
//! What follows is the contract: each item is re-exported by its name from the system's module, so
//! one that is missing does not compile there, and its description holds on every system. A
//! function whose system cannot do it gives `None`, `false`, 0 or an error of kind `Unsupported`,
//! as its type allows; those without a value do nothing.
//!
//! Nothing here knows what is being measured. No function panics, and none allocates through the
//! program's allocator except where its description says that it reads a file.

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

// Numbers and the processor.

/// One less, in one step as a signal handler of the same thread sees it.
pub(crate) use decrement::decrement;
pub(crate) use figures::{Descendant, Resident, Scheduled};
/// The time stamp counter, without waiting for what is in flight; a compiler barrier. The monotonic
/// clock where there is none.
pub(crate) use tsc::read_tsc;
/// The same, after everything before it and before everything after it.
pub(crate) use tsc::read_tsc_fenced;
/// Whether the counter ticks at one rate on all cores and in all sleep states.
pub(crate) use tsc::tsc_is_invariant;

// Time and processors.

/// Processors: switched on, physical, and those that this process may use; 0 where it is not known.
/// Reads files.
pub(crate) use system::cores;
/// Since boot, the ns in which any thread of the machine waited for a processor. Reads a file.
pub(crate) use system::cpu_pressure_ns;
/// How often threads of this process, the ended ones included, lost the processor to others while
/// they could have gone on.
pub(crate) use system::involuntary_switches;
/// Whether the system itself keeps time by the time stamp counter, having checked that the cores
/// agree. Reads a file.
pub(crate) use system::kernel_trusts_tsc;
/// Nanoseconds of one clock that never goes back, never 0; on Linux the same for all processes
/// since boot.
pub(crate) use system::monotonic_ns;
/// What the first thread of this process had of the processors. Reads a file.
pub(crate) use system::scheduled_of_first_thread;
/// The same of the calling thread. Reads a file, and allocates nothing.
pub(crate) use system::scheduled_of_this_thread;
/// The same of a thread of this process by its [`thread_id`]; `None` once it has ended. Reads a
/// file.
pub(crate) use system::scheduled_of_thread;
/// Processor time in ns that a thread of this process has used, by its [`thread_id`]; `None`: there
/// is no such thread.
pub(crate) use system::thread_cpu_ns;

// Memory of the segment.

/// The file of a segment: `create` makes a new one, ours alone and closed on exec; `commit` puts a
/// part of it, grown to that, behind a part of a reservation, with space on the disk reserved, so
/// that no later store to it can fail, and doing it again keeps what is there; `close` leaves the
/// mappings. If the program closes its descriptor, it is opened again.
pub(crate) use system::SegmentFile;
/// Bytes of address space that the process may take, if that is limited.
pub(crate) use system::address_space_limit;
/// Puts zeroed private memory behind a part of a reservation. Doing it again keeps what is there.
pub(crate) use system::commit_anonymous;
/// Replaces a part of a reservation by fresh zeroed memory, at the same address.
pub(crate) use system::replace_by_zeroes;
/// Reserves address space, aligned to a page; `None` if the system refuses. Memory is behind it
/// only after a commit.
pub(crate) use system::reserve;

// Threads.

/// Takes [`on_thread_exit`] back: threads that end from now on end without it.
pub(crate) use system::forget_thread_exit;
/// Marks the calling thread, so that the function of [`on_thread_exit`] gets this value at its end.
pub(crate) use system::mark_thread;
/// Has a function run at the end of each thread that [`mark_thread`] marked, after the destructors
/// of Rust's thread-locals, and again when one of them marks the thread anew.
pub(crate) use system::on_thread_exit;
/// Bytes of stack that the calling thread has left.
pub(crate) use system::stack_left;
/// The system's number of the calling thread.
pub(crate) use system::thread_id;
/// The first fifteen bytes of the calling thread's name, and a NUL.
pub(crate) use system::thread_name;
/// Runs something with all signals blocked in this thread: threads that it starts block them for
/// good.
pub(crate) use system::without_signals;

// Start, end and fork of the process.

/// Has a function run before and another after each `fork`, the latter in parent and child.
pub(crate) use system::around_fork;
/// Has a function run after `main`, or in `exit`.
pub(crate) use system::at_exit;
/// Has a function run in the child of a `fork`, before `fork` returns there.
pub(crate) use system::at_fork_in_child;
/// Declares a function `extern "C" fn()` that runs before `main`; without it, the session starts
/// with the first call.
pub(crate) use system::before_main;
/// Ends the process with status 0, now: no function of [`at_exit`] runs.
pub(crate) use system::end_at_once;
/// Within a function of [`at_exit`]: a run that was to end with 0 ends with this code, if that can
/// be had without ending a program of which this code is only a library; says so.
pub(crate) use system::fail_at_exit;
/// Whether the program runs with more rights than its caller: then no variable is believed.
pub(crate) use system::is_secure_execution;

/// Handles signals whose action is the default one. Those that end the process have its report
/// written before, and its status stays what it would have been; SIGUSR1 has a report written, and
/// the program goes on; SIGUSR2 calls the function, which may only do what a signal handler may do.
pub(crate) use system::handle_signals;
/// In a program that was executed to print a report: the id of the process to report, and its
/// segment.
pub(crate) use system::passed_segment;
/// Prepares reports for [`handle_signals`] and [`report_every`]: a second process of the same
/// program prints them, which gets the segment, these variables and this folder.
pub(crate) use system::prepare_reports;
/// Has a report written each time that the interval has passed, without a thread and without
/// SIGALRM; `None`: no longer.
pub(crate) use system::report_every;
/// Runs something that writes reports. One that a signal started is ended, and none is started:
/// it could replace the later ones.
pub(crate) use system::without_running_report;

// Files and standard error.

/// Waits until nobody else has the file locked, and locks it until it is closed.
pub(crate) use lock::lock;
/// Standard error, likewise, and without a lock that the thread which ended the program may hold.
pub(crate) use system::raw_stderr;
/// Columns of the terminal behind standard error; `None` if it is none.
pub(crate) use system::terminal_columns;
/// Runs something that writes to a file: a limit on file sizes then gives an error, not a signal
/// that ends the program.
pub(crate) use system::without_file_size_signal;
/// Has a function write a report to a file, which is replaced as a whole where that is possible;
/// otherwise the function may be called again, for the file itself. Writing never waits for good
/// for the reader of a pipe, and raises no signal where there is none.
pub(crate) use system::write_report_file;

// Memory of processes.

/// The end of a process, to be waited for: `of` a process, and `wait` for so long at most, which
/// says whether it has come.
pub(crate) use system::ProcessEnd;
/// A process whose memory is read again and again: `open` it, then `bytes` (`None`: it has ended),
/// `own_bytes` (of which another program took none) and `kernel_peak_bytes`.
pub(crate) use system::ProcessMemory;
/// Bytes in use in the C library's heap, with what it spends on each block.
pub(crate) use system::c_heap_bytes;
/// All descendants of a process that run now, but for those whose parent has ended. Reads files.
pub(crate) use system::descendants;
/// The kernel's high-water mark of a process's resident memory. Reads a file.
pub(crate) use system::kernel_peak_bytes;
/// Whether the system keeps lists of the processes that a thread started.
pub(crate) use system::lists_children;
/// Memory of a process that is read once; `None`: it has ended. Reads a file.
pub(crate) use system::memory_of;
/// Lets the kernel's high-water mark of this process begin anew.
pub(crate) use system::reset_kernel_peak;
/// Whether a process runs in its parent's memory, as between `vfork` and `exec`.
pub(crate) use system::shares_memory;
/// Waits for a child of this process; its status, and the most resident bytes that it had (0: not
/// known).
pub(crate) use system::wait_for_child;
