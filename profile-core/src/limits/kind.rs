//! The table of limit kinds: one row defines everything about a kind.

use super::figures::Figures;
use super::unit::Unit;
use crate::warnings::{AllocationLimitWarning, Category, PerformanceWarning, TimeLimitWarning};

/// What a limit applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Each call.
    Call,
    /// All calls of a run together: written in `run(…)`, or as `run.…` in a file.
    Run,
}

/// Where a limit may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// `#[profile(…)]`
    Profile,
    /// `#[memory_usage(…)]`
    MemoryUsage,
    /// `profile.toml`
    File,
}

/// What must be measured to know the figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The recorder alone: time, and number of calls.
    Recorder,
    /// `ProfilingAllocator`.
    Heap,
    /// `ProfilingAllocator`, after the call's variables have been dropped.
    HeapAtEnd,
    /// A window of memory around the call.
    Window,
}

/// A kind of limit.
#[derive(Debug)]
pub(crate) struct Row {
    /// The name that sets it.
    pub(crate) key: &'static str,
    pub(crate) scope: Scope,
    pub(crate) homes: &'static [Home],
    pub(crate) unit: Unit,
    /// Follows the number in a message: `3 allocations`. A time needs none.
    pub(crate) noun: &'static str,
    /// The category of the warning when it is exceeded.
    pub(crate) category: &'static Category,
    pub(crate) needs: Needs,
    /// Reads the figure to compare with the limit.
    pub(crate) read: fn(&Figures) -> Option<u64>,
}

/// Generates [`Kind`] and [`TABLE`] from the same rows, so that a kind is always the index of its
/// row.
macro_rules! kinds {
    ($($kind:ident: { $($field:ident: $value:expr,)* } reads $read:expr;)*) => {
        /// A kind of limit; its number is the index in [`TABLE`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($kind,)* }

        impl Kind {
            pub(crate) const ALL: [Kind; [$(Kind::$kind),*].len()] = [$(Kind::$kind),*];
        }

        static TABLE: [Row; Kind::ALL.len()] = [$(Row { $($field: $value,)* read: $read }),*];

        /// Whether `check` returns true for any kind and its figure. For calls of hot functions: it
        /// compiles to one comparison for each kind that `check` selects. A loop with calls through
        /// [`Row::read`] took 6 ns per call.
        #[inline(always)]
        pub(super) fn any(
            figures: &Figures,
            check: impl Fn(Kind, &Row, Option<u64>) -> bool,
        ) -> bool {
            $(check(
                Kind::$kind,
                const { &TABLE[Kind::$kind as usize] },
                read_by($read, figures),
            ))||*
        }
    };
}

/// Fixes the type of a closure in the table, for type inference.
#[inline(always)]
fn read_by(read: impl Fn(&Figures) -> Option<u64>, figures: &Figures) -> Option<u64> {
    read(figures)
}

use Needs::{Heap, HeapAtEnd, Recorder, Window};
use Scope::{Call, Run};
use Unit::{Bytes, Count, Time};

const PROFILE_AND_FILE: &[Home] = &[Home::Profile, Home::File];
const MEMORY_USAGE: &[Home] = &[Home::MemoryUsage];
const MEMORY_USAGE_AND_FILE: &[Home] = &[Home::MemoryUsage, Home::File];
const EVERYWHERE: &[Home] = &[Home::Profile, Home::MemoryUsage, Home::File];

