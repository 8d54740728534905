//! The settings: a plain value, set in code with [`Settings`] and by `PROFILE_*` variables, which
//! override code. The environment is read here, once, and nowhere else.

#![allow(
    unsafe_code,
    reason = "the settings in force, behind a pointer that a forked child can read"
)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering::*};
use std::time::Duration;

use crate::clock::Clock;
pub use crate::options::{Budget, SettingError, Sort, Thresholds, Top};
use crate::sys;

impl Sort {
    const ALL: [(&str, Sort); 8] = [
        ("total", Sort::Total),
        ("self", Sort::Exclusive),
        ("calls", Sort::Calls),
        ("mean", Sort::Mean),
        ("max", Sort::Max),
        ("allocations", Sort::Allocations),
        ("bytes", Sort::Bytes),
        ("name", Sort::Name),
    ];
}

/// What requests a report of the running process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Signals {
    /// Whether signals do.
    pub(crate) handled: bool,
    /// The interval of a timer.
    pub(crate) every: Option<Duration>,
}

/// Settings made in code. Environment variables override them.
///
/// ```
/// # #[cfg(feature = "profile")] {
/// use profile_core::{Settings, Sort};
///
/// Settings::new()
///     .report("table,json:/dev/null")?
///     .sort(Sort::Exclusive)
///     .percentiles(&[50.0, 99.9])?
///     .apply();
/// # }
/// # Ok::<(), profile_core::SettingError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "settings do nothing until `apply` is called"]
pub struct Settings {
    /// As `PROFILE_REPORT` has them. Text, since formats are above this room; only what was
    /// understood is put here.
    pub(crate) reports: Option<String>,
    pub(crate) sort: Sort,
    /// `None`: [`Settings::SCREEN`] on standard error, all rows in a file.
    pub(crate) top: Option<Top>,
    pub(crate) signals: Signals,
    pub(crate) percentiles: Vec<f64>,
    /// Share cut from each end for the trimmed mean.
    pub(crate) trim: f64,
    pub(crate) budget: Budget,
    pub(crate) clock: Option<Clock>,
    pub(crate) run_dir: RunDir,
    /// Interval between readings of the whole run's memory.
    pub(crate) resident_interval: Option<Duration>,
    pub(crate) block_sizes: bool,
    /// Interval between samples of the threads' processor time.
    pub(crate) cpu_interval: Option<Duration>,
    pub(crate) thresholds: Thresholds,
    /// Exit code of a run in which a warning was an error.
    pub(crate) exit_code: Option<u8>,
}

/// Where a process records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunDir {
    /// Into a file in memory, removed once the report is written.
    Default,
    /// Into a file that stays.
    Folder(PathBuf),
    /// Into memory of its own.
    Memory,
}

impl RunDir {
    /// A path is used as it is, whatever its encoding.
    fn named(name: OsString) -> RunDir {
        if name == "none" { RunDir::Memory } else { RunDir::Folder(name.into()) }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            reports: None,
            sort: Sort::Total,
            top: None,
            signals: Signals::default(),
            percentiles: vec![50.0, 95.0, 99.0],
            trim: 0.1,
            budget: Budget::Auto,
            clock: None,
            run_dir: RunDir::Default,
            resident_interval: None,
            block_sizes: false,
            cpu_interval: None,
            thresholds: Thresholds::default(),
            exit_code: None,
        }
    }
}

impl Settings {
    /// Rows that can be looked over at a time.
    pub(crate) const SCREEN: Top = Top::Rows(40);

    /// The defaults: a table on standard error, sorted by total time, with p50, p95 and p99, and
    /// [`Budget::Auto`].
    pub fn new() -> Settings {
        Settings::default()
    }

    /// Sets the order of the table.
    pub fn sort(mut self, sort: Sort) -> Settings {
        self.sort = sort;
        self
    }

    /// Sets which rows the table and the tree have. The default is 40 on standard error, and all in
    /// a file.
    pub fn top(mut self, top: Top) -> Settings {
        self.top = Some(top);
        self
    }

