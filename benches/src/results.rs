//! The output of the programs.

use std::collections::BTreeMap;

/// Values by source (a label of the roster, or `figures`) and key.
pub(crate) type Results = BTreeMap<(&'static str, String), Vec<f64>>;

pub(crate) const FIGURES: &str = "figures";

/// Bodies that are called ten million times. `waiting`: each call waits for the previous one.
/// `overlapping`: the processor executes several at once.
pub(crate) const BODIES: [(&str, &str); 6] = [
    ("waiting", "2ns"),
    ("waiting", "10ns"),
    ("waiting", "50ns"),
    ("overlapping", "2ns"),
    ("overlapping", "10ns"),
    ("overlapping", "50ns"),
];
