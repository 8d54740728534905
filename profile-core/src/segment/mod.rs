//! The memory that outlives the recorder: one versioned stretch of words per process, written in
//! place by the threads that are measured and read by anyone at any time.
//!
//! `layout` says what is where, `writer` makes the segment and hands out room in it, `reader` is a
//! bounded view of one, live or from a file, `costs` what its header says of the price of
//! recording. No room here knows what a statistic is.

#![allow(unsafe_code, reason = "the memory format: records at addresses of its own")]

pub(crate) mod costs;
#[cfg(test)]
mod format_page;
pub(crate) mod layout;
pub(crate) mod reader;
pub(crate) mod table;
mod word;
pub(crate) mod writer;
