//! The tool: works on snapshots that programs left behind. It only reads arguments and files; what is computed and shown is
//! `profile-core`'s.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use profile_core::{Format, Snapshot, Thresholds, compare};

/// What functions cost, and whether that changed.
#[derive(Debug, Parser)]
#[command(name = "profile", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compares runs: `profile compare OLD... --with NEW...`. Exits with 1 if something became slower or allocates more.
    ///
    /// Each file is the snapshot of one run, from PROFILE_REPORT=json:FILE or binary:FILE. Ten runs a side show a change of some per
    /// cent; of one run a side only large changes can be believed.
    Compare {
        /// Runs of the baseline.
        #[arg(required = true)]
        baseline: Vec<PathBuf>,
        /// Runs of the candidate.
        #[arg(long = "with", required = true, num_args = 1..)]
        candidate: Vec<PathBuf>,
        /// Everything found, as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shows snapshots in another format; several are merged into one.
    Show {
        /// Snapshots, as JSON or binary.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// One of table, tree, json, csv, folded, mprof, svg, html, memory_profiler, binary, hlog.
        #[arg(long, default_value = "table")]
        format: Format,
    },
}

/// What ends the tool early, as a sentence.
type Complaint = String;

fn main() -> ExitCode {
    /// Something is wrong with arguments or files; clap's own.
    const WRONG: u8 = 2;
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(complaint) => {
            eprintln!("profile: {complaint}");
            ExitCode::from(WRONG)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Complaint> {
    match command {
        Command::Compare { baseline, candidate, json } => {
            let found = compare(&load(&baseline)?, &load(&candidate)?);
            if json {
                let text = serde_json::to_string_pretty(&found);
                print(format!("{}\n", text.map_err(|error| error.to_string())?).as_bytes())?;
            } else {
                let mut text = Vec::new();
                let color = io::stdout().is_terminal();
                found.write(None, color, &mut text).map_err(|error| error.to_string())?;
                print(&text)?;
            }
            let changed = found.regressions().next().is_some();
            Ok(if changed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Command::Show { files, format } => {
            let snapshots = load(&files)?;
            let mut merged = match &snapshots[..] {
                [one] => one.clone(),
                several => Snapshot::merge(several),
            };
            merged.advice = merged.advise(&Thresholds::default());
            let mut text = Vec::new();
            merged.write(format, &mut text).map_err(|error| error.to_string())?;
            print(&text)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn load(files: &[PathBuf]) -> Result<Vec<Snapshot>, Complaint> {
    let one = |file: &PathBuf| {
        Snapshot::load(file).map_err(|error| format!("{}: {error}", file.display()))
    };
    files.iter().map(one).collect()
}

/// A reader that has seen enough is no error.
fn print(text: &[u8]) -> Result<(), Complaint> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}
