//! Trimmed statistics equal SciPy's: the vectors were recorded from it. `REFERENCE_DIR` names a
//! folder with others.

use ndarray::{ArrayD, IxDyn};
use profile_core::stats::nd::{self, Axes, Over};
use profile_core::stats::{self, Cuts, Limits, NanPolicy, StatsError, Tail};
use serde_json::Value;

/// Groups that have no counterpart: here an array has one type, a mask is a `Vec<Option<f64>>`, an
/// axis is a whole number and a proportion a double.
const SKIPPED_GROUPS: [(&str, &str); 4] = [
    ("dtype", "values are f64"),
    ("masked-input", "what is masked is left out by the caller"),
    ("axis-type", "an axis is a whole number"),
    ("cut-type", "a proportion is an f64"),
];

/// Single cases that the types rule out, by Python's message.
const SKIPPED_MESSAGES: [(&str, &str); 4] = [
    ("cannot unpack non-iterable", "limits are a pair"),
    ("nan_policy must be one of", "a policy is one of three"),
    ("cannot access local variable 'lowercut'", "a tail is one of two"),
    ("The tail argument should be in", "a tail is one of two"),
];

struct Vectors {
    file: &'static str,
    all: Value,
}

impl Vectors {
    fn of(file: &'static str) -> Vectors {
        Vectors { file, all: tests::vectors(file) }
    }

    /// Runs every case that has a counterpart, and returns how many have none.
    fn check(&self, check: impl Fn(&Case<'_>) -> Result<(), String>) {
        let cases = self.all["cases"].as_array().expect("cases");
        let (mut passed, mut skipped, mut wrong) = (0, 0, Vec::new());
        for case in cases {
            let case = Case { case, datasets: &self.all["datasets"] };
            if case.is_skipped() {
                skipped += 1;
                continue;
            }
            match check(&case) {
                Ok(()) => passed += 1,
                Err(message) => wrong.push(format!("{}: {message}", case.case)),
            }
        }
        println!("{}: {passed} passed, {skipped} without counterpart", self.file);
        assert!(
            wrong.is_empty(),
            "{} wrong\n{}",
            wrong.len(),
            wrong[..wrong.len().min(8)].join("\n")
        );
        assert!(passed > skipped, "most are checked");
    }
}

struct Case<'a> {
    case: &'a Value,
    datasets: &'a Value,
}

/// A number, the name of one that JSON does not have, or a boolean. Null: a masked cell, or no
/// limit.
fn number(value: &Value) -> Option<f64> {
    let truth = || value.as_bool().map(|truth| f64::from(u8::from(truth)));
    tests::number(value).or_else(truth)
}

fn numbers(values: &Value) -> Vec<f64> {
    let values = values.as_array().expect("a list").iter();
    values.map(|value| number(value).unwrap_or(f64::NAN)).collect()
}

/// A list, or a tuple.
fn list(value: &Value) -> Option<&Vec<Value>> {
    value.as_array().or_else(|| value["tuple"].as_array())
}