    /// Writes the report also when SIGINT, SIGTERM, SIGHUP or SIGQUIT ends the process, whose status
    /// stays the same; and, while it runs, when SIGUSR1 arrives. SIGUSR2 switches the recording of
    /// all functions off, and on again.
    ///
    /// Installs a handler for each of these signals that has its default action, so a later
    /// `sigaction` returns that handler. Off by default, since a program can observe this:
    /// `ctrlc::try_set_handler` fails if there is a handler. Once installed, handlers stay.
    pub fn report_on_signals(mut self, enabled: bool) -> Settings {
        self.signals.handled = enabled;
        self
    }

    /// Writes the report of the running process again and again, at this interval, which is at
    /// least 100 ms. A timer sends a real-time signal that the program does not use; like any
    /// signal, it ends `sleep` and `poll` early with `EINTR`, which the standard library handles.
    pub fn report_every(mut self, interval: Duration) -> Settings {
        self.signals.every = Some(interval.max(SHORTEST_REPORT_INTERVAL));
        self
    }

    /// Sets the percentiles, each above 0 and at most 100.
    ///
    /// # Errors
    /// A percentile is outside that range.
    pub fn percentiles(mut self, percentiles: &[f64]) -> Result<Settings, SettingError> {
        let bad = percentiles.iter().find(|p| !is_percentile(**p));
        if let Some(bad) = bad {
            return Err(SettingError::new(&bad.to_string(), PERCENTILES));
        }
        self.percentiles = percentiles.to_vec();
        Ok(self)
    }

    /// Samples the resident memory of the whole run at this interval, at least 100 µs. The report
    /// shows it as a curve of at most 512 readings.
    pub fn resident_interval(mut self, interval: Duration) -> Settings {
        self.resident_interval = Some(interval.max(SHORTEST_INTERVAL));
        self
    }

    /// Counts the blocks that each function allocates, by size, and those freed immediately; see
    /// [`BlockSizes`](crate::BlockSizes). Allocations take about a quarter longer.
    pub fn block_sizes(mut self, wanted: bool) -> Settings {
        self.block_sizes = wanted;
        self
    }

    /// Samples the processor time of each thread at this interval, at least 100 µs, and attributes
    /// it to the thread's innermost function; see [`OnCpu`](crate::OnCpu). This starts a thread,
    /// which runs until the process ends.
    pub fn cpu_interval(mut self, interval: Duration) -> Settings {
        self.cpu_interval = Some(interval.max(SHORTEST_INTERVAL));
        self
    }

    /// Sets the thresholds above which the report gives advice.
    pub fn advice(mut self, thresholds: Thresholds) -> Settings {
        self.thresholds = thresholds;
        self
    }

    /// Ends the run with this exit code, after the reports are written, if a filter has turned a
    /// warning into an error. Such warnings no longer panic.
    ///
    /// ```
    /// # use std::num::NonZero;
    /// const LIMIT_EXCEEDED: NonZero<u8> = NonZero::new(3).unwrap();
    /// profile_core::Settings::new().exit_code(LIMIT_EXCEEDED).apply();
    /// ```
    pub fn exit_code(mut self, code: std::num::NonZero<u8>) -> Settings {
        self.exit_code = Some(code.get());
        self
    }

    /// Sets the overhead budget: `auto`, a share of a thread's time such as `2%`, `1/64` (one call
    /// in 64 is timed), or `exact`. Counting untimed calls comes on top; see [`Budget`].
    ///
    /// # Errors
    /// Any other text.
    pub fn overhead(mut self, budget: &str) -> Result<Settings, SettingError> {
        self.budget = parse_budget(budget)?;
        Ok(self)
    }
}

/// The settings in force. A pointer and no lock: the report of a forked child needs them, and a
/// lock may have been held, at the moment of the fork, by a thread that the child does not have.
static CURRENT: AtomicPtr<Settings> = AtomicPtr::new(std::ptr::null_mut());

