//! Runs the programs, one at a time, and collects their output.

use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime};

use crate::build::{Programs, STARTUP_OFF, STARTUP_ON};
use crate::results::{BODIES, FIGURES, Results};
use crate::roster::{COUNTED, Entry, OURS, ROSTER};

/// Runs each contender and task several times, in random order, so that fluctuations of the machine
/// affect all contenders alike.
pub(crate) fn all(programs: &Programs, quick: bool) -> Result<Results, String> {
    let tasks = [("speed", 5), ("threads", 3), ("memory", 1)];
    let mut turns: Vec<(&Entry, &str)> = Vec::new();
    for (task, times) in tasks {
        let times = if quick { 1 } else { times };
        turns.extend((0..times).flat_map(|_| ROSTER.iter().map(move |entry| (entry, task))));
    }
    shuffle(&mut turns);
    let mut results = Results::new();
    for (done, (entry, task)) in turns.iter().enumerate() {
        eprint!("\r{} of {}: {:40}", done + 1, turns.len(), entry.name);
        let mut child = Command::new(&programs[entry.features]);
        child.args([entry.name, task]);
        let folder = entry
            .file
            .then(|| std::env::temp_dir().join(format!("benches-{}", std::process::id())));
        if let Some(folder) = &folder {
            child.env("PROFILE_RUN_DIR", folder);
        }
        collect(&mut results, entry.label, child, quick)?;
        if let Some(folder) = &folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
    let mut figures = vec![(OURS, "memory".to_owned()), (COUNTED, "allocations".to_owned())];
    let bodies = BODIES.map(|(kind, length)| (OURS, format!("{kind}_{length}")));
    figures.extend((0..if quick { 1 } else { 5 }).flat_map(|_| bodies.clone()));
    for (features, name) in figures {
        let mut child = Command::new(&programs[features]);
        child.args([&*name, "figures"]);
        collect(&mut results, FIGURES, child, quick)?;
    }
    eprintln!();
    Ok(results)
}

fn collect(
    results: &mut Results,
    label: &'static str,
    mut child: Command,
    quick: bool,
) -> Result<(), String> {
    child.env("PROFILE_REPORT", "none").env("HOTPATH_METRICS_SERVER_OFF", "true");
    if quick {
        child.arg("--quick");
    }
    let output = child.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{label}: {child:?} ended with {}", output.status));
    }
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let reading =
            line.split_once(' ').and_then(|(key, value)| Some((key, value.parse().ok()?)));
        let (key, value) = reading.ok_or_else(|| format!("{label} printed `{line}`"))?;
        results.entry((label, key.to_owned())).or_default().push(value);
    }
    Ok(())
}

/// The run time in milliseconds of a program with 10,000 functions: annotated, and with the feature
/// off.
pub(crate) fn startup(programs: &Programs, quick: bool) -> Result<[Vec<f64>; 2], String> {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..if quick { 5 } else { 51 } {
        for (times, features) in times.iter_mut().zip([STARTUP_ON, STARTUP_OFF]) {
            let mut child = Command::new(&programs[features]);
            child.env("PROFILE_REPORT", "none");
            let started = Instant::now();
            child.status().map_err(|error| error.to_string())?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(times)
}

fn shuffle<T>(items: &mut [T]) {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(1, |since| since.as_nanos());
    let mut random = now as u64 | 1;
    for last in (1..items.len()).rev() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        items.swap(last, (random % (last as u64 + 1)) as usize);
    }
}
