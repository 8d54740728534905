//! What `#[memory_usage]` requests.

use super::window::Backend;
use crate::limits::Limits;

/// What the attribute requests; its fields are the attribute's options.
#[derive(Clone, Copy, Debug)]
pub struct UsagePlan {
    /// Whether a window is opened even if no limit needs one.
    pub is_sampled: bool,
    /// Time between two readings.
    pub interval_ns: u64,
    /// What is read.
    pub backend: Backend,
    /// Readings are sums over all descendants.
    pub include_children: bool,
    /// Each descendant has a curve.
    pub multiprocess: bool,
    /// What a call may take.
    pub limits: Limits,
    /// `ledger`: the folder it is in.
    pub ledger: Option<&'static str>,
    /// An exceeded limit is a panic: in a crate that is built for tests.
    pub fails: bool,
}
