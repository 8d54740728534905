//! Call sites: one `static CallSite` per annotated function or span.
//!
//! A call site is text known at compile time plus a few words that the running program may change,
//! such as its mode and its record in the segment. Its identity is its address: two functions with
//! the same name are two call sites. Nothing here measures.

#![allow(unsafe_code, reason = "a static's limits behind a pointer that is set once")]

use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, Ordering::*};

use crate::limits::Limits;
pub use crate::options::Kind;

impl Kind {
    pub(crate) const fn code(self) -> u64 {
        match self {
            Kind::Function => 0,
            Kind::Async => 1,
            Kind::Span => 2,
        }
    }

    /// The name in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Function => "function",
            Kind::Async => "async",
            Kind::Span => "span",
        }
    }

    pub(crate) fn from_code(code: u64) -> Kind {
        match code {
            1 => Kind::Async,
            2 => Kind::Span,
            _ => Kind::Function,
        }
    }
}

/// Rejects, at compile time, a name that a report could not show.
///
/// # Panics
/// The name is empty, or contains a NUL, which separates the parts of [`Source::text`].
pub const fn check_span_name(name: &str) {
    assert!(!name.is_empty(), "a span's name must have at least one character");
    let mut rest = name.as_bytes();
    while let [byte, after @ ..] = rest {
        assert!(*byte != 0, "a span's name must not contain a NUL");
        rest = after;
    }
}

/// The static description of a call site, as the attribute saw it.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Function, async function or span.
    pub kind: Kind,
    /// Module, file, name, signature and documentation, separated by NULs. One string instead of
    /// five: each reference in a static is an address that the dynamic linker must relocate
    /// whenever the program starts, whether the function is called or not.
    pub text: &'static str,
    /// Line of the function's name, from 1.
    pub line: u32,
    /// Column of the function's name, from 1.
    pub column: u32,
    /// The site's own overhead budget as a share (`0.02` is 2 %); 0 if it has none.
    pub overhead: f64,
    /// The lines of a function with `#[profile(lines)]`.
    pub lines: Option<&'static LineSource>,
    /// Whether `returns` is set: how the calls return is recorded.
    pub asks_return: bool,
    /// Limits on its calls.
    pub limits: Option<&'static Limits>,
    /// Returns the type name of a closure inside the site's static, which contains the compiler's
    /// path to the function.
    pub path: fn() -> &'static str,
}

/// The lines of a function, as the attribute saw them.
#[derive(Clone, Copy, Debug)]
pub struct LineSource {
    /// Line number of the first line of `text`, from 1.
    pub first_line: u32,
    /// The function as written in its file; empty if the file could not be read.
    pub text: &'static str,
    /// The line of each mark, indexed by the mark's number.
    pub numbers: &'static [u32],
    /// Closures and macros that span several lines and have no marks. One per line, such as `12 18
    /// 11 select!`: first line, last line, the line they are counted on, and what they are.
    pub parts: &'static str,
    /// `lines(rss)`: whether resident memory is read at each mark.
    pub with_resident: bool,
}

/// How calls of a site are recorded. Stored in one byte.
pub(crate) struct Mode;

impl Mode {
    /// Not called yet: the first call registers the site.
    pub(crate) const UNREGISTERED: u8 = 0;
    /// Every call is timed with the time stamp counter: the inlined path.
    pub(crate) const EXACT: u8 = 1;
    /// Every call is timed with another clock.
    pub(crate) const GENERAL: u8 = 2;
    /// As the budget allows: timed, counted, or left out.
    pub(crate) const PACED: u8 = 3;
    /// Like [`Mode::PACED`], with another clock.
    pub(crate) const PACED_GENERAL: u8 = 8;
    /// Not recorded.
    pub(crate) const OFF: u8 = 4;
    /// No longer recorded, because that cost more than the budget.
    pub(crate) const STOPPED: u8 = 5;
    /// The bit that only [`Mode::OFF`] and [`Mode::STOPPED`] have.
    const IS_OFF: u8 = 4;
}

