//! The tool: works on snapshots that programs left behind. It only reads arguments and files; what is computed and shown is
//! `profile-core`'s.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use profile_core::warnings::{self, RaisedWarning};
use profile_core::{Format, Snapshot, Thresholds, compare};

/// What functions cost, and whether that changed.
#[derive(Debug, Parser)]
#[command(name = "profile", version)]
struct Arguments {
    /// What becomes of the warnings in the snapshots, as ACTION:MESSAGE:CATEGORY:MODULE:LINE, the later before the earlier: `-W ignore::LeakWarning`
    /// hides them, with `-W error::DataLossWarning` the tool exits with 1.
    #[arg(short = 'W', long = "warnings", global = true, value_name = "FILTER")]
    filters: Vec<String>,
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
        /// One of table, tree, json, csv, folded, mprof, svg, html, memory_profiler, binary, hlog, github.
        #[arg(long, default_value = "table")]
        format: Format,
    },
}

/// What ends the tool early, as a sentence.
type Complaint = String;

fn main() -> ExitCode {
    /// Something is wrong with arguments or files; clap's own.
    const WRONG: u8 = 2;
    let Arguments { filters, command } = Arguments::parse();
    set_filters(&filters);
    match run(command) {
        Ok(code) => code,
        Err(complaint) => {
            eprintln!("profile: {complaint}");
            ExitCode::from(WRONG)
        }
    }
}

/// The filters of the command line and no others: those that a program starts with would hide what another one wanted shown.
fn set_filters(filters: &[String]) {
    warnings::reset_warnings();
    for filter in filters {
        if let Err(error) = warnings::set_option(filter) {
            eprintln!("profile: invalid -W option ignored: {error}");
        }
    }
}

/// Passes the warnings of snapshots through the filters; says which are errors, and whether any is.
fn filter(snapshots: &mut [Snapshot]) -> bool {
    let errors: Vec<_> = snapshots.iter_mut().flat_map(Snapshot::filter_warnings).collect();
    for RaisedWarning(error) in &errors {
        eprintln!("profile: {}: {}", error.category.name(), error.message);
    }
    !errors.is_empty()
}

fn run(command: Command) -> Result<ExitCode, Complaint> {
    match command {
        Command::Compare { baseline, candidate, json } => {
            let (mut old, mut new) = (load(&baseline)?, load(&candidate)?);
            let failed = filter(&mut old) | filter(&mut new);
            let found = compare(&old, &new);
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
            Ok(if changed || failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Command::Show { files, format } => {
            let snapshots = load(&files)?;
            let mut merged = match &snapshots[..] {
                [one] => one.clone(),
                several => Snapshot::merge(several),
            };
            merged.advice = merged.advise(&Thresholds::default());
            let failed = filter(std::slice::from_mut(&mut merged));
            let mut text = Vec::new();
            merged.write(format, &mut text).map_err(|error| error.to_string())?;
            print(&text)?;
            Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
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
