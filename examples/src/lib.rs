//! Input shared by the examples: Rust source from cargo's registry.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files given as arguments, and the Rust files in folders given as arguments. Without
/// arguments, the Rust files that cargo has downloaded on this machine.
///
/// # Errors
/// A file or folder cannot be read; or there are no arguments and no downloaded sources.
pub fn files_of_arguments() -> io::Result<Vec<PathBuf>> {
    let mut roots: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if roots.is_empty() {
        roots.push(registry()?);
    }
    rust_files(&roots)
}

fn registry() -> io::Result<PathBuf> {
    let set = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = set.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let sources = home.map(|home| home.join("registry/src")).filter(|folder| folder.is_dir());
    let message = "cargo has no sources of dependencies here; name a file or a folder";
    sources.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, message))
}

/// All Rust files below the roots, sorted by path.
fn rust_files(roots: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut folders = roots.to_vec();
    let mut files = Vec::new();
    while let Some(path) = folders.pop() {
        let about =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        if fs::metadata(&path).map_err(about)?.is_dir() {
            for entry in fs::read_dir(&path).map_err(about)? {
                let entry = entry.map_err(about)?;
                // Symbolic links are not followed, so the walk terminates.
                if entry.file_type().map_err(about)?.is_dir() || is_rust(&entry.path()) {
                    folders.push(entry.path());
                }
            }
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn is_rust(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("rs"))
}
