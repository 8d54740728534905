//! The command line.

use std::path::{Path, PathBuf};

use crate::roster::{PROGRAMS, Program};

/// Settings by their name in the table, and the value of `PROFILE_OVERHEAD`.
pub(crate) const SETTINGS: [(&str, Option<&str>); 3] =
    [("default", None), ("exact", Some("exact")), ("2%", Some("2%"))];

const HELP: &str = "\
options:
  --program NAME       only this program; may be repeated
  --pairs N            rounds of a control run and a run under each setting (11)
  --setting NAME       only this setting: default, exact, 2%; may be repeated
  --profile-core PATH  the crate to measure (this checkout's)
  --build              build, run under callgrind and perf, and measure nothing
  --run                measure what was built before";

pub(crate) struct Options {
    programs: Vec<String>,
    settings: Vec<String>,
    pub(crate) pairs: usize,
    pub(crate) profile_core: PathBuf,
    pub(crate) builds: bool,
    pub(crate) runs: bool,
    /// The folder of the programs' sources and builds, reused by later runs.
    pub(crate) work: PathBuf,
}

impl Options {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            programs: Vec::new(),
            settings: Vec::new(),
            pairs: 11,
            profile_core: Path::new(env!("CARGO_MANIFEST_DIR")).join("../profile-core"),
            builds: true,
            runs: true,
            work: work_folder()?,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value\n{HELP}"));
            match &*argument {
                "--program" => options.programs.push(value()?),
                "--setting" => options.settings.push(value()?),
                "--pairs" => {
                    options.pairs =
                        value()?.parse().map_err(|error| format!("--pairs: {error}"))?;
                }
                "--profile-core" => options.profile_core = value()?.into(),
                "--build" => options.runs = false,
                "--run" => options.builds = false,
                "--help" => return Err(HELP.to_owned()),
                _ => return Err(format!("unknown option `{argument}`\n{HELP}")),
            }
        }
        options.check_names()?;
        let canonical = options.profile_core.canonicalize();
        options.profile_core = canonical.map_err(|error| format!("--profile-core: {error}"))?;
        Ok(options)
    }

    fn check_names(&self) -> Result<(), String> {
        let is_program = |name: &&String| PROGRAMS.iter().any(|program| program.name == **name);
        let is_setting = |name: &&String| SETTINGS.iter().any(|setting| setting.0 == **name);
        let mut unknown = self.programs.iter().filter(|name| !is_program(name));
        let mut unknown_settings = self.settings.iter().filter(|name| !is_setting(name));
        match unknown.next().or(unknown_settings.next()) {
            Some(name) => Err(format!("there is no `{name}`\n{HELP}")),
            None => Ok(()),
        }
    }

    /// Whether this setting is to be measured.
    pub(crate) fn takes(&self, setting: &str) -> bool {
        self.settings.is_empty() || self.settings.iter().any(|name| name == setting)
    }

    pub(crate) fn programs(&self) -> impl Iterator<Item = &'static Program> {
        PROGRAMS.iter().filter(|program| {
            self.programs.is_empty() || self.programs.iter().any(|name| name == program.name)
        })
    }
}

/// In the target folder that this driver is in.
fn work_folder() -> Result<PathBuf, String> {
    let driver = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = driver.ancestors().nth(2).ok_or("the driver is not in a target folder")?;
    Ok(target.join("programs"))
}
