//! The table of ratios, as Markdown.

use std::fmt::Write;

use crate::results::Results;
use crate::roster::{FLOOR, ROSTER};

pub(crate) fn ratios(results: &Results) -> String {
    let floor_ns = median(&results[&(FLOOR, "floor_ns".to_owned())]);
    let mut text = format!(
        "Cost of one instrumented call of an empty function beyond the plain call; 1.00 is two \
         raw clock reads, here {floor_ns:.1} ns.\n\n\
         | | back to back (lowest to highest run) | in bursts of 1,000 | two threads / one | KiB per million calls | recorded |\n\
         |---|---:|---:|---:|---:|---:|\n",
    );
    for entry in &ROSTER {
        let readings = |key: &str| results[&(entry.label, key.to_owned())].as_slice();
        let steady = readings("steady");
        let _ = writeln!(
            text,
            "| {} | {} ({} to {}) | {} | {} | {:.0} | {:.0} % |",
            entry.label,
            shown(median(steady)),
            shown(least(steady)),
            shown(most(steady)),
            shown(median(readings("bursts"))),
            threads(readings("one_thread"), readings("two_threads")),
            median(readings("bytes_per_million")) / 1024.0,
            least(readings("recorded")) * 100.0,
        );
    }
    text
}

/// Two decimals, without a negative zero.
pub(crate) fn shown(value: f64) -> String {
    let digits = format!("{value:.2}");
    if digits == "-0.00" { "0.00".to_owned() } else { digits }
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// The cost of a call on two threads relative to one. For very cheap calls the ratio is noise, so
/// it is omitted.
fn threads(one: &[f64], two: &[f64]) -> String {
    const LEAST: f64 = 0.1;
    if median(one) < LEAST { "–".to_owned() } else { shown(growth(one, two)) }
}

/// The median of the ratios of each run.
pub(crate) fn growth(one: &[f64], two: &[f64]) -> f64 {
    let quotients: Vec<f64> = one.iter().zip(two).map(|(one, two)| two / one).collect();
    median(&quotients)
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
