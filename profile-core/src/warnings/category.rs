//! What warnings are about: categories, each with those it is a kind of.

use std::fmt;

/// A category of warnings. Two are the same if they are the same static.
///
/// ```
/// use profile_core::warnings::{AnyWarning, RuntimeWarning, UserWarning};
///
/// profile_core::category! {
///     /// The disk is slow today.
///     pub static SlowDiskWarning: UserWarning, RuntimeWarning;
/// }
/// assert!(SlowDiskWarning.is_a(&UserWarning) && SlowDiskWarning.is_a(&AnyWarning));
/// ```
pub struct Category {
    name: &'static str,
    module: &'static str,
    parents: &'static [&'static Category],
}

/// Its path: its parents would fill a page where an error is unwrapped.
impl fmt::Debug for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.module, self.name)
    }
}

impl Category {
    /// A category that is a kind of others; [`category!`](crate::category) makes one with less to
    /// write.
    #[must_use]
    pub const fn new(
        name: &'static str,
        module: &'static str,
        parents: &'static [&'static Category],
    ) -> Category {
        Category { name, module, parents }
    }

    /// Its name alone.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The module it is in, as a path.
    #[must_use]
    pub fn module(&self) -> &'static str {
        self.module
    }

    /// Whether it is the other, or a kind of it.
    #[must_use]
    pub fn is_a(&self, other: &Category) -> bool {
        std::ptr::eq(self, other) || self.parents.iter().any(|parent| parent.is_a(other))
    }
}

/// A category of the program, listed by the linker so that filters in text can name it.
#[doc(hidden)]
#[derive(Debug)]
pub struct LinkedCategory(pub &'static Category);

inventory::collect!(LinkedCategory);

/// Declares categories of warnings: `pub static MyWarning: UserWarning;`. Filters in text name them
/// by name, or by module and name.
#[macro_export]
macro_rules! category {
    ($($(#[$attribute:meta])* $visibility:vis static $name:ident: $($parent:path),+;)*) => {$(
        $(#[$attribute])*
        #[allow(non_upper_case_globals)]
        $visibility static $name: $crate::warnings::Category = $crate::warnings::Category::new(
            ::core::stringify!($name),
            ::core::module_path!(),
            &[$(&$parent),+],
        );
        $crate::warnings::__inventory::submit! { $crate::warnings::LinkedCategory(&$name) }
    )*};
}

macro_rules! ours {
    ($($(#[$attribute:meta])* $name:ident: $($parent:ident),*;)*) => {
        $(
            $(#[$attribute])*
            #[allow(non_upper_case_globals)]
            pub static $name: Category =
                Category::new(name_of(stringify!($name)), "profile_core::warnings", &[$(&$parent),*]);
        )*

        /// All of this module.
        pub(super) static ALL: &[&Category] = &[$(&$name),*];
    };
}

/// The root is called as in Python; here that is the name of the shown warning.
const fn name_of(name: &'static str) -> &'static str {
    match name.as_bytes() {
        b"AnyWarning" => "Warning",
        _ => name,
    }
}

ours! {
    /// Every category is a kind of it: Python's `Warning`.
    AnyWarning: ;
    /// What no other category fits.
    UserWarning: AnyWarning;
    /// Something is going to be removed; for those who write programs.
    DeprecationWarning: AnyWarning;
    /// Something will be deprecated.
    PendingDeprecationWarning: AnyWarning;
    /// Something is going to be removed or to change; for those who use programs.
    FutureWarning: AnyWarning;
    /// Doubtful syntax.
    SyntaxWarning: AnyWarning;
    /// Doubtful behaviour at run time.
    RuntimeWarning: AnyWarning;
    /// Something about loading code.
    ImportWarning: AnyWarning;
    /// Something about Unicode.
    UnicodeWarning: AnyWarning;
    /// Something about bytes and text.
    BytesWarning: AnyWarning;
    /// Something about encodings of text.
    EncodingWarning: AnyWarning;
    /// Something about resources such as files and memory.
    ResourceWarning: AnyWarning;
    /// A function costs more than it should.
    PerformanceWarning: RuntimeWarning;
    /// A call, or all calls of a run, took longer than a limit.
    TimeLimitWarning: PerformanceWarning;
    /// Something about memory. No kind of [`ResourceWarning`], which a fresh process ignores.
    MemoryWarning: AnyWarning;
    /// A call, or all calls of a run, allocated or held more than a limit.
    AllocationLimitWarning: MemoryWarning;
    /// Calls leave memory behind.
    LeakWarning: MemoryWarning;
    /// Recording costs more than it may.
    OverheadWarning: RuntimeWarning;
    /// The clock went back, or cannot be trusted.
    ClockWarning: RuntimeWarning;
    /// A setting is not understood.
    ConfigurationWarning: UserWarning;
    /// Something recorded was lost.
    DataLossWarning: RuntimeWarning;
}
