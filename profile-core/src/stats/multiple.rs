//! Multiple testing: at a level of 5 %, one in twenty tests rejects by chance, unless p-values are
//! adjusted.

use super::error::StatsError;

/// P-values adjusted so that the probability of any false rejection stays below the level (Holm
/// 1979).
///
/// # Errors
/// [`StatsError::PValueOutside`], also for NaN: omit what was not tested.
///
/// ```
/// assert_eq!(profile_core::stats::holm(&[0.01, 0.04, 0.03])?, [0.03, 0.06, 0.06]);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    let order = ascending(p_values)?;
    let mut adjusted = p_values.to_vec();
    let mut least = 0.0_f64;
    for (rank, index) in order.iter().enumerate() {
        least = least.max((order.len() - rank) as f64 * p_values[*index]).min(1.0);
        adjusted[*index] = least;
    }
    Ok(adjusted)
}

/// P-values adjusted so that the expected share of false rejections among all rejections stays
/// below the level (Benjamini and Hochberg 1995; `scipy.stats.false_discovery_control`).
///
/// # Errors
/// [`StatsError::PValueOutside`], also for NaN: omit what was not tested.
///
/// ```
/// assert_eq!(profile_core::stats::benjamini_hochberg(&[0.01, 0.04, 0.03])?, [0.03, 0.04, 0.04]);
/// # Ok::<(), profile_core::stats::StatsError>(())
/// ```
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    let order = ascending(p_values)?;
    let mut adjusted = p_values.to_vec();
    let mut most = 1.0_f64;
    for (rank, index) in order.iter().enumerate().rev() {
        most = most.min(p_values[*index] * order.len() as f64 / (rank + 1) as f64);
        adjusted[*index] = most;
    }
    Ok(adjusted)
}

fn ascending(p_values: &[f64]) -> Result<Vec<usize>, StatsError> {
    if let Some(outside) = p_values.iter().find(|p_value| !(0.0..=1.0).contains(*p_value)) {
        return Err(StatsError::PValueOutside(*outside));
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    Ok(order)
}