/// Makes the settings current, except where environment variables override them, and returns the
/// resulting budget.
pub(crate) fn choose(mut chosen: Settings) -> Budget {
    environment().clone().apply_to(&mut chosen);
    let budget = chosen.budget;
    if *current() != chosen {
        // Others may be reading the ones before, so those are never freed. People choose a few
        // times in a run.
        CURRENT.store(Box::into_raw(Box::new(chosen)), Release);
    }
    budget
}

/// The current settings.
pub(crate) fn current() -> &'static Settings {
    // SAFETY: null, or from a box that is never freed and never written to again.
    unsafe { CURRENT.load(Acquire).as_ref() }.unwrap_or_else(|| {
        static FIRST: OnceLock<Settings> = OnceLock::new();
        FIRST.get_or_init(|| {
            let mut settings = Settings::default();
            environment().clone().apply_to(&mut settings);
            settings
        })
    })
}

/// The environment variables. Read once.
fn environment() -> &'static Environment {
    static READ: OnceLock<Environment> = OnceLock::new();
    READ.get_or_init(|| {
        // A program that runs with more rights than its caller must not trust the caller's
        // variables.
        if sys::is_secure_execution() {
            return Environment::default();
        }
        Environment::read(|name| std::env::var_os(name))
    })
}

/// One sentence for each invalid variable.
pub(crate) fn diagnostics() -> &'static [String] {
    &environment().diagnostics
}

/// Reports that the environment requests.
pub(crate) fn reports_asked_for() -> Option<&'static str> {
    environment().reports.as_deref()
}

/// Whether this process was started to print the report of the process that started it.
pub(crate) fn prints_segment() -> bool {
    environment().prints_segment
}

/// The environment of a process that prints the report of this one: this one's, with the current
/// settings that concern a report.
pub(crate) fn variables_to_print_segment() -> Vec<(OsString, OsString)> {
    let is_other =
        |(name, _): &(OsString, OsString)| REPORT_VARIABLES.iter().all(|variable| name != variable);
    let of_settings = current().as_variables().into_iter();
    let own = of_settings.map(|(name, value)| (name.into(), value.into()));
    let purpose = (PRINT_SEGMENT.into(), "1".into());
    std::env::vars_os().filter(is_other).chain(own).chain([purpose]).collect()
}

const PRINT_SEGMENT: &str = "PROFILE_PRINT_SEGMENT";
const REPORT_VARIABLES: [&str; 4] =
    ["PROFILE_REPORT", "PROFILE_SORT", "PROFILE_TOP", "PROFILE_PERCENTILES"];

impl Settings {
    /// What concerns a report, as variables. A `PROFILE_REPORT` in the environment overrides code.
    fn as_variables(&self) -> Vec<(&'static str, String)> {
        let [report, sort, top, percentiles] = REPORT_VARIABLES;
        let name_of = |sort: Sort| Sort::ALL.iter().find(|(_, it)| *it == sort);
        let percentile_list: Vec<String> = self.percentiles.iter().map(f64::to_string).collect();
        let reports = environment().reports.clone().or_else(|| self.reports.clone());
        let top_text = self.top.map(|top| match top {
            Top::All => "all".to_owned(),
            Top::Rows(rows) => rows.to_string(),
            Top::Share(share) => format!("{}%", share * 100.0),
        });
        [
            (report, reports),
            (sort, name_of(self.sort).map(|(name, _)| (*name).to_owned())),
            (top, top_text),
            (percentiles, Some(percentile_list.join(","))),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

/// The user's folder in memory, if the environment names one.
pub(crate) fn runtime_folder() -> Option<&'static Path> {
    environment().runtime_folder.as_deref()
}

/// Patterns of the functions that are recorded; empty: all.
pub(crate) fn only() -> &'static [String] {
    &environment().only
}

/// Filters of warnings that the environment requests.
pub(crate) fn warning_filters() -> Option<&'static str> {
    environment().warnings.as_deref()
}

/// The limits file named by the environment; an empty name disables limits files.
pub(crate) fn limits_file() -> Option<&'static str> {
    environment().limits.as_deref()
}

/// Whether the run is on GitHub Actions, whose log shows annotations.
pub(crate) fn is_on_github() -> bool {
    environment().is_on_github
}

