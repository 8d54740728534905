//! Heap counts, through a wrapper around any global allocator, and the memory of processes over
//! time, read in windows.

pub(crate) mod allocator;
mod children;
pub(crate) mod ledger;
pub(crate) mod measure;
pub(crate) mod plan;
mod reading_plan;
pub(crate) mod sampler;
pub(crate) mod stream;
pub(crate) mod usage;
pub(crate) mod watch;
pub(crate) mod window;
