//! The attributes of `profile-core`. Depend on that crate, which re-exports them; this crate only
//! generates code that refers to it.
//!
//! ```text
//! tokens -> options + item -> validate -> expand -> tokens
//!                    \____________\________________ fallback, on an error
//! ```
//!
//! An error never removes the user's item: it is returned unchanged next to a single message, so
//! that one mistake does not cause a second error.
//!
//! With the feature `profile` off, none of this, nor its parser, is compiled: see `unchecked`.

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
// With the feature off, only the names of limits are used.
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
/// - `name = "load"`: the name in the report, instead of the function's own; functions only.
/// - `overhead = "2%"`: how much of the run timing may cost before calls are sampled; more than 0,
///   at most 100.
/// - `lines`, `lines(rss)`: time and memory of every source line, see below; with `rss` also the
///   resident memory after each line.
/// - `returns`: how many calls of a function return `Ok` or `Some`, how many `Err` or `None`, and
///   how long each took.
/// - `warn_above = "10 ms"`: a warning when a call takes longer; the check itself adds no cost.
/// - `run(max_time = "2 s", max_calls = 10, max_depth = 5)`: a warning at the end of the run when
///   all calls together exceed a limit; also `max_allocations`, `max_bytes`, `max_retained`.
/// - `raise`: the function returns an exceeded limit as its error when a filter turns that warning
///   into an error.
/// - `args(url, items.len())`: the argument values of the slowest calls and of those that allocated
///   most; functions only.
/// - `skip`: leave this item out of the container around it.
/// - `crate = some::path`: the path to `profile_core`, when one of your crates re-exports it.
///
/// Inside an annotated container, an item's own `#[profile(...)]` overrides the container's, and
/// nothing is measured twice. A renamed dependency (`p2 = { package = "profile-core" }`) is found
/// without an option.
///
/// # Expansion
///
/// One statement is added to the function's own block, after any items at its start:
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
/// and `#[track_caller]` work as before. The body of an `async fn` becomes a future that is entered
/// at each poll and left at each `.await`:
///
/// ```ignore
/// async fn fetch(url: &str) -> Page {
///     Instrumented::new(&__PROFILE_SITE, async move { /* the body */ }).await
/// }
/// ```
///
/// The same happens to the async block at the end of a function that returns a future, whether
/// alone or inside `Box::pin(...)`, which is also what `#[async_trait]` generates. A function that
/// creates its future in any other way is measured when it is called: creating the future, not
/// polling it.
///
/// A generic function is one row, whatever its types. The attribute may be above or below
/// `#[test]`, `#[tokio::main]`, `#[tokio::test]`, `#[async_trait]`, `#[instrument]` or `#[trace]`.
/// If attributes of other crates are still below it, the async block at the end stays where they
/// expect it. This makes the future larger, because it stores what the block captures twice. An
/// attribute that copies the attributes below it to its own code, as `#[automock]` does, must be
/// below: `#[profile] #[automock] trait …`.
///
/// # Lines
///
/// `#[profile(lines)]` puts a mark before each statement, and at each iteration of a loop. A line's
/// time and allocations run from each of its marks to the next mark, including everything it calls.
/// Its hits are the number of times control arrives at it, as line_profiler counts them. Values,
/// temporaries, labels and drops are unchanged, and loops are rewritten as the compiler itself
/// lowers them. A closure, a const block and the expansion of a macro (`select!`, `join!`) belong
/// to the line of the statement that contains them, which the report names; several statements on
/// one line count as one. A statement in an async block counts when it is polled during a call.
/// What a block drops at its end is counted on its closing brace, which costs a mark only where a
/// variable of the block has something to drop; what an early `return`, `?` or `break` drops is
/// counted on that line. The compiler may no longer warn that a variable is never read
/// (`unused_assignments`), or that code after a call that never returns is unreachable. Each mark
/// costs about half a span, which is subtracted; under an overhead budget most marks are only
/// counted.
///
/// # Arguments
///
/// `args(url, items.len())` records these expressions when a call begins. A place expression is
/// copied if its type is `Copy`, and otherwise borrowed for the duration of the call. Values are
/// formatted, by `Debug` or else `Display`, only if the call enters one of two lists of eight.
///
/// A place that is not `Copy`, and that the body may move or change, cannot be borrowed. It is
/// formatted in each call, before the measured time begins (in an async function: in its first
/// poll), and the report shows that earlier value. This applies to any place except a shared
/// reference, if the body uses it in any way other than `&url` and `url.len()` (or `is_empty`,
/// `iter`, `clone`, `as_str` and the like), or uses it at all and contains a `move`. The cost is
/// that of its `Debug`: 78 ns for a string of 37 bytes, 175 ns for eight numbers. Only 296 bytes
/// are stored, but a long `Vec` is formatted to its end (2.7 ns an element). `url.len()` or
/// `skip(url)` avoids this cost.
///
/// `args(.., skip(password))` records all named arguments except the skipped ones.
///
/// # Limits
///
/// The filters of `profile_core::warnings` decide what an exceeded limit does: by default it is
/// reported once and counted. With `raise`, the function returns a `Result` whose error type
/// implements `From<RaisedWarning>`:
///
/// ```ignore
/// #[profile(warn_above = "5 ms", raise)]
/// fn load(path: &Path) -> Result<Table, LoadError> { /* … */ } // impl From<RaisedWarning> for LoadError
/// ```
///
/// Limits are checked when the function's value is known, before its variables are dropped
/// (retained memory is checked after they are dropped). A call that itself returns an error keeps
/// that error; the limits it exceeded, and those exceeded only when variables are dropped, are
/// reported. Without `raise`, a limit that a filter turns into an error panics where the call ends,
/// in tests as elsewhere. Under an overhead budget only timed calls are checked; the time of an
/// async function is that from its first poll to its end. `profile.toml` sets limits for functions
/// without changing them; the page `profile_core::warnings` describes the file.
///
/// # What cannot be measured
///
/// * a `const fn`: it may run at compile time, where there is no clock;
/// * a naked fn: its body may hold nothing but assembly;
/// * a foreign function, or a trait method without a body: annotate what calls or implements it;
/// * the expansion of a macro call inside a container, and `mod name;` in another file: the
///   attribute cannot see them. In a `macro_rules!`, put the attribute on the function in the
///   macro.
///
/// On such an item by itself the attribute is an error. Inside a container the item is left
/// unchanged and listed in the report as skipped, with the reason.
///
/// # Errors
///
/// An unknown or duplicate option, or a value out of range, is a compile error at that option. The
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

