//! Limits on what a function may use: which kinds exist, how they are written, and when one is
//! exceeded.
//!
//! [`kind`] has the table of kinds, which everything else reads: a new kind is one row there and
//! one row in `profile-macros/src/words.rs`. Nothing here measures: measurements arrive as
//! [`Figures`].
//!
//! ```text
//!  file (profile.toml) ─► set (the limits of a function) ─► exceeded (the message)
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
