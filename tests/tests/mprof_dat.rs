//! memory_profiler's `.dat` files: its files are read here as by memory_profiler, and it reads the
//! files written here.

use std::fs;
use std::process::{Command, Output};

use profile_core::{MemoryRecord, MprofData, MprofReading, read_mprof};
use tests::{Folder, Program, Python, printed, reference, vectors};

mod mprof_dat {
    use profile_core::{MprofCall, MprofErrorKind};
    use serde_json::Value;

    use super::*;

    fn cases() -> Vec<Value> {
        let vectors = vectors("mprof_dat.json");
        let cases = vectors["cases"].as_array().expect("cases");
        cases.iter().filter(|case| case["group"] == "read").cloned().collect()
    }

    /// A number, or the name of one that JSON does not have.
    fn number(value: &Value) -> f64 {
        tests::number(value).expect("a number")
    }

    fn list(value: &Value) -> &[Value] {
        value.as_array().expect("a list")
    }

    fn readings(mib: &Value, times: &Value) -> Vec<[u64; 2]> {
        let pair = |(mib, time): (&Value, &Value)| [number(mib), number(time)].map(f64::to_bits);
        assert_eq!(list(mib).len(), list(times).len());
        list(mib).iter().zip(list(times)).map(pair).collect()
    }

    fn bits(reading: &MprofReading) -> [u64; 2] {
        [reading.mib, reading.unix_seconds].map(f64::to_bits)
    }

    fn call(call: &MprofCall) -> (Vec<u64>, Option<i64>) {
        let [[start_mib, start], [end_mib, end]] = [bits(&call.start), bits(&call.end)];
        (vec![start, end, start_mib, end_mib], call.level)
    }

    fn expected_call(entry: &Value) -> (Vec<u64>, Option<i64>) {
        let numbers = list(entry)[..4].iter().map(|value| number(value).to_bits()).collect();
        (numbers, entry.get(4).map(|level| level.as_i64().expect("a level")))
    }

    fn check(id: &str, data: &MprofData, result: &Value) {
        assert_eq!(data.command_line.as_deref(), result["cmd_line"].as_str(), "{id}");
        let read: Vec<_> = data.readings.iter().map(bits).collect();
        assert_eq!(read, readings(&result["mem_usage"], &result["timestamp"]), "{id}");
        let functions = result["func_timestamp"].as_object().expect("functions");
        assert_eq!(data.functions.len(), functions.len(), "{id}");
        for function in &data.functions {
            let expected: Vec<_> =
                list(&functions[&function.name]).iter().map(expected_call).collect();
            assert_eq!(function.calls.iter().map(call).collect::<Vec<_>>(), expected, "{id}");
        }
        let children = result["children"].as_object().expect("children");
        assert_eq!(data.children.len(), children.len(), "{id}");
        for child in &data.children {
            let pair = |pair: &Value| [number(&pair[0]), number(&pair[1])].map(f64::to_bits);
            let expected: Vec<_> = list(&children[&child.process_id]).iter().map(pair).collect();
            assert_eq!(child.readings.iter().map(bits).collect::<Vec<_>>(), expected, "{id}");
        }
    }

    /// Our name for an exception of Python.
    fn is_alike(kind: &MprofErrorKind, error: &Value) -> bool {
        let (exception, message) = (error["type"].as_str(), error["message"].as_str());
        let message = message.expect("a message");
        match kind {
            MprofErrorKind::Empty => message == "Sampling time was too short",
            MprofErrorKind::NoFields => message.contains("expected 2, got 1"),
            MprofErrorKind::MissingField => {
                exception == Some("IndexError") || message.contains("expected 5, got")
            }
            MprofErrorKind::NotANumber(field) => {
                message.starts_with("could not convert string to float") && message.contains(field)
            }
            MprofErrorKind::NotALevel(field) => {
                message.starts_with("invalid literal for int()") && message.contains(field)
            }
            _ => false,
        }
    }

    #[test]
    fn every_recorded_case_is_read_as_python_read_it() {
        let cases = cases();
        assert!(!cases.is_empty());
        for case in &cases {
            let id = case["id"].as_str().expect("an id");
            match (read_mprof(case["text"].as_str().expect("a text")), case.get("error")) {
                (Ok(data), None) => check(id, &data, &case["result"]),
                (Err(error), Some(expected)) => {
                    assert!(is_alike(&error.kind, expected), "{id}: {error}, {expected}");
                }
                (read, expected) => panic!("{id}: {read:?}, {expected:?}"),
            }
        }
    }

    #[test]
    fn every_sample_is_read_to_its_last_line() {
        let mut samples = 0;
        for entry in fs::read_dir(reference().join("samples")).expect("the samples") {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|extension| extension != "dat") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("readable");
            let data =
                read_mprof(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let lines = |kind: &str| text.lines().filter(|line| line.starts_with(kind)).count();
            let calls: usize = data.functions.iter().map(|function| function.calls.len()).sum();
            let children: usize = data.children.iter().map(|child| child.readings.len()).sum();
            let read = [data.readings.len(), calls, children];
            assert_eq!(read, ["MEM ", "FUNC ", "CHLD "].map(lines), "{}", path.display());
            assert!(data.command_line.is_some(), "{}", path.display());
            samples += 1;
        }
        assert!(samples > 0);
    }
}

