//! Stand-ins for when the feature `profile` is off: programs still compile, and nothing is
//! recorded.

#![allow(unsafe_code, reason = "an allocator that forwards to another")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::num::NonZero;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::{
    Backend, Budget, Function, Kind, Measured, MemoryRecord, SettingError, Snapshot, Sort,
    WarningRecord,
};

/// Forwards to the wrapped allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProfilingAllocator<A = System> {
    inner: A,
}

impl ProfilingAllocator<System> {
    /// Wraps the system allocator.
    #[must_use]
    pub const fn system() -> ProfilingAllocator<System> {
        ProfilingAllocator::new(System)
    }
}

impl<A> ProfilingAllocator<A> {
    /// Wraps an allocator of your choice.
    #[must_use]
    pub const fn new(inner: A) -> ProfilingAllocator<A> {
        ProfilingAllocator { inner }
    }
}

// SAFETY: every method forwards to the inner allocator.
unsafe impl<A: GlobalAlloc> GlobalAlloc for ProfilingAllocator<A> {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the conditions of the inner allocator.
        unsafe { self.inner.alloc(layout) }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.inner.dealloc(block, layout) };
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    #[inline(always)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { self.inner.realloc(block, layout, new_size) }
    }
}

/// Returns an empty snapshot.
#[must_use]
pub fn capture() -> Snapshot {
    Snapshot::default()
}

/// Does nothing.
pub fn write_reports() {}

/// Does nothing: `span!` opens no span.
///
/// Not `Send`, as with the feature on: what compiles without the feature must compile with it.
#[derive(Debug)]
#[must_use]
pub struct SpanGuard {
    not_send: PhantomData<*mut ()>,
}

impl SpanGuard {
    #[doc(hidden)]
    #[inline(always)]
    pub fn none() -> SpanGuard {
        SpanGuard { not_send: PhantomData }
    }
}

/// Opens no span.
#[macro_export]
macro_rules! span {
    ($name:literal) => {{
        const _: () = assert!(
            !$crate::__private::core::concat!("", $name).is_empty(),
            "a span's name must have at least one character"
        );
        $crate::SpanGuard::none()
    }};
}

/// Guards must not be `Send` here either, so that what compiles without the feature compiles with
/// it. If one of them were `Send`, `item` would be ambiguous.
const _: fn() = || {
    trait AmbiguousIfSend<Marker> {
        fn item() {}
    }
    struct IsSend;
    impl<T: ?Sized> AmbiguousIfSend<()> for T {}
    impl<T: ?Sized + Send> AmbiguousIfSend<IsSend> for T {}
    let _ = <SpanGuard as AmbiguousIfSend<_>>::item;
    let _ = <ContextGuard<'static> as AmbiguousIfSend<_>>::item;
};

/// A call path; empty without the feature.
#[derive(Clone, Debug, Default)]
pub struct Context;

/// An entered [`Context`].
#[derive(Debug)]
#[must_use]
pub struct ContextGuard<'a> {
    context: PhantomData<&'a Context>,
    not_send: PhantomData<*mut ()>,
}

/// Returns an empty call path.
#[must_use]
pub fn context() -> Context {
    Context
}

impl Context {
    /// Does nothing.
    pub fn enter(&self) -> ContextGuard<'_> {
        ContextGuard { context: PhantomData, not_send: PhantomData }
    }

    /// Runs the work.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        work()
    }

    /// Returns the work itself.
    pub fn wrap<T, F: FnOnce() -> T>(&self, work: F) -> impl FnOnce() -> T + use<T, F> {
        work
    }

    /// Returns the future itself.
    pub fn follow<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future
    }
}

/// Settings without effect.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "settings do nothing until `apply` is called"]
pub struct Settings;

impl Settings {
    /// Creates settings.
    pub fn new() -> Settings {
        Settings
    }

    /// Ignored.
    ///
    /// # Errors
    /// None.
    pub fn report(self, _: &str) -> Result<Settings, SettingError> {
        Ok(self)
    }

    /// Ignored.
    pub fn sort(self, _: Sort) -> Settings {
        self
    }

    /// Not looked at.
    pub fn report_on_signals(self, _: bool) -> Settings {
        self
    }

    /// Not looked at.
    pub fn report_every(self, _: Duration) -> Settings {
        self
    }

    /// Not looked at.
    pub fn top(self, _: crate::Top) -> Settings {
        self
    }

    /// Not looked at.
    ///
    /// # Errors
    /// None.
    pub fn percentiles(self, _: &[f64]) -> Result<Settings, SettingError> {
        Ok(self)
    }

    /// Ignored.
    pub fn resident_interval(self, _: Duration) -> Settings {
        self
    }

    /// Ignored.
    pub fn cpu_interval(self, _: Duration) -> Settings {
        self
    }

    /// Ignored.
    pub fn advice(self, _: crate::Thresholds) -> Settings {
        self
    }

    /// Ignored.
    pub fn block_sizes(self, _: bool) -> Settings {
        self
    }

