//! What recording costs in real programs, with 10 to 50 of their functions annotated.
//!
//! `cargo run --release -p benches --bin programs --features programs`, with `-- --help` for its options.

mod annotate;
mod build;
mod input;
mod options;
mod roster;
mod run;
mod sources;
mod table;
mod tree;

use std::process::ExitCode;

use crate::options::Options;

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
        if options.builds {
            tree::prepare(program, &sources, &options.work, &options.profile_core)?;
            for build in build::BUILDS {
                build::build(program, build, &options.work)?;
            }
        }
        if options.runs {
            let given = input::prepare(program.input, &sources, &options.work)?;
            let wanted: Vec<&str> = options.settings.iter().map(String::as_str).collect();
            let rounds = run::rounds(program, &given, &options.work, options.pairs, &wanted)?;
            print!("{}", table::costs(program, &rounds));
        }
    }
    Ok(())
}