impl Case<'_> {
    fn function(&self) -> &str {
        self.case["func"].as_str().expect("a function")
    }

    fn message(&self) -> &str {
        self.case["result"]["message"].as_str().unwrap_or_default()
    }

    fn is_skipped(&self) -> bool {
        // A masked cell is omitted from figures, but not from positions.
        let places = ["trima", "trimr", "trimboth", "trimtail", "winsorize"];
        let places = places.map(|name| format!("mstats.{name}"));
        (self.is_masked() && places.iter().any(|name| name == self.function()))
            || SKIPPED_GROUPS.iter().any(|(group, _)| self.case["group"] == *group)
            || SKIPPED_MESSAGES.iter().any(|(start, _)| self.message().starts_with(start))
    }

    /// If a NaN is among the values that are not cut, `numpy.ma` masks the variance of one sample,
    /// and along an axis returns the 0 behind that mask. Here it is NaN in both cases.
    fn behind_the_mask(&self, variance: Option<f64>) -> Option<f64> {
        let along_an_axis = self.argument("axis").is_some_and(|axis| !axis.is_null());
        variance.map(|variance| if along_an_axis && variance.is_nan() { 0.0 } else { variance })
    }

    fn is_masked(&self) -> bool {
        self.dataset()["masked"] == true
    }

    fn dataset(&self) -> &Value {
        &self.datasets[self.case["data"].as_str().expect("a data set")]
    }

    fn array(&self) -> ArrayD<f64> {
        let shape: Vec<usize> =
            serde_json::from_value(self.dataset()["shape"].clone()).expect("a shape");
        ArrayD::from_shape_vec(IxDyn(&shape), numbers(&self.dataset()["values"])).expect("it fits")
    }

    fn argument(&self, name: &str) -> Option<&Value> {
        self.case["args"].get(name)
    }

    fn proportion(&self) -> f64 {
        number(&self.case["args"]["proportiontocut"]).expect("a proportion")
    }

    fn ddof(&self, otherwise: usize) -> usize {
        self.argument("ddof").map_or(otherwise, |ddof| ddof.as_u64().expect("a number") as usize)
    }

    fn inclusive(&self) -> [bool; 2] {
        let given = self.argument("inclusive").and_then(list);
        given.map_or([true, true], |pair| [0, 1].map(|i| pair[i].as_bool().expect("a flag")))
    }

    fn over(&self, otherwise: Axes) -> Over {
        let number = |axis: &Value| axis.as_i64().expect("a number") as isize;
        let axes = match self.argument("axis") {
            None => otherwise,
            Some(Value::Null) => Axes::All,
            Some(axis) => {
                let axes = list(axis).map(|axes| axes.iter().map(number).collect());
                Axes::These(axes.unwrap_or_else(|| vec![number(axis)]))
            }
        };
        let nan_policy = match self.argument("nan_policy").and_then(Value::as_str) {
            _ if self.is_masked() => NanPolicy::Omit,
            None | Some("propagate") => NanPolicy::Propagate,
            Some("omit") => NanPolicy::Omit,
            Some("raise") => NanPolicy::Raise,
            Some(other) => panic!("{other}"),
        };
        let keeps = self.argument("keepdims").is_some_and(|keep| keep == true);
        Over { axes, nan_policy, keeps_dimensions: keeps }
    }

    fn limits(&self) -> Limits {
        let [includes_lower, includes_upper] = self.inclusive();
        let pair = self.argument("limits").and_then(list);
        let limit = |end: usize| pair.and_then(|pair| number(&pair[end]));
        Limits { lower: limit(0), upper: limit(1), includes_lower, includes_upper }
    }

    /// With the default proportions of a function.
    fn cuts(&self, otherwise: Option<f64>) -> Cuts {
        let [truncates_lower, truncates_upper] = self.inclusive();
        let cut = |end: usize| match self.argument("limits") {
            None => otherwise,
            Some(limits) => match list(limits) {
                Some(pair) => number(&pair[end]),
                None => number(limits),
            },
        };
        Cuts { lower: cut(0), upper: cut(1), truncates_lower, truncates_upper }
    }

    /// The error kind that corresponds to Python's.
    fn expects_error(&self, error: StatsError) -> Result<(), String> {
        let message = self.message();
        let is_same = match error {
            StatsError::ProportionNotFinite(_) => message.starts_with("cannot convert float"),
            StatsError::ProportionNegative(_) => message.starts_with("kth("),
            StatsError::ProportionTooBig(_) => message == "Proportion too big.",
            StatsError::ProportionOutside { .. } => {
                message.starts_with("The proportion to cut from the ")
            }
            StatsError::NothingWithin => message == "No array values within given limits",
            StatsError::Empty => message.starts_with("index ") && message.contains("out of bounds"),
            StatsError::ContainsNan => message == "The input contains nan values",
            StatsError::AxisOutOfBounds { .. } => {
                message.contains("out of bounds for array")
                    || message.contains("index out of range")
            }
            StatsError::AxisRepeated(_) => message.contains("distinct elements"),
            _ => false,
        };
        if is_same && !message.is_empty() { Ok(()) } else { Err(format!("{error:?}")) }
    }

    /// Figures, each within its tolerance.
    fn expects(
        &self,
        got: Result<ArrayD<f64>, StatsError>,
        allowed: impl Fn(usize, f64) -> f64,
    ) -> Result<(), String> {
        let got = match got {
            Ok(got) => got,
            Err(error) => return self.expects_error(error),
        };
        let result = &self.case["result"];
        let expected = match result["kind"].as_str() {
            Some("scalar") => vec![number(&result["value"]).expect("a number")],
            Some("masked") => vec![f64::NAN],
            Some("array") => numbers(&result["values"]),
            Some("list") => numbers(&result["values"]),
            other => return Err(format!("{got} in place of {other:?}")),
        };
        if result["kind"] == "array" && result["shape"] != serde_json::json!(got.shape()) {
            return Err(format!("shape {:?}", got.shape()));
        }
        let exact = self.case.get("exact").filter(|_| self.case["differs_from_exact"] == true);
        let exact = exact.map(numbers).unwrap_or_default();
        let got: Vec<f64> = got.iter().copied().collect();
        let is_right = |place: usize, got: f64, expected: f64| {
            let same = got == expected || (got.is_nan() && expected.is_nan());
            same || (got - expected).abs() <= allowed(place, expected)
        };
        for (place, value) in got.iter().enumerate() {
            let right = is_right(place, *value, expected[place])
                || exact.get(place).is_some_and(|exact| is_right(place, *value, *exact));
            if !right {
                return Err(format!("{value:?} at {place} in place of {:?}", expected[place]));
            }
        }
        if got.len() == expected.len() { Ok(()) } else { Err(format!("{} values", got.len())) }
    }

    /// Means and variances of the family.
    fn expects_figures(&self, got: Result<ArrayD<f64>, StatsError>) -> Result<(), String> {
        self.expects(got, |_, expected| 1e-12 * expected.abs())
    }

    /// Selections: exact, in no order.
    fn expects_kept(
        &self,
        got: Result<ArrayD<f64>, StatsError>,
        axis: isize,
    ) -> Result<(), String> {
        let got = match got {
            Ok(got) => got,
            Err(error) => return self.expects_error(error),
        };
        let result = &self.case["result"];
        if result["kind"] == "list" {
            return if got.is_empty() { Ok(()) } else { Err(format!("{got}")) };
        }
        if result["kind"] != "array" || result["shape"] != serde_json::json!(got.shape()) {
            return Err(format!("{got} of shape {:?}", got.shape()));
        }
        let expected = ArrayD::from_shape_vec(got.raw_dim(), numbers(&result["values"]));
        let lanes = |array: &ArrayD<f64>| sorted(array, axis);
        if lanes(&got) == lanes(&expected.expect("it fits")) {
            Ok(())
        } else {
            Err(format!("{got} has other values"))
        }
    }
}

