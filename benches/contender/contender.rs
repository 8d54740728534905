//! What is known of each who is measured.

/// Somebody who instruments a call.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Sets it up, as `main` would.
    pub(crate) start: fn(),
    /// Makes so many calls, at most [`BATCH`], with whatever must surround them in real use.
    pub(crate) batch: fn(u64),
    /// How many of so many calls it recorded, read back from it.
    pub(crate) recorded: fn(u64) -> u64,
}

/// Calls between two things that surround calls: a frame of puffin, a root span of fastrace.
pub(crate) const BATCH: u64 = 1_000;
