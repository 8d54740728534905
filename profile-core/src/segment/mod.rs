//! The memory that outlives the recorder: one versioned range of words per process, written in
//! place by the measured threads, and readable by anyone at any time.
//!
//! `layout` defines the records, `writer` creates the segment and allocates memory in it, `reader`
//! is a bounds-checked view of one, live or from a file, and `costs` reads the recording costs from
//! its header. Nothing here depends on statistics.

#![allow(unsafe_code, reason = "the memory format: records at addresses of its own")]

pub(crate) mod costs;
#[cfg(test)]
mod format_page;
pub(crate) mod layout;
pub(crate) mod reader;
pub(crate) mod table;
mod word;
pub(crate) mod writer;
