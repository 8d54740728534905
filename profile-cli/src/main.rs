//! The command-line tool: works on what programs have recorded, and on those that run. It only
//! parses arguments and reads files; `profile-core` computes and formats the results.

mod output;
mod runs;
mod watch;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use profile_core::report::{self, Format};
use profile_core::warnings;
use profile_core::{Snapshot, Thresholds, compare};

use crate::output::{Diagnostic, print, print_error};

/// Shows what functions cost, and compares runs.
#[derive(Debug, Parser)]
#[command(name = "profile", version)]
struct Arguments {
    /// Filters for the warnings in the snapshots: ACTION:MESSAGE:CATEGORY:MODULE:LINE,
    /// comma-separated; later filters take precedence. `-W ignore::LeakWarning` hides these
    /// warnings; with `-W error::DataLossWarning` the tool exits with 1 if there is one (when
    /// comparing, in the candidate's runs). Invalid filters are ignored, and the tool exits with 2.
    #[arg(short = 'W', long = "warnings", global = true, value_name = "FILTER")]
    filters: Vec<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compares runs: `profile compare OLD... --with NEW...`. Exits with 1 if a function became
    /// slower or allocates more.
    ///
    /// Each file is the snapshot of one run, from PROFILE_REPORT=json:FILE or binary:FILE. Ten runs
    /// per side detect changes of a few percent; with one run per side, only large changes are
    /// reliable.
    Compare {
        /// Runs of the baseline.
        #[arg(required = true)]
        baseline: Vec<PathBuf>,
        /// Runs of the candidate.
        #[arg(long = "with", required = true, num_args = 1..)]
        candidate: Vec<PathBuf>,
        /// Print the results as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shows runs in any format; merges several into one.
    Show {
        /// Snapshots, as JSON or binary; segments; numbers of processes; names of programs that
        /// run; or `last`.
        #[arg(required = true, value_name = "FILE|PID|PROGRAM|last")]
        files: Vec<PathBuf>,
        #[arg(
            long,
            default_value = "table",
            value_parser = report::format,
            help = short_list_of_formats(),
            long_help = list_of_formats(),
        )]
        format: &'static dyn Format,
    },
    /// Shows the newest run that ended without a report: killed, aborted, or by `_exit`.
    Last {
        /// Folders with runs [default: as for `list`].
        folders: Vec<PathBuf>,
    },
    /// Lists the runs that are recorded in files: of programs that run, and of those that ended
    /// without a report.
    List {
        /// Folders with runs [default: that of PROFILE_RUN_DIR, and those that programs record into
        /// without it].
        folders: Vec<PathBuf>,
    },
    /// Shows what a running program does, each second. It is only read: not stopped, nor slowed.
    Watch {
        /// The number of a process, the name of a program, or a segment.
        #[arg(value_name = "PID|PROGRAM|FILE")]
        run: PathBuf,
        /// Seconds between two tables.
        #[arg(short, long, default_value_t = 1.0, value_parser = seconds)]
        interval: f64,
        /// Tables to print [default: until the program ends].
        #[arg(short = 'n', long)]
        count: Option<u64>,
        /// Rows of a table.
        #[arg(long, default_value_t = 20)]
        top: usize,
    },
    /// Removes runs that ended. Those of programs that run stay.
    Clean {
        /// Folders with runs [default: as for `list`].
        folders: Vec<PathBuf>,
        /// The newest this many of each folder stay [default: none, or all with --older-than].
        #[arg(long, value_name = "RUNS")]
        keep: Option<usize>,
        /// Runs that changed in the last days stay.
        #[arg(long, value_name = "DAYS")]
        older_than: Option<u64>,
    },
}

/// At least a hundredth, at most a day.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|it| (0.01..=86_400.0).contains(it));
    seconds.ok_or_else(|| "expected seconds, at least 0.01 and at most 86400".to_owned())
}

/// The formats that this build can write.
fn formats() -> impl Iterator<Item = &'static dyn Format> {
    report::formats().into_iter().filter(|format| format.unavailable().is_none())
}

fn short_list_of_formats() -> String {
    let names: Vec<_> = formats().map(Format::name).collect();
    format!("One of {}", names.join(", "))
}

