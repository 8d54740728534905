//! What a report must not contain, and how far its shares are from the truth.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::roster::Program;
use crate::truth::{Parts, plain_name};

/// Rows that cannot be.
#[derive(Default)]
pub(crate) struct Impossible {
    /// Call paths whose total is above their caller's.
    pub(crate) above_caller: usize,
    /// Call paths whose callees take more than themselves, or whose self time is negative.
    pub(crate) below_callees: usize,
    /// Functions that were called and took no time at all.
    pub(crate) zero: usize,
}

/// Five functions and what parts of the root function they take, callees included, in percent.
pub(crate) type Shares = Vec<(String, f64)>;

fn rows<'a>(report: &'a Value, table: &str) -> &'a [Value] {
    report[table].as_array().map_or(&[], Vec::as_slice)
}

fn number(row: &Value, column: &str) -> f64 {
    row[column].as_f64().unwrap_or(f64::NAN)
}

pub(crate) fn impossible(report: &Value) -> Impossible {
    let tree = rows(report, "call_tree");
    let mut callees = vec![0.0; tree.len()];
    let mut found = Impossible::default();
    for node in tree {
        let Some(caller) = node["parent"].as_u64().map(|at| at as usize) else { continue };
        let total = number(node, "inclusive_ns");
        callees[caller] += total;
        // Each total is rounded to whole nanoseconds.
        found.above_caller += usize::from(total > number(&tree[caller], "inclusive_ns") + 1.0);
    }
    for (node, callees) in tree.iter().zip(callees) {
        let rounding = tree.len() as f64;
        let short = callees > number(node, "inclusive_ns") + rounding;
        found.below_callees += usize::from(short || number(node, "exclusive_ns") < 0.0);
    }
    let is_zero = |row: &&Value| number(row, "inclusive_ns") == 0.0 && number(row, "calls") > 0.0;
    found.zero = rows(report, "functions").iter().filter(is_zero).count();
    found
}

/// The largest functions within the root function that the report names too.
pub(crate) fn largest(program: &Program, truth: &Parts, report: &Value) -> Shares {
    let reported = reported(report);
    let Some(root) = reported.keys().find(|name| is_called(name, program.root)) else {
        return Shares::new();
    };
    let share = |name: &String| Some((name.clone(), truth.get(name)? / truth.get(root)? * 100.0));
    let mut shares: Shares =
        reported.keys().filter(|name| *name != root).filter_map(share).collect();
    // What is above the root, or runs beside it.
    shares.retain(|(_, share)| *share < 100.0);
    shares.sort_by(|one, other| other.1.total_cmp(&one.1));
    shares.truncate(5);
    shares
}

/// The same function's share as a report has it.
pub(crate) fn share(program: &Program, report: &Value, name: &str) -> f64 {
    let reported = reported(report);
    let root = reported.iter().find(|(name, _)| is_called(name, program.root));
    let root_ns = root.map_or(f64::NAN, |(_, ns)| *ns);
    reported.get(name).map_or(f64::NAN, |ns| ns / root_ns * 100.0)
}

fn reported(report: &Value) -> BTreeMap<String, f64> {
    let functions = rows(report, "functions").iter();
    let entry =
        |row: &Value| (plain_name(row["path"].as_str().unwrap_or("")), number(row, "inclusive_ns"));
    functions.map(entry).collect()
}

/// Whether `wanted`, as the roster writes it, is this function: `Suite::parse` also of `<Suite as Parse>::parse`.
fn is_called(name: &str, wanted: &str) -> bool {
    name == wanted || name.ends_with(&format!("::{wanted}"))
}
