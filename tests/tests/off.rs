//! With the feature off nothing remains: an annotated function has the machine code of a plain one,
//! and the program contains no symbol of the crate.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::OnceLock;

use tests::{Program, Workspace, core_dependency};

/// Functions of every kind; `ATTRIBUTE` is replaced by the attribute, `SPAN` by a span.
const FUNCTIONS: &str = r#"
use std::future::Future;
use std::task::{Context, Poll, Waker};

ATTRIBUTE
#[inline(never)]
pub fn fibonacci(n: u32) -> u64 {
    if n < 2 { u64::from(n) } else { fibonacci(n - 1) + fibonacci(n - 2) }
}

ATTRIBUTE
#[inline(never)]
pub fn words(text: &str) -> Result<Vec<usize>, std::num::ParseIntError> {
    let mut lengths = Vec::new();
    for word in text.split(' ') {
        SPAN
        if word.is_empty() {
            return Ok(lengths);
        }
        lengths.push(word.parse::<usize>()?);
    }
    Ok(lengths)
}

ATTRIBUTE
#[inline(never)]
pub async fn later(text: String) -> usize {
    std::future::ready(()).await;
    text.len()
}

ATTRIBUTE
#[inline(never)]
pub fn generic<T: std::fmt::Display, const N: usize>(values: [T; N]) -> String {
    values.iter().map(ToString::to_string).collect()
}

pub struct Counter {
    pub count: u64,
}

ATTRIBUTE
impl Counter {
    #[inline(never)]
    pub fn add(&mut self, number: u64) -> &mut Self {
        self.count += number;
        self
    }

    #[inline(never)]
    pub fn double(&mut self) {
        let count = self.count;
        self.add(count).add(0);
    }
}

#[inline(never)]
pub fn finish(text: &str) -> usize {
    let mut future = Box::pin(later(text.to_owned()));
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(length) => length,
        Poll::Pending => 0,
    }
}
"#;

const MAIN: &str = r#"//! Calls every function and prints what they return.
mod functions;

#[global_allocator]
static ALLOCATOR: ALLOCATOR = ALLOCATOR_VALUE;

fn main() {
    use functions::*;
    let mut counter = Counter { count: fibonacci(10) };
    counter.double();
    println!("{} {:?} {} {}", counter.count, words("1 2 3 "), finish("later"), generic([1, 2, 3]));
}
"#;

const SURFACE: &str = include_str!("../src/bin/surface.rs");

const PROFILE: &str = "[profile.release]
codegen-units = 1
debug = false
incremental = false
";

/// A test that can only fail with the feature on.
const LIMITED: &str = "//! Limits.
#[profile_core::memory_usage(max_bytes = \"1 MiB\")]
pub fn load() -> Vec<u8> {
    vec![1; 5_000_000]
}

#[cfg(test)]
mod tests {
    #[test]
    #[profile_core::memory_usage(max_allocations = 0)]
    fn loads_without_allocating() {
        assert_eq!(super::load().len(), 5_000_000);
    }

    #[test]
    #[profile_core::memory_usage(interval = \"5ms\")]
    fn has_no_limit() {}
}
";

fn built() -> &'static Workspace {
    static BUILT: OnceLock<Workspace> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = env!("CARGO_TARGET_TMPDIR");
        let members = ["plain", "annotated", "surface", "limited"];
        let workspace = Workspace::new(folder, "off", &members, PROFILE);
        let add = |package, attribute, span, allocator, value| {
            let functions = FUNCTIONS.replace("ATTRIBUTE", attribute).replace("SPAN", span);
            let main = MAIN.replace("ALLOCATOR_VALUE", value);
            let main = main.replace(": ALLOCATOR", &format!(": {allocator}"));
            // Both depend on it, so that only the attributes differ.
            let dependency = core_dependency(", default-features = false");
            let files = [("src/functions.rs", &*functions), ("src/main.rs", &main)];
            workspace.add(package, &dependency, &files);
        };
        let system = "std::alloc::System";
        add("plain", "", "", system, system);
        let allocator = "profile_core::ProfilingAllocator";
        let value = "profile_core::ProfilingAllocator::system()";
        let span = "let _span = profile_core::span!(\"word\");";
        add("annotated", "#[profile_core::profile]", span, allocator, value);
        let dependency = core_dependency(", default-features = false");
        workspace.add("surface", &dependency, &[("src/main.rs", SURFACE)]);
        workspace.add("limited", &dependency, &[("src/lib.rs", LIMITED)]);
        workspace.build();
        workspace
    })
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("start it");
    assert!(output.status.success(), "{program}: {}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// The machine code of each function of the program's own, by its name.
fn code(package: &str) -> BTreeMap<String, Vec<String>> {
    let path = built().program(package);
    let listing =
        output_of("objdump", &["-d", "-C", "--no-show-raw-insn", "--no-addresses", &path]);
    let mut functions = BTreeMap::new();
    for block in listing.split("\n\n") {
        let mut lines = block.lines().filter(|line| !line.is_empty());
        let name = lines.next().unwrap_or_default();
        if !name.contains(&format!("{package}::functions::")) {
            continue;
        }
        let normalised = |line: &str| without_names(line, package);
        functions.insert(normalised(name), lines.map(normalised).collect());
    }
    functions
}

/// A line of machine code without what depends on the name and location of the crate: the name,
/// hashes, distances.
fn without_names(line: &str, package: &str) -> String {
    let line = line.replace(package, "crate");
    let words = line.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric());
    let is_hash = |word: &str| {
        let digits =
            word.trim_start_matches('h').trim_end_matches(|it: char| !it.is_ascii_hexdigit());
        digits.len() >= 16 && digits.bytes().all(|it| it.is_ascii_hexdigit())
    };
    let words = words.map(|word| if is_hash(word) { "HASH" } else { word });
    let text: String = words.collect();
    // `0x1234(%rip)`: the distance to data, which differs between programs.
    match text.find("(%rip)") {
        Some(end) => {
            let start = text[..end].rfind([' ', ',', '*']).map_or(0, |it| it + 1);
            let after = text[end..].split('#').next().unwrap_or_default();
            format!("{}DISTANCE{}", &text[..start], after.trim_end())
        }
        None => text,
    }
}

