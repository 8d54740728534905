//! The driver: builds the contenders, runs each several times in random order, and prints the
//! tables.
//!
//! `cargo run --release -p benches`, or with `-- --quick` to check that everything works. Fails if
//! a contender did not record what it should have.

mod build;
mod figures;
mod results;
mod roster;
mod run;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--quick");
    match measure(quick) {
        Ok(tables) => {
            println!("{tables}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("benches: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(quick: bool) -> Result<String, String> {
    let programs = build::all()?;
    let results = run::all(&programs, quick)?;
    let startup = run::startup(&programs, quick)?;
    Ok(format!("{}\n{}", table::ratios(&results), figures::table(&results, &startup)))
}
