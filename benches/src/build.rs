//! Builds the measured programs with cargo, each with its own features.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::roster::BUILDS;

pub(crate) const STARTUP_ON: &str = "startup,ours";
pub(crate) const STARTUP_OFF: &str = "startup";

/// Programs by the features of their build.
pub(crate) type Programs = BTreeMap<&'static str, PathBuf>;

pub(crate) fn all() -> Result<Programs, String> {
    let contenders = BUILDS.map(|features| ("contender", features));
    let startups = [("startup", STARTUP_ON), ("startup", STARTUP_OFF)];
    contenders
        .into_iter()
        .chain(startups)
        .map(|(name, features)| Ok((features, benches::build(name, features)?)))
        .collect()
}