/// Whether the environment allows color on a terminal (no-color.org; `TERM=dumb` has none).
pub(crate) fn color_allowed() -> bool {
    environment().color_allowed
}

/// Whether ledgers are written instead of compared.
pub(crate) fn is_blessing() -> bool {
    environment().bless
}

/// The values found in the environment.
#[derive(Clone, Debug, Default)]
struct Environment {
    /// Reports, as they are.
    reports: Option<String>,
    sort: Option<Sort>,
    top: Option<Top>,
    /// Patterns of the functions that are recorded.
    only: Vec<String>,
    signals: Option<Signals>,
    prints_segment: bool,
    percentiles: Option<Vec<f64>>,
    trim: Option<f64>,
    budget: Option<Budget>,
    clock: Option<Clock>,
    run_dir: Option<RunDir>,
    /// The user's folder in memory.
    runtime_folder: Option<PathBuf>,
    resident_interval: Option<Duration>,
    block_sizes: Option<bool>,
    cpu_interval: Option<Duration>,
    thresholds: Option<Thresholds>,
    /// Filters of warnings, as they are.
    warnings: Option<String>,
    limits: Option<String>,
    exit_code: Option<u8>,
    is_on_github: bool,
    color_allowed: bool,
    bless: bool,
    diagnostics: Vec<String>,
}

impl Environment {
    fn read(variable: impl Fn(&str) -> Option<OsString>) -> Environment {
        let lookup = |name: &str| variable(name).map(|it| it.to_string_lossy().into_owned());
        let path = |name: &str| variable(name).filter(|it| !it.is_empty());
        let mut diagnostics = Vec::new();
        let mut reader = Reader { lookup: &lookup, diagnostics: &mut diagnostics };
        let mut read = Environment {
            reports: reader.variable("PROFILE_REPORT", |text| Ok(text.to_owned())),
            sort: reader.variable("PROFILE_SORT", |text| choice(text, &Sort::ALL, SORTS)),
            top: reader.variable("PROFILE_TOP", parse_top),
            only: reader.variable("PROFILE_ONLY", parse_patterns).unwrap_or_default(),
            signals: reader.variable("PROFILE_SIGNALS", parse_signals),
            prints_segment: lookup(PRINT_SEGMENT).is_some(),
            percentiles: reader.variable("PROFILE_PERCENTILES", parse_percentiles),
            trim: reader.variable("PROFILE_TRIM", parse_trim),
            budget: reader.variable("PROFILE_OVERHEAD", parse_budget),
            clock: reader.variable("PROFILE_CLOCK", |text| choice(text, &CLOCKS, CLOCK_NAMES)),
            run_dir: path("PROFILE_RUN_DIR").map(RunDir::named),
            runtime_folder: path("XDG_RUNTIME_DIR").map(PathBuf::from),
            resident_interval: reader.variable("PROFILE_RSS_INTERVAL", parse_interval),
            block_sizes: reader.variable("PROFILE_SIZES", parse_switch),
            cpu_interval: reader.variable("PROFILE_CPU", parse_interval),
            thresholds: reader.variable("PROFILE_ADVICE", parse_thresholds),
            warnings: lookup("PROFILE_WARNINGS"),
            limits: lookup("PROFILE_LIMITS"),
            exit_code: reader.variable("PROFILE_EXIT_CODE", parse_exit_code),
            is_on_github: lookup("GITHUB_ACTIONS").is_some_and(|value| value == "true"),
            color_allowed: lookup("NO_COLOR").is_none_or(|value| value.is_empty())
                && lookup("TERM").is_none_or(|terminal| terminal != "dumb"),
            bless: reader.variable("PROFILE_BLESS", parse_switch).unwrap_or(false),
            diagnostics: Vec::new(),
        };
        read.diagnostics = diagnostics;
        read
    }