/// The bits of every lane in ascending order: masked values are NaN, and which of equal values is
/// masked is unspecified.
fn sorted(array: &ArrayD<f64>, axis: isize) -> ArrayD<u64> {
    let order = |lane: &[f64]| {
        let mut lane = lane.to_vec();
        lane.sort_by(f64::total_cmp);
        Ok(lane.into_iter().map(f64::to_bits).collect())
    };
    if array.ndim() == 0 {
        return array.mapv(f64::to_bits);
    }
    nd::map_lanes(array.view(), axis, order).expect("the axis is there")
}

/// Masked cells as NaN.
fn masked(cells: Vec<Option<f64>>) -> Vec<f64> {
    cells.into_iter().map(|cell| cell.unwrap_or(f64::NAN)).collect()
}

/// A figure of the remaining values, if there are any.
type MaybeFigure = Result<Option<f64>, StatsError>;

/// The lanes of an axis, or the whole array as one lane.
fn by_lanes(
    case: &Case<'_>,
    otherwise: Axes,
    flattens: bool,
    work: impl Fn(&[f64]) -> Result<Vec<f64>, StatsError>,
) -> Result<(), String> {
    let array = case.array();
    match case.over(otherwise).axes {
        Axes::These(axes) => case.expects_kept(nd::map_lanes(array.view(), axes[0], work), axes[0]),
        Axes::All => {
            let shape = array.raw_dim();
            let flat: Vec<f64> = array.iter().copied().collect();
            let got = work(&flat).map(|values| {
                let shape = if flattens { IxDyn(&[values.len()]) } else { shape };
                ArrayD::from_shape_vec(shape, values).expect("it fits")
            });
            // As one lane: which of equal values is masked may cross rows.
            let one = |array: ArrayD<f64>| {
                let values: Vec<f64> = array.iter().copied().collect();
                sorted(&ArrayD::from_shape_vec(IxDyn(&[values.len()]), values).expect("flat"), 0)
            };
            match got {
                Ok(got) if !flattens && case.case["result"]["kind"] == "array" => {
                    let expected = numbers(&case.case["result"]["values"]);
                    let expected =
                        ArrayD::from_shape_vec(got.raw_dim(), expected).expect("it fits");
                    if one(got.clone()) == one(expected) { Ok(()) } else { Err(format!("{got}")) }
                }
                got => case.expects_kept(got, 0),
            }
        }
    }
}

