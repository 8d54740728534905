//! What recording costs in real programs, with 10 to 50 of their functions annotated.
//!
//! `cargo run --release -p benches --bin programs --features programs`, with `-- --help` for its options.

mod annotate;
mod build;
mod check;
mod input;
mod options;
mod roster;
mod run;
mod sources;
mod table;
mod tree;
mod truth;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::options::Options;
use crate::roster::Program;
use crate::run::Rounds;
use crate::sources::Sources;

fn main() -> ExitCode {
    match Options::read(std::env::args().skip(1)).and_then(|options| measure(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("programs: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<(), String> {
    let sources = sources::fetch(&options.work)?;
    for program in options.programs() {
        let given = input::prepare(program.input, &sources, &options.work)?;
        if options.builds {
            build(program, &sources, &given, options)?;
        }
        if options.runs {
            let wanted: Vec<&str> = options.settings.iter().map(String::as_str).collect();
            let rounds = run::rounds(program, &given, &options.work, options.pairs, &wanted)?;
            print(program, &rounds, &options.work);
        }
    }
    Ok(())
}

fn print(program: &Program, rounds: &Rounds, work: &Path) {
    print!("{}{}", table::costs(program, rounds), table::impossible(rounds));
    for tool in truth::TOOLS {
        match tool.read(program, work) {
            Ok(truth) => print!("{}", table::shares(program, rounds, tool, &truth)),
            Err(error) => eprintln!("no shares to compare with: {error}"),
        }
    }
}

fn build(
    program: &Program,
    sources: &Sources,
    given: &[PathBuf],
    options: &Options,
) -> Result<(), String> {
    tree::prepare(program, sources, &options.work, &options.profile_core)?;
    for build in build::BUILDS {
        build::build(program, build, &options.work)?;
    }
    for tool in truth::TOOLS {
        if let Err(error) = tool.run(program, given, &options.work) {
            eprintln!("no shares to compare with: {error}");
        }
    }
    Ok(())
}
