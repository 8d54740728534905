//! The cost of a warning that is not shown: already shown, ignored, or ignored by a pattern.
//!
//! `cargo run --release -p benches --bin warnings --features warnings`

use std::hint::black_box;
use std::time::Instant;

use profile_core::stats::median;
use profile_core::warnings::{
    Action, Place, UserWarning, filter_warnings, set_show_warning, simple_filter, warn,
};

const ROUNDS: usize = 15;
const CALLS: u32 = 100_000;

fn main() {
    set_show_warning(Some(|_: &_| {}));
    let place = Place { file: "src/app.rs", line: 12, module: Some("app::import") };
    let cost = |message: &str| {
        let round = |_| {
            let start = Instant::now();
            for _ in 0..CALLS {
                let _ = black_box(warn(black_box(message), &UserWarning, place));
            }
            start.elapsed().as_nanos() as f64 / f64::from(CALLS)
        };
        median(&(0..ROUNDS).map(round).collect::<Vec<f64>>())
    };
    println!("| a warning | ns |\n|---|---:|");
    for action in [Action::Default, Action::Module, Action::Once] {
        simple_filter(action, &UserWarning, 0, false);
        println!("| shown before ({}) | {:.0} |", action.name(), cost("the table has empty rows"));
    }
    simple_filter(Action::Ignore, &UserWarning, 0, false);
    println!("| ignored by category | {:.0} |", cost("the table has empty rows"));
    simple_filter(Action::Always, &UserWarning, 0, false);
    if filter_warnings(Action::Ignore, "the table", &UserWarning, "app", 0, false).is_ok() {
        println!("| ignored by message and module | {:.0} |", cost("the table has empty rows"));
    }
}
