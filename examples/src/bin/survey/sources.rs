//! Selects the files to survey. A folder that cannot be read is listed in the findings; a missing
//! argument is an error.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use profile_core::profile;

use crate::findings::{Reason, Refused};

/// Where cargo stores downloaded sources: a folder for each registry.
pub fn of_dependencies() -> io::Result<Vec<PathBuf>> {
    let folders = cargo_home().and_then(|cargo| folders_in(&cargo.join("registry/src")).ok());
    folders.filter(|folders| !folders.is_empty()).ok_or_else(|| {
        let message = "cargo has no sources of dependencies here; name a folder to survey";
        io::Error::new(io::ErrorKind::NotFound, message)
    })
}

fn cargo_home() -> Option<PathBuf> {
    let set = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty());
    set.map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

fn folders_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    paths.filter(|path| path.as_ref().map_or(true, |path| path.is_dir())).collect()
}

/// The files found in the folders.
#[derive(Default)]
pub struct Sources {
    /// Rust files, sorted, without duplicates.
    pub files: Vec<PathBuf>,
    /// Folders that could not be read.
    pub unreadable: Vec<Refused>,
}

impl Sources {
    /// Walks the folders. Files among the roots are included as they are.
    pub fn find(roots: &[PathBuf]) -> io::Result<Sources> {
        let mut found = Sources::default();
        for root in roots {
            let metadata = fs::metadata(root).map_err(|error| about(root, &error))?;
            match metadata.is_file() {
                true => found.files.push(root.clone()),
                false => walk(root, &mut found),
            }
        }
        found.files.sort();
        found.files.dedup();
        Ok(found)
    }

    fn refuse(&mut self, path: &Path, error: &io::Error) {
        self.unreadable.push(Refused::new(path, Reason::Unreadable, error));
    }
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Symbolic links are not followed, so the walk terminates.
#[profile]
fn walk(folder: &Path, found: &mut Sources) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return found.refuse(folder, &error),
    };
    for entry in entries {
        if let Err(error) = entry.and_then(|entry| take(&entry, found)) {
            found.refuse(folder, &error);
        }
    }
}

fn take(entry: &DirEntry, found: &mut Sources) -> io::Result<()> {
    let (path, kind) = (entry.path(), entry.file_type()?);
    if kind.is_dir() && !is_left_out(&path) {
        walk(&path, found);
    } else if kind.is_file() && path.extension() == Some(OsStr::new("rs")) {
        found.files.push(path);
    }
    Ok(())
}

/// Hidden folders, and caches such as cargo's `target`.
fn is_left_out(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".") || folder.join("CACHEDIR.TAG").exists()
}
