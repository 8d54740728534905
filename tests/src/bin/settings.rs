//! A program that applies settings in code, selected by the first argument.

use std::hint::black_box;
use std::path::Path;

use profile_core::{Settings, profile};

#[profile]
fn work() {
    black_box(0);
}

#[profile(overhead = "100%")]
fn own_budget() {
    black_box(0);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, scene, argument] = &arguments[..] else { panic!("a scene and its argument") };
    let settings = Settings::new();
    match &**scene {
        "none" => {}
        "report" => settings.report(argument).expect("a report").apply(),
        "overhead" => settings.overhead(argument).expect("a budget").apply(),
        "percentiles" => settings.percentiles(&[10.0, 99.9]).expect("percentiles").apply(),
        "late" => late(Path::new(argument)),
        _ => panic!("no scene is called {scene}"),
    }
    (0..10_000).for_each(|_| work());
    (0..10_000).for_each(|_| own_budget());
}

/// Reports in the middle of the run, and again at its end.
fn late(file: &Path) {
    (0..5).for_each(|_| work());
    profile_core::write_reports();
    assert!(file.exists());
    std::fs::rename(file, file.with_extension("first")).expect("keep the first report");
}
