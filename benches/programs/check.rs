//! Counts impossible rows of a report, and compares its shares with the truth.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::roster::Program;
use crate::truth::{Parts, plain_name};

/// Numbers of impossible rows.
#[derive(Default)]
pub(crate) struct Impossible {
    /// Call paths whose total is above their caller's.
    pub(crate) above_caller: usize,
    /// Call paths whose callees take more than themselves, or whose self time is negative.
    pub(crate) below_callees: usize,
    /// Functions whose total differs from the sum of their call paths by more than 1 %.
    pub(crate) unlike_tree: usize,
    /// Functions that were called and took no time at all.
    pub(crate) zero: usize,
}

/// Five functions and their shares of the root function's time, callees included, in percent.
pub(crate) type Shares = Vec<(String, f64)>;

fn rows<'a>(report: &'a Value, table: &str) -> &'a [Value] {
    report[table].as_array().map_or(&[], Vec::as_slice)
}

fn number(row: &Value, column: &str) -> f64 {
    row[column].as_f64().unwrap_or(f64::NAN)
}

pub(crate) fn impossible(report: &Value) -> Impossible {
    let tree = rows(report, "call_tree");
    let functions = rows(report, "functions").iter();
    let totals = totals(tree);
    let unlike = |row: &&Value| {
        let total = totals.get(row["path"].as_str().unwrap_or("")).copied().unwrap_or(0.0);
        (number(row, "inclusive_ns") - total).abs() > total / 100.0 + 1e3
    };
    let zero = |row: &&Value| number(row, "inclusive_ns") == 0.0 && number(row, "calls") > 0.0;
    Impossible {
        above_caller: tree.iter().filter(|node| is_above_caller(tree, node)).count(),
        below_callees: below_callees(tree),
        unlike_tree: functions.clone().filter(unlike).count(),
        zero: functions.filter(zero).count(),
    }
}

fn caller<'a>(tree: &'a [Value], node: &Value) -> Option<&'a Value> {
    tree.get(node["parent"].as_u64()? as usize)
}

/// All of them, from the nearest one.
fn callers<'a>(tree: &'a [Value], node: &Value) -> impl Iterator<Item = &'a Value> {
    std::iter::successors(caller(tree, node), |node| caller(tree, node))
}

fn is_above_caller(tree: &[Value], node: &Value) -> bool {
    // Each total is rounded to whole nanoseconds.
    let most = caller(tree, node).map_or(f64::INFINITY, |it| number(it, "inclusive_ns") + 1.0);
    number(node, "inclusive_ns") > most
}

fn below_callees(tree: &[Value]) -> usize {
    let mut callees = vec![0.0; tree.len()];
    for node in tree {
        if let Some(caller) = node["parent"].as_u64() {
            callees[caller as usize] += number(node, "inclusive_ns");
        }
    }
    let rounding = tree.len() as f64;
    let is_below = |(node, callees): &(&Value, f64)| {
        *callees > number(node, "inclusive_ns") + rounding || number(node, "exclusive_ns") < 0.0
    };
    tree.iter().zip(callees).filter(is_below).count()
}

/// The sum of the call paths of each function. A path within another one of the same function is
/// part of that one.
fn totals(tree: &[Value]) -> BTreeMap<&str, f64> {
    let mut totals = BTreeMap::new();
    for node in tree {
        if callers(tree, node).all(|caller| caller["path"] != node["path"]) {
            *totals.entry(node["path"].as_str().unwrap_or("")).or_default() +=
                number(node, "inclusive_ns");
        }
    }
    totals
}

/// The largest functions among those that the root function calls, directly or not.
pub(crate) fn largest(program: &Program, truth: &Parts, report: &Value) -> Shares {
    let tree = rows(report, "call_tree");
    let is_root = |node: &Value| is_called(&name(node), program.root);
    let is_within = |node: &&Value| callers(tree, node).any(is_root);
    let Some(root) = tree.iter().find(|node| is_root(node)).map(name) else {
        return Shares::new();
    };
    let within: BTreeSet<String> = tree.iter().filter(is_within).map(name).collect();
    let share = |name: String| Some((name.clone(), truth.get(&name)? / truth.get(&root)? * 100.0));
    let mut shares: Shares =
        within.into_iter().filter(|name| *name != root).filter_map(share).collect();
    shares.sort_by(|one, other| other.1.total_cmp(&one.1));
    shares.truncate(5);
    shares
}

fn name(row: &Value) -> String {
    plain_name(row["path"].as_str().unwrap_or(""))
}

/// The function's share in a report.
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

/// Whether `wanted`, as written in the roster, is this function. `Suite::parse` also matches
/// `<Suite as Parse>::parse`.
fn is_called(name: &str, wanted: &str) -> bool {
    name == wanted || name.ends_with(&format!("::{wanted}"))
}
