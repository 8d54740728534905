//! Distributions: the accuracy of their quantiles, and that HdrHistogram tools read them.

use std::process::Command;

use profile_core::__private::use_mock_clock;
use profile_core::stats::{self, QuantileMethod};
use profile_core::{capture, profile, report};
use tests::{Folder, Python, pass, printed};

#[profile]
fn evenly(ns: u64) {
    pass(ns);
}

#[profile]
fn with_a_long_tail(ns: u64) {
    pass(ns);
}

#[profile]
fn in_two_humps(ns: u64) {
    pass(ns);
}

/// A function, its name, and how long its calls took.
type Calls = (fn(u64), &'static str, Vec<f64>);

/// Reads a log with the hdrhistogram package of PyPI.
const READER: &str = r"
import sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 1 << 62, 3))
while (histogram := reader.get_next_interval_histogram()) is not None:
    print(histogram.get_tag(), histogram.get_total_count(), histogram.get_value_at_percentile(50),
          histogram.get_value_at_percentile(99), histogram.get_max_value())
";

#[test]
fn quantiles_are_within_one_per_cent_and_other_tools_read_them() {
    use_mock_clock();
    pass(0);
    let mut random = fastrand::Rng::with_seed(5);
    let mut calls: Vec<Calls> = vec![
        (evenly, "evenly", Vec::new()),
        (with_a_long_tail, "with_a_long_tail", Vec::new()),
        (in_two_humps, "in_two_humps", Vec::new()),
    ];
    for _ in 0..20_000 {
        let share = 1.0 - random.f64();
        let hump = if random.bool() { 1_000 } else { 90_000 };
        let lengths =
            [random.u64(100..5_000), (500.0 / share.powi(3)) as u64, hump + random.u64(..500)];
        for ((function, _, exact), ns) in calls.iter_mut().zip(lengths) {
            function(ns);
            exact.push(ns as f64);
        }
    }
    let snapshot = capture();
    for (_, name, exact) in &calls {
        let function = snapshot.function(name).expect("it was called");
        let values: Vec<(f64, u64)> =
            function.histogram.iter().map(|[ns, calls]| (*ns as f64, *calls)).collect();
        for per_mille in 1..=1_000 {
            let share = f64::from(per_mille) / 1_000.0;
            let expected = stats::quantile(exact, share, QuantileMethod::InvertedCdf);
            let got = stats::weighted::quantile(&values, share).expect("there are calls");
            assert!((got - expected).abs() <= 0.01 * expected, "{name} {share}: {got} {expected}");
        }
        for (got, expected) in [
            (function.trimmed_mean_ns, stats::trim_mean(exact, 0.1).expect("a tenth")),
            (function.mean_ns, stats::mean(exact)),
            (
                stats::weighted::variance(&values).map(f64::sqrt),
                stats::standard_deviation(exact, 1),
            ),
        ] {
            let got = got.expect("there are calls");
            assert!((got - expected).abs() <= 0.01 * expected, "{name}: {got} {expected}");
        }
    }
    let python = match Python::with(&["hdrhistogram==0.10.3"], "hdrh.log") {
        Ok(python) => python,
        Err(why) => return println!("skipped: hdrhistogram for Python: {why}"),
    };
    let folder = Folder::new();
    let log = folder.join("calls.hlog");
    let mut file = std::fs::File::create(&log).expect("a file");
    snapshot.write(report::format("hlog").expect("it is there"), &mut file).expect("it is written");
    let output = Command::new(&python.program).arg("-c").arg(READER).arg(&log).output();
    let printed = printed(&output.expect("start Python"));
    let rows: Vec<Vec<&str>> = printed.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(rows.len(), 3, "{printed}");
    for (_, name, exact) in &calls {
        let row = rows.iter().find(|row| row[0].ends_with(name)).expect("its tag");
        assert_eq!(row[1], exact.len().to_string());
        let shares = [(2, 0.5), (3, 0.99), (4, 1.0)];
        for (column, share) in shares {
            let got: f64 = row[column].parse().expect("a number");
            let expected = stats::quantile(exact, share, QuantileMethod::InvertedCdf);
            assert!((got - expected).abs() <= 0.01 * expected, "{name} {share}: {got} {expected}");
        }
    }
}
