//! Limits that stand outside the code: those of a file, by function pattern; and those on a whole run, looked at when it is
//! over.

#[cfg(feature = "toml")]
pub(crate) mod amount;
#[cfg(feature = "toml")]
pub(crate) mod file;
pub(crate) mod run;
