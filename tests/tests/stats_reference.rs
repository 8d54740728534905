//! Every statistic is compared with SciPy's and NumPy's values: `tests/reference/stats.py` writes
//! the vectors.

use profile_core::stats::{self, QuantileMethod, StatsError, TestResult};
use serde_json::Value;

fn vectors() -> Value {
    tests::vectors("stats.json")
}

fn number(value: &Value) -> f64 {
    tests::number(value).expect("a number")
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().expect("a list").iter().map(number).collect()
}

#[track_caller]
fn close(what: &str, got: f64, expected: f64, relative: f64) {
    let same = got == expected || (got.is_nan() && expected.is_nan());
    let near = (got - expected).abs() <= relative * expected.abs();
    assert!(same || near, "{what}: {got:?} in place of {expected:?}");
}

/// A few ulps of numbers up to 1e9, which were subtracted from each other.
const ULPS: f64 = 1e-13;

#[test]
fn descriptions_are_those_of_numpy_and_scipy() {
    let vectors = vectors();
    let descriptions = vectors["descriptions"].as_object().expect("descriptions");
    assert_eq!(descriptions.len(), 15);
    for (name, expected) in descriptions {
        let values = numbers(&vectors["samples"][name]);
        let check = |what: &str, got: f64| {
            // SciPy takes moments about the rounded mean: for 1e9 ± 3, five digits of the skew are
            // left.
            let relative = if name == "large" { 1e-5 } else { 1e-11 };
            close(&format!("{what} of {name}"), got, number(&expected[what]), relative);
        };
        close(name, stats::mean(&values), number(&expected["mean"]), ULPS);
        close(name, stats::median(&values), number(&expected["median"]), 0.0);
        check("variance", stats::variance(&values, 1));
        check("population_variance", stats::variance(&values, 0));
        check("mad", stats::median_abs_deviation(&values));
        check("skew", stats::skew(&values));
        let fences = stats::tukey_fences(&values, 1.5);
        for (got, expected) in [fences.lower, fences.upper].iter().zip(numbers(&expected["fences"]))
        {
            close(name, *got, expected, ULPS);
        }
        for (confidence, expected) in
            [0.9, 0.95, 0.99].iter().zip(expected["t_interval"].as_array().expect("three"))
        {
            let found = stats::t_interval(&values, *confidence).expect("a confidence");
            // SciPy has no interval if its deviation is 0.
            let expected = if name == "equal" { vec![7.5; 2] } else { numbers(expected) };
            for (got, expected) in [found.low, found.high].iter().zip(expected) {
                close(&format!("t of {name}"), *got, expected, 1e-8);
            }
        }
    }
}

#[test]
fn all_nine_quantiles_of_hyndman_and_fan_are_those_of_numpy() {
    use QuantileMethod as Method;
    let methods = [
        ("inverted_cdf", Method::InvertedCdf),
        ("averaged_inverted_cdf", Method::AveragedInvertedCdf),
        ("closest_observation", Method::ClosestObservation),
        ("interpolated_inverted_cdf", Method::InterpolatedInvertedCdf),
        ("hazen", Method::Hazen),
        ("weibull", Method::Weibull),
        ("linear", Method::Linear),
        ("median_unbiased", Method::MedianUnbiased),
        ("normal_unbiased", Method::NormalUnbiased),
    ];
    let vectors = vectors();
    for (sample, expected) in vectors["descriptions"].as_object().expect("descriptions") {
        let values = numbers(&vectors["samples"][sample]);
        for (name, method) in methods {
            for pair in expected["quantiles"][name].as_array().expect("pairs") {
                let (share, expected) = (number(&pair[0]), number(&pair[1]));
                let got = stats::quantile(&values, share, method);
                close(&format!("{name} {share} of {sample}"), got, expected, ULPS);
            }
        }
    }
}

