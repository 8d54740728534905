//! Folders of the user in memory.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

pub(crate) fn runtime_folders(named: Option<&Path>) -> Vec<PathBuf> {
    let named = named.filter(|folder| folder.is_absolute()).map(|folder| folder.join("profile"));
    let shared = PathBuf::from(format!("/dev/shm/profile-{}", user()));
    named.into_iter().chain([shared]).collect()
}

/// Whatever the program's `umask` is.
pub(crate) fn create_private_folders(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The name is predictable and `/dev/shm` is open to all, so another user may have made it.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let about = fs::symlink_metadata(path)?;
    let is_private = about.is_dir() && about.uid() == user() && about.mode() & 0o077 == 0;
    if is_private { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

fn user() -> u32 {
    // SAFETY: only asks.
    unsafe { libc::geteuid() }
}
