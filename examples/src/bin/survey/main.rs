//! Surveys Rust source: parses every file with syn, with one thread per processor, and prints
//! counts of functions, unsafe blocks, traits, macros and attributes, and the longest function.
//!
//! ```text
//! cargo run --release -p examples --bin survey               # the sources that cargo has downloaded
//! cargo run --release -p examples --bin survey -- FOLDER...  # these folders and files
//! cargo run --release -p examples --bin survey -- --processes FOLDER...
//! ```
//!
//! With `--processes`, worker processes do what threads do otherwise, and count the same. Each
//! process prints its own report.
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

use profile_core::{ProfilingAllocator, profile, span, workers::init};

use sources::Sources;
use workers::Workers;

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

fn main() -> ExitCode {
    // A worker process does not return from here, and is no call of the program's own work.
    init();
    survey()
}

#[profile(name = "main")]
fn survey() -> ExitCode {
    let mut arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let is_flag = arguments.first().is_some_and(|first| first.as_os_str() == "--processes");
    let workers = if is_flag { Workers::Processes } else { Workers::Threads };
    match run(arguments.split_off(usize::from(is_flag)), workers) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("survey: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(folders: Vec<PathBuf>, workers: Workers) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let folders = if folders.is_empty() { sources::of_dependencies()? } else { folders };
    let sources = Sources::find(&folders)?;
    let many = std::thread::available_parallelism()?.get();
    let mut findings = match workers {
        Workers::Threads => workers::survey_all(&sources.files, many)?,
        Workers::Processes => workers::survey_by_processes(&sources.files, many)?,
    };
    findings.refused.extend(sources.unreadable);

    let _span = span!("print");
    let page = page::page(findings, start.elapsed(), (workers, many), &folders)?;
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