/// Measures a function as [`macro@profile`] does, and also the memory of the process while it runs;
/// or enforces limits on its calls.
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
/// - `interval = "10ms"`: time between two readings, 100 ms by default.
/// - `backend = "rss"`: the memory to read: `rss`, `pss`, `uss`, or `heap` (live bytes according
///   to the allocator).
/// - `include_children`: each reading is the sum over all descendants of the process.
/// - `multiprocess`: each descendant has its own curve.
/// - `max_allocations = 0`: maximum number of allocations of one call.
/// - `max_bytes = "1 MiB"`: maximum number of bytes that one call may allocate in total.
/// - `max_peak = "1 MiB"`: maximum number of bytes that one call may hold at once.
/// - `max_retained = "1 MiB"`: maximum number of bytes still allocated when one call ends.
/// - `max_rss = "1 GiB"`: maximum resident memory during a call.
/// - `max_time = "10ms"`: maximum time of one call.
/// - `run(max_calls = 10)`: limits on all calls of a run together, see `#[profile]`.
/// - `raise`: the function returns an exceeded limit as its error when a filter turns that warning
///   into an error, see `#[profile]`.
/// - `ledger`: allocations of a call are compared with the crate's `allocations.json`, see
///   `assert_ledger!`.
/// - `name`, `crate`: as for `#[profile]`.
///
/// The function still runs once per call. Limits count what the call's own thread does, and what
/// threads do that received its `context()`; other tests never count. With only limits (other than
/// `max_rss`) no curve is recorded.
///
/// `max_rss` is the exception: resident memory is that of the whole process, so tests that run
/// concurrently count too. Run such a test alone: with `--test-threads=1`, in its own test target,
/// or with `cargo nextest`, which runs each test in its own process.
///
/// With the feature `profile` off nothing is counted. In a crate that is built for tests, each
/// attribute with a limit is then a compiler warning, since the test would pass whatever it uses;
/// `-D warnings` turns it into an error.
///
/// An exceeded limit fails the test in a crate that is built for tests, regardless of filters.
/// Elsewhere it is a warning, which is reported once and counted unless the filters of
/// `profile_core::warnings` decide otherwise. A limit in `run(…)` or in a file is a warning in
/// tests too.
///
/// A call of an `async fn` is watched from its first poll to its end. Its time is the time between
/// the two, and everything its own polls do is counted, on any thread. Limits are checked when it
/// has finished.
///
/// On an inline `mod` it applies to each `#[test]` in it, and to `#[tokio::test]` and similar
/// attributes: limits for a whole suite. Options that a test or an inner module sets itself take
/// precedence; the rest are added.
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
