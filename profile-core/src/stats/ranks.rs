//! Helpers for rank tests and intervals.

/// The sizes of all groups of equal values.
pub(super) fn ties(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let groups = sorted.chunk_by(|a, b| a == b);
    groups.map(|group| group.len() as f64).filter(|count| *count > 1.0).collect()
}

/// The number of ways in which each U occurs without ties: the coefficients of the Gaussian
/// binomial `prod (1 - q^(n+i)) / (1 - q^i)`.
pub(super) fn ways_of_u(m: usize, n: usize) -> Vec<f64> {
    let (few, many) = (m.min(n), m.max(n));
    let top = few * many;
    let mut ways = vec![0.0; top + 1];
    ways[0] = 1.0;
    for i in 1..=few {
        for at in (many + i..=top).rev() {
            ways[at] -= ways[at - many - i];
        }
        for at in i..=top {
            ways[at] += ways[at - i];
        }
    }
    ways
}