#[test]
fn trim_mean_is_that_of_scipy() {
    Vectors::of("trim_mean.json").check(|case| {
        let (array, proportion) = (case.array(), case.proportion());
        let over = case.over(Axes::default());
        let got = nd::trim_mean(array.view(), proportion, &over);
        let tolerances = case.case.get("abs_tol").map(numbers);
        case.expects(got.clone(), |place, expected| match &tolerances {
            Some(tolerances) => tolerances[place],
            None => 1e-12 * expected.abs(),
        })?;
        // One dimension needs no array.
        if array.ndim() == 1 && over == Over::default() {
            let values: Vec<f64> = array.iter().copied().collect();
            let plain = stats::trim_mean(&values, proportion);
            let got = got.map(|got| *got.first().expect("one"));
            // NaN is not equal to itself.
            let same = format!("{plain:?}") == format!("{got:?}");
            return if same { Ok(()) } else { Err(format!("{plain:?} of the slice")) };
        }
        Ok(())
    });
}

#[test]
fn the_trim_family_is_that_of_scipy() {
    Vectors::of("trim_family.json").check(|case| {
        let array = case.array();
        let view = array.view();
        let first = Axes::default();
        let figures = |otherwise: Axes, figure: &dyn Fn(&[f64]) -> Result<f64, StatsError>| {
            case.expects_figures(nd::apply(view.clone(), &case.over(otherwise), figure))
        };
        // Nothing left is a masked cell.
        let maybe = |figure: &dyn Fn(&[f64]) -> MaybeFigure| {
            figures(Axes::All, &|values| Ok(figure(values)?.unwrap_or(f64::NAN)))
        };
        let tail = match case.argument("tail").and_then(Value::as_str).unwrap_or("right") {
            tail if tail.to_lowercase().starts_with('l') => Tail::Left,
            _ => Tail::Right,
        };
        let is_relative = case.argument("relative") != Some(&Value::Bool(false));
        let (limits, cuts) = (case.limits(), case.cuts(Some(0.1)));
        let within = |values: &[f64]| -> Vec<f64> {
            stats::trima(values, &limits).into_iter().flatten().collect()
        };
        let bound = |name: &str| case.argument(name).and_then(number);
        let includes = case.argument("inclusive").is_none_or(|it| it == true);
        match case.function() {
            "trimboth" => {
                by_lanes(case, first, true, |lane| stats::trimboth(lane, case.proportion()))
            }
            "trim1" => {
                by_lanes(case, first, true, |lane| stats::trim1(lane, case.proportion(), tail))
            }
            "tmean" => figures(Axes::All, &|values| stats::tmean(values, &limits)),
            "tvar" => figures(first, &|values| stats::tvar(values, &limits, case.ddof(1))),
            "tstd" => figures(first, &|values| stats::tstd(values, &limits, case.ddof(1))),
            "tsem" => figures(first, &|values| stats::tsem(values, &limits, case.ddof(1))),
            "tmin" => figures(first, &|values| stats::tmin(values, bound("lowerlimit"), includes)),
            "tmax" => figures(first, &|values| stats::tmax(values, bound("upperlimit"), includes)),
            "mstats.trimmed_mean" if is_relative => {
                maybe(&|values| stats::trimmed_mean(values, &cuts))
            }
            "mstats.trimmed_var" if is_relative => {
                let variance = |values: &[f64]| stats::trimmed_var(values, &cuts, case.ddof(0));
                maybe(&|values| variance(values).map(|it| case.behind_the_mask(it)))
            }
            "mstats.trimmed_std" if is_relative => {
                let deviation = |values: &[f64]| stats::trimmed_std(values, &cuts, case.ddof(0));
                maybe(&|values| deviation(values).map(|it| case.behind_the_mask(it)))
            }
            "mstats.trimmed_mean" => maybe(&|values| Ok(Some(stats::mean(&within(values))))),
            "mstats.trimmed_var" => {
                maybe(&|values| Ok(Some(stats::variance(&within(values), case.ddof(0)))))
            }
            "mstats.trimmed_std" => {
                maybe(&|values| Ok(Some(stats::standard_deviation(&within(values), case.ddof(0)))))
            }
            "mstats.trimmed_stde" => {
                figures(Axes::All, &|values| stats::trimmed_stde(values, &cuts))
            }
            "mstats.winsorize" => {
                let cuts = case.cuts(None);
                let over = case.over(Axes::All);
                if over.nan_policy == NanPolicy::Raise {
                    return figures(Axes::All, &|values| stats::winsorized_mean(values, &cuts));
                }
                by_lanes(case, Axes::All, false, |lane| match over.nan_policy {
                    NanPolicy::Omit => winsorized_around_nan(lane, &cuts),
                    _ => stats::winsorize(lane, &cuts),
                })
            }
            "mstats.trima" => {
                by_lanes(case, Axes::All, false, |lane| Ok(masked(stats::trima(lane, &limits))))
            }
            "mstats.trimr" => {
                let cuts = case.cuts(None);
                by_lanes(case, Axes::All, false, |lane| stats::trimr(lane, &cuts).map(masked))
            }
            "mstats.trimboth" | "mstats.trimtail" => {
                let proportion = Some(case.proportion());
                let both = case.function() == "mstats.trimboth";
                let cuts = Cuts {
                    lower: proportion.filter(|_| both || tail == Tail::Left),
                    upper: proportion.filter(|_| both || tail == Tail::Right),
                    ..cuts
                };
                by_lanes(case, Axes::All, false, |lane| stats::trimr(lane, &cuts).map(masked))
            }
            other => Err(format!("no counterpart of {other}")),
        }
    });
}