/// No parser of Rust, and no other dependency.
#[test]
fn what_is_built_with_the_feature_off_is_the_two_crates_alone() {
    assert_eq!(built().crates_of("limited"), ["limited", "profile-core", "profile-macros"]);
}

#[test]
fn an_annotated_function_has_the_machine_code_of_a_plain_one() {
    let (plain, annotated) = (code("plain"), code("annotated"));
    assert!(plain.len() >= 7, "{:?}", plain.keys());
    let names = |code: &BTreeMap<String, Vec<String>>| code.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&annotated), names(&plain));
    for (name, code) in plain {
        assert_eq!(annotated[&name], code, "{name}");
    }
}

#[test]
fn no_symbol_and_no_text_of_the_crate_is_left_in_the_program() {
    let symbols = output_of("nm", &["-C", &built().program("annotated")]);
    let ours: Vec<_> = symbols.lines().filter(|line| line.contains("profile")).collect();
    assert_eq!(ours, [""; 0]);
    let program = std::fs::read(built().program("annotated")).expect("the program");
    for text in [&b"PROFILE_REPORT"[..], b"PROFSEG1"] {
        assert!(!program.windows(text.len()).any(|window| window == text));
    }
}

#[test]
fn the_two_programs_have_the_same_sections_for_code_and_data() {
    let sizes = |package| {
        let table = output_of("size", &["-A", &built().program(package)]);
        let size = |line: &str| {
            let mut words = line.split_whitespace();
            let name = words.next()?;
            let counts =
                [".text", ".data", ".bss", ".tdata", ".tbss", ".init_array"].contains(&name);
            counts.then(|| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        };
        table.lines().filter_map(size).collect::<Vec<_>>()
    };
    assert_eq!(sizes("annotated"), sizes("plain"));
}

#[test]
fn it_runs_and_prints_nothing() {
    let plain = Program::new(&built().program("plain"), "").run().successful();
    let program = Program::new(&built().program("annotated"), "").reporting_as_usual();
    let run = program.recording_into_files().run().successful();
    assert_eq!(run.output, plain.output);
    assert_eq!(run.stderr(), "");
    assert_eq!(run.folder.segment_files(), [""; 0].map(std::path::PathBuf::from));
}

/// The same source, unchanged.
#[test]
fn a_program_that_uses_the_whole_api_builds_and_works_either_way() {
    let on = Program::new(env!("CARGO_BIN_EXE_surface"), "").run().successful();
    let off = Program::new(&built().program("surface"), "").run().successful();
    let lines = |run: &tests::Run| run.stdout().lines().map(str::to_owned).collect::<Vec<_>>();
    let same = ["sum 8", "usage 2", "command true"];
    let recorded = ["measured 2 true", "asserted true", "recorded true"];
    assert_eq!(lines(&on), [same, recorded].concat());
    let nothing = ["measured 2 false", "asserted false", "recorded false"];
    assert_eq!(lines(&off), [same, nothing].concat());
    // A test whose limit is not checked must not pass silently.
    let reason = "allocations are not counted: the feature `profile` of profile-core is off";
    assert!(off.stderr().contains(reason), "{}", off.stderr());
}

/// The test passes, as it would without the attribute.
#[test]
fn the_compiler_warns_of_each_unchecked_limit_in_crates_built_for_tests() {
    let of_the_library = built().cargo(&["build", "-p", "limited"]);
    assert_eq!(of_the_library, "");
    let of_the_tests = built().cargo(&["test", "-p", "limited", "--lib"]);
    let warnings: Vec<&str> =
        of_the_tests.lines().filter(|line| line.starts_with("warning: use of dep")).collect();
    let reason = "the feature `profile` of profile-core is off";
    assert!(warnings.iter().all(|line| line.contains(reason)), "{of_the_tests}");
    assert_eq!(warnings.len(), 2, "{of_the_tests}");
    for limit in ["max_bytes = \"1 MiB\"", "max_allocations = 0"] {
        assert!(of_the_tests.contains(limit), "{of_the_tests}");
    }
}
