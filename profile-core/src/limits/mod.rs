//! Limits on what a function may take: which kinds there are, how they are written, and when one is
//! exceeded.
//!
//! [`kind`] has the table of kinds, and everything else asks that table: a new kind is one row
//! there and one word in
//! `profile-macros/src/words.rs`. Nothing here measures: what a call took arrives as [`Figures`].
//!
//! ```text
//!  file (profile.toml) ─► set (the limits of a function) ─► exceeded (the sentence)
//!                                                             └─► kind (the table) ─► amount, unit, figures
//! ```

#[cfg(feature = "toml")]
mod amount;
mod exceeded;
mod figures;
#[cfg(feature = "toml")]
pub(crate) mod file;
mod kind;
mod set;
mod unit;

pub(crate) use exceeded::Exceeded;
pub(crate) use figures::{Figures, HeapFigures};
pub use kind::words;
pub(crate) use kind::{Needs, Row, Scope};
pub use set::Limits;
