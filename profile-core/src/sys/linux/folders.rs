//! Folders of the user in memory.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

pub(crate) fn runtime_folders(named: Option<&Path>) -> Vec<PathBuf> {
    // Of another user if a variable was inherited through `sudo`.
    let is_own = |folder: &&Path| fs::metadata(folder).is_ok_and(|about| about.uid() == user());
    let named = named.filter(|folder| folder.is_absolute()).filter(is_own);
    let named = named.map(|folder| folder.join("profile"));
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

pub(crate) fn mapped_files(process_id: u32) -> io::Result<Vec<PathBuf>> {
    /// Fields of a line before the path, which may contain spaces.
    const FIELDS: usize = 5;
    let maps = fs::read(format!("/proc/{process_id}/maps"))?;
    let path = |line: &[u8]| {
        let mut rest = line;
        for _ in 0..FIELDS {
            rest = rest.trim_ascii_start();
            rest = &rest[rest.iter().position(|byte| *byte == b' ')?..];
        }
        let path = rest.trim_ascii_start();
        path.starts_with(b"/").then(|| PathBuf::from(OsStr::from_bytes(path)))
    };
    let mut paths: Vec<PathBuf> = maps.split(|byte| *byte == b'\n').filter_map(path).collect();
    paths.dedup();
    Ok(paths)
}

fn user() -> u32 {
    // SAFETY: only asks.
    unsafe { libc::geteuid() }
}
