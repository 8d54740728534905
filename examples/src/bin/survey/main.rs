//! Surveys Rust source: parses every file with syn, with one thread per processor, and prints
//! counts of functions, unsafe blocks, traits, macros and attributes, and the longest function.
//!
//! ```text
//! cargo run --release -p examples --bin survey               # the sources that cargo has downloaded
//! cargo run --release -p examples --bin survey -- FOLDER...  # these folders and files
//! ```
//!
//! The findings go to standard output. At exit, the report goes to standard error: what the survey
//! itself cost. It only needs the `#[profile]` attributes below and the line that installs the
//! allocator; `main` does nothing for it.
//!
//! What to look for in the report:
//!
//! - `read`, `lex`, `parse`, `count`, `discard` are the stages of one file. Freeing a tree is work
//!   too: compare `discard` with `count`, which visits every node.
//! - `worker` runs on all threads at once. The `self` time of `survey_all` is spent waiting for the
//!   workers.
//! - `walk` recurses for each subfolder; its time is counted once.
//! - `Tally::add` is short and called often: the header shows what recording cost.
//! - `parse` allocates most, and returns what it allocates; `discard` frees it.
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

/// `survey | head` is not an error: the reader may close the pipe early.
fn print(page: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(page.as_bytes()).and_then(|()| stdout.flush());
    printed.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })
}
