//! `memory_usage`: the memory of a piece of work, a process or a command, over time.
//!
//! The work runs once, however short it is, in the calling thread; its value, or its panic, is
//! returned. No other process is affected. (Python's tool of this name runs fast functions up to
//! seven times to get readings, and kills all children when the function raises.)

use std::io;
use std::panic::Location;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use super::reading_plan::Plan;
use super::sampler::{self, Progress, WindowId};
use super::stream::Target;
use super::window::{Backend, Name};
use crate::record::calibrate;
use crate::record::thread::{self, Suspended};
use crate::snapshot::MemoryRecord;
use crate::sys;

/// How memory is read: the options of Python's `memory_usage` that apply here.
///
/// Readings always have their times, the maximum is always recorded, and the work's value is always
/// returned, so `timestamps`, `max_usage` and `retval` are not options here.
///
/// ```
/// # #[cfg(feature = "profile")] {
/// use profile_core::MemoryOptions;
/// use std::time::Duration;
///
/// let options = MemoryOptions::new().interval(Duration::from_millis(1));
/// let usage = profile_core::memory_usage(&options, || vec![1_u8; 64 << 20].len());
/// assert_eq!(usage.value, 64 << 20);
/// let memory = usage.memory.expect("this system has /proc");
/// assert!(memory.highest_bytes() - memory.baseline_bytes > 60 << 20);
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing by themselves"]
pub struct MemoryOptions {
    name: Option<String>,
    interval: Duration,
    timeout: Option<Duration>,
    max_iterations: Option<u64>,
    include_children: bool,
    multiprocess: bool,
    backend: Backend,
    stream: Option<Target>,
}

impl Default for MemoryOptions {
    fn default() -> MemoryOptions {
        MemoryOptions {
            name: None,
            interval: Duration::from_millis(100),
            timeout: None,
            max_iterations: None,
            include_children: false,
            multiprocess: false,
            backend: Backend::Rss,
            stream: None,
        }
    }
}

impl MemoryOptions {
    /// Reads resident memory every 100 ms, without children.
    pub fn new() -> MemoryOptions {
        MemoryOptions::default()
    }

    /// The name in the report, of which some 500 bytes are stored; by default the location of the
    /// call.
    pub fn name(mut self, name: impl Into<String>) -> MemoryOptions {
        self.name = Some(name.into());
        self
    }

    /// Time between readings, at least 100 µs. A reading takes about a microsecond. Regardless of
    /// the interval, there is one reading when the window begins and one when it ends.
    pub fn interval(mut self, interval: Duration) -> MemoryOptions {
        self.interval = interval;
        self
    }

    /// For a process or a command: stop reading after this time. The process continues. Work in
    /// this process is never interrupted, so this has no effect for a closure.
    pub fn timeout(mut self, timeout: Duration) -> MemoryOptions {
        self.timeout = Some(timeout);
        self
    }

    /// For a process or a command: stop after this many readings; the first one is always taken.
    /// Has no effect for a closure.
    pub fn max_iterations(mut self, readings: u64) -> MemoryOptions {
        self.max_iterations = Some(readings);
        self
    }

    /// Each reading is the sum over the process and all its descendants. Resident pages that they
    /// share count in each, unless the backend is [`Backend::Pss`]. A process whose parent has
    /// ended is reparented, and no longer counts.
    pub fn include_children(mut self, include: bool) -> MemoryOptions {
        self.include_children = include;
        self
    }

    /// Each descendant has its own curve: at most 64 in a window; beyond that, those with the
    /// highest peaks.
    pub fn multiprocess(mut self, multiprocess: bool) -> MemoryOptions {
        self.multiprocess = multiprocess;
        self
    }

    /// What is read.
    pub fn backend(mut self, backend: Backend) -> MemoryOptions {
        self.backend = backend;
        self
    }

    /// Writes each reading as it is taken, and those of children with
    /// [`multiprocess`](MemoryOptions::multiprocess). The lines have the format that `mprof plot`
    /// reads: `MEM 22.917969 1795339408.3749` (MiB, seconds since 1970) and
    /// `CHLD 17822 13.941406 1795339414.2695`. A window stores at most 512 readings, the stream has
    /// all; it is what remains of a program that is killed.
    ///
    /// A separate thread writes. If it cannot keep up, readings are lost, and the report has their
    /// number. When the window ends, everything is written. If nothing can be written for five
    /// seconds, as into a pipe that nobody reads, the rest is discarded, and the report says so.
    /// Windows may share a target.
    ///
    /// ```
    /// # #[cfg(feature = "profile")] {
    /// use profile_core::MemoryOptions;
    ///
    /// let file = std::fs::File::create(std::env::temp_dir().join("usage.dat"))?;
    /// profile_core::memory_usage(&MemoryOptions::new().stream(file), || vec![1_u8; 64 << 20].len());
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stream(mut self, to: impl io::Write + Send + 'static) -> MemoryOptions {
        self.stream = Some(Target::new(to));
        self
    }

    /// A plan for this process, for as long as the window is open.
    fn plan(&self) -> Plan {
        Plan {
            include_children: self.include_children,
            multiprocess: self.multiprocess,
            ..Plan::of_this_process(self.backend, self.interval)
        }
    }

    /// A plan for another process, or for this one as if it were another.
    fn plan_of(&self, process: u32, is_whole_life: bool) -> Plan {
        Plan { process, is_whole_life, most_readings: self.max_iterations, ..self.plan() }
    }

