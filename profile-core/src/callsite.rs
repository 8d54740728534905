//! Who is being measured: one `static CallSite` per annotated function or span.
//!
//! A call site is plain text known at compile time plus two words that the running program may
//! change (its mode and where it is listed in the segment). Its identity is its address: two
//! functions of one name are two call sites. Nothing here measures or allocates.

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

    /// As it is in reports.
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

/// Refuses, while the program is compiled, a name that a report could not show.
///
/// # Panics
/// The name is empty, or has a NUL in it, which separates the texts of a [`Source`].
pub const fn check_span_name(name: &str) {
    assert!(!name.is_empty(), "a span's name must have at least one character");
    let mut rest = name.as_bytes();
    while let [byte, after @ ..] = rest {
        assert!(*byte != 0, "a span's name must not contain a NUL");
        rest = after;
    }
}

/// The text of a call site, as the attribute saw it.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Function, async function or span.
    pub kind: Kind,
    /// Module, file, name, signature and documentation, with a NUL between them. One text, not
    /// five: each reference in a static is an address that the dynamic linker has to put in at
    /// every start of a program, called or not.
    pub text: &'static str,
    /// Line of the function's name, from 1.
    pub line: u32,
    /// Column of the function's name, from 1.
    pub column: u32,
    /// The site's own overhead budget as a share (`0.02` is 2 %); 0: none.
    pub overhead: f64,
    /// Of a function with `#[profile(lines)]`.
    pub lines: Option<&'static LineSource>,
    /// `returns`: how its calls return is asked.
    pub asks_return: bool,
    /// What its calls may take.
    pub limits: Option<&'static Limits>,
    /// The name of a closure inside the site's static: the compiler's own path to it.
    pub path: fn() -> &'static str,
}

/// The lines of a function, as the attribute saw them.
#[derive(Clone, Copy, Debug)]
pub struct LineSource {
    /// Of `text`, from 1.
    pub first_line: u32,
    /// The function as it is in its file; empty where the file could not be read.
    pub text: &'static str,
    /// The line of each mark, by its number.
    pub numbers: &'static [u32],
    /// Closures and macros over several lines, which have no marks: a line each,
    /// `12 18 11 select!`, with first and last line, the line that they are counted on, and what
    /// they are.
    pub parts: &'static str,
    /// `lines(rss)`: resident memory is read at each mark.
    pub with_resident: bool,
}

/// How calls of a site are recorded. Kept in one byte.
pub(crate) struct Mode;

impl Mode {
    /// Not seen yet: the first call registers the site.
    pub(crate) const UNREGISTERED: u8 = 0;
    /// Every call timed, by the time stamp counter: the inlined path.
    pub(crate) const EXACT: u8 = 1;
    /// Every call timed, by another clock.
    pub(crate) const GENERAL: u8 = 2;
    /// As the budget allows: timed, counted, or left out.
    pub(crate) const PACED: u8 = 3;
    /// The same with another clock.
    pub(crate) const PACED_GENERAL: u8 = 8;
    /// Not recorded.
    pub(crate) const OFF: u8 = 4;
    /// No longer recorded, since that cost more than the budget.
    pub(crate) const STOPPED: u8 = 5;
    /// What [`Mode::OFF`] and [`Mode::STOPPED`] alone have.
    const IS_OFF: u8 = 4;
}

/// One annotated function or span: a `static` that the attribute puts beside the code.
///
/// Obtained from [`functions`](crate::functions()) or [`find`](crate::find()).
#[derive(Debug)]
pub struct CallSite {
    mode: AtomicU8,
    record: AtomicU64,
    /// A budget given at run time, as the recorder encodes it; 0: none.
    budget: AtomicU64,
    /// Limits of a file, with those of the attribute; null: there are only these.
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
        CallSite { mode, record, budget: AtomicU64::new(0), limits, source }
    }

    #[inline(always)]
    pub(crate) fn mode(&self) -> u8 {
        self.mode.load(Relaxed)
    }

    /// The one question that is asked in the function itself before all others.
    #[inline(always)]
    pub(crate) fn is_off(&self) -> bool {
        self.mode() & Mode::IS_OFF != 0
    }

    pub(crate) fn set_mode(&self, mode: u8) {
        self.mode.store(mode, Relaxed);
    }

    /// Address of the site's record in the segment; 0 before it has one.
    pub(crate) fn record(&self) -> u64 {
        self.record.load(Relaxed)
    }

    /// Gives the site its record; false if another thread has.
    pub(crate) fn claim_record(&self, address: u64) -> bool {
        self.record.compare_exchange(0, address, Relaxed, Relaxed).is_ok()
    }

    /// In the child of a `fork`, whose segment is empty.
    pub(crate) fn forget_record(&self) {
        self.record.store(0, Relaxed);
    }

    pub(crate) fn budget(&self) -> u64 {
        self.budget.load(Relaxed)
    }

    pub(crate) fn set_budget_word(&self, budget: u64) {
        self.budget.store(budget, Relaxed);
    }

    /// What its calls may take.
    pub(crate) fn limits(&self) -> Option<&'static Limits> {
        // SAFETY: null, or of a box that is never freed and never written to again.
        unsafe { self.limits.load(Acquire).as_ref() }.or(self.source.limits)
    }

    /// Limits of a file, which win over those of the attribute. For calls of functions that were
    /// not called yet: threads keep them.
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

    /// The function's own name, or the name it was given.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.part(2)
    }

    /// The whole path: crate, modules, type and name, such as `shop::cart::Cart::total` or
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

    /// `module_path!()` of the place.
    #[must_use]
    pub fn module(&self) -> &'static str {
        self.part(0)
    }

    /// The source file, as the compiler was given it.
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

    /// Whether a panic may leave the function: through most foreign calling conventions it would
    /// end the process.
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

/// Cuts what the compiler added behind the function: the static and the closure in it, and the
/// closures that an `async` block is.
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

/// A function inside an annotated `impl`, `trait` or `mod` that could not be instrumented, and why.
#[derive(Debug)]
pub struct Skipped {
    /// Its name.
    pub name: &'static str,
    /// `module_path!()` of the place.
    pub module: &'static str,
    /// Its file.
    pub file: &'static str,
    /// Its line, from 1.
    pub line: u32,
    /// Why, as a sentence.
    pub reason: &'static str,
}

/// A call site listed by the linker; made by the attribute.
#[derive(Debug)]
pub struct Linked(pub &'static CallSite);

/// A skipped function listed by the linker; made by the attribute.
#[derive(Debug)]
pub struct LinkedSkipped(pub &'static Skipped);

inventory::collect!(Linked);
inventory::collect!(LinkedSkipped);

/// Every call site in the linked program, called or not.
pub(crate) fn linked() -> impl Iterator<Item = &'static CallSite> {
    inventory::iter::<Linked>.into_iter().map(|linked| linked.0)
}

/// The path of a closure that stands inside a call site's static.
#[must_use]
pub const fn path_of<F>(_: &F) -> fn() -> &'static str {
    std::any::type_name::<F>
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_static_and_the_closures_behind_a_function_are_cut() {
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
