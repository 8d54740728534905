//! Assertions on allocations, for tests. They count the current thread and the threads in which its
//! context was entered. Tests that run in parallel, and the test harness's own threads, never
//! count.

use crate::snapshot::Measured;

/// Fails unless the number of the work's allocations satisfies the comparison, such as `== 0` or
/// `<= 3`. Returns the work's value.
///
/// ```
/// # use profile_core::ProfilingAllocator;
/// # #[global_allocator]
/// # static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();
/// # #[cfg(feature = "profile")] {
/// use profile_core::assert_allocations;
///
/// let text = assert_allocations!(== 1, String::from("text"));
/// assert_allocations!(== 0, text.len());
/// assert_allocations!(<= 3, text.repeat(3));
/// # }
/// ```
///
/// # Panics
/// The comparison fails, or allocations are not counted because `ProfilingAllocator` is not
/// installed.
#[macro_export]
macro_rules! assert_allocations {
    ($comparison:tt $limit:expr, $work:expr $(,)?) => {{
        let measured = $crate::measure(|| $work);
        let (limit, counted): (u64, u64) = ($limit, $crate::__private::allocations(&measured));
        if !(counted $comparison limit) {
            $crate::__private::allocations_differ(
                $crate::__private::core::stringify!($work),
                counted,
                $crate::__private::core::stringify!($comparison),
                limit,
            );
        }
        measured.value
    }};
}

/// Fails if the work leaks memory: every block that it allocates, or that existed before and is
/// grown by it, must be freed once its value has been dropped, by any thread and any function.
/// Other blocks that it frees do not count, nor do the profiler's own allocations.
///
/// ```
/// # use profile_core::ProfilingAllocator;
/// # #[global_allocator]
/// # static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();
/// # #[cfg(feature = "profile")]
/// profile_core::assert_no_leak!(vec![0_u8; 100]);
/// ```
///
/// # Panics
/// Bytes were leaked, or allocations are not counted.
#[macro_export]
macro_rules! assert_no_leak {
    ($work:expr $(,)?) => {{
        let scope = $crate::__private::LeakScope::begin();
        let measured = $crate::measure(|| {
            $crate::__private::core::mem::drop($work);
        });
        let left = scope.end();
        $crate::__private::expect_no_leak(
            $crate::__private::core::stringify!($work),
            &measured,
            left,
        );
    }};
}

/// Compares the work's allocations with the entry of that name in `allocations.json`, the ledger
/// next to the crate's `Cargo.toml`. Fails if a count grew; `PROFILE_BLESS=1` writes the file
/// instead. Returns the work's value.
///
/// # Panics
/// The count grew, the name is not in the ledger, or the ledger cannot be read.
#[macro_export]
macro_rules! assert_ledger {
    ($name:expr, $work:expr $(,)?) => {{
        let measured = $crate::measure(|| $work);
        let folder = $crate::__private::core::env!("CARGO_MANIFEST_DIR");
        $crate::__private::expect_in_ledger(folder, $name, &measured);
        measured.value
    }};
}

/// A test that cannot assert anything must not pass.
const NOT_COUNTED: &str = if cfg!(feature = "profile") {
    "allocations are not counted: make ProfilingAllocator the global allocator"
} else {
    "allocations are not counted: the feature `profile` of profile-core is off"
};

/// # Panics
/// Allocations are not counted.
#[track_caller]
pub fn allocations<T>(measured: &Measured<T>) -> u64 {
    measured.allocations.expect(NOT_COUNTED)
}

/// # Panics
/// Always.
#[track_caller]
pub fn allocations_differ(work: &str, counted: u64, comparison: &str, limit: u64) -> ! {
    panic!("`{work}` made {counted} allocations, expected {comparison} {limit}")
}

/// `left`: bytes and blocks, if every block was tracked. If there were too many blocks, the
/// difference between allocated and freed is used instead.
///
/// # Panics
/// Bytes were leaked, or allocations are not counted.
#[track_caller]
pub fn expect_no_leak<T>(work: &str, measured: &Measured<T>, left: Option<[u64; 2]>) {
    let less = |all: u64, freed: Option<u64>| all.saturating_sub(freed.unwrap_or(0));
    let counted = [
        less(measured.allocated_bytes.expect(NOT_COUNTED), measured.freed_bytes),
        less(measured.allocations.expect(NOT_COUNTED), measured.frees),
    ];
    let [bytes, blocks] = left.unwrap_or(counted);
    assert!(bytes == 0, "`{work}` leaves {bytes} bytes behind, blocks: {blocks}");
}

/// Without the feature nothing is tracked.
#[cfg(not(feature = "profile"))]
#[derive(Debug)]
pub struct LeakScope;

#[cfg(not(feature = "profile"))]
impl LeakScope {
    /// Does nothing.
    #[must_use]
    pub fn begin() -> LeakScope {
        LeakScope
    }

    /// Returns `None`: nothing is known.
    #[must_use]
    pub fn end(self) -> Option<[u64; 2]> {
        None
    }
}

/// # Panics
/// The count grew, the name is not in the ledger, or the ledger cannot be read.
#[track_caller]
pub fn expect_in_ledger<T>(folder: &str, name: &str, measured: &Measured<T>) {
    let (count, bytes) = (allocations(measured), measured.allocated_bytes.expect(NOT_COUNTED));
    if let Err(sentence) = compare_with_ledger(folder, name, count, bytes) {
        panic!("{sentence}");
    }
}

#[cfg(feature = "profile")]
fn compare_with_ledger(folder: &str, name: &str, count: u64, bytes: u64) -> Result<(), String> {
    use crate::memory::ledger::{Line, check};
    let bless = crate::settings::is_blessing();
    check(std::path::Path::new(folder), name, Line::new(count, bytes), bless)
}

/// Unreachable: without the feature nothing is counted, so `allocations` panics first.
#[cfg(not(feature = "profile"))]
fn compare_with_ledger(_: &str, _: &str, _: u64, _: u64) -> Result<(), String> {
    Ok(())
}
