//! The attributes of `profile-core`. Depend on that crate, which re-exports them; this one only
//! writes text that names it.
//!
//! ```text
//! tokens -> options + item -> validate -> expand -> tokens
//!                    \____________\________________ fallback, when something is wrong
//! ```
//!
//! Nothing here may fail loudly: whatever goes wrong, the user's item is handed back beside one
//! message, so one mistake is never two.
//!
//! With the feature `profile` off all of this and its parser are left out of the build: see
//! `unchecked`.

#[cfg(feature = "profile")]
mod arguments;
#[cfg(feature = "profile")]
mod body;
#[cfg(feature = "profile")]
mod describe;
#[cfg(feature = "profile")]
mod drops;
#[cfg(feature = "profile")]
mod expand;
#[cfg(feature = "profile")]
mod fallback;
#[cfg(feature = "profile")]
mod item;
#[cfg(feature = "profile")]
mod krate;
#[cfg(feature = "profile")]
mod limits;
#[cfg(feature = "profile")]
mod lines;
#[cfg(feature = "profile")]
mod memory_usage;
#[cfg(feature = "profile")]
mod options;
#[cfg(feature = "profile")]
mod parsing;
#[cfg(feature = "profile")]
mod returns;
#[cfg(feature = "profile")]
mod suite;
#[cfg(any(test, not(feature = "profile")))]
mod unchecked;
#[cfg(feature = "profile")]
mod usage;
#[cfg(feature = "profile")]
mod validate;
// With the feature off nobody asks how a limit is written.
#[cfg_attr(not(feature = "profile"), allow(dead_code))]
mod words;

use proc_macro::TokenStream;