    fn open(&self, plan: Plan, name: &str) -> Result<Window, String> {
        calibrate::begin();
        let own = Suspended::new();
        let name = Name::own(self.name.as_deref().unwrap_or(name));
        let stream = self.stream.clone();
        drop(own);
        sampler::open(name, plan, stream).map(Window)
    }

    /// Waits until the process ends, or the window has the requested readings. Returns whether the
    /// process has ended.
    fn wait_for_end(&self, window: &Window, process: u32) -> bool {
        const SHORTEST: Duration = Duration::from_millis(1);
        let (end, started) = (sys::ProcessEnd::of(process), Instant::now());
        loop {
            let next_in = match sampler::progress(window.0) {
                Progress::Reading { next_in } => next_in.max(SHORTEST),
                Progress::Full => return false,
                Progress::Ended => return true,
            };
            let left = self.timeout.map(|timeout| timeout.saturating_sub(started.elapsed()));
            if left == Some(Duration::ZERO) {
                return false;
            }
            // The thread must wake up only to check the number of readings.
            let poll_in = if self.max_iterations.is_some() { next_in } else { Duration::MAX };
            if end.wait(left.unwrap_or(Duration::MAX).min(poll_in)) {
                return true;
            }
        }
    }
}

/// A measured piece of work.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MemoryUsage<T> {
    /// Its return value.
    pub value: T,
    /// Its memory, or the reason why that could not be read.
    pub memory: Result<MemoryRecord, String>,
}

/// Opens a window that lasts as long as the process.
pub(crate) fn open_for_the_run(interval: Duration) -> Result<(), String> {
    let options = MemoryOptions::new().interval(interval);
    options.open(options.plan(), "<process>").map(std::mem::forget)
}

/// Ends its window when dropped, also when the work panics.
#[derive(Debug)]
pub struct Window(WindowId);

impl Window {
    pub(crate) fn of(id: WindowId) -> Window {
        Window(id)
    }

    pub(crate) fn end(self) -> Result<MemoryRecord, String> {
        self.end_with(None)
    }

    /// Ends the window with the kernel's mark of a child that has ended.
    fn end_with(self, kernel_peak_bytes: Option<u64>) -> Result<MemoryRecord, String> {
        let id = self.0;
        std::mem::forget(self);
        thread::for_caller(|| {
            let record = sampler::close(id, kernel_peak_bytes);
            record.ok_or_else(|| {
                "the window belongs to the process that this one was forked from".to_owned()
            })
        })
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _own = Suspended::new();
        drop(sampler::close(self.0, None));
    }
}

/// Runs `work` once while another thread reads the memory of this process.
///
/// # Panics
/// If `work` panics.
#[track_caller]
pub fn memory_usage<T>(options: &MemoryOptions, work: impl FnOnce() -> T) -> MemoryUsage<T> {
    let window = options.open(options.plan(), &format_location(Location::caller()));
    let value = work();
    MemoryUsage { value, memory: window.and_then(Window::end) }
}

/// Reads the memory of a process until it ends, or `timeout` or `max_iterations` is reached. The
/// process is not affected.
///
/// The kernel's high-water mark of another process covers its whole life. It is in the record if it
/// changed in the window; otherwise [`MemoryRecord::unavailable`] says so.
///
/// # Errors
/// If there is no such process, it has ended, or permission is denied.
#[track_caller]
pub fn memory_usage_of(process: u32, options: &MemoryOptions) -> io::Result<MemoryRecord> {
    let plan = options.plan_of(process, false);
    let window = options.open(plan, &format!("process {process}")).map_err(io::Error::other)?;
    options.wait_for_end(&window, process);
    window.end().map_err(io::Error::other)
}

/// Starts a command and reads its memory until it ends.
///
/// With a `timeout` or `max_iterations` the readings end early, but the command is still waited
/// for. As with [`Command::status`], its standard input is closed if it is a pipe.
///
/// The kernel's mark of an ended command is the maximum over it and the processes that it waited
/// for. A child starts with the mark of the program that starts it: if it stays below that, only
/// its readings are known, and [`MemoryRecord::unavailable`] says so.
///
/// # Errors
/// If it cannot be started or waited for. A command that ends before its first reading has no
/// memory, which is not an error.
pub fn memory_usage_of_command(
    command: &mut Command,
    options: &MemoryOptions,
) -> io::Result<MemoryUsage<ExitStatus>> {
    let own = std::process::id();
    let before = sys::kernel_peak_bytes(own).ok();
    let mut child = command.spawn()?;
    drop(child.stdin.take());
    let inherited = before.max(sys::kernel_peak_bytes(own).ok());
    let name = format!("{}", command.get_program().display());
    let window = options.open(options.plan_of(child.id(), true), &name);
    let has_ended = |window: &Window| options.wait_for_end(window, child.id());
    match window {
        Ok(window) if has_ended(&window) => {
            let (value, peak) = sys::wait_for_child(&mut child)?;
            let peak = Some(peak).filter(|peak| inherited.is_some_and(|it| *peak > it));
            Ok(MemoryUsage { value, memory: window.end_with(peak) })
        }
        window => {
            let memory = window.and_then(Window::end);
            Ok(MemoryUsage { value: sys::wait_for_child(&mut child)?.0, memory })
        }
    }
}

/// Reads the memory of this process for some time, during which the calling thread sleeps.
///
/// # Errors
/// If the memory cannot be read.
#[track_caller]
pub fn memory_usage_for(time: Duration, options: &MemoryOptions) -> io::Result<MemoryRecord> {
    let usage = memory_usage(options, || std::thread::sleep(time));
    usage.memory.map_err(io::Error::other)
}

fn format_location(location: &Location<'_>) -> String {
    format!("{}:{}", location.file(), location.line())
}
