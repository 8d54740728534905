//! Errors, and the handling of NaN.

use std::fmt;

/// Why a statistic cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum StatsError {
    /// A proportion to cut is NaN or infinite.
    ProportionNotFinite(f64),
    /// A negative proportion asks for more values than there are.
    ProportionNegative(f64),
    /// Both ends together would cut more than all values.
    ProportionTooBig(f64),
    /// A proportion of [`Cuts`](super::Cuts) is not between 0 and 1.
    ProportionOutside {
        /// The end.
        end: End,
        /// The proportion.
        proportion: f64,
    },
    /// No value is within the limits.
    NothingWithin,
    /// There are no values to choose from.
    Empty,
    /// There is a NaN, and the policy is [`NanPolicy::Raise`].
    ContainsNan,
    /// The array does not have that axis.
    AxisOutOfBounds {
        /// The axis; negative numbers count from the last.
        axis: isize,
        /// The number of dimensions of the array.
        dimensions: usize,
    },
    /// Duplicate axis.
    AxisRepeated(isize),
    /// Paired samples differ in length.
    LengthsDiffer(usize, usize),
    /// A confidence is not between 0 and 1.
    ConfidenceOutside(f64),
    /// A p-value is not between 0 and 1.
    PValueOutside(f64),
}

/// One end of a sorted sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The smallest values.
    Lower,
    /// The largest values.
    Upper,
}

impl fmt::Display for StatsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatsError::ProportionNotFinite(given) => {
                write!(f, "the proportion to cut is {given}; it must be a number from 0 up to 0.5")
            }
            StatsError::ProportionNegative(given) => {
                write!(f, "the proportion to cut is {given}; it must not be negative")
            }
            StatsError::ProportionTooBig(given) => {
                write!(
                    f,
                    "the proportion to cut is {given}: nothing would be left between the ends"
                )
            }
            StatsError::ProportionOutside { end, proportion } => {
                let end = if *end == End::Lower { "lower" } else { "upper" };
                write!(
                    f,
                    "the proportion to cut from the {end} end is {proportion}; it must be between 0 and 1"
                )
            }
            StatsError::NothingWithin => write!(f, "no value is within the limits"),
            StatsError::Empty => write!(f, "there are no values"),
            StatsError::ContainsNan => write!(f, "the values contain a NaN"),
            StatsError::AxisOutOfBounds { axis, dimensions } => {
                write!(f, "there is no axis {axis} in an array of {dimensions} dimensions")
            }
            StatsError::AxisRepeated(axis) => write!(f, "duplicate axis {axis}"),
            StatsError::LengthsDiffer(one, other) => {
                write!(f, "paired samples differ in length: {one} and {other} values")
            }
            StatsError::ConfidenceOutside(given) => {
                write!(f, "the confidence is {given}; it must be between 0 and 1, such as 0.95")
            }
            StatsError::PValueOutside(given) => {
                write!(f, "a p-value is {given}; it must be between 0 and 1")
            }
        }
    }
}

impl std::error::Error for StatsError {}

/// How to handle a NaN among the values: `nan_policy` of SciPy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NanPolicy {
    /// The result is NaN.
    #[default]
    Propagate,
    /// It is ignored.
    Omit,
    /// It is an error.
    Raise,
}

impl NanPolicy {
    /// Computes a statistic of values under this policy.
    ///
    /// # Errors
    /// Those of `figure`, and [`StatsError::ContainsNan`].
    ///
    /// ```
    /// use profile_core::stats::{NanPolicy, StatsError, trim_mean};
    ///
    /// let values = [1.0, f64::NAN, 3.0];
    /// assert!(trim_mean(&values, 0.1)?.is_nan());
    /// assert_eq!(NanPolicy::Omit.apply(&values, |values| trim_mean(values, 0.1))?, 2.0);
    /// # Ok::<(), StatsError>(())
    /// ```
    pub fn apply<T>(
        self,
        values: &[f64],
        figure: impl FnOnce(&[f64]) -> Result<T, StatsError>,
    ) -> Result<T, StatsError> {
        if self == NanPolicy::Propagate || !has_nan(values) {
            return figure(values);
        }
        if self == NanPolicy::Raise {
            return Err(StatsError::ContainsNan);
        }
        let rest: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        figure(&rest)
    }
}

/// Checks that a confidence is valid.
pub(super) fn confident(confidence: f64) -> Result<(), StatsError> {
    match (0.0..=1.0).contains(&confidence) {
        true => Ok(()),
        false => Err(StatsError::ConfidenceOutside(confidence)),
    }
}

pub(super) fn has_nan(values: &[f64]) -> bool {
    values.iter().any(|value| value.is_nan())
}

/// Ascending, with every NaN last: the order of NumPy's sort.
pub(super) fn nan_last(a: &f64, b: &f64) -> std::cmp::Ordering {
    a.is_nan().cmp(&b.is_nan()).then_with(|| a.total_cmp(b))
}
