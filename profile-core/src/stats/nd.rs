//! Statistics along axes of arrays, like SciPy's `axis`, `nan_policy` and `keepdims`.

use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn};

use super::error::{NanPolicy, StatsError, has_nan};

/// What a statistic is computed over.
///
/// ```
/// use ndarray::array;
/// use profile_core::stats::{StatsError, nd};
///
/// let values = array![[1.0, 2.0, 90.0], [4.0, 5.0, 6.0]].into_dyn();
/// let rows = nd::Over { axes: nd::Axes::These(vec![-1]), ..nd::Over::default() };
/// assert_eq!(nd::trim_mean(values.view(), 0.34, &rows)?, array![2.0, 5.0].into_dyn());
/// # Ok::<(), StatsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Over {
    /// The axes.
    pub axes: Axes,
    /// How to handle NaN, separately for each slice.
    pub nan_policy: NanPolicy,
    /// Whether the axes are retained, with a length of 1.
    pub keeps_dimensions: bool,
}

/// Which axes are reduced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axes {
    /// All of them: `axis=None`.
    All,
    /// These; negative numbers count from the last.
    These(Vec<isize>),
}

impl Default for Axes {
    /// The first axis.
    fn default() -> Axes {
        Axes::These(vec![0])
    }
}

impl Axes {
    /// The axes as numbers from 0, ascending.
    fn of(&self, dimensions: usize) -> Result<Vec<usize>, StatsError> {
        let Axes::These(axes) = self else { return Ok((0..dimensions).collect()) };
        let mut numbers = Vec::with_capacity(axes.len());
        for axis in axes {
            let number = if *axis < 0 { axis + dimensions as isize } else { *axis };
            let number = usize::try_from(number).ok().filter(|number| *number < dimensions);
            numbers.push(number.ok_or(StatsError::AxisOutOfBounds { axis: *axis, dimensions })?);
        }
        numbers.sort_unstable();
        match numbers.iter().zip(numbers.iter().skip(1)).find(|(one, next)| one == next) {
            Some((number, _)) => Err(StatsError::AxisRepeated(*number as isize)),
            None => Ok(numbers),
        }
    }
}

/// [`trim_mean`](super::trim_mean) along axes: `scipy.stats.trim_mean`.
///
/// # Errors
/// If an axis does not exist or is duplicated, there is a NaN and the policy is to raise, or the
/// proportion is invalid.
///
/// ```
/// use ndarray::array;
/// use profile_core::stats::{StatsError, nd};
///
/// let values = array![1.0, 2.0, 3.0, 900.0].into_dyn();
/// let mean = nd::trim_mean(values.view(), 0.25, &nd::Over::default())?;
/// assert_eq!(mean.first(), Some(&2.5));
/// # Ok::<(), StatsError>(())
/// ```
pub fn trim_mean(
    array: ArrayViewD<'_, f64>,
    proportion_to_cut: f64,
    over: &Over,
) -> Result<ArrayD<f64>, StatsError> {
    apply(array, over, |values| super::trim_mean(values, proportion_to_cut))
}

/// Any statistic along axes. If no value is within the limits in some of the slices, the result
/// there is NaN; if in all of them, or if there is a NaN anywhere, it is an error, as in SciPy,
/// which then handles each slice separately.
///
/// # Errors
/// Those of `figure`; if an axis does not exist or is duplicated; if there is a NaN and the policy
/// is to raise.
///
/// ```
/// use ndarray::array;
/// use profile_core::stats::{StatsError, median, nd};
///
/// let values = array![[1.0, 2.0], [3.0, 5.0], [4.0, 90.0]].into_dyn();
/// let medians = nd::apply(values.view(), &nd::Over::default(), |values| Ok(median(values)))?;
/// assert_eq!(medians, array![3.0, 5.0].into_dyn());
/// # Ok::<(), StatsError>(())
/// ```
pub fn apply(
    array: ArrayViewD<'_, f64>,
    over: &Over,
    figure: impl Fn(&[f64]) -> Result<f64, StatsError>,
) -> Result<ArrayD<f64>, StatsError> {
    // A single number is treated as an array of one dimension.
    let array = if array.ndim() == 0 { array.insert_axis(Axis(0)) } else { array };
    let axes = over.axes.of(array.ndim())?;
    let values: Vec<f64> = array.iter().copied().collect();
    if over.nan_policy == NanPolicy::Raise && has_nan(&values) {
        return Err(StatsError::ContainsNan);
    }
    let slices = Slices::of(array.view(), &axes);
    let figures: Vec<_> =
        slices.lanes().map(|lane| over.nan_policy.apply(&lane, &figure)).collect();
    let nothing = |result: &Result<f64, StatsError>| *result == Err(StatsError::NothingWithin);
    let each_alone = has_nan(&values) && figures.iter().any(nothing);
    if each_alone || (!figures.is_empty() && figures.iter().all(nothing)) {
        return Err(StatsError::NothingWithin);
    }
    let nan = |result| if nothing(&result) { Ok(f64::NAN) } else { result };
    let figures: Result<Vec<f64>, StatsError> = figures.into_iter().map(nan).collect();
    let shape = array.shape().iter().enumerate().filter_map(|(axis, length)| {
        let is_reduced = axes.contains(&axis);
        if is_reduced { over.keeps_dimensions.then_some(1) } else { Some(*length) }
    });
    Ok(of_shape(&shape.collect::<Vec<usize>>(), figures?))
}

