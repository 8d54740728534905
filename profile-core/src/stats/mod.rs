//! Statistics: pure functions on numbers, independent of profiling.
//!
//! Functions that exist in SciPy have the same name, definition and results here, to the last few
//! ulps. As there, an undefined result (for no values, or if there is a NaN) is NaN; invalid
//! arguments are a [`StatsError`].
//!
//! | what | here |
//! |---|---|
//! | robust means | [`trim_mean`], [`trimboth`], [`trim1`], [`interquartile_mean`], [`winsorized_mean`] |
//! | trimmed at each end ([`Cuts`]; `scipy.stats.mstats`) | [`trimmed_mean`], [`trimmed_stde`] |
//! | | [`trimmed_var`], [`trimmed_std`], [`trimr`], [`winsorize`] |
//! | trimmed by value ([`Limits`]) | [`tmean`], [`tvar`], [`tstd`], [`tsem`], [`tmin`], [`tmax`], [`trima`] |
//! | description | [`mean`], [`median`], [`variance`], [`median_abs_deviation`], [`quantile`], [`skew`] |
//! | outliers | [`tukey_fences`], [`modified_z_scores`] |
//! | intervals | [`t_interval`], [`bootstrap`] |
//! | two samples | [`welch_t`], [`yuen_t`], [`mann_whitney_u`], [`kolmogorov_smirnov`], [`hodges_lehmann`] |
//! | growth | [`theil_sen`] |
//! | multiple tests | [`holm`], [`benjamini_hochberg`] |
//! | a histogram | [`weighted`] |
//!
//! Intervals, tests and growth require the feature `stats`. With the feature `ndarray` the module
//! `nd` offers the same along axes of arrays.
//!
//! ```
//! use profile_core::stats::{StatsError, trim_mean};
//!
//! // One call in ten was interrupted.
//! let milliseconds = [2.0, 2.1, 1.9, 2.0, 2.2, 1.8, 2.0, 2.1, 1.9, 57.0];
//! assert_eq!(trim_mean(&milliseconds, 0.1)?, 2.025);
//! # Ok::<(), StatsError>(())
//! ```

#![cfg_attr(
    not(feature = "compare"),
    allow(dead_code, unused_imports, reason = "comparisons use more than is public")
)]

mod cuts;
mod describe;
mod error;
#[cfg(feature = "stats")]
mod hypothesis;
#[cfg(feature = "stats")]
mod interval;
mod limits;
mod multiple;
#[cfg(feature = "ndarray")]
pub mod nd;
mod outliers;
mod rank_range;
#[cfg(feature = "stats")]
mod ranks;
mod select;
#[cfg(feature = "stats")]
mod shift;
mod sums;
mod trim;
pub mod weighted;

pub use cuts::{
    Cuts, interquartile_mean, trimmed_mean, trimmed_std, trimmed_stde, trimmed_var, trimr,
    winsorize, winsorized_mean,
};
pub use describe::{
    QuantileMethod, mean, median, median_abs_deviation, quantile, skew, standard_deviation,
    variance,
};
pub use error::{End, NanPolicy, StatsError};
#[cfg(feature = "stats")]
pub(crate) use hypothesis::{TrimmedMean, mann_whitney_exact, two_sided_t};
#[cfg(feature = "stats")]
pub(crate) use interval::students_t;
#[cfg(feature = "stats")]
pub(crate) use shift::shift_interval;

#[cfg(feature = "stats")]
pub use hypothesis::{TestResult, kolmogorov_smirnov, mann_whitney_u, welch_t, yuen_t};
#[cfg(feature = "stats")]
pub use interval::{Interval, bca_interval, bootstrap, t_interval};
pub use limits::{Limits, tmax, tmean, tmin, trima, tsem, tstd, tvar};
pub use multiple::{benjamini_hochberg, holm};
pub use outliers::{Fences, modified_z_scores, tukey_fences};
#[cfg(feature = "stats")]
pub use shift::{Slope, hodges_lehmann, theil_sen};
pub use trim::{Tail, trim_mean, trim1, trimboth};