/// One per line, with descriptions.
fn list_of_formats() -> String {
    let line = |format: &dyn Format| format!("\n- {}: {}", format.name(), format.description());
    let lines: String = formats().map(line).collect();
    format!("One of:{lines}\n")
}

fn main() -> ExitCode {
    /// Exit code for invalid arguments or files; clap uses the same.
    const WRONG: u8 = 2;
    let Arguments { filters, command } = Arguments::parse();
    let are_valid = set_filters(&filters);
    match run(command) {
        Ok(code) if are_valid => code,
        Ok(_) => ExitCode::from(WRONG),
        Err(diagnostic) => {
            print_error(&diagnostic);
            ExitCode::from(WRONG)
        }
    }
}

/// Sets only the filters of the command line, since Python's default filters would hide warnings
/// that the measured program showed. Returns whether all are valid.
fn set_filters(filters: &[String]) -> bool {
    warnings::reset_warnings();
    let wrong: Vec<_> = filters.iter().flat_map(|list| warnings::set_options(list)).collect();
    for error in &wrong {
        print_error(&format!("invalid -W option ignored: {error}"));
    }
    wrong.is_empty()
}

/// Applies the filters to the warnings of a snapshot, prints those that are errors, and returns
/// whether there are any.
fn filter(snapshot: &mut Snapshot, file: &Path) -> bool {
    let errors = snapshot.filter_warnings();
    for warning in snapshot.warnings.iter().filter(|warning| warning.is_error) {
        print_error(&format!("{}: {warning}", file.display()));
    }
    !errors.is_empty()
}

fn run(command: Command) -> Result<ExitCode, Diagnostic> {
    match command {
        Command::Compare { baseline, candidate, json } => {
            let (mut old, mut new) = (load(&baseline)?, load(&candidate)?);
            old.iter_mut().for_each(|snapshot| drop(snapshot.filter_warnings()));
            let files = std::iter::zip(&mut new, &candidate);
            let failed = files.fold(false, |failed, (new, file)| filter(new, file) | failed);
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
        Command::Show { files, format } => show(&files, format),
        Command::Last { folders } => {
            let run = runs::last(&folders)?;
            print_error(&format!("{}:", run.display()));
            show(&[run], report::format("table").map_err(|error| error.to_string())?)
        }
        Command::List { folders } => done(print(runs::list(&folders)?.as_bytes())),
        Command::Clean { folders, keep, older_than } => {
            done(print(runs::clean(&folders, keep, older_than)?.as_bytes()))
        }
        Command::Watch { run, interval, count, top } => {
            let interval = Duration::from_secs_f64(interval);
            done(watch::watch(&runs::find(&run)?, &watch::Plan { interval, count, rows: top }))
        }
    }
}

fn done(outcome: Result<(), Diagnostic>) -> Result<ExitCode, Diagnostic> {
    outcome.map(|()| ExitCode::SUCCESS)
}

fn show(files: &[PathBuf], format: &dyn Format) -> Result<ExitCode, Diagnostic> {
    let snapshots = load(files)?;
    let mut merged = match &snapshots[..] {
        [one] => one.clone(),
        several => Snapshot::merge(several),
    };
    merged.advice = merged.advise(&Thresholds::default());
    let failed = filter(&mut merged, &files[0]);
    let mut text = Vec::new();
    merged.write(format, &mut text).map_err(|error| error.to_string())?;
    print(&text)?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn load(files: &[PathBuf]) -> Result<Vec<Snapshot>, Diagnostic> {
    let one = |name: &PathBuf| {
        let file = runs::find(name)?;
        load_one(&file).map_err(|why| format!("{}: {why}", file.display()))
    };
    files.iter().map(one).collect()
}

/// A snapshot, or a segment, also of a program that runs.
fn load_one(file: &Path) -> Result<Snapshot, Diagnostic> {
    match file.extension().is_some_and(|extension| extension == "segment") {
        true => profile_core::read_segment(file).map_err(|error| error.to_string()),
        false => Snapshot::load(file).map_err(|error| error.to_string()),
    }
}
