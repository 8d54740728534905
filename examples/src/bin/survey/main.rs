//! Surveys real Rust source: parses every file with syn, on as many threads as there are
//! processors, and prints what it found: how many functions, unsafe blocks, traits, which macros
//! and attributes, the longest function.
//!
//! ```text
//! cargo run --release -p examples --bin survey                  # the dependencies that cargo has on this machine
//! cargo run --release -p examples --bin survey -- FOLDER...     # these folders and files
//! ```
//!
//! The findings go to standard output. At exit a second table comes on standard error: what the
//! survey itself cost. It takes what is marked `#[profile]` below, and the line that installs the
//! allocator; `main` has nothing to do for it.
//!
//! What to look for in it:
//!
//! - `read`, `lex`, `parse`, `count`, `discard` are the stages of one file, and so the rows to
//!   compare. To give a tree back to the allocator is work too: see what `discard` takes beside
//!   `count`, which visits every node.
//! - `worker` runs on all threads at once, so it and the stages can exceed 100 % of the run. The
//!   `self` time of `survey_all` is spent in waiting for the workers.
//! - `walk` calls itself for each folder in a folder; its time is counted once all the same.
//! - `Tally::add` is short and called often: the last line of the head says what measuring it so
//!   often cost.
//! - `parse` allocates most, and returns what it allocates: `discard` gives it back.
//! - `survey_all` has a curve of the process's memory below the table;
//!   `PROFILE_REPORT=table,svg:FILE` draws it.

mod count;
mod file;
mod findings;
mod page;
mod sources;
mod workers;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use profile_core::{ProfilingAllocator, profile, span};

use sources::Sources;

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

#[profile]
fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("survey: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(folders: Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let folders = if folders.is_empty() { sources::of_dependencies()? } else { folders };
    let sources = Sources::find(&folders)?;
    let threads = std::thread::available_parallelism()?.get();
    let mut findings = workers::survey_all(&sources.files, threads)?;
    findings.refused.extend(sources.unreadable);

    let _span = span!("print");
    let page = page::page(findings, start.elapsed(), threads, &folders)?;
    print(&page)?;
    Ok(())
}

/// `survey | head` is no error: a reader that has seen enough closes the pipe.
fn print(page: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(page.as_bytes()).and_then(|()| stdout.flush());
    printed.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })
}
