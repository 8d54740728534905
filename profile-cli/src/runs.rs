//! The runs that are recorded in files: `list`, `last`, `clean`, and what a name on the command line
//! means.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use profile_core::runs::{self, Keep, Run};

use crate::output::Diagnostic;

/// All runs in these folders, oldest first; without folders, those that programs record into.
fn all(folders: &[PathBuf]) -> Result<Vec<Run>, Diagnostic> {
    let list = |folder: &PathBuf| {
        runs::list(folder).map_err(|error| format!("{}: {error}", folder.display()))
    };
    let mut runs = match folders {
        [] => runs::folders().iter().flat_map(|folder| list(folder).unwrap_or_default()).collect(),
        _ => folders.iter().map(list).collect::<Result<Vec<_>, _>>()?.concat(),
    };
    runs.sort_by_key(|run| run.started);
    Ok(runs)
}

/// One line per run, newest last.
pub(crate) fn list(folders: &[PathBuf]) -> Result<String, Diagnostic> {
    let runs = all(folders)?;
    let columns = runs.iter().map(|run| {
        let state = if run.is_running { "running" } else { "ended" };
        let size = format!("{:.1} MiB", run.bytes as f64 / f64::from(1 << 20));
        let path = run.path.display().to_string();
        [run.process_id.to_string(), state.to_owned(), age(run), size, name(run), path]
    });
    let head = ["PID", "STATE", "STARTED", "SIZE", "PROGRAM", "FILE"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(columns).collect();
    Ok(if runs.is_empty() { String::new() } else { aligned(&rows, 1) })
}

/// Cells in columns as wide as their widest cell; the first `numbers` columns are aligned right.
pub(crate) fn aligned<const N: usize>(rows: &[[String; N]], numbers: usize) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            if column < numbers { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

/// The program's name without its folder.
fn name(run: &Run) -> String {
    let path = Path::new(&run.program);
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// How long ago the run started.
fn age(run: &Run) -> String {
    let seconds = SystemTime::now().duration_since(run.started).unwrap_or_default().as_secs();
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// Removes ended runs: those beyond the newest `keep`, and those older than some days.
pub(crate) fn clean(
    folders: &[PathBuf],
    keep: Option<usize>,
    days: Option<u64>,
) -> Result<String, Diagnostic> {
    let age = days.map_or(Duration::MAX, |days| Duration::from_secs(days.saturating_mul(86_400)));
    let count = keep.unwrap_or(if days.is_some() { usize::MAX } else { 0 });
    let keep = Keep::new(count, u64::MAX, age);
    let found = runs::folders();
    let folders = if folders.is_empty() { &found } else { folders };
    let mut text = String::new();
    for folder in folders {
        let removed = runs::prune(folder, keep);
        let removed = removed.map_err(|error| format!("{}: {error}", folder.display()))?;
        text.extend(removed.iter().map(|run| format!("removed {}\n", run.path.display())));
    }
    Ok(text)
}

/// The segment of the newest run that ended without a report.
pub(crate) fn last(folders: &[PathBuf]) -> Result<PathBuf, Diagnostic> {
    let ended = all(folders)?.into_iter().rfind(|run| !run.is_running);
    ended.map(|run| run.path).ok_or_else(|| "no run ended without a report".to_owned())
}

/// What a name means: a file, `last`, the number of a process, or the name of a program that runs.
pub(crate) fn find(name: &Path) -> Result<PathBuf, Diagnostic> {
    let text = name.to_str().filter(|_| !name.exists());
    let Some(text) = text else { return Ok(name.to_owned()) };
    if text == "last" {
        return last(&[]);
    }
    match text.parse() {
        Ok(process_id) => of_process(process_id),
        Err(_) if text.contains(['/', '.']) => Ok(name.to_owned()),
        Err(_) => of_program(text),
    }
}

fn of_process(process_id: u32) -> Result<PathBuf, Diagnostic> {
    let recorded = || all(&[]).ok()?.into_iter().rfind(|run| run.process_id == process_id);
    let run = runs::of_process(process_id).or_else(recorded);
    run.map(|run| run.path).ok_or_else(|| {
        format!(
            "process {process_id} does not record into a file; `profile list` shows those that do"
        )
    })
}

/// The run of a program: one that runs, or else the newest.
fn of_program(program: &str) -> Result<PathBuf, Diagnostic> {
    let mut runs = all(&[])?;
    runs.retain(|run| name(run) == program);
    let running: Vec<&Run> = runs.iter().filter(|run| run.is_running).collect();
    match (&running[..], runs.last()) {
        ([one], _) => Ok(one.path.clone()),
        ([], Some(newest)) => Ok(newest.path.clone()),
        ([], None) => Err(format!("{program}: no such file, and no run of a program by that name")),
        (several, _) => {
            let ids: Vec<_> = several.iter().map(|run| run.process_id.to_string()).collect();
            Err(format!("{program}: several run; name a process: {}", ids.join(", ")))
        }
    }
}
