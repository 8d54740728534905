//! Many questions at once: one in twenty of them is answered wrongly by chance at 5 %, unless the p-values are adjusted.
//! A p-value that is NaN is no question: it stays, and is not counted.

/// P-values adjusted so that the chance of any wrong rejection keeps below the level (Holm 1979).
///
/// ```
/// assert_eq!(profile_core::stats::holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
/// ```
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let order = ascending(p_values);
    let mut adjusted = p_values.to_vec();
    let mut least = 0.0_f64;
    for (rank, place) in order.iter().enumerate() {
        least = least.max((order.len() - rank) as f64 * p_values[*place]).min(1.0);
        adjusted[*place] = least;
    }
    adjusted
}

/// P-values adjusted so that of all rejections the expected share of wrong ones keeps below the level (Benjamini and
/// Hochberg 1995; `scipy.stats.false_discovery_control`).
///
/// ```
/// assert_eq!(profile_core::stats::benjamini_hochberg(&[0.01, 0.04, 0.03]), [0.03, 0.04, 0.04]);
/// ```
#[must_use]
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let order = ascending(p_values);
    let mut adjusted = p_values.to_vec();
    let mut most = 1.0_f64;
    for (rank, place) in order.iter().enumerate().rev() {
        most = most.min(p_values[*place] * order.len() as f64 / (rank + 1) as f64);
        adjusted[*place] = most;
    }
    adjusted
}

fn ascending(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).filter(|i| !p_values[*i].is_nan()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    order
}
