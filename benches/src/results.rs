//! What the programs print, collected.

use std::collections::BTreeMap;

/// Readings by who gave them (a label of the roster, or `figures`) and what they are of.
pub(crate) type Results = BTreeMap<(&'static str, String), Vec<f64>>;

pub(crate) const FIGURES: &str = "figures";

/// Called by the ten million: each waiting for the one before, or several at a time in the
/// processor.
pub(crate) const BODIES: [(&str, &str); 6] = [
    ("waiting", "2ns"),
    ("waiting", "10ns"),
    ("waiting", "50ns"),
    ("overlapping", "2ns"),
    ("overlapping", "10ns"),
    ("overlapping", "50ns"),
];