#[test]
fn tests_of_two_samples_are_those_of_scipy() {
    let vectors = vectors();
    let pairs = vectors["pairs"].as_array().expect("pairs");
    assert!(pairs.len() > 100);
    for pair in pairs {
        let sample =
            |side: &str| numbers(&vectors["samples"][pair[side].as_str().expect("a name")]);
        let (a, b) = (sample("a"), sample("b"));
        let check = |what: &str, got: TestResult, relative: f64| {
            let expected = numbers(&pair[what]);
            let what = format!("{what} of {} and {}", pair["a"], pair["b"]);
            close(&what, got.statistic, expected[0], 1e-11);
            close(&what, got.p_value, expected[1], relative);
        };
        check("welch_t", stats::welch_t(&a, &b), 1e-8);
        check("yuen_t", stats::yuen_t(&a, &b, 0.2), 1e-8);
        check("mann_whitney_u", stats::mann_whitney_u(&a, &b), 1e-9);
        check("kolmogorov_smirnov", stats::kolmogorov_smirnov(&a, &b), 1e-9);
        let shift = stats::hodges_lehmann(&a, &b);
        close("Hodges-Lehmann", shift, number(&pair["hodges_lehmann"]), ULPS);
    }
}

#[test]
fn slopes_are_those_of_scipy() {
    for line in vectors()["lines"].as_array().expect("lines") {
        let found = stats::theil_sen(&numbers(&line["x"]), &numbers(&line["y"]), 0.95);
        let found = found.expect("as many x as y");
        let got = [found.slope, found.intercept, found.interval[0], found.interval[1]];
        for (got, expected) in got.iter().zip(numbers(&line["line"])) {
            close(&line.to_string(), *got, expected, 1e-12);
        }
    }
}

#[test]
fn adjusted_p_values_are_those_of_the_definitions() {
    for case in vectors()["multiple"].as_array().expect("cases") {
        let p_values = numbers(&case["p"]);
        for (what, got) in [
            ("holm", stats::holm(&p_values)),
            ("benjamini_hochberg", stats::benjamini_hochberg(&p_values)),
        ] {
            let got = got.expect("they are between 0 and 1");
            for (got, expected) in got.iter().zip(numbers(&case[what])) {
                close(what, *got, expected, ULPS);
            }
        }
    }
}

#[test]
fn a_p_value_or_a_confidence_that_can_be_none_is_an_error() {
    let outside = [-1.0, -0.5, -f64::MIN_POSITIVE, 1.0 + f64::EPSILON, 2.0, f64::NAN];
    for given in outside.into_iter().chain([f64::INFINITY, f64::NEG_INFINITY]) {
        let is_same = |reported: f64| reported == given || (reported.is_nan() && given.is_nan());
        let of_p =
            |error| matches!(error, StatsError::PValueOutside(reported) if is_same(reported));
        assert!(of_p(stats::holm(&[0.5, given]).expect_err("it is none")), "{given}");
        assert!(of_p(stats::benjamini_hochberg(&[given]).expect_err("it is none")), "{given}");
        let of_level =
            |error| matches!(error, StatsError::ConfidenceOutside(reported) if is_same(reported));
        let (values, resampled) = ([1.0, 2.0, 4.0], [1.5, 2.0, 3.0]);
        let errors = [
            stats::t_interval(&values, given).expect_err("it is none"),
            stats::bootstrap(&values, stats::mean, 10, given, 1).expect_err("it is none"),
            stats::bca_interval(&resampled, &values, stats::mean, given).expect_err("it is none"),
            stats::theil_sen(&values, &values, given).expect_err("it is none"),
        ];
        assert!(errors.into_iter().all(of_level), "{given}");
    }
    for level in [0.0, 1.0] {
        assert!(stats::theil_sen(&[1.0, 2.0, 3.0], &[1.0, 2.5, 3.0], level).is_ok());
        assert!(stats::bootstrap(&[1.0, 2.0, 4.0], stats::mean, 10, level, 1).is_ok());
        assert!(stats::t_interval(&[1.0, 2.0, 4.0], level).is_ok());
        assert_eq!(stats::benjamini_hochberg(&[level]), Ok(vec![level]));
    }
}