    /// Ignored.
    ///
    /// # Errors
    /// None.
    pub fn overhead(self, _: &str) -> Result<Settings, SettingError> {
        Ok(self)
    }

    /// Ignored.
    pub fn exit_code(self, _: NonZero<u8>) -> Settings {
        self
    }

    /// Does nothing.
    pub fn apply(self) {}
}

/// An annotated function; none exist without the feature.
#[derive(Debug)]
pub enum CallSite {}

impl CallSite {
    /// Its path.
    #[must_use]
    pub fn path(&self) -> String {
        match *self {}
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match *self {}
    }

    /// Its module.
    #[must_use]
    pub fn module(&self) -> &'static str {
        match *self {}
    }

    /// The source file.
    #[must_use]
    pub fn file(&self) -> &'static str {
        match *self {}
    }

    /// The line of its name.
    #[must_use]
    pub fn line(&self) -> u32 {
        match *self {}
    }

    /// The column of its name.
    #[must_use]
    pub fn column(&self) -> u32 {
        match *self {}
    }

    /// Its doc comment.
    #[must_use]
    pub fn documentation(&self) -> &'static str {
        match *self {}
    }

    /// Its signature.
    #[must_use]
    pub fn signature(&self) -> &'static str {
        match *self {}
    }

    /// Function, async function or span.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match *self {}
    }

    /// Whether its calls are recorded.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        match *self {}
    }

    /// Turns recording on or off.
    pub fn set_enabled(&'static self, _: bool) {
        match *self {}
    }

    /// Sets its budget.
    pub fn set_budget(&self, _: Option<Budget>) {
        match *self {}
    }

    /// Its statistics.
    #[must_use]
    pub fn statistics(&self) -> Option<Function> {
        match *self {}
    }
}

/// `CATEGORY: MESSAGE`.
impl fmt::Display for WarningRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.category.escape_debug(), self.message.escape_debug())
    }
}

/// Returns no functions.
#[must_use]
pub fn functions() -> Vec<&'static CallSite> {
    Vec::new()
}

/// Returns no function.
#[must_use]
pub fn find(_: &str) -> Option<&'static CallSite> {
    None
}

/// Returns no functions.
#[must_use]
pub fn find_all(_: &str) -> Vec<&'static CallSite> {
    Vec::new()
}

/// Runs the work and times it. Allocations are not counted: assertions on them fail.
pub fn measure<T>(work: impl FnOnce() -> T) -> Measured<T> {
    let started = Instant::now();
    let value = work();
    Measured {
        value,
        allocations: None,
        allocated_bytes: None,
        frees: None,
        freed_bytes: None,
        peak_bytes: None,
        retained_bytes: None,
        time_ns: started.elapsed().as_nanos() as u64,
    }
}

const OFF: &str = "not available: the feature `profile` of profile-core is off";

/// Options without effect.
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing by themselves"]
pub struct MemoryOptions;

impl MemoryOptions {
    /// Creates options.
    pub fn new() -> MemoryOptions {
        MemoryOptions
    }

    /// Ignored.
    pub fn name(self, _: impl Into<String>) -> MemoryOptions {
        self
    }

    /// Ignored.
    pub fn interval(self, _: Duration) -> MemoryOptions {
        self
    }

    /// Ignored.
    pub fn timeout(self, _: Duration) -> MemoryOptions {
        self
    }

    /// Ignored.
    pub fn max_iterations(self, _: u64) -> MemoryOptions {
        self
    }

    /// Ignored.
    pub fn include_children(self, _: bool) -> MemoryOptions {
        self
    }

    /// Ignored.
    pub fn multiprocess(self, _: bool) -> MemoryOptions {
        self
    }

    /// Ignored.
    pub fn backend(self, _: Backend) -> MemoryOptions {
        self
    }

    /// Ignored: nothing is written.
    pub fn stream(self, _: impl io::Write + Send + 'static) -> MemoryOptions {
        self
    }
}

/// Work whose memory was not measured.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MemoryUsage<T> {
    /// What it returned.
    pub value: T,
    /// Why its memory is unknown.
    pub memory: Result<MemoryRecord, String>,
}

/// Runs the work.
pub fn memory_usage<T>(_: &MemoryOptions, work: impl FnOnce() -> T) -> MemoryUsage<T> {
    MemoryUsage { value: work(), memory: Err(OFF.to_owned()) }
}

/// Reads nothing.
///
/// # Errors
/// Always.
pub fn memory_usage_of(_: u32, _: &MemoryOptions) -> io::Result<MemoryRecord> {
    Err(io::Error::other(OFF))
}

/// Runs the command.
///
/// # Errors
/// It cannot be started or waited for.
pub fn memory_usage_of_command(
    command: &mut Command,
    _: &MemoryOptions,
) -> io::Result<MemoryUsage<ExitStatus>> {
    Ok(MemoryUsage { value: command.status()?, memory: Err(OFF.to_owned()) })
}

/// Reads nothing and does not wait.
///
/// # Errors
/// Always.
pub fn memory_usage_for(_: Duration, _: &MemoryOptions) -> io::Result<MemoryRecord> {
    Err(io::Error::other(OFF))
}
