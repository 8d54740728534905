//! Compares this project's figures with their targets.

use std::fmt::Write;

use crate::results::{BODIES, FIGURES, Results};
use crate::roster::{BUDGETED, EXACT, FILE, OURS, PROFILE_OFF, ROSTER, WITH_ALLOCATOR};
use crate::table::{growth, median, shown};

/// A measured value and its maximum.
struct Figure {
    what: String,
    measured: f64,
    most: f64,
}

pub(crate) fn table(results: &Results, [annotated, plain]: &[Vec<f64>; 2]) -> String {
    let of = |label: &'static str, key: &str| results[&(label, key.to_owned())].as_slice();
    let steady = |label| median(of(label, "steady"));
    let own = |key: &str| median(of(FIGURES, key));
    let peers =
        ROSTER.iter().filter(|entry| !entry.label.starts_with("**") && entry.features != OURS);
    let fastest_peer = peers.map(|entry| steady(entry.label)).fold(f64::INFINITY, f64::min);
    let figure = |what: &str, measured, most| Figure { what: what.to_owned(), measured, most };
    let mut figures = vec![
        figure("exact span, x floor", steady(EXACT), 1.25),
        figure("exact span with allocator, x floor", steady(WITH_ALLOCATOR), 1.25),
        figure("exact span, x fastest peer", steady(EXACT) / fastest_peer, 1.0),
        figure("budgeted span, x floor", steady(BUDGETED), 0.2),
        figure("feature off, x floor", steady(PROFILE_OFF), 0.02),
        figure("file-backed segment, x anonymous", steady(FILE) / steady(EXACT), 1.1),
        figure(
            "two threads, x one",
            growth(of(EXACT, "one_thread"), of(EXACT, "two_threads")),
            1.05,
        ),
        figure("memory after many calls and threads, KiB more", own("memory_kib"), 1024.0),
        figure("allocations made by recording after warm-up", own("allocations"), 0.0),
        figure("start-up with 10,000 functions, ms more", median(annotated) - median(plain), 2.0),
    ];
    for (kind, length) in BODIES {
        let what = format!("total time of a caller of {length} bodies, {kind}, off by %");
        figures.push(figure(&what, own(&format!("correction_{kind}_{length}")), 10.0));
    }
    let mut text = String::from("| what | measured | at most | |\n|---|---:|---:|---|\n");
    for Figure { what, measured, most } in figures {
        let verdict = if measured.abs() <= most { "met" } else { "missed" };
        let _ = writeln!(text, "| {what} | {} | {most:.2} | {verdict} |", shown(measured));
    }
    text
}
