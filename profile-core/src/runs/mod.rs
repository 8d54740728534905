//! Runs that processes recorded into files, and that outlived them: where they are, whether their
//! processes still run, and which of them are removed.
//!
//! By default a process records into a file of the user's runtime folder, which is in memory, and
//! removes it once its report is written. So a file that is left belongs to a process that runs, or
//! that ended without a report: killed, aborted, or in `_exit`.

mod folder;
mod list;
mod prune;

pub(crate) use folder::private_default;
pub use folder::{default_folders, folders};
pub use list::{Run, list, of_process};
pub use prune::{Keep, prune};
