//! The interface of a contender.

/// A library that instruments a call.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Sets it up, as `main` would.
    pub(crate) start: fn(),
    /// Makes up to [`BATCH`] calls, inside whatever real use requires.
    pub(crate) batch: fn(u64),
    /// How many of the calls it recorded, read back from it.
    pub(crate) recorded: fn(u64) -> u64,
}

/// Calls per surrounding object: a frame of puffin, a root span of fastrace.
pub(crate) const BATCH: u64 = 1_000;