/// Measures a function, or every function of an `impl`, a `trait` or an inline `mod`.
///
/// ```ignore
/// use profile_core::profile;
///
/// #[profile]
/// fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
///     text.trim().parse()
/// }
///
/// #[profile(overhead = "2%")]
/// impl Parser {
///     fn run(&mut self) {}
///
///     #[profile(skip)]
///     fn peek(&self) {}
/// }
/// ```
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `name = "load"` | the name in the report, in place of the function's own; functions only |
/// | `overhead = "2%"` | how much of the run timing may cost before calls are sampled; more than 0, at most 100 |
/// | `lines`, `lines(rss)` | time and memory of every source line, see below; with `rss` also resident memory after each |
/// | `returns` | how many calls of a function return `Ok` or `Some`, how many `Err` or `None`, and how long each took |
/// | `warn_above = "10 ms"` | a warning when a call takes longer; checking that costs nothing |
/// | `run(max_time = "2 s", max_calls = 10, max_depth = 5)` | a warning at the end when all calls together took more; also `max_allocations`, `max_bytes`, `max_retained` |
/// | `raise` | an exceeded limit that a filter makes an error is the error that the function returns |
/// | `args(url, items.len())` | what its slowest calls, and those that allocated most, were called with; functions only |
/// | `skip` | leave this item out of the container around it |
/// | `crate = some::path` | where `profile_core` is, when a crate of yours re-exports it |
///
/// Inside an annotated container an item's own `#[profile(...)]` wins over the container's, and
/// nothing is measured twice. A dependency under another name
/// (`p2 = { package = "profile-core" }`) is found without an option.
///
/// # What it becomes
///
/// One statement is added to the function's own block, after the items it begins with:
///
/// ```ignore
/// fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
///     let __profile_guard = {
///         static __PROFILE_SITE: CallSite = CallSite::new(Source { name: "parse", /* where */ });
///         submit!(__PROFILE_SITE);
///         enter(&__PROFILE_SITE)
///     };
///     text.trim().parse()
/// }
/// ```
///
/// The body is never moved into a closure or another function, so lints, lifetimes, `return`, `?`
/// and `#[track_caller]` work as before. The body of an `async fn` becomes a future that is
/// entered at each poll and left at each `.await`:
///
/// ```ignore
/// async fn fetch(url: &str) -> Page {
///     Instrumented::new(&__PROFILE_SITE, async move { /* the body */ }).await
/// }
/// ```
///
/// So does the async block at the end of a function that returns a future, alone or inside
/// `Box::pin(...)`, which is also what `#[async_trait]` leaves. A function that makes its future
/// in any other way is measured as it is called: the making, not the polling.
///
/// A generic function is one row, whatever its types. It does not matter whether the attribute
/// stands above or below `#[test]`, `#[tokio::main]`, `#[tokio::test]`, `#[async_trait]`,
/// `#[instrument]` or `#[trace]`: where attributes of others still stand below, the async block at
/// the end stays where they look for it, which makes the future larger, since what the block
/// captures is held twice. An attribute that copies those below it to code of its own, as
/// `#[automock]` does, must stand below: `#[profile] #[automock] trait …`.
///
/// # Lines
///
/// `#[profile(lines)]` puts a mark before each statement, and at each turn of a loop; a line's time
/// and allocations are those from its marks to the next, with all that it calls. Its hits are
/// arrivals at it, as line_profiler counts them. Values, temporaries, labels and drops stay as they
/// are, and loops are written as the compiler itself reads them. A closure, a const block and what
/// a macro makes (`select!`, `join!`) belong to the line of the statement that holds them, which
/// the report names; several statements on one line are one. A statement in an async block counts
/// when it is polled in the course of a call. What a block drops at its end is on its closing
/// brace, which costs a mark only where a variable of the block has something to drop; what an
/// early `return`, `?` or `break` drops is on that line. A warning that a variable is never read
/// (`unused_assignments`), and that code behind a call that never returns is unreachable, may be
/// missing. Marks cost about half a span each, which is subtracted; under a budget most are only
/// counted.
///
/// # Arguments
///
/// `args(url, items.len())` notes these expressions when a call begins: a place is copied if its
/// type is `Copy`, else borrowed for the length of the call. They become text, by `Debug` or else
/// `Display`, only if the call enters one of two lists of eight. What the body may move or change
/// can be neither: it becomes text in each call, before its time begins (of an async function: in
/// its first poll), and is shown as it was then. That is any place but a shared reference of which
/// the body has more than `&url` and `url.len()` (or `is_empty`, `iter`, `clone`, `as_str` and the
/// like), or which it has at all beside a `move`. That costs what its `Debug` takes: 78 ns for a
/// text of 37 bytes, 175 for eight numbers; and though 296 bytes are kept, a long `Vec` is walked
/// to its end (2.7 ns an element). `url.len()` or `skip(url)` cost nothing of that.
/// `args(.., skip(password))` notes all arguments that have a name but some.
///
/// # Limits
///
/// What an exceeded limit does is up to the filters of `profile_core::warnings`: told once and
/// counted by default. With `raise` the function returns a `Result` whose error can be made of a
/// `RaisedWarning`:
///
/// ```ignore
/// #[profile(warn_above = "5 ms", raise)]
/// fn load(path: &Path) -> Result<Table, LoadError> { /* … */ } // impl From<RaisedWarning> for LoadError
/// ```
///
/// It is looked at when the function's value is there, before its variables are dropped (but what
/// it leaves behind, when they are). A call that fails by itself keeps its own error; what it
/// exceeded, and what is exceeded only when variables are dropped, is reported. Without `raise` an
/// error is a panic where the call ends, in tests as elsewhere. Under an overhead budget only calls
/// that are timed are looked at; of an async function the time is that from first poll to end.
/// `profile.toml` gives limits to functions without touching them; the page
/// `profile_core::warnings` has all that it can say.
///
/// # What cannot be measured
///
/// * a `const fn`: it may run in the compiler, where there is no clock;
/// * a naked fn: its body may hold nothing but assembly;
/// * a foreign function, or a trait method without a body: annotate what calls or implements it;
/// * what a macro call inside a container makes, and `mod name;` in another file: the attribute
///   cannot see it. In a `macro_rules!` put the attribute on the function it writes.
///
/// On such an item alone the attribute is an error. Inside a container the item is left as it is
/// and listed in the report as skipped, with the reason.
///
/// # Errors
///
/// An unknown or repeated option, or a value out of range, is a compile error at that option. The
/// item stays in place, unmeasured.
#[proc_macro_attribute]
pub fn profile(arguments: TokenStream, item: TokenStream) -> TokenStream {
    #[cfg(feature = "profile")]
    return fallback::or_untouched(arguments.into(), item.into(), expand::profile).into();
    #[cfg(not(feature = "profile"))]
    {
        let _ = arguments;
        item
    }
}

