//! Types that functions of this module return, the same on all systems.

/// Scheduling times of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scheduled {
    /// Time it ran.
    pub(crate) cpu_ns: u64,
    /// Time it was runnable and waited for a processor.
    pub(crate) delay_ns: u64,
}

/// A kind of process memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resident {
    /// Resident memory.
    Rss,
    /// Proportional share: a page that several processes share is divided among them.
    Pss,
    /// Pages that no other process shares.
    Uss,
}

/// A process started by another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descendant {
    pub(crate) process: u32,
    pub(crate) parent: u32,
}
