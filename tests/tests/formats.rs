//! Export formats: those of other crates work like those of profile-core, and every list of formats
//! is that of the registry.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use profile_core::Snapshot;
use profile_core::report::{format, formats};
use tests::{Program, assert_blessed, sources};

fn program(mode: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_own_format"), mode)
}

/// The output of the program's own format.
const CALLS: &str = "own_format::work 3\n";

#[test]
fn a_format_of_another_crate_is_reached_by_the_variable() {
    let program = program("");
    let file = program.folder().join("calls.txt");
    let report = format!("calls,calls:{}", file.display());
    let run = program.env("PROFILE_REPORT", report).run().successful();
    assert_eq!(run.stderr(), CALLS);
    assert_eq!(fs::read_to_string(file).expect("a report"), CALLS);
}

#[test]
fn a_format_of_another_crate_is_reached_by_settings_in_code() {
    let run = program("code").reporting_as_usual().run().successful();
    assert_eq!(run.stderr(), CALLS);
}

#[test]
fn a_name_that_is_taken_stays_with_the_built_in_format() {
    let run = program("").env("PROFILE_REPORT", "csv").run().successful();
    assert!(run.stderr().starts_with("path,"), "{}", run.stderr());
}

#[test]
fn an_unknown_format_is_reported_with_all_names_those_of_other_crates_too() {
    let run = program("").env("PROFILE_REPORT", "cals").run().successful();
    let list = "FORMAT one of table, tree, json, csv, folded, ";
    assert!(run.stderr().contains(list), "{}", run.stderr());
    assert!(run.stderr().contains(", github, calls, none; ignored"), "{}", run.stderr());
}

/// The root of the workspace.
fn root() -> &'static Path {
    sources().parent().expect("the workspace")
}

#[test]
fn the_documented_formats_are_those_that_there_are() {
    let mut page = "# Export formats\n\n\
        Generated from the formats that profile-core registers; `PROFILE_BLESS=1 cargo test -p tests --test formats`\n\
        writes it. A crate adds its own with `profile_core::register_format!`.\n\n\
        | name | what it is | file extension | media type |\n|---|---|---|---|\n"
        .to_owned();
    for format in formats() {
        let (name, what) = (format.name(), format.description());
        let (extension, media_type) = (format.extension(), format.media_type());
        page += &format!("| `{name}` | {what} | `.{extension}` | `{media_type}` |\n");
    }
    assert_blessed(&root().join("docs/formats.md"), &page);
}

#[test]
fn the_page_of_settings_lists_the_formats_that_there_are() {
    let file = root().join("docs/settings.md");
    let text = fs::read_to_string(&file).expect("the page");
    let before = "| `PROFILE_REPORT` | `FORMAT` or `FORMAT:FILE`, comma-separated: ";
    let (start, rest) = text.split_once(before).expect("a row for PROFILE_REPORT");
    let (_, end) = rest.split_once(", `none` |").expect("`none` comes last");
    let names: Vec<_> = formats().iter().map(|it| format!("`{}`", it.name())).collect();
    assert_blessed(&file, &format!("{start}{before}{}, `none` |{end}", names.join(", ")));
}

/// A browser runs no other script than the one whose hash the page's policy names.
#[test]
fn the_pages_policy_allows_its_one_script() {
    const CHECK: &str = "
import base64, hashlib, re, sys
page = sys.stdin.read()
allowed, = re.findall('sha256-([^\\']+)', page)
script, = re.findall('<script>(.*?)</script>', page, re.S)
assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() == allowed
";
    let mut page = Vec::new();
    let html = format("html").expect("a built-in format");
    Snapshot::default().write(html, &mut page).expect("a vector takes everything");
    let mut python = Command::new("python3");
    let mut child = python.args(["-c", CHECK]).stdin(Stdio::piped()).spawn().expect("python3");
    child.stdin.take().expect("its input").write_all(&page).expect("it reads");
    assert!(child.wait().expect("it ends").success());
}