    fn apply_to(self, settings: &mut Settings) {
        set_if_some(&mut settings.sort, self.sort);
        set_if_some(&mut settings.signals, self.signals);
        set_if_some(&mut settings.top, self.top.map(Some));
        set_if_some(&mut settings.percentiles, self.percentiles);
        set_if_some(&mut settings.trim, self.trim);
        set_if_some(&mut settings.budget, self.budget);
        set_if_some(&mut settings.clock, self.clock.map(Some));
        set_if_some(&mut settings.run_dir, self.run_dir);
        set_if_some(&mut settings.resident_interval, self.resident_interval.map(Some));
        set_if_some(&mut settings.block_sizes, self.block_sizes);
        set_if_some(&mut settings.cpu_interval, self.cpu_interval.map(Some));
        set_if_some(&mut settings.thresholds, self.thresholds);
        set_if_some(&mut settings.exit_code, self.exit_code.map(Some));
    }
}

fn set_if_some<T>(setting: &mut T, variable: Option<T>) {
    if let Some(value) = variable {
        *setting = value;
    }
}

struct Reader<'a, L> {
    lookup: &'a L,
    diagnostics: &'a mut Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Reader<'_, L> {
    /// A variable's value. An empty value counts as unset; an invalid one becomes a diagnostic.
    fn variable<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, SettingError>,
    ) -> Option<T> {
        let text = (self.lookup)(name)?;
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        parse(text).map_err(|error| self.reject(name, &error)).ok()
    }

    fn reject(&mut self, name: &str, error: &SettingError) {
        self.diagnostics.push(format!("{name}: {error}; ignored"));
    }
}

const SORTS: &str = "total, self, calls, mean, max, allocations, bytes or name";
const TOPS: &str = "all, a number of rows such as 20, or a share such as 0.5%";
const PERCENTILES: &str = "numbers above 0 and at most 100, comma-separated";
const BUDGETS: &str =
    "a percentage above 0 and at most 100 such as 2%, 1/64 (up to 1/1024), exact or auto";
const CLOCK_NAMES: &str = "tsc, fenced or monotonic";
const SWITCHES: &str = "1 or 0";
const EXIT_CODES: &str = "a number from 1 to 255";
const SHORTEST_INTERVAL: Duration = Duration::from_micros(100);
const INTERVALS: &str = "a duration of at least 100us such as 100ms or 2s";
const SHORTEST_REPORT_INTERVAL: Duration = Duration::from_millis(100);
const SIGNALS: &str = "0, or 1 and every:DURATION, comma-separated, with a DURATION of at least \
    100ms such as 10s";
const TRIMS: &str = "a share of at least 0 and below 0.5, such as 0.1";
const CLOCKS: [(&str, Clock); 3] =
    [("tsc", Clock::Tsc), ("fenced", Clock::Fenced), ("monotonic", Clock::Monotonic)];

fn choice<T: Copy>(
    text: &str,
    choices: &[(&str, T)],
    allowed: &'static str,
) -> Result<T, SettingError> {
    let found = choices.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| SettingError::new(text, allowed))
}

fn parse_top(text: &str) -> Result<Top, SettingError> {
    let top = match text.strip_suffix('%') {
        _ if text == "all" => Some(Top::All),
        Some(percent) => {
            let percent = percent.trim().parse().ok();
            percent.filter(|it| (0.0..=100.0).contains(it)).map(|it: f64| Top::Share(it / 100.0))
        }
        None => text.parse().ok().filter(|rows| *rows > 0).map(Top::Rows),
    };
    top.ok_or_else(|| SettingError::new(text, TOPS))
}

/// Any text is a pattern.
fn parse_patterns(text: &str) -> Result<Vec<String>, SettingError> {
    let patterns = text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
    Ok(patterns.map(str::to_owned).collect())
}

fn parse_percentiles(text: &str) -> Result<Vec<f64>, SettingError> {
    let number =
        |part: &str| part.trim().trim_start_matches('p').parse().ok().filter(|p| is_percentile(*p));
    let numbers: Option<Vec<f64>> = text.split(',').map(number).collect();
    numbers.ok_or_else(|| SettingError::new(text, PERCENTILES))
}

fn is_percentile(number: f64) -> bool {
    number > 0.0 && number <= 100.0
}

fn parse_trim(text: &str) -> Result<f64, SettingError> {
    let share = text.parse().ok().filter(|share| (0.0..0.5).contains(share));
    share.ok_or_else(|| SettingError::new(text, TRIMS))
}

