//! Categories of warnings, each with its parents.

use std::fmt;

/// A category of warnings. Categories are compared by identity of their statics.
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

/// Prints its path only: with its parents, an unwrapped error would fill a page.
impl fmt::Debug for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.module, self.name)
    }
}

impl Category {
    /// A category with the given parents; [`category!`](crate::category) is a shorter way to
    /// declare one.
    #[must_use]
    pub const fn new(
        name: &'static str,
        module: &'static str,
        parents: &'static [&'static Category],
    ) -> Category {
        Category { name, module, parents }
    }

    /// Its name without the module.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The path of the module that declares it.
    #[must_use]
    pub fn module(&self) -> &'static str {
        self.module
    }

    /// Whether it is `other` or a descendant of it.
    #[must_use]
    pub fn is_a(&self, other: &Category) -> bool {
        std::ptr::eq(self, other) || self.parents.iter().any(|parent| parent.is_a(other))
    }
}

/// A category declared by the program, registered so that filters in text form can name it.
#[doc(hidden)]
#[derive(Debug)]
pub struct LinkedCategory(pub &'static Category);

inventory::collect!(LinkedCategory);

/// Declares categories of warnings: `pub static MyWarning: UserWarning;`. Filters in text form
/// refer to them by name, or by module and name.
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

        /// All categories of this module.
        pub(super) static ALL: &[&Category] = &[$(&$name),*];
    };
}

/// The root is named `Warning`, as in Python; in Rust that is the name of the warning type.
const fn name_of(name: &'static str) -> &'static str {
    match name.as_bytes() {
        b"AnyWarning" => "Warning",
        _ => name,
    }
}

ours! {
    /// The root of all categories: Python's `Warning`.
    AnyWarning: ;
    /// Anything that fits no other category.
    UserWarning: AnyWarning;
    /// Something will be removed; for programmers.
    DeprecationWarning: AnyWarning;
    /// Something will be deprecated.
    PendingDeprecationWarning: AnyWarning;
    /// Something will be removed or changed; for users of programs.
    FutureWarning: AnyWarning;
    /// Dubious syntax.
    SyntaxWarning: AnyWarning;
    /// Dubious behavior at run time.
    RuntimeWarning: AnyWarning;
    /// Something about loading code.
    ImportWarning: AnyWarning;
    /// Something about Unicode.
    UnicodeWarning: AnyWarning;
    /// Something about bytes and strings.
    BytesWarning: AnyWarning;
    /// Something about text encodings.
    EncodingWarning: AnyWarning;
    /// Something about resources such as files and memory.
    ResourceWarning: AnyWarning;
    /// A function costs more than it should.
    PerformanceWarning: RuntimeWarning;
    /// A call, or all calls of a run, took longer than a limit.
    TimeLimitWarning: PerformanceWarning;
    /// Something about memory. Not a [`ResourceWarning`], which is ignored by default.
    MemoryWarning: AnyWarning;
    /// A call, or all calls of a run, allocated or held more than a limit.
    AllocationLimitWarning: MemoryWarning;
    /// Memory allocated by calls is not freed.
    LeakWarning: MemoryWarning;
    /// Recording costs more than its limit.
    OverheadWarning: RuntimeWarning;
    /// The clock went backwards or is unreliable.
    ClockWarning: RuntimeWarning;
    /// A setting is invalid.
    ConfigurationWarning: UserWarning;
    /// Recorded data was lost.
    DataLossWarning: RuntimeWarning;
}
