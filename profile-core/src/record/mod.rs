//! The recorder: writes calls, allocations and lines to the segment.
//!
//! The files form a stack in which each file refers only to those below it. A test enforces this.
//!
//! ```text
//! calibrate · future · context · leak_scope · switch
//! span                                       the hot path
//! sites                                      modes and budgets of call sites
//! startup                                    start of recording, fork, end of threads
//! slow_path                                  opens and closes a span outside the hot path
//! overlap · lines · pacing                   spans in any order, lines, timing within a budget
//! open_spans · attribution · paths
//! fold · checks · counters                   histograms, limits, the allocator's counters
//! arguments · returned · on_cpu · sizes · held · scheduling
//! problems · turns
//! thread                                     the block of a thread
//! frame · policy · live · handed
//! ```

#![allow(unsafe_code, reason = "records of the segment, and frames by their addresses")]

pub(crate) mod arguments;
mod attribution;
pub(crate) mod calibrate;
pub(crate) mod checks;
pub(crate) mod context;
pub(crate) mod counters;
mod fold;
pub(crate) mod frame;
pub(crate) mod future;
pub(crate) mod handed;
pub(crate) mod held;
pub(crate) mod leak_scope;
pub(crate) mod lines;
pub(crate) mod live;
pub(crate) mod on_cpu;
mod open_spans;
mod out_of_order;
mod overlap;
mod pacing;
mod paths;
pub(crate) mod policy;
pub(crate) mod problems;
pub(crate) mod returned;
pub(crate) mod scheduling;
pub(crate) mod sites;
pub(crate) mod sizes;
mod slow_path;
pub(crate) mod span;
pub(crate) mod startup;
pub(crate) mod switch;
pub(crate) mod thread;
mod turns;

pub use span::{SpanGuard, enter, enter_each};
pub use turns::Turns;
