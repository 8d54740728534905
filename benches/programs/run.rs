//! Runs a program and its control alternately, and reads their cost and the report's own figures.

#![allow(unsafe_code, reason = "reads figures of the operating system")]

use std::process::Command;

use serde_json::Value;

use crate::build::{CONTROL, PROFILE};
use crate::case::Case;
use crate::options::{Options, SETTINGS};

/// One run.
struct Run {
    /// Of the process and all its threads, in user and kernel mode.
    cpu_s: f64,
    report: Option<Value>,
}

/// Readings of one setting, a run each.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// `PROFILE_OVERHEAD`.
    overhead: Option<&'static str>,
    /// CPU time of a run as a multiple of the control's in the same round.
    pub(crate) ratios: Vec<f64>,
    /// The share of the instrumented run's CPU time that was added, from the difference of the two
    /// runs.
    pub(crate) added: Vec<f64>,
    /// The same share according to the report's header.
    pub(crate) said: Vec<f64>,
    pub(crate) reports: Vec<Value>,
}

/// Rounds of one control run and one run under each setting.
pub(crate) struct Rounds {
    pub(crate) control_s: Vec<f64>,
    pub(crate) settings: Vec<Setting>,
}

pub(crate) fn rounds(case: &Case<'_>, options: &Options) -> Result<Rounds, String> {
    let settings = SETTINGS.iter().filter(|setting| options.takes(setting.0));
    let mut rounds =
        Rounds { control_s: Vec::new(), settings: settings.map(Setting::new).collect() };
    // The first run reads files from disk; later ones find them in memory.
    run(case, CONTROL, None)?;
    for round in 1..=options.pairs {
        eprint!("\r{}: round {round} of {} ", case.program.name, options.pairs);
        let control = run(case, CONTROL, None)?.cpu_s;
        rounds.control_s.push(control);
        for setting in &mut rounds.settings {
            let run = run(case, PROFILE, setting.overhead)?;
            setting.take(control, run)?;
        }
    }
    eprintln!();
    Ok(rounds)
}

impl Setting {
    fn new(&(name, overhead): &(&'static str, Option<&'static str>)) -> Setting {
        let (ratios, added, said) = (Vec::new(), Vec::new(), Vec::new());
        Setting { name, overhead, ratios, added, said, reports: Vec::new() }
    }

    fn take(&mut self, control_s: f64, run: Run) -> Result<(), String> {
        let report = run.report.ok_or("no report")?;
        self.ratios.push(run.cpu_s / control_s);
        self.added.push((run.cpu_s - control_s) / run.cpu_s);
        self.said.push(report["overhead"]["share"].as_f64().unwrap_or(f64::NAN));
        self.reports.push(report);
        Ok(())
    }
}

fn run(case: &Case<'_>, build: &str, overhead: Option<&str>) -> Result<Run, String> {
    let report = case.work.join(format!("{}.json", case.program.name));
    let mut command = Command::new(case.executable(build));
    case.connect(&mut command);
    command.env("PROFILE_REPORT", format!("json:{}", report.display()));
    match overhead {
        Some(overhead) => command.env("PROFILE_OVERHEAD", overhead),
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
