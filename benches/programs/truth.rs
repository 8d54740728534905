//! The share of each function, callees included, according to two tools that do not change the
//! program: valgrind's callgrind counts instructions, `perf` samples processor time.
//!
//! They differ by up to ten points where instructions take different times, or the kernel's work
//! (page faults, reading) is not spread evenly. callgrind is exact and the same everywhere; `perf`
//! measures what a report shows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::build::APART;
use crate::case::Case;

/// Instructions or samples by function, under the names that [`plain_name`] gives.
pub(crate) type Parts = BTreeMap<String, f64>;

pub(crate) const TOOLS: [Tool; 2] = [Tool::Callgrind, Tool::Perf];

#[derive(Clone, Copy)]
pub(crate) enum Tool {
    Callgrind,
    Perf,
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Callgrind => "callgrind",
            Tool::Perf => "perf",
        }
    }

    fn file(self, case: &Case<'_>) -> PathBuf {
        case.work.join(format!("{}.{}", case.program.name, self.name()))
    }

    /// Runs the build whose annotated functions are not inlined, unless it has already run on this
    /// input.
    pub(crate) fn run(self, case: &Case<'_>) -> Result<(), String> {
        let (executable, out) = (case.executable(APART), self.file(case));
        let changed = |path: &Path| std::fs::metadata(path).and_then(|it| it.modified()).ok();
        let input = case.given.iter().filter_map(|path| changed(path));
        if changed(&out) > changed(&executable).max(input.max()) {
            return Ok(());
        }
        eprintln!("running {} under {}", case.program.name, self.name());
        let mut command = self.command(&out);
        command.arg(executable);
        case.connect(&mut command);
        match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{command:?} ended with {status}")),
            Err(error) => Err(format!("{}: {error}", self.name())),
        }
    }

    fn command(self, out: &Path) -> Command {
        let mut command;
        match self {
            Tool::Callgrind => {
                command = Command::new("valgrind");
                command.args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]);
                command.arg(format!("--callgrind-out-file={}", out.display()));
            }
            Tool::Perf => {
                command = Command::new("perf");
                command.args(["record", "-F", "5000", "--call-graph", "dwarf,65528", "-o"]);
                command.arg(out).arg("--");
            }
        }
        command
    }

    pub(crate) fn read(self, case: &Case<'_>) -> Result<Parts, String> {
        let file = self.file(case);
        match self {
            Tool::Callgrind => {
                let text = std::fs::read(&file);
                let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
                Ok(counted(&String::from_utf8_lossy(&text)))
            }
            Tool::Perf => {
                let mut perf = Command::new("perf");
                perf.args(["report", "--stdio", "--children", "--no-inline", "-g", "none"]);
                perf.args(["-F", "overhead_children,symbol", "-i"]).arg(&file);
                let output = perf.stderr(Stdio::null()).output();
                let output = output.map_err(|error| format!("perf: {error}"))?;
                Ok(sampled(&String::from_utf8_lossy(&output.stdout)))
            }
        }
    }
}

/// Parses callgrind's file: the entry of a function has lines that name a callee, each followed by
/// the cost of those calls.
fn counted(text: &str) -> Parts {
    let mut parts = Parts::new();
    let (mut caller, mut callee) = (String::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("fn=") {
            caller = plain_name(name);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            callee = plain_name(name);
        } else if line.starts_with("calls=") {
            let cost = lines.next().and_then(|line| line.split(' ').nth(1)?.parse::<f64>().ok());
            // Recursive calls are part of the outer call.
            if caller != callee {
                *parts.entry(callee.clone()).or_default() += cost.unwrap_or(0.0);
            }
        }
    }
    parts
}

/// Parses lines such as `53.23%  [.] pulldown_cmark::firstpass::FirstPass::run`.
fn sampled(text: &str) -> Parts {
    let mut parts = Parts::new();
    for line in text.lines() {
        let Some((percent, symbol)) = line.split_once('%') else { continue };
        let Some((_, name)) = symbol.split_once("] ") else { continue };
        if let Ok(percent) = percent.trim().parse::<f64>() {
            *parts.entry(plain_name(name.trim())).or_default() += percent;
        }
    }
    parts
}

/// A path without generic arguments, which each tool writes differently: `lexer::Lexer::next` for
/// `lexer::Lexer<T>::next`. For `name'2`, which callgrind writes for recursion, it is `name`.
pub(crate) fn plain_name(name: &str) -> String {
    let mut plain = String::new();
    let mut depth = 0;
    let mut before = ' ';
    for character in without_level(name).chars() {
        let opens = character == '<' && (depth > 0 || before.is_alphanumeric() || before == '_');
        depth += usize::from(opens);
        if depth == 0 {
            plain.push(character);
        }
        // The arrow of a function type is not a closing bracket.
        depth -= usize::from(depth > 0 && character == '>' && before != '-');
        before = character;
    }
    plain
}

fn without_level(name: &str) -> &str {
    let level = |level: &str| level.bytes().all(|byte| byte.is_ascii_digit());
    name.rsplit_once('\'').filter(|(_, after)| level(after)).map_or(name, |(name, _)| name)
}
