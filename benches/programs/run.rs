//! Runs a program and its control in turn, and reads what they cost and what the report says of itself.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::build::{CONTROL, PROFILE, path};
use crate::roster::Program;

/// Settings by the name that the table gives them, and what `PROFILE_OVERHEAD` is.
pub(crate) const SETTINGS: [(&str, Option<&str>); 3] =
    [("default", None), ("exact", Some("exact")), ("2%", Some("2%"))];

/// One run.
pub(crate) struct Run {
    /// Of the process and all its threads, in user and in kernel mode.
    pub(crate) cpu_s: f64,
    pub(crate) report: Option<Value>,
}

/// Readings of one setting, a run each.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// CPU time of a run as a multiple of the control's in the same round.
    pub(crate) ratios: Vec<f64>,
    /// What part of the instrumented run's CPU time was added, by the two runs' difference.
    pub(crate) added: Vec<f64>,
    /// The same as the report's header says it.
    pub(crate) said: Vec<f64>,
    pub(crate) reports: Vec<Value>,
}

/// Rounds of one control run and one run under each setting.
pub(crate) struct Rounds {
    pub(crate) control_s: Vec<f64>,
    pub(crate) settings: Vec<Setting>,
}

pub(crate) fn rounds(
    program: &Program,
    given: &[PathBuf],
    work: &Path,
    pairs: usize,
    wanted: &[&str],
) -> Result<Rounds, String> {
    let chosen = SETTINGS.iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name));
    let mut rounds = Rounds { control_s: Vec::new(), settings: Vec::new() };
    rounds.settings.extend(chosen.map(|(name, _)| Setting {
        name,
        ratios: Vec::new(),
        added: Vec::new(),
        said: Vec::new(),
        reports: Vec::new(),
    }));
    // The first run reads from the disk what later ones find in memory.
    run(program, given, work, CONTROL, None)?;
    for round in 0..pairs {
        eprint!("\r{}: round {} of {pairs} ", program.name, round + 1);
        let control = run(program, given, work, CONTROL, None)?.cpu_s;
        rounds.control_s.push(control);
        for setting in &mut rounds.settings {
            let run = run(program, given, work, PROFILE, Some(setting.name))?;
            setting.take(control, run)?;
        }
    }
    eprintln!();
    Ok(rounds)
}

impl Setting {
    fn take(&mut self, control_s: f64, run: Run) -> Result<(), String> {
        let report = run.report.ok_or("no report")?;
        self.ratios.push(run.cpu_s / control_s);
        self.added.push((run.cpu_s - control_s) / run.cpu_s);
        self.said.push(report["overhead"]["share"].as_f64().unwrap_or(f64::NAN));
        self.reports.push(report);
        Ok(())
    }
}

/// A child that prints to nobody and has one processor for all its threads.
pub(crate) fn prepare_child(command: &mut Command) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: pinning makes two system calls and allocates nothing.
    unsafe {
        command.pre_exec(|| {
            benches::pin(1);
            Ok(())
        });
    }
}

fn run(
    program: &Program,
    given: &[PathBuf],
    work: &Path,
    build: &str,
    setting: Option<&str>,
) -> Result<Run, String> {
    let report = work.join(format!("{}.json", program.name));
    let mut command = Command::new(path(program, build, work));
    command.args(program.arguments).args(given);
    prepare_child(&mut command);
    command.env("PROFILE_REPORT", format!("json:{}", report.display()));
    let overhead = SETTINGS.iter().find(|(name, _)| Some(*name) == setting);
    match overhead.and_then(|(_, value)| *value) {
        Some(value) => command.env("PROFILE_OVERHEAD", value),
        None => command.env_remove("PROFILE_OVERHEAD"),
    };
    let _ = std::fs::remove_file(&report);
    let cpu_s = cpu_seconds(&mut command)?;
    let report = std::fs::read(&report).ok().and_then(|text| serde_json::from_slice(&text).ok());
    Ok(Run { cpu_s, report })
}

fn cpu_seconds(command: &mut Command) -> Result<f64, String> {
    let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let mut status = 0;
    // SAFETY: plain numbers, which the call fills in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage);
        usage
    };
    if status != 0 {
        return Err(format!("{command:?} ended with status {status}"));
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    Ok(seconds(usage.ru_utime) + seconds(usage.ru_stime))
}
