//! Selects values by rank.

use super::error::nan_last;

/// Moves the values of these ranks together, and returns them in no particular order.
pub(super) fn select(values: &mut [f64], from: usize, to: usize) -> &mut [f64] {
    if to < values.len() {
        values.select_nth_unstable_by(to, nan_last);
    }
    let below = &mut values[..to];
    if 0 < from && from < to {
        below.select_nth_unstable_by(from, nan_last);
    }
    &mut below[from..]
}
