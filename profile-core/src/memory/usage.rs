//! `memory_usage`: the memory of a piece of work, of a process, or of a command, over the time that it takes.
//!
//! The work runs once, whatever its length, in the thread that asked; its value, and its panic, come back. No other
//! process is ever touched. (Python's tool of this name runs quick functions up to seven times to get readings, and kills all children
//! when the function raises.)

use std::io;
use std::panic::Location;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use super::sampler::{self, Plan, WindowId};
use super::stream::Target;
use super::window::Backend;
use crate::segment::reader::View;
use crate::snapshot::MemoryRecord;
use crate::snapshot::read::windows;

/// How memory is read: the options of Python's `memory_usage`, where their meaning is sound.
///
/// Readings always have their times, the maximum is always kept, and the work's value is always given back, so
/// `timestamps`, `max_usage` and `retval` are not options here.
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
    /// A reading of resident memory each 100 ms, without children.
    pub fn new() -> MemoryOptions {
        MemoryOptions::default()
    }

    /// The name in the report; by default the place of the call.
    pub fn name(mut self, name: impl Into<String>) -> MemoryOptions {
        self.name = Some(name.into());
        self
    }

    /// Time from one reading to the next, at least 100 µs. A reading takes about a microsecond.
    pub fn interval(mut self, interval: Duration) -> MemoryOptions {
        const SHORTEST: Duration = Duration::from_micros(100);
        self.interval = interval.max(SHORTEST);
        self
    }

    /// For a process or a command: stop reading after this time. The process goes on. Work in this process is never
    /// broken off, so for a closure it has no meaning.
    pub fn timeout(mut self, timeout: Duration) -> MemoryOptions {
        self.timeout = Some(timeout);
        self
    }

    /// For a process or a command: stop after so many readings.
    pub fn max_iterations(mut self, readings: u64) -> MemoryOptions {
        self.max_iterations = Some(readings);
        self
    }

    /// Each reading is the sum over the process and all its descendants. Resident pages that they share are counted in each,
    /// unless the backend is [`Backend::Pss`].
    pub fn include_children(mut self, include: bool) -> MemoryOptions {
        self.include_children = include;
        self
    }

    /// Each descendant has a curve of its own.
    pub fn multiprocess(mut self, multiprocess: bool) -> MemoryOptions {
        self.multiprocess = multiprocess;
        self
    }

    /// What is read.
    pub fn backend(mut self, backend: Backend) -> MemoryOptions {
        self.backend = backend;
        self
    }

    /// Writes each reading as it comes, and those of children with [`multiprocess`](MemoryOptions::multiprocess): lines of the file that `mprof plot`
    /// opens, `MEM 22.917969 1795339408.3749` (MiB, seconds since 1970) and `CHLD 17822 13.941406 1795339414.2695`. A window keeps 512 readings at most,
    /// the stream has all; it is what remains of a program that is killed.
    ///
    /// A thread of its own writes. One that cannot keep up loses readings, and the report says how many. When the window
    /// ends, all is written.
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

    fn open(&self, process: u32, name: &str) -> Result<WindowId, String> {
        crate::record::begin::begin();
        let name = sampler::text(self.name.as_deref().unwrap_or(name));
        let plan = Plan {
            process,
            backend: self.backend,
            interval: self.interval,
            include_children: self.include_children,
            multiprocess: self.multiprocess,
        };
        sampler::open(name, plan, self.stream.clone())
    }

    fn is_over(&self, id: WindowId, started: Instant) -> bool {
        let (readings, ended) = sampler::progress(id);
        ended
            || self.timeout.is_some_and(|timeout| started.elapsed() >= timeout)
            || self.max_iterations.is_some_and(|most| readings >= most)
    }
}

/// Work that was measured.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MemoryUsage<T> {
    /// What it returned.
    pub value: T,
    /// Its memory; or why that could not be read.
    pub memory: Result<MemoryRecord, String>,
}

/// Opens a window that lasts as long as the process.
pub(crate) fn open_for_the_run(interval: Duration) -> Result<(), String> {
    let options = MemoryOptions::new().interval(interval);
    options.open(std::process::id(), "<process>").map(|_| ())
}

/// Ends its window when it is dropped: also when the work panics.
#[derive(Debug)]
pub struct Window(WindowId);

impl Window {
    pub(crate) fn of(id: WindowId) -> Window {
        Window(id)
    }

    pub(crate) fn end(self) -> Result<MemoryRecord, String> {
        let id = self.0;
        std::mem::forget(self);
        ended(id)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = sampler::close(self.0);
    }
}

fn ended(id: WindowId) -> Result<MemoryRecord, String> {
    crate::record::thread::for_caller(|| {
        let curve = sampler::close(id)
            .ok_or("the window is of the process that this one was forked from")?;
        let read = View::live().and_then(|view| windows::at(view, curve.address()));
        read.ok_or_else(|| "the window could not be read".to_owned())
    })
}

/// Runs `work` once and reads the memory of this process meanwhile, in a thread of its own.
///
/// # Panics
/// Where `work` does, with what it does.
#[track_caller]
pub fn memory_usage<T>(options: &MemoryOptions, work: impl FnOnce() -> T) -> MemoryUsage<T> {
    let window = options.open(std::process::id(), &place(Location::caller())).map(Window);
    let value = work();
    MemoryUsage { value, memory: window.and_then(Window::end) }
}

/// Reads the memory of a process until it ends, or `timeout` or `max_iterations` is reached, and leaves it alone otherwise.
///
/// # Errors
/// No such process, or no right to look.
#[track_caller]
pub fn memory_usage_of(process: u32, options: &MemoryOptions) -> io::Result<MemoryRecord> {
    let name = format!("process {process}");
    let window = options.open(process, &name).map(Window).map_err(io::Error::other)?;
    let started = Instant::now();
    while !options.is_over(window.0, started) {
        std::thread::sleep(options.interval);
    }
    window.end().map_err(io::Error::other)
}

/// Starts a command and reads its memory until it ends.
///
/// With a `timeout` or `max_iterations` the readings end there; the command is waited for all the same.
///
/// # Errors
/// It cannot be started or waited for.
pub fn memory_usage_of_command(
    command: &mut Command,
    options: &MemoryOptions,
) -> io::Result<MemoryUsage<ExitStatus>> {
    let name = format!("{}", command.get_program().display());
    let mut child = command.spawn()?;
    let window = options.open(child.id(), &name).map(Window);
    let started = Instant::now();
    if let Ok(Window(id)) = &window {
        while child.try_wait()?.is_none() && !options.is_over(*id, started) {
            std::thread::sleep(options.interval);
        }
    }
    let memory = window.and_then(Window::end);
    let value = wait(&mut child)?;
    Ok(MemoryUsage { value, memory })
}

fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    child.wait()
}

/// Reads the memory of this process for a while, in which the calling thread sleeps.
///
/// # Errors
/// It cannot be read.
#[track_caller]
pub fn memory_usage_for(time: Duration, options: &MemoryOptions) -> io::Result<MemoryRecord> {
    let usage = memory_usage(options, || std::thread::sleep(time));
    usage.memory.map_err(io::Error::other)
}

fn place(location: &Location<'_>) -> String {
    format!("{}:{}", location.file(), location.line())
}
