//! What cannot be computed, and what is done about NaN.

use std::fmt;

/// A question that has no answer.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum StatsError {
    /// A proportion to cut is NaN or infinite.
    ProportionNotFinite(f64),
    /// A negative proportion needs more values than there are.
    ProportionNegative(f64),
    /// Both ends together would cut more than everything.
    ProportionTooBig(f64),
    /// A proportion of [`Cuts`](super::Cuts) is not between 0 and 1.
    ProportionOutside {
        /// Which.
        end: End,
        /// What was given.
        proportion: f64,
    },
    /// No value lies within the limits.
    NothingWithin,
    /// There are no values to take one from.
    Empty,
    /// There is a NaN, and [`NanPolicy::Raise`] was requested.
    ContainsNan,
    /// An array has no such axis.
    AxisOutOfBounds {
        /// The axis; negative counts from the last.
        axis: isize,
        /// Dimensions of the array.
        dimensions: usize,
    },
    /// An axis is named twice.
    AxisRepeated(isize),
    /// Two samples that belong together differ in length.
    LengthsDiffer(usize, usize),
    /// A confidence is not between 0 and 1.
    ConfidenceOutside(f64),
    /// A p-value is not between 0 and 1.
    PValueOutside(f64),
}

/// One end of a sample in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Least values.
    Lower,
    /// Greatest values.
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
            StatsError::NothingWithin => write!(f, "no value lies within the limits"),
            StatsError::Empty => write!(f, "there are no values"),
            StatsError::ContainsNan => write!(f, "there is a NaN among the values"),
            StatsError::AxisOutOfBounds { axis, dimensions } => {
                write!(f, "there is no axis {axis} in an array of {dimensions} dimensions")
            }
            StatsError::AxisRepeated(axis) => write!(f, "axis {axis} is named twice"),
            StatsError::LengthsDiffer(one, other) => {
                write!(f, "samples that belong together have {one} and {other} values")
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

/// What a NaN among the values does: `nan_policy` of SciPy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NanPolicy {
    /// The figure is NaN.
    #[default]
    Propagate,
    /// It is left out.
    Omit,
    /// It is an error.
    Raise,
}

impl NanPolicy {
    /// A figure of values under this policy.
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

/// A confidence that can be one.
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