/// One annotated function or span: a `static` that the attribute places next to the code.
///
/// Obtained from [`functions`](crate::functions()) or [`find`](crate::find()).
#[derive(Debug)]
pub struct CallSite {
    mode: AtomicU8,
    /// The mode from before all functions were switched off; [`Mode::OFF`]: this one was off, or
    /// has been switched on or off by itself since.
    before: AtomicU8,
    record: AtomicU64,
    /// A budget set at run time, as the recorder encodes it; 0 if there is none.
    budget: AtomicU64,
    /// Limits from a file, combined with those of the attribute; null if no file sets any.
    limits: AtomicPtr<Limits>,
    source: Source,
}

impl CallSite {
    /// A site that has not been called.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(source: Source) -> CallSite {
        let (mode, record) = (AtomicU8::new(Mode::UNREGISTERED), AtomicU64::new(0));
        let limits = AtomicPtr::new(std::ptr::null_mut());
        let before = AtomicU8::new(Mode::OFF);
        CallSite { mode, before, record, budget: AtomicU64::new(0), limits, source }
    }

    #[inline(always)]
    pub(crate) fn mode(&self) -> u8 {
        self.mode.load(Relaxed)
    }

    /// The first check, made in the function itself.
    #[inline(always)]
    pub(crate) fn is_off(&self) -> bool {
        self.mode() & Mode::IS_OFF != 0
    }

    pub(crate) fn set_mode(&self, mode: u8) {
        self.mode.store(mode, Relaxed);
    }

    /// Sets the mode, if it has not been set.
    pub(crate) fn set_first_mode(&self, mode: u8) {
        let _ = self.mode.compare_exchange(Mode::UNREGISTERED, mode, Relaxed, Relaxed);
    }

    /// Switches it off, as all others are.
    pub(crate) fn suspend(&self) {
        self.before.store(self.mode.swap(Mode::OFF, Relaxed), Relaxed);
    }

    /// The mode from before [`suspend`](CallSite::suspend), once, if it is to be resumed.
    pub(crate) fn suspended_mode(&self) -> Option<u8> {
        let before = self.before.swap(Mode::OFF, Relaxed);
        (before != Mode::OFF && self.mode() == Mode::OFF).then_some(before)
    }

    /// Address of the site's record in the segment; 0 before it has one.
    pub(crate) fn record(&self) -> u64 {
        self.record.load(Relaxed)
    }

    /// Sets the site's record; returns false if another thread has already set it.
    pub(crate) fn claim_record(&self, address: u64) -> bool {
        self.record.compare_exchange(0, address, Relaxed, Relaxed).is_ok()
    }

    /// For the child of a `fork`, whose segment is empty.
    pub(crate) fn forget_record(&self) {
        self.record.store(0, Relaxed);
    }

    pub(crate) fn budget(&self) -> u64 {
        self.budget.load(Relaxed)
    }

    pub(crate) fn set_budget_word(&self, budget: u64) {
        self.budget.store(budget, Relaxed);
    }

    /// Limits on its calls.
    pub(crate) fn limits(&self) -> Option<&'static Limits> {
        // SAFETY: null, or from a box that is never freed and never written to again.
        unsafe { self.limits.load(Acquire).as_ref() }.or(self.source.limits)
    }

    /// Sets limits from a file, which override those of the attribute. Must precede the first call,
    /// because threads cache the limits.
    #[cfg_attr(not(feature = "toml"), allow(dead_code, reason = "only a file sets them"))]
    pub(crate) fn set_limits(&self, limits: Limits) {
        let limits = limits.or(self.limits().copied().unwrap_or(Limits::NONE));
        self.limits.store(Box::into_raw(Box::new(limits)), Release);
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// One of the parts of [`Source::text`].
    fn part(&self, number: usize) -> &'static str {
        const PARTS: usize = 5;
        self.source.text.splitn(PARTS, '\0').nth(number).unwrap_or("")
    }

    /// The function's name, or the name given to it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.part(2)
    }

    /// The full path: crate, modules, type and name, such as `shop::cart::Cart::total` or
    /// `<shop::Cart as shop::Priced>::total`.
    #[must_use]
    pub fn path(&self) -> String {
        self.path_parts().concat()
    }

    /// The path in parts, so that a first call can record it without allocating.
    pub(crate) fn path_parts(&self) -> [&'static str; 3] {
        let given = self.name();
        let whole = (self.source.path)();
        let function = enclosing_function(whole);
        match self.source.kind {
            Kind::Span => [function, "::", given],
            _ if last_segment(function) == given => [function, "", ""],
            _ => with_last_segment(function, given),
        }
    }

    /// The `module_path!()` of the location.
    #[must_use]
    pub fn module(&self) -> &'static str {
        self.part(0)
    }

    /// The source file, as it was passed to the compiler.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.part(1)
    }

    /// Line of the function's name, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.source.line
    }

    /// Column of the function's name, from 1.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.source.column
    }

    /// The doc comment.
    #[must_use]
    pub fn documentation(&self) -> &'static str {
        self.part(4)
    }

    /// The signature as written.
    #[must_use]
    pub fn signature(&self) -> &'static str {
        self.part(3)
    }

    /// Whether a panic may leave the function. Through most foreign calling conventions a panic
    /// would abort the process.
    pub(crate) fn can_unwind(&self) -> bool {
        let signature = self.signature();
        let before = signature.split_once("fn ").map_or("", |(before, _)| before);
        let Some((_, abi)) = before.split_once("extern") else { return true };
        abi.contains("\"Rust\"") || abi.contains("-unwind\"")
    }

    /// Function, async function or span.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.source.kind
    }
}

