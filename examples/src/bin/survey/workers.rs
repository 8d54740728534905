//! The threads or processes that survey the files, and the progress bar.

use std::error::Error;
use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use indicatif::{ProgressBar, ProgressStyle};
use profile_core::workers::{Pool, task};
use profile_core::{memory_usage, profile};

use crate::file;
use crate::findings::{Findings, Refused};

/// Parsing, visiting and dropping a tree are recursive: this suffices for a hundred thousand nested
/// brackets. Only the used part becomes memory.
const STACK_BYTES: usize = 1 << 30;

/// Surveys the files on this many threads, while the memory of the process is sampled.
#[memory_usage(interval = "20ms")]
pub fn survey_all(files: &[PathBuf], threads: usize) -> io::Result<Findings> {
    let queue = Queue { files, next: AtomicUsize::new(0), bar: bar(files.len()) };
    let mut findings = Findings::default();
    thread::scope(|scope| {
        let start = |number| {
            let thread = thread::Builder::new().name(format!("survey {number}"));
            thread.stack_size(STACK_BYTES).spawn_scoped(scope, || worker(&queue))
        };
        let workers = (0..threads).map(start).collect::<io::Result<Vec<_>>>()?;
        for worker in workers {
            findings.merge(worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        Ok(())
    })
    .inspect(|()| queue.bar.finish_and_clear())
    .map(|()| findings)
}

/// What surveys the files.
#[derive(Clone, Copy)]
pub enum Workers {
    Threads,
    Processes,
}

impl Workers {
    /// Their name on the page.
    pub fn name(self) -> &'static str {
        match self {
            Workers::Threads => "threads",
            Workers::Processes => "processes",
        }
    }
}

/// Files that a process gets at once: the time to pass them on is then short beside the work.
const FILES_AT_ONCE: usize = 8;

/// The same in this many processes. A file that crashes the parser ends one process, which is
/// replaced, and the survey returns the error.
#[profile]
pub fn survey_by_processes(
    files: &[PathBuf],
    processes: usize,
) -> Result<Findings, Box<dyn Error>> {
    let pool = Pool::builder().processes(processes).stack_bytes(STACK_BYTES).start()?;
    let bar = bar(files.len());
    let found = pool.imap(task!(survey_path), files.iter().cloned());
    let found = found.chunk_size(FILES_AT_ONCE).on_progress(|it| bar.set_position(it.done as u64));
    let mut findings = Findings::default();
    for found in found {
        match found? {
            Ok(found) => findings.merge(found),
            Err(refused) => findings.refused.push(refused),
        }
    }
    bar.finish_and_clear();
    pool.join();
    Ok(findings)
}

fn survey_path(path: PathBuf) -> Result<Findings, Refused> {
    file::survey_file(&path)
}

/// Processes files until none is left.
#[profile]
fn worker(queue: &Queue<'_>) -> Findings {
    let mut findings = Findings::default();
    while let Some(path) = queue.take() {
        match file::survey_file(path) {
            Ok(found) => findings.merge(found),
            Err(refused) => findings.refused.push(refused),
        }
        queue.bar.inc(1);
    }
    findings
}

/// Files that are not yet assigned to a thread.
struct Queue<'a> {
    files: &'a [PathBuf],
    next: AtomicUsize,
    bar: ProgressBar,
}

impl<'a> Queue<'a> {
    fn take(&self) -> Option<&'a PathBuf> {
        self.files.get(self.next.fetch_add(1, Relaxed))
    }
}

/// On standard error; hidden if that is not a terminal.
fn bar(files: usize) -> ProgressBar {
    let bar = ProgressBar::new(files as u64);
    match ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} files, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
