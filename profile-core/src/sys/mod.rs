//! The only room that knows an operating system. One file each; `fallback` says what is missing.
//!
//! Nothing here knows what is being measured. No function panics, and none allocates through the
//! program's allocator except where its name says it reads a file.

#[cfg(all(target_os = "linux", not(profile_fallback)))]
mod linux;
#[cfg(all(target_os = "linux", not(profile_fallback)))]
pub(crate) use linux::*;

#[cfg(any(not(target_os = "linux"), profile_fallback))]
mod fallback;
#[cfg(any(not(target_os = "linux"), profile_fallback))]
pub(crate) use fallback::*;

mod decrement;
pub(crate) use decrement::decrement;
mod tsc;
pub(crate) use tsc::*;
