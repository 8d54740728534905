//! Helpers shared by the benchmarks.

#![allow(unsafe_code, reason = "pins threads to processors")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Pins the calling thread to the `index`-th of the cores that it may use.
pub fn pin(index: usize) {
    // SAFETY: a cpu_set_t is plain bits; both calls get its size.
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of_val(&allowed), &mut allowed);
        let cores = (0..libc::CPU_SETSIZE as usize).filter(|core| libc::CPU_ISSET(*core, &allowed));
        let Some(core) = cores.into_iter().nth(index) else { return };
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut one);
        libc::sched_setaffinity(0, size_of_val(&one), &one);
    }
}

/// The median; of an even number of values, the upper one.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Builds a measured program in the target folder of this driver, and copies it, since the next
/// build overwrites it.
///
/// # Errors
/// Cargo cannot build it, or the copy cannot be written.
pub fn build(name: &str, features: &str) -> Result<PathBuf, String> {
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