/// Replaces each lane of one axis by the result of `work`, which must have the same length for all
/// lanes: [`trimboth`](super::trimboth), [`winsorize`](super::winsorize) and similar functions.
///
/// # Errors
/// Those of `work`, and an axis that does not exist.
///
/// # Panics
/// If results differ in length.
///
/// ```
/// use ndarray::array;
/// use profile_core::stats::{Cuts, StatsError, nd, winsorize};
///
/// let values = array![[1.0, 2.0, 90.0], [4.0, 5.0, 6.0]].into_dyn();
/// let tamed = nd::map_lanes(values.view(), 1, |lane| winsorize(lane, &Cuts::both(0.34)))?;
/// assert_eq!(tamed, array![[2.0, 2.0, 2.0], [5.0, 5.0, 5.0]].into_dyn());
/// # Ok::<(), StatsError>(())
/// ```
pub fn map_lanes<T: Clone>(
    array: ArrayViewD<'_, f64>,
    axis: isize,
    work: impl Fn(&[f64]) -> Result<Vec<T>, StatsError>,
) -> Result<ArrayD<T>, StatsError> {
    let axes = Axes::These(vec![axis]).of(array.ndim())?;
    let lanes: Result<Vec<Vec<T>>, _> =
        Slices::of(array.view(), &axes).lanes().map(|lane| work(&lane)).collect();
    let lanes = lanes?;
    let mut shape: Vec<usize> = array.shape().to_vec();
    // The axis is last, and is then moved back to its position.
    shape.remove(axes[0]);
    shape.push(lanes.first().map_or(0, Vec::len));
    let mut order: Vec<usize> = (0..array.ndim() - 1).collect();
    order.insert(axes[0], array.ndim() - 1);
    let last: ArrayD<T> = of_shape(&shape, lanes.concat());
    Ok(last.permuted_axes(IxDyn(&order)).as_standard_layout().into_owned())
}

/// An array of as many values as its shape requires.
fn of_shape<T>(shape: &[usize], values: Vec<T>) -> ArrayD<T> {
    let counts = (shape.iter().product::<usize>(), values.len());
    ArrayD::from_shape_vec(IxDyn(shape), values)
        .unwrap_or_else(|_| panic!("lanes become of different lengths: {counts:?}"))
}

/// An array as slices along some of its axes.
struct Slices<'a> {
    /// With these axes last.
    array: ArrayViewD<'a, f64>,
    length: usize,
    count: usize,
}

impl<'a> Slices<'a> {
    fn of(array: ArrayViewD<'a, f64>, axes: &[usize]) -> Slices<'a> {
        let others = (0..array.ndim()).filter(|axis| !axes.contains(axis));
        let order: Vec<usize> = others.chain(axes.iter().copied()).collect();
        let length: usize = axes.iter().map(|axis| array.shape()[*axis]).product();
        let kept = array.shape().iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
        let count = kept.map(|(_, length)| *length).product();
        Slices { array: array.permuted_axes(IxDyn(&order)), length, count }
    }

    fn lanes(&self) -> impl Iterator<Item = Vec<f64>> {
        let mut values = self.array.iter().copied();
        (0..self.count).map(move |_| values.by_ref().take(self.length).collect())
    }
}
