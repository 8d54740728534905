//! Builds the measured programs through cargo, each with its own features.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::roster::BUILDS;

pub(crate) const STARTUP_ON: &str = "startup,ours";
pub(crate) const STARTUP_OFF: &str = "startup";

/// Programs by the features that they were built with.
pub(crate) type Programs = BTreeMap<&'static str, PathBuf>;

pub(crate) fn all() -> Result<Programs, String> {
    let contenders = BUILDS.map(|features| ("contender", features));
    let startups = [("startup", STARTUP_ON), ("startup", STARTUP_OFF)];
    contenders
        .into_iter()
        .chain(startups)
        .map(|(name, features)| Ok((features, one(name, features)?)))
        .collect()
}

/// Builds into the target folder that the driver itself is in, then keeps a copy beside the next build.
fn one(name: &str, features: &str) -> Result<PathBuf, String> {
    let driver = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = driver.ancestors().nth(2).ok_or("the driver is not in a target folder")?;
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    eprintln!("building {name} with {features}");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--release", "--package", "benches", "--bin", name]);
    cargo.args(["--features", features]).arg("--manifest-path").arg(manifest);
    cargo.arg("--target-dir").arg(target);
    if !cargo.status().map_err(|error| format!("cargo: {error}"))?.success() {
        return Err(format!("cargo could not build {name} with {features}"));
    }
    let folder = target.join("benches");
    let copy = folder.join(format!("{name}-{}", features.replace(',', "-")));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    std::fs::copy(target.join("release").join(name), &copy).map_err(|error| error.to_string())?;
    Ok(copy)
}
