//! The results, as Markdown.

use std::fmt::Write as _;

use benches::median;
use serde_json::Value;

use crate::check::{self, Impossible};
use crate::roster::Program;
use crate::run::{Rounds, Setting};
use crate::truth::{Parts, Tool};

/// The costs of one program under each setting.
pub(crate) fn costs(program: &Program, rounds: &Rounds) -> String {
    let annotated: usize = program.annotated.iter().map(|(_, functions)| functions.len()).sum();
    let control_ms = median(rounds.control_s.clone()) * 1e3;
    let mut text = format!(
        "\n{}: {annotated} functions annotated, {control_ms:.0} ms of CPU time without recording\n\n\
         | setting | calls | CPU time added (lowest to highest) | part of the run that was recording \
         | as its report says |\n\
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

/// Numbers of impossible rows in the reports of all runs.
pub(crate) fn impossible(rounds: &Rounds) -> String {
    let mut text = String::from(
        "\n| setting | call paths above their caller | below their callees \
         | functions that differ from their call paths | called for 0 ns |\n\
         |---|---:|---:|---:|---:|\n",
    );
    for setting in &rounds.settings {
        let found: Vec<_> = setting.reports.iter().map(check::impossible).collect();
        let all = |count: fn(&Impossible) -> usize| found.iter().map(count).sum::<usize>();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            setting.name,
            all(|it| it.above_caller),
            all(|it| it.below_callees),
            all(|it| it.unlike_tree),
            all(|it| it.zero),
        );
    }
    text
}

/// The shares of the five largest functions by one tool and under each setting (the median of the
/// runs), and the largest difference.
pub(crate) fn shares(program: &Program, rounds: &Rounds, tool: Tool, truth: &Parts) -> String {
    let Some(report) = rounds.settings.first().and_then(|it| it.reports.first()) else {
        return String::new();
    };
    let largest = check::largest(program, truth, report);
    let names: Vec<&str> = rounds.settings.iter().map(|setting| setting.name).collect();
    let mut text = format!(
        "\n| percent of `{}` | {} | {} |\n|---|{}\n",
        program.root,
        tool.name(),
        names.join(" | "),
        "---:|".repeat(names.len() + 1),
    );
    let mut off = vec![0.0_f64; names.len()];
    for (function, truth) in &largest {
        let _ = write!(text, "| `{function}` | {truth:.1} |");
        for (off, setting) in off.iter_mut().zip(&rounds.settings) {
            let share = share(program, setting, function);
            *off = off.max((share - truth).abs());
            let _ = write!(text, " {share:.1} |");
        }
        text.push('\n');
    }
    let off: String = off.iter().map(|off| format!(" {off:.1} |")).collect();
    text + &format!("| largest difference, points | |{off}\n")
}

fn share(program: &Program, setting: &Setting, function: &str) -> f64 {
    let reports = setting.reports.iter();
    median(reports.map(|report| check::share(program, report, function)).collect())
}
