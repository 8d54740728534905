//! One contender in one process: `contender NAME speed|threads|memory|figures [--quick]`.
//!
//! Prints `key value` lines for the driver. Fails if the contender did not record each call that
//! was made.

use std::process::ExitCode;

mod contender;
mod contenders;
#[cfg(feature = "ours")]
mod figures;
mod measure;
mod memory;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, task, ..] = arguments.as_slice() else {
        eprintln!("usage: contender NAME speed|threads|memory|figures [--quick]");
        return ExitCode::FAILURE;
    };
    let quick = arguments.iter().any(|argument| argument == "--quick");
    #[cfg(feature = "ours")]
    if task == "figures" {
        figures::run(name, quick);
        return ExitCode::SUCCESS;
    }
    let all = contenders::all();
    let contender = all.iter().find(|contender| contender.name == name).expect("a contender");
    (contender.start)();
    let made = match task.as_str() {
        "speed" => measure::speed(contender, quick),
        "threads" => measure::threads(contender, quick),
        _ => memory::growth(contender, quick),
    };
    let recorded = (contender.recorded)(made);
    println!("recorded {}", recorded as f64 / made as f64);
    // fastrace drops what it cannot keep up with; the table shows the share. Dropping even more
    // would measure something else.
    let enough = if name == "fastrace" { made / 4 } else { made };
    if (enough..=made).contains(&recorded) {
        return ExitCode::SUCCESS;
    }
    eprintln!("{name}: recorded {recorded} of {made} calls");
    ExitCode::FAILURE
}
