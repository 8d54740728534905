//! Downloads the sources of the programs with cargo.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::roster::PROGRAMS;

/// Where cargo unpacked the programs and what they depend on.
pub(crate) struct Sources {
    /// The libraries among them, in order of names.
    pub(crate) libraries: Vec<PathBuf>,
    /// The folder that contains all packages.
    registry: PathBuf,
}

impl Sources {
    /// Also for a package without a library, which cargo downloads as a dependency but does not
    /// list.
    pub(crate) fn of(&self, package: &str, version: &str) -> PathBuf {
        self.registry.join(format!("{package}-{version}"))
    }
}

/// Lets cargo resolve a package that depends on all programs, which downloads missing ones.
pub(crate) fn fetch(work: &Path) -> Result<Sources, String> {
    let folder = work.join("fetch");
    write(&folder.join("src/lib.rs"), "")?;
    write(&folder.join("Cargo.toml"), &manifest())?;
    let output = cargo()
        .args(["metadata", "--quiet", "--format-version", "1", "--filter-platform", "host-tuple"])
        .current_dir(&folder)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let libraries: Vec<PathBuf> = packages.iter().filter_map(folder_of).collect();
    let registry = libraries.first().and_then(|folder| folder.parent());
    let registry = registry.ok_or("cargo metadata names no package of the registry")?.to_owned();
    Ok(Sources { libraries, registry })
}

/// Of a package of the registry.
fn folder_of(package: &Value) -> Option<PathBuf> {
    package["source"].as_str()?;
    Some(Path::new(package["manifest_path"].as_str()?).parent()?.to_owned())
}

fn manifest() -> String {
    let mut text = String::from(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n",
    );
    let versions: BTreeMap<_, _> =
        PROGRAMS.iter().map(|program| (program.package, program.version)).collect();
    for (package, version) in versions {
        let _ = writeln!(text, "{package} = \"={version}\"");
    }
    text
}

pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Writes only if the content differs, since cargo compares modification times.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    if std::fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    let failed = |error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    std::fs::write(path, text).map_err(failed)
}
