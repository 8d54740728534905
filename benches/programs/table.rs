//! What was measured, as Markdown.

use std::fmt::Write as _;

use benches::median;
use serde_json::Value;

use crate::roster::Program;
use crate::run::Rounds;

/// The costs of one program under each setting.
pub(crate) fn costs(program: &Program, rounds: &Rounds) -> String {
    let annotated: usize = program.annotated.iter().map(|(_, functions)| functions.len()).sum();
    let control_ms = median(rounds.control_s.clone()) * 1e3;
    let mut text = format!(
        "\n{}: {annotated} functions annotated, {control_ms:.0} ms of CPU time without recording\n\n\
         | setting | calls | CPU time added (lowest to highest) | part of the run that was recording | as its report says |\n\
         |---|---:|---:|---:|---:|\n",
        program.name,
    );
    for setting in &rounds.settings {
        let _ = writeln!(
            text,
            "| {} | {:.2} M | {:+.1} % ({:+.1} to {:+.1}) | {:.1} % | {:.1} % |",
            setting.name,
            median(setting.reports.iter().map(calls).collect()) / 1e6,
            (median(setting.ratios.clone()) - 1.0) * 100.0,
            (setting.ratios.iter().copied().fold(f64::INFINITY, f64::min) - 1.0) * 100.0,
            (setting.ratios.iter().copied().fold(0.0, f64::max) - 1.0) * 100.0,
            median(setting.added.clone()) * 100.0,
            median(setting.said.clone()) * 100.0,
        );
    }
    text
}

fn calls(report: &Value) -> f64 {
    let functions = report["functions"].as_array().map_or(&[][..], Vec::as_slice);
    functions.iter().filter_map(|function| function["calls"].as_f64()).sum()
}