/// A program's windows as JSON, and as the two files written from them.
struct Written {
    folder: Folder,
    memory: Vec<MemoryRecord>,
}

impl Written {
    fn new() -> Written {
        let folder = Folder::new();
        let [dat, svg, json] =
            ["x.dat", "x.svg", "x.json"].map(|name| folder.join(name).display().to_string());
        let program = Program::new(env!("CARGO_BIN_EXE_windows"), "");
        let reports = format!("mprof:{dat},svg:{svg},json:{json}");
        let run = program.env("PROFILE_REPORT", reports).run().successful();
        assert_eq!(run.diagnostics(), [""; 0]);
        let report = fs::read(&json).expect("the report");
        let report: profile_core::Snapshot = serde_json::from_slice(&report).expect("JSON");
        Written { folder, memory: report.memory }
    }

    fn data(&self) -> MprofData {
        let text = fs::read_to_string(self.folder.join("x.dat")).expect("the file");
        read_mprof(&text).expect("what we write")
    }

    fn window(&self, path: &str) -> &MemoryRecord {
        self.memory.iter().find(|record| record.path == path).expect("a window")
    }

    /// In MiB, with the digits that `mprof peak` prints.
    fn peak(&self) -> String {
        let own = self.window("windows::outer").process_id;
        let peaks = self.memory.iter().filter(|it| it.process_id == own).map(|it| it.peak_bytes);
        format!("{:.3} MiB", peaks.max().expect("a peak") as f64 / f64::from(1 << 20))
    }
}

#[test]
fn the_windows_of_a_program_are_in_its_mprof_dat_file() {
    let written = Written::new();
    let data = written.data();
    let highest = data.readings.iter().map(|reading| reading.mib).fold(0.0, f64::max);
    assert_eq!(format!("{highest:.3} MiB"), written.peak());
    assert!(data.readings.is_sorted_by(|a, b| a.unix_seconds < b.unix_seconds));
    assert_eq!(data.functions.len(), 4);
    let level = |function: &str| {
        let mut functions = data.functions.iter();
        functions.find(|it| it.name.contains(function)).and_then(|it| it.calls[0].level)
    };
    assert_eq!(
        ["outer", "<A_as_B<C>>::run", "beside", "child"].map(level),
        [Some(0), Some(1), Some(1), Some(1)]
    );
    let child = written.window("windows::child").process_id.to_string();
    assert_eq!(data.children.len(), 1);
    assert_eq!(data.children[0].process_id, child);
}

#[test]
fn the_windows_of_a_program_are_in_its_picture() {
    let written = Written::new();
    let svg = fs::read_to_string(written.folder.join("x.svg")).expect("the picture");
    for name in ["windows::outer", "&lt;A as B&lt;C&gt;&gt;::run", "windows::beside"] {
        assert!(svg.contains(name), "{name}: {svg}");
    }
    assert!(!svg.contains("<A as") && !svg.contains('\u{1b}'), "{svg}");
}

/// The output of the real tool.
fn mprof(python: &Python, arguments: &[&str], folder: &Folder) -> Output {
    let mut command = Command::new(&python.program);
    command.args(["-m", "mprof"]).args(arguments).current_dir(folder.path());
    let output = command.env("MPLCONFIGDIR", folder.path()).output().expect("start Python");
    assert!(output.status.success() && !printed(&output).contains("Traceback"), "{output:?}");
    output
}

#[test]
fn mprof_itself_draws_our_mprof_dat_file_and_prints_our_peak() {
    let packages = ["memory-profiler==0.61.0", "matplotlib"];
    let python = match Python::with(&packages, "memory_profiler, matplotlib") {
        Ok(python) => python,
        Err(why) => return println!("skipped: memory_profiler: {why}"),
    };
    let written = Written::new();
    let peak = printed(&mprof(&python, &["peak", "x.dat"], &written.folder));
    let mut lines = peak.lines().filter(|line| line.contains(" MiB"));
    assert_eq!(lines.next(), Some(&*format!("x.dat\t{}", written.peak())), "{peak}");
    let child = written.window("windows::child");
    let child_peak = child.peak_bytes as f64 / f64::from(1 << 20);
    let line = format!("  Child {}\t\t\t{child_peak:.3} MiB", child.process_id);
    assert_eq!(lines.next(), Some(&*line), "{peak}");
    let inside =
        printed(&mprof(&python, &["peak", "--func", "windows::outer", "x.dat"], &written.folder));
    assert!(inside.contains(&written.peak()), "{inside}");
    for how in [&[][..], &["--flame"], &["--slope"], &["--no-function-ts"]] {
        let picture = written.folder.join("x.png");
        let plot = [&["plot", "--backend", "Agg", "-o", "x.png"], how, &["x.dat"]].concat();
        mprof(&python, &plot, &written.folder);
        let bytes = fs::read(&picture).expect("a picture");
        assert!(bytes.starts_with(b"\x89PNG"), "{how:?}");
        fs::remove_file(&picture).expect("it can be removed");
    }
}
