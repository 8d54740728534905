//! The options of `#[memory_usage]`.

use super::window::Backend;
use crate::limits::Limits;

/// The options of the attribute.
#[derive(Clone, Copy, Debug)]
pub struct UsagePlan {
    /// Whether a window is opened even if no limit needs one.
    pub is_sampled: bool,
    /// Time between two readings.
    pub interval_ns: u64,
    /// What is read.
    pub backend: Backend,
    /// Each reading is the sum over all descendants.
    pub include_children: bool,
    /// Each descendant has its own curve.
    pub multiprocess: bool,
    /// The limits of a call.
    pub limits: Limits,
    /// `ledger`: the folder that contains it.
    pub ledger: Option<&'static str>,
    /// Whether an exceeded limit panics: in a crate that is built for tests.
    pub fails: bool,
}