/// Measures a function as [`macro@profile`] does, and the memory of the process while it runs; or
/// holds its calls to limits.
///
/// ```ignore
/// use profile_core::memory_usage;
///
/// #[memory_usage(interval = "5ms")]
/// fn load(path: &Path) -> Vec<Record> { /* … */ }
///
/// #[test]
/// #[memory_usage(max_allocations = 0)]
/// fn lookups_allocate_nothing() { /* … */ }
/// ```
///
/// | option | meaning |
/// |---|---|
/// | `interval = "10ms"` | time between two readings, 100 ms by default |
/// | `backend = "rss"` | what is read: `rss`, `pss`, `uss`, or `heap` (live bytes by the allocator) |
/// | `include_children` | each reading is the sum over all descendants of the process |
/// | `multiprocess` | each descendant has a curve of its own |
/// | `max_allocations = 0` | most allocations of one call |
/// | `max_bytes = "1 MiB"` | most bytes that one call may allocate in total |
/// | `max_peak = "1 MiB"` | most bytes that one call may hold at once |
/// | `max_retained = "1 MiB"` | most bytes that one call may leave behind |
/// | `max_rss = "1 GiB"` | most resident memory during a call |
/// | `max_time = "10ms"` | longest call |
/// | `run(max_calls = 10)` | most of all calls of a run together, see `#[profile]` |
/// | `raise` | an exceeded limit that a filter makes an error is the error that the function returns, see `#[profile]` |
/// | `ledger` | allocations of a call are compared with the crate's `allocations.json`, see `assert_ledger!` |
/// | `name`, `crate` | as of `#[profile]` |
///
/// The function runs once a call, as ever. Limits count what the call's own thread does, and
/// threads that it hands its `context()` to; other tests never count. With limits alone (but for
/// `max_rss`) no curve is kept.
///
/// `max_rss` is the exception: resident memory is that of the whole process, so tests that run
/// beside this one count. Run such a test alone: with `--test-threads=1`, in a test target of its
/// own, or with `cargo nextest`, which gives each test a process.
///
/// With the feature `profile` off nothing is counted. In a crate that is built for tests each
/// attribute with a limit is then a warning of the compiler, since the test would pass whatever it
/// takes; `-D warnings` makes it an error.
///
/// An exceeded limit fails the test in a crate that is built for tests, whatever filters say;
/// elsewhere it is a warning, told once and counted unless the filters of `profile_core::warnings`
/// say otherwise. A limit in `run(…)`, or of a file, is a warning in tests too.
///
/// Of an `async fn`, a call is watched from its first poll to its end, its time is that from the
/// one to the other, and what its own polls do is counted, on whichever threads they run. Limits
/// are looked at when it has finished.
///
/// On an inline `mod` it holds for each `#[test]` in it, `#[tokio::test]` and the like too: limits
/// for a whole suite. What a test or an inner module says itself stands, the rest is added.
///
/// ```ignore
/// #[cfg(test)]
/// #[memory_usage(max_peak = "64 MiB", max_time = "10s")]
/// mod tests {
///     #[test]
///     #[memory_usage(max_peak = "1 GiB")]
///     fn the_one_that_needs_more() { /* … */ }
/// }
/// ```
#[proc_macro_attribute]
pub fn memory_usage(arguments: TokenStream, item: TokenStream) -> TokenStream {
    #[cfg(feature = "profile")]
    return fallback::or_untouched(arguments.into(), item.into(), expand::memory_usage).into();
    #[cfg(not(feature = "profile"))]
    #[allow(
        clippy::useless_conversion,
        reason = "in its own tests the tokens are of another crate"
    )]
    return unchecked::with_warning(&arguments.into(), item.into()).into();
}
