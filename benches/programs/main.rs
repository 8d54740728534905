//! The cost of recording in real programs, with 10 to 50 of their functions annotated.
//!
//! `cargo run --release -p benches --bin programs --features programs`, with `-- --help` for its
//! options.

mod annotate;
mod build;
mod case;
mod check;
mod input;
mod options;
mod roster;
mod run;
mod sources;
mod table;
mod tree;
mod truth;

use std::path::Path;
use std::process::ExitCode;

use crate::case::Case;
use crate::options::Options;
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
        let case = Case { program, given, work: &options.work };
        if options.builds {
            build(&case, &sources, &options.profile_core)?;
        }
        if options.runs {
            print(&case, &run::rounds(&case, options)?);
        }
    }
    Ok(())
}

fn build(case: &Case<'_>, sources: &Sources, profile_core: &Path) -> Result<(), String> {
    tree::prepare(case, sources, profile_core)?;
    for build in build::BUILDS {
        build::build(case, build)?;
    }
    for tool in truth::TOOLS {
        if let Err(error) = tool.run(case) {
            eprintln!("no shares to compare with: {error}");
        }
    }
    Ok(())
}

fn print(case: &Case<'_>, rounds: &Rounds) {
    print!("{}{}", table::costs(case.program, rounds), table::impossible(rounds));
    for tool in truth::TOOLS {
        match tool.read(case) {
            Ok(truth) => print!("{}", table::shares(case.program, rounds, tool, &truth)),
            Err(error) => eprintln!("no shares to compare with: {error}"),
        }
    }
}