/// `tvar`, `tstd` and `tsem` of SciPy 1.17.1 with limits (None, upper) and inclusive (False,
/// False).
#[test]
fn what_is_infinite_within_limits_is_that_of_scipy() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for (values, upper, ddof, expected) in [
        (&[1.0, inf, 3.0, -inf, 2.0, 7.0, 8.0, 8.0][..], Some(8.0), 1, inf),
        (&[1.0, -inf, 3.0], None, 0, inf),
        (&[1.0, -inf, 3.0], None, 2, inf),
        (&[1.0, -inf, 3.0], None, 3, nan),
        (&[-inf, -inf, 3.0], Some(8.0), 2, inf),
        (&[-inf, -inf], None, 1, nan),
        (&[-inf, 9.0], Some(8.0), 0, nan),
        (&[-inf, inf, 3.0], None, 1, nan),
        (&[inf, 2.0, 3.0, 4.0], None, 0, inf),
    ] {
        let limits = stats::Limits {
            upper,
            includes_lower: false,
            includes_upper: false,
            ..stats::Limits::default()
        };
        for figure in [stats::tvar, stats::tstd, stats::tsem] {
            let got = figure(values, &limits, ddof).expect("something is within");
            assert!(got == expected || (got.is_nan() && expected.is_nan()), "{values:?}: {got}");
        }
    }
}

#[test]
fn bootstrap_intervals_are_those_of_scipy_for_the_same_resamples() {
    let vectors = vectors();
    for case in vectors["bootstrap"].as_array().expect("cases") {
        let name = case["sample"].as_str().expect("a name");
        let values = numbers(&vectors["samples"][name]);
        let figure = if case["statistic"] == "mean" { stats::mean } else { stats::median };
        let resampled = numbers(&case["resampled"]);
        let found = stats::bca_interval(&resampled, &values, figure, number(&case["confidence"]));
        let found = found.expect("a confidence");
        for (got, expected) in [found.low, found.high].iter().zip(numbers(&case["interval"])) {
            close(&format!("{} of {name}", case["statistic"]), *got, expected, 1e-9);
        }
    }
}

#[test]
fn what_is_not_defined_is_nan() {
    let undefined = |found: TestResult| found.p_value.is_nan() && found.statistic.is_nan();
    for (a, b) in [(&[][..], &[1.0, 2.0][..]), (&[f64::NAN, 1.0], &[1.0, 2.0])] {
        assert!(undefined(stats::mann_whitney_u(a, b)) && undefined(stats::mann_whitney_u(b, a)));
        assert!(undefined(stats::kolmogorov_smirnov(a, b)));
        assert!(stats::welch_t(a, b).p_value.is_nan());
        assert!(stats::hodges_lehmann(a, b).is_nan());
    }
    // As in SciPy, if nothing varies.
    assert_eq!(stats::welch_t(&[1.0, 1.0], &[2.0, 2.0]).p_value, 0.0);
    assert!(stats::welch_t(&[1.0, 1.0], &[1.0, 1.0]).p_value.is_nan());
    assert!(stats::welch_t(&[1.0], &[1.0, 2.0]).p_value.is_nan(), "one value has no variance");
    let of = |values| stats::bootstrap(values, stats::mean, 100, 0.95, 1).expect("a confidence");
    assert!(of(&[1.0]).low.is_nan());
    let steady = of(&[2.0; 5]);
    assert_eq!((steady.low, steady.high), (2.0, 2.0));
    assert!(
        stats::theil_sen(&[1.0, 1.0], &[1.0, 2.0], 0.95).expect("equal lengths").slope.is_nan()
    );
    assert!(stats::theil_sen(&[1.0], &[], 0.95).is_err());
    assert!(stats::quantile(&[1.0], 1.5, QuantileMethod::Linear).is_nan());
}
