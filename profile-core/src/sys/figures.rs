//! What the functions of this room return: one type each for all systems.

/// What a thread had of the processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scheduled {
    /// It ran.
    pub(crate) cpu_ns: u64,
    /// It was ready to run, and waited for a processor.
    pub(crate) delay_ns: u64,
}

/// What of a process's memory is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resident {
    /// Pages in memory.
    Rss,
    /// The same, a page that several processes share divided among them.
    Pss,
    /// Pages that no other process shares.
    Uss,
}

/// A process that another one started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descendant {
    pub(crate) process: u32,
    pub(crate) parent: u32,
}