fn parse_switch(text: &str) -> Result<bool, SettingError> {
    match text {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(SettingError::new(text, SWITCHES)),
    }
}

fn parse_signals(text: &str) -> Result<Signals, SettingError> {
    let wrong = || SettingError::new(text, SIGNALS);
    let mut signals = Signals::default();
    if text == "0" {
        return Ok(signals);
    }
    for part in text.split(',').map(str::trim) {
        match part.strip_prefix("every:") {
            Some(interval) => signals.every = Some(parse_interval(interval).map_err(|_| wrong())?),
            None if part == "1" => signals.handled = true,
            None => return Err(wrong()),
        }
    }
    let is_long_enough = signals.every.is_none_or(|it| it >= SHORTEST_REPORT_INTERVAL);
    if is_long_enough { Ok(signals) } else { Err(wrong()) }
}

fn parse_exit_code(text: &str) -> Result<u8, SettingError> {
    let code = text.parse().ok().filter(|code| *code > 0);
    code.ok_or_else(|| SettingError::new(text, EXIT_CODES))
}

/// Computed in whole nanoseconds: as a fraction of a second, 100 µs is rounded to slightly less.
fn parse_interval(text: &str) -> Result<Duration, SettingError> {
    const UNITS: [(&str, f64); 3] = [("us", 1e3), ("ms", 1e6), ("s", 1e9)];
    let scaled = |(unit, factor): &(&str, f64)| {
        let number: f64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        Some((number * factor).round())
    };
    let allowed = SHORTEST_INTERVAL.as_nanos() as f64..=u64::MAX as f64;
    let nanoseconds = UNITS.iter().find_map(scaled).filter(|ns| allowed.contains(ns));
    let interval = nanoseconds.map(|ns| Duration::from_nanos(ns as u64));
    interval.ok_or_else(|| SettingError::new(text, INTERVALS))
}

const ADVICE: &str = "none, default, or NAME=NUMBER, comma-separated, with NAME one of heavy_tail, \
    bimodal, cold_first_call, regrowth, retained_growth, mostly_waiting, recording_dominates";

/// Parses `none`, `default` or a list; thresholds that the list does not name have their defaults.
fn parse_thresholds(text: &str) -> Result<Thresholds, SettingError> {
    let mut thresholds = Thresholds::default();
    match text {
        "none" => return Ok(Thresholds::never()),
        "default" => return Ok(thresholds),
        _ => {}
    }
    for part in text.split(',') {
        let wrong = || SettingError::new(part.trim(), ADVICE);
        let (name, number) = part.split_once('=').ok_or_else(wrong)?;
        let threshold = match name.trim() {
            "heavy_tail" => &mut thresholds.heavy_tail,
            "bimodal" => &mut thresholds.bimodal,
            "cold_first_call" => &mut thresholds.cold_first_call,
            "regrowth" => &mut thresholds.regrowth,
            "retained_growth" => &mut thresholds.retained_growth,
            "mostly_waiting" => &mut thresholds.mostly_waiting,
            "recording_dominates" => &mut thresholds.recording_dominates,
            _ => return Err(wrong()),
        };
        *threshold =
            number.trim().parse().ok().filter(|number| *number >= 0.0).ok_or_else(wrong)?;
    }
    Ok(thresholds)
}

