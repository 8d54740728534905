//! Compares two sets of runs, function by function: slower, faster, the same, or undecided.
//!
//! The unit is the run, not the call: calls within one run share its memory layout, its neighbors
//! and its clock rate, so a million of them predict the next run no better than one figure does. So
//! each run contributes one figure per function, and the tests count runs.

mod change;
mod counts;
mod timing;

use std::collections::{BTreeMap, BTreeSet};

pub use change::{Comparison, FunctionChange, Verdict};
pub use counts::CountChange;
use timing::Timing;

use crate::snapshot::{Function, Snapshot};
use crate::stats::benjamini_hochberg;

/// The snapshots of one side: one, or one for each of several runs.
#[derive(Clone, Copy, Debug)]
pub struct Runs<'a>(&'a [Snapshot]);

impl<'a> From<&'a Snapshot> for Runs<'a> {
    fn from(snapshot: &'a Snapshot) -> Runs<'a> {
        Runs(std::slice::from_ref(snapshot))
    }
}

impl<'a> From<&'a [Snapshot]> for Runs<'a> {
    fn from(snapshots: &'a [Snapshot]) -> Runs<'a> {
        Runs(snapshots)
    }
}

impl<'a> From<&'a Vec<Snapshot>> for Runs<'a> {
    fn from(snapshots: &'a Vec<Snapshot>) -> Runs<'a> {
        Runs(snapshots)
    }
}

impl<'a, const N: usize> From<&'a [Snapshot; N]> for Runs<'a> {
    fn from(snapshots: &'a [Snapshot; N]) -> Runs<'a> {
        Runs(snapshots)
    }
}

/// Compares a candidate with a baseline.
///
/// For each run, the figure of a function is the trimmed mean of its calls. With at least two runs
/// per side the p-value is twice the smaller of two: that of [Yuen's test](crate::stats::yuen_t) on
/// the logarithms, and that of the Mann-Whitney test; neither is misled by a disturbed run. If one
/// side has a single run, the variance between runs of the other side is used. With a single run on
/// both sides the variance between calls is used, with an allowance of 10 % for the difference
/// between runs (see [`Comparison::notes`]). All p-values are adjusted by the Benjamini-Hochberg
/// procedure, and a change is reported below 0.05.
///
/// Allocations are compared exactly.
///
/// ```
/// # #[cfg(feature = "profile")] {
/// use profile_core::{Verdict, capture, compare, profile};
///
/// #[profile]
/// fn work() {}
///
/// work();
/// let baseline = capture();
/// let comparison = compare(&baseline, &capture());
/// assert!(comparison.regressions().next().is_none());
/// # }
/// ```
#[must_use]
pub fn compare<'a>(baseline: impl Into<Runs<'a>>, candidate: impl Into<Runs<'a>>) -> Comparison {
    let sides = [baseline.into().0, candidate.into().0];
    let [before, after] = sides.map(rows_of);
    let keys: BTreeSet<&Key<'_>> = before.keys().chain(after.keys()).collect();
    let mut comparison = Comparison { runs: sides.map(<[Snapshot]>::len), ..Comparison::default() };
    let mut changes: Vec<(Timing, FunctionChange)> = Vec::new();
    for key in keys {
        match (before.get(key), after.get(key)) {
            (Some(before), Some(after)) => {
                let change = FunctionChange {
                    path: key.path.to_owned(),
                    allocations: counts::of(before, after, |function| function.allocations),
                    allocated_bytes: counts::of(before, after, |function| function.allocated_bytes),
                    ..FunctionChange::default()
                };
                changes.push((Timing::of(before, after), change));
            }
            (Some(_), None) => comparison.only_in_baseline.push(key.path.to_owned()),
            (None, _) => comparison.only_in_candidate.push(key.path.to_owned()),
        }
    }
    let p_values: Vec<f64> = changes.iter().map(|(timing, _)| timing.p_value).collect();
    for ((timing, change), p_value) in changes.iter_mut().zip(adjusted(&p_values)) {
        timing.fill_in(p_value, change);
    }
    crate::sort::by(&mut changes, |(a, _), (b, _)| b.added_ns().total_cmp(&a.added_ns()));
    comparison.functions = changes.into_iter().map(|(_, change)| change).collect();
    comparison.notes = notes(&sides);
    comparison
}

/// The adjusted p-values; untested ones stay NaN.
fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let known: Vec<f64> = p_values.iter().copied().filter(|p_value| !p_value.is_nan()).collect();
    let mut adjusted = benjamini_hochberg(&known).unwrap_or(known).into_iter();
    let of = |p_value: &f64| if p_value.is_nan() { None } else { adjusted.next() };
    p_values.iter().map(of).map(|p_value| p_value.unwrap_or(f64::NAN)).collect()
}

/// Two functions may have the same path: they are distinguished by their order in the source, which
/// may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    path: &'a str,
    number: usize,
}

/// Each function with its rows from the runs that called it.
fn rows_of(runs: &[Snapshot]) -> BTreeMap<Key<'_>, Vec<&Function>> {
    let mut rows: BTreeMap<Key<'_>, Vec<&Function>> = BTreeMap::new();
    for run in runs {
        let mut functions: Vec<&Function> = run.functions.iter().collect();
        crate::sort::by_key(&mut functions, |row| (&row.path, &row.file, row.line, row.column));
        for alike in functions.chunk_by(|a, b| a.path == b.path) {
            for (number, function) in alike.iter().enumerate() {
                rows.entry(Key { path: &function.path, number }).or_default().push(function);
            }
        }
    }
    rows
}

fn notes(sides: &[&[Snapshot]; 2]) -> Vec<String> {
    let mut notes = Vec::new();
    let runs = sides.map(<[Snapshot]>::len);
    if runs.contains(&0) {
        notes.push("one side has no runs: there is nothing to compare".to_owned());
        return notes;
    }
    match runs {
        [1, 1] => notes.push(
            "one run per side: calls of one run say little about the next run, so changes below 10 % are not reported; \
             use five or more runs per side"
                .to_owned(),
        ),
        [before, after] if before.min(after) < 4 => notes.push(format!(
            "{before} and {after} runs: with fewer than four per side only large changes can be detected"
        )),
        _ => {}
    }
    let all = || sides.iter().flat_map(|side| side.iter());
    let mut differ = |what: &str, of: &dyn Fn(&Snapshot) -> String| {
        let values: BTreeSet<String> = all().map(of).collect();
        if values.len() > 1 {
            let values: Vec<String> = values.into_iter().collect();
            notes.push(format!("runs differ in {what}: {}", values.join(", ")));
        }
    };
    differ("the clock", &|run| run.process.clock.clone());
    differ("processors", &|run| run.process.available_cores.to_string());
    differ("the build", &|run| match run.process.debug_assertions {
        true => "debug".to_owned(),
        false => "release".to_owned(),
    });
    if all().any(|run| run.process.debug_assertions) {
        notes.push("debug builds: their times say little about release builds".to_owned());
    }
    if all().any(|run| !run.process.allocator) {
        notes.push("allocations are not compared: not all runs counted them".to_owned());
    }
    notes
}