/// SciPy leaves a NaN in its position and counts it.
fn winsorized_around_nan(lane: &[f64], cuts: &Cuts) -> Result<Vec<f64>, StatsError> {
    let replaced = stats::winsorize(lane, cuts)?;
    let keep = |(value, replaced): (&f64, f64)| if value.is_nan() { *value } else { replaced };
    Ok(lane.iter().zip(replaced).map(keep).collect())
}

#[test]
fn the_variance_of_a_sample_with_a_nan_is_nan_also_along_an_axis() {
    let rows = [[1.0, 2.0, f64::NAN, 4.0, 5.0], [5.0, 4.0, 3.0, 2.0, 1.0], [9.0; 5]];
    let array = ArrayD::from_shape_vec(IxDyn(&[3, 5]), rows.concat()).expect("it fits");
    let cuts = Cuts::both(0.25);
    let deviation = |values: &[f64]| Ok(stats::trimmed_std(values, &cuts, 0)?.expect("some"));
    let got = nd::apply(array.view(), &Over::default(), deviation).expect("there is an axis");
    // SciPy 1.17.1, but for the third: 0.
    let scipy = [3.265_986_323_710_904, 2.943_920_288_775_949];
    for (got, expected) in got.iter().zip([scipy[0], scipy[1], f64::NAN, scipy[1], scipy[0]]) {
        let near = (got - expected).abs() < 1e-14;
        assert!(near || (got.is_nan() && expected.is_nan()), "{got} {expected}");
    }
}
