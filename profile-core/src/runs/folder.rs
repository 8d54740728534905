//! The folders that runs are in.

use std::path::PathBuf;

use super::prune::prune_if_large;
use crate::settings::{self, RunDir};
use crate::sys;

/// The folders that programs record into by default: the first that only this user can use.
///
/// On Linux these are `$XDG_RUNTIME_DIR/profile` and `/dev/shm/profile-UID`, both in memory: the
/// kernel never writes their pages to a disk, so it never stops a thread that stores to one. On
/// other systems there are none.
pub fn default_folders() -> Vec<PathBuf> {
    sys::runtime_folders(settings::runtime_folder())
}

/// The folders that may contain runs: that of `PROFILE_RUN_DIR`, and the default ones.
///
/// ```
/// for folder in profile_core::runs::folders() {
///     for run in profile_core::runs::list(&folder)? {
///         println!("{} {}", run.process_id, run.program);
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn folders() -> Vec<PathBuf> {
    let given = match &settings::current().run_dir {
        RunDir::Folder(folder) => Some(folder.clone()),
        RunDir::Default | RunDir::Memory => None,
    };
    let all = given.into_iter().chain(default_folders());
    all.filter(|folder| folder.is_dir()).collect()
}

/// The folder that this process records into by default, created if it does not exist, and pruned.
/// `None` if there is none that only this user can use.
pub(crate) fn private_default() -> Option<PathBuf> {
    let usable = |folder: &PathBuf| sys::make_private_folder(folder).is_ok();
    let folder = default_folders().into_iter().find(usable)?;
    prune_if_large(&folder);
    Some(folder)
}