fn parse_budget(text: &str) -> Result<Budget, SettingError> {
    let share = |percent: &str| {
        let percent: f64 = percent.trim().parse().ok()?;
        (percent > 0.0 && percent <= 100.0).then_some(Budget::Share(percent / 100.0))
    };
    let one_in = |calls: &str| {
        let calls: u32 = calls.trim().parse().ok()?;
        (1..=1024).contains(&calls).then_some(Budget::OneIn(calls))
    };
    let budget = match text {
        "exact" => Some(Budget::Exact),
        "auto" => Some(Budget::Auto),
        _ => text.strip_suffix('%').map_or_else(|| text.strip_prefix("1/").and_then(one_in), share),
    };
    budget.ok_or_else(|| SettingError::new(text, BUDGETS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, value: &'static str) -> Environment {
        Environment::read(|requested| (requested == name).then(|| value.into()))
    }

    #[test]
    fn an_invalid_value_is_reported_with_the_allowed_ones_and_ignored() {
        for (name, value) in [
            ("PROFILE_SORT", "Total"),
            ("PROFILE_TOP", "0"),
            ("PROFILE_TOP", "ten"),
            ("PROFILE_TOP", "101%"),
            ("PROFILE_PERCENTILES", "50,101"),
            ("PROFILE_PERCENTILES", "NaN"),
            ("PROFILE_OVERHEAD", "0%"),
            ("PROFILE_OVERHEAD", "2"),
            ("PROFILE_OVERHEAD", "1/0"),
            ("PROFILE_OVERHEAD", "inf%"),
            ("PROFILE_CLOCK", "sundial"),
            ("PROFILE_TRIM", "0.5"),
            ("PROFILE_SIZES", "yes"),
            ("PROFILE_SIGNALS", "yes"),
            ("PROFILE_SIGNALS", "1,0"),
            ("PROFILE_SIGNALS", "every:99ms"),
            ("PROFILE_SIGNALS", "1,every:10"),
            ("PROFILE_EXIT_CODE", "0"),
            ("PROFILE_EXIT_CODE", "256"),
            ("PROFILE_RSS_INTERVAL", "10"),
            ("PROFILE_RSS_INTERVAL", "1us"),
            ("PROFILE_RSS_INTERVAL", "infs"),
        ] {
            let read = read(name, value);
            let [diagnostic] = &read.diagnostics[..] else { panic!("{name}={value}: {read:?}") };
            assert!(diagnostic.starts_with(&format!("{name}: invalid value `{value}`; expected ")));
            let mut settings = Settings::default();
            read.apply_to(&mut settings);
            assert_eq!(settings, Settings::default());
        }
    }

    #[test]
    fn an_interval_may_be_as_short_as_documented_and_arbitrarily_long() {
        let ns =
            |value| read("PROFILE_RSS_INTERVAL", value).resident_interval.map(|it| it.as_nanos());
        for shortest in ["100us", "0.1ms", "0.0001s", "0.1 ms"] {
            assert_eq!(ns(shortest), Some(100_000), "{shortest}");
        }
        assert_eq!(ns("99.9us"), None);
        assert_eq!(ns("2.5s"), Some(2_500_000_000));
        assert_eq!(ns("1000000000s"), Some(1_000_000_000_000_000_000));
        assert_eq!(ns("1e300s"), None);
        let settings =
            Settings::new().resident_interval(Duration::ZERO).cpu_interval(Duration::ZERO);
        let shortest = Some(Duration::from_micros(100));
        assert_eq!((settings.resident_interval, settings.cpu_interval), (shortest, shortest));
    }

    #[test]
    fn signals_and_a_timer_are_enabled_together_or_alone() {
        let all = |value| read("PROFILE_SIGNALS", value).signals;
        let every = Some(Duration::from_secs(10));
        assert_eq!(all("0"), Some(Signals::default()));
        assert_eq!(all("1"), Some(Signals { handled: true, every: None }));
        assert_eq!(all("every:10s"), Some(Signals { handled: false, every }));
        assert_eq!(all("1, every:10s"), Some(Signals { handled: true, every }));
        let in_code = Settings::new().report_every(Duration::ZERO).signals.every;
        assert_eq!(in_code, Some(SHORTEST_REPORT_INTERVAL));
    }

    #[test]
    fn a_variable_overrides_code() {
        let mut settings = Settings::new().overhead("1/8").expect("a valid value");
        read("PROFILE_OVERHEAD", "2.5%").apply_to(&mut settings);
        assert_eq!(settings.budget, Budget::Share(0.025));
    }

    #[test]
    fn control_characters_in_a_value_are_escaped() {
        let read = read("PROFILE_SORT", "\u{1b}[2J");
        assert!(read.diagnostics[0].contains("`\\u{1b}[2J`"), "{:?}", read.diagnostics);
    }
}