/// Strips what the compiler appended to the function's path: the static and the closure in it, and
/// the closures that an `async` block consists of.
fn enclosing_function(path: &'static str) -> &'static str {
    let before_static = path.rsplit_once("::__PROFILE_SITE").map_or(path, |(before, _)| before);
    let mut function = before_static;
    while let Some(shorter) = function.strip_suffix("::{{closure}}") {
        function = shorter;
    }
    function
}

fn last_segment(path: &str) -> &str {
    path.rsplit_once("::").map_or(path, |(_, last)| last)
}

fn with_last_segment(path: &'static str, name: &'static str) -> [&'static str; 3] {
    path.rsplit_once("::").map_or([name, "", ""], |(before, _)| [before, "::", name])
}

/// A function inside an annotated `impl`, `trait` or `mod` that could not be instrumented.
#[derive(Debug)]
pub struct Skipped {
    /// Its name.
    pub name: &'static str,
    /// The `module_path!()` of the location.
    pub module: &'static str,
    /// Its file.
    pub file: &'static str,
    /// Its line, from 1.
    pub line: u32,
    /// The reason, as a sentence.
    pub reason: &'static str,
}

/// A call site registered through the linker; created by the attribute.
#[derive(Debug)]
pub struct Linked(pub &'static CallSite);

/// A skipped function registered through the linker; created by the attribute.
#[derive(Debug)]
pub struct LinkedSkipped(pub &'static Skipped);

inventory::collect!(Linked);
inventory::collect!(LinkedSkipped);

/// Every call site in the linked program, whether called or not.
pub(crate) fn linked() -> impl Iterator<Item = &'static CallSite> {
    inventory::iter::<Linked>.into_iter().map(|linked| linked.0)
}

/// Returns the type name of a closure inside a call site's static.
#[must_use]
pub const fn path_of<F>(_: &F) -> fn() -> &'static str {
    std::any::type_name::<F>
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_static_and_the_closures_after_a_function_are_stripped() {
        let cut = enclosing_function("shop::Cart::total::{{closure}}::__PROFILE_SITE::{{closure}}");
        assert_eq!(cut, "shop::Cart::total");
    }

    #[test]
    fn a_span_has_a_name_that_a_report_can_show() {
        ["a", "the rest", "1\n2", "\u{1b}"].into_iter().for_each(check_span_name);
        for bad in ["", "\0", "a\0b", "end\0"] {
            assert!(std::panic::catch_unwind(|| check_span_name(bad)).is_err(), "{bad:?}");
        }
    }
}
