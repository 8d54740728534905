//! Builds a program as its user would, and stores a copy of each build.

use std::path::Path;

use crate::case::Case;
use crate::sources::cargo;

/// The attribute does nothing.
pub(crate) const CONTROL: &str = "control";
/// It records.
pub(crate) const PROFILE: &str = "profile";
/// It does nothing, and annotated functions are not inlined.
pub(crate) const APART: &str = "apart";
pub(crate) const BUILDS: [&str; 3] = [CONTROL, PROFILE, APART];

pub(crate) fn build(case: &Case<'_>, build: &str) -> Result<(), String> {
    let (program, work) = (case.program, case.work);
    eprintln!("building {} ({build})", program.name);
    let target = work.join("target");
    let mut cargo = cargo();
    cargo.args(["build", "--quiet", "--release", "--bin", program.binary]);
    cargo.current_dir(work.join(program.name)).arg("--target-dir").arg(&target);
    if let Some(features) = program.features {
        cargo.args(["--no-default-features", "--features", features]);
    }
    if build != CONTROL {
        cargo.args(["--features", build]);
    }
    // The tools of `truth` need names; beside these the profile is the program's own.
    cargo.env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    cargo.env("CARGO_PROFILE_RELEASE_STRIP", "false").env_remove("RUSTFLAGS");
    let output = cargo.output().map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo could not build {} ({build}):\n{text}", program.name));
    }
    keep(&target.join("release").join(program.binary), &case.executable(build))
}

/// Copies unless the copy is up to date: its time tells whether those tools have run on it.
fn keep(built: &Path, copy: &Path) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", copy.display());
    let bytes = std::fs::read(built).map_err(failed)?;
    if std::fs::read(copy).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    std::fs::create_dir_all(copy.parent().unwrap_or(copy)).map_err(failed)?;
    std::fs::copy(built, copy).map(|_| ()).map_err(failed)
}