// In the order in which a message lists them.
kinds! {
    CallAllocations: {
        key: "max_allocations", scope: Call, homes: MEMORY_USAGE_AND_FILE, unit: Count,
        noun: "allocations", category: &AllocationLimitWarning, needs: Heap,
    } reads |it| Some(it.heap?.allocations);
    CallBytes: {
        key: "max_bytes", scope: Call, homes: MEMORY_USAGE_AND_FILE, unit: Bytes,
        noun: "bytes allocated", category: &AllocationLimitWarning, needs: Heap,
    } reads |it| Some(it.heap?.allocated_bytes);
    CallPeak: {
        key: "max_peak", scope: Call, homes: MEMORY_USAGE_AND_FILE, unit: Bytes,
        noun: "bytes held at once", category: &AllocationLimitWarning, needs: Heap,
    } reads |it| Some(it.heap?.peak_bytes);
    CallRetained: {
        key: "max_retained", scope: Call, homes: MEMORY_USAGE_AND_FILE, unit: Bytes,
        noun: "bytes retained", category: &AllocationLimitWarning, needs: HeapAtEnd,
    } reads |it| Some(it.heap?.retained_bytes());
    // For `#[profile]` and files, measured by the recorder's clock.
    CallTime: {
        key: "warn_above", scope: Call, homes: PROFILE_AND_FILE, unit: Time,
        noun: "", category: &TimeLimitWarning, needs: Recorder,
    } reads |it| it.time_ns;
    // For `#[memory_usage]`, where the whole call is watched.
    WatchedTime: {
        key: "max_time", scope: Call, homes: MEMORY_USAGE, unit: Time,
        noun: "", category: &TimeLimitWarning, needs: Recorder,
    } reads |it| it.time_ns;
    CallResident: {
        key: "max_rss", scope: Call, homes: MEMORY_USAGE, unit: Bytes,
        noun: "bytes resident", category: &AllocationLimitWarning, needs: Window,
    } reads |it| it.resident_bytes;
    RunTime: {
        key: "max_time", scope: Run, homes: EVERYWHERE, unit: Time,
        noun: "", category: &TimeLimitWarning, needs: Recorder,
    } reads |it| it.time_ns;
    RunCalls: {
        key: "max_calls", scope: Run, homes: EVERYWHERE, unit: Count,
        noun: "calls", category: &PerformanceWarning, needs: Recorder,
    } reads |it| it.calls;
    RunDepth: {
        key: "max_depth", scope: Run, homes: EVERYWHERE, unit: Count,
        noun: "deep", category: &PerformanceWarning, needs: Recorder,
    } reads |it| it.depth;
    RunAllocations: {
        key: "max_allocations", scope: Run, homes: EVERYWHERE, unit: Count,
        noun: "allocations", category: &AllocationLimitWarning, needs: Heap,
    } reads |it| Some(it.heap?.allocations);
    RunBytes: {
        key: "max_bytes", scope: Run, homes: EVERYWHERE, unit: Bytes,
        noun: "bytes", category: &AllocationLimitWarning, needs: Heap,
    } reads |it| Some(it.heap?.allocated_bytes);
    RunRetained: {
        key: "max_retained", scope: Run, homes: EVERYWHERE, unit: Bytes,
        noun: "bytes", category: &AllocationLimitWarning, needs: Heap,
    } reads |it| Some(it.heap?.retained_bytes());
}

impl Kind {
    pub(crate) const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// All kinds that may be written there.
    pub(crate) fn of(home: Home, scope: Scope) -> impl Iterator<Item = Kind> + Clone {
        let is_one = move |kind: &Kind| {
            let row = kind.row();
            row.scope == scope && row.homes.contains(&home)
        };
        Kind::ALL.into_iter().filter(is_one)
    }

    /// The kind that a name in an attribute sets.
    ///
    /// # Panics
    /// If there is none, because the versions of profile-macros and this crate differ.
    pub(crate) const fn of_word(key: &str, scope: Scope) -> Kind {
        let mut number = 0;
        while number < Kind::ALL.len() {
            let row = Kind::ALL[number].row();
            if row.scope as u8 == scope as u8 && is_same(row.key, key) {
                return Kind::ALL[number];
            }
            number += 1;
        }
        panic!("profile-macros and profile-core have different versions: unknown limit");
    }
}

impl Row {
    /// Whether it limits allocations.
    #[inline(always)]
    pub(crate) const fn is_of_heap(&self) -> bool {
        matches!(self.needs, Heap | HeapAtEnd)
    }

    /// Its name as written: `max_bytes`, or `run(max_bytes)`.
    pub(crate) fn name(&self) -> String {
        match self.scope {
            Call => self.key.to_owned(),
            Run => format!("run({})", self.key),
        }
    }
}

/// `==` on strings is not available in constants.
const fn is_same(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while let ([a, others @ ..], [b, rest @ ..]) = (one, other)
        && *a == *b
    {
        (one, other) = (others, rest);
    }
    one.is_empty() && other.is_empty()
}

/// The name of every limit that an attribute takes: the attribute (`run` for `run(…)` in either),
/// the name, and its unit. For the test that compares them with those of profile-macros.
#[must_use]
pub fn words() -> Vec<(&'static str, &'static str, &'static str)> {
    let words = |attribute: &'static str, home, scope| {
        Kind::of(home, scope).map(move |kind| (attribute, kind.row().key, kind.row().unit.name()))
    };
    words("profile", Home::Profile, Call)
        .chain(words("memory_usage", Home::MemoryUsage, Call))
        .chain(words("run", Home::Profile, Run))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_sets_the_limit_of_its_scope() {
        assert_eq!(Kind::of_word("max_time", Call), Kind::WatchedTime);
        assert_eq!(Kind::of_word("max_time", Run), Kind::RunTime);
        assert!(std::panic::catch_unwind(|| Kind::of_word("max_tim", Run)).is_err());
    }

    #[test]
    fn limit_names_are_unique_in_each_place() {
        for home in [Home::Profile, Home::MemoryUsage, Home::File] {
            for scope in [Call, Run] {
                let keys: Vec<_> = Kind::of(home, scope).map(|kind| kind.row().key).collect();
                let different: std::collections::BTreeSet<_> = keys.iter().collect();
                assert_eq!(different.len(), keys.len(), "{home:?} {scope:?}: {keys:?}");
            }
        }
    }
}
