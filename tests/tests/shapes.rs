//! The attribute on every shape of function, against the same source without it.
//!
//! The files of `../shapes` become two crates an edition, `plain` and `annotated`, that differ in
//! nothing but the attribute; one `cargo clippy` finds the lints of all, one `cargo test` runs the
//! annotated ones. A lint that only one of the two has is a failure: either the attribute causes
//! it, or it hides it. Nothing here may depend on measurements.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

const EDITIONS: [&str; 3] = ["2018", "2021", "2024"];
/// The source unchanged, with `#[profile]`, and with `#[profile(lines)]` instead.
const TWINS: [&str; 3] = ["plain", "annotated", "lined"];
const SHARED: [&str; 3] = ["common", "asynchronous", "containers"];

/// Lints that request something that an annotated function cannot be, or already is.
const MAY_VANISH: [&str; 2] = ["clippy::missing_const_for_fn", "clippy::unused_async"];

/// Enables all lints. Groups come first, since allowed lints override them.
const LINTS: &str = "#![warn(clippy::all, clippy::pedantic, clippy::nursery)]
#![warn(unused, nonstandard_style, future_incompatible, let_underscore, rust_2018_idioms)]
#![warn(missing_docs, unreachable_pub, unused_qualifications, unused_results, unused_lifetimes)]
#![warn(missing_debug_implementations, missing_copy_implementations, single_use_lifetimes)]
#![warn(trivial_casts, trivial_numeric_casts, unused_import_braces, variant_size_differences)]
#![warn(explicit_outlives_requirements, unit_bindings, meta_variable_misuse, unnameable_types)]
#![warn(redundant_lifetimes, impl_trait_redundant_captures, ffi_unwind_calls, unsafe_code)]
#![warn(elided_lifetimes_in_paths, macro_use_extern_crate, let_underscore_drop)]
#![warn(clippy::absolute_paths, clippy::missing_docs_in_private_items, clippy::shadow_unrelated)]
";

#[test]
fn the_attribute_changes_no_lint_and_no_result() {
    let workspace = Workspace::write();
    let found = workspace.lints();
    let mut diagnostics = String::new();
    println!("edition  shapes  functions  lints plain  annotated  new  hidden  may vanish");
    for edition in EDITIONS {
        let plain = lints_of(&found, &format!("plain{edition}"));
        let annotated = lints_of(&found, &format!("annotated{edition}"));
        new_by_lines(&found, edition, &plain, &mut diagnostics);
        let new: Vec<&Lint> = annotated.difference(&plain).collect();
        let (vanished, hidden): (Vec<&Lint>, Vec<&Lint>) =
            plain.difference(&annotated).partition(|it| MAY_VANISH.contains(&it.code.as_str()));
        println!(
            "{edition}     {:6}  {:9}  {:11}  {:9}  {:3}  {:6}  {:10}",
            count(edition, "pub mod "),
            count(edition, "#[profile"),
            plain.len(),
            annotated.len(),
            new.len(),
            hidden.len(),
            vanished.len()
        );
        assert!(plain.len() > 100, "the plain twin of {edition} was not looked at");
        report(&mut diagnostics, edition, "new", &new);
        report(&mut diagnostics, edition, "hidden", &hidden);
    }
    for strict in lints_of(&found, "strict") {
        let _ = writeln!(diagnostics, "strict: {strict:?}");
    }
    assert!(diagnostics.is_empty(), "\n{diagnostics}");
    workspace.run();
}

/// Marks are statements, and loops are lowered: lints about either may disappear, as may those at
/// the end of a block. No lint may be added.
fn new_by_lines(found: &[Lint], edition: &str, plain: &BTreeSet<Lint>, diagnostics: &mut String) {
    /// Found where a match arm has got braces.
    const MAY_APPEAR: [&str; 1] = ["clippy::needless_for_each"];
    let lined = lints_of(found, &format!("lined{edition}"));
    // The longer attribute moves what follows it on its line.
    let anywhere = |lint: &Lint| Lint { column: 0, ..lint.clone() };
    let (plain, lined): (BTreeSet<Lint>, BTreeSet<Lint>) =
        (plain.iter().map(anywhere).collect(), lined.iter().map(anywhere).collect());
    let new: Vec<&Lint> =
        lined.difference(&plain).filter(|it| !MAY_APPEAR.contains(&it.code.as_str())).collect();
    println!(
        "{edition}     with lines: {} new, {} vanish",
        new.len(),
        plain.difference(&lined).count()
    );
    report(diagnostics, edition, "new with lines", &new);
}

fn report(diagnostics: &mut String, edition: &str, what: &str, lints: &[&Lint]) {
    for Lint { code, file, line, .. } in lints {
        let _ = writeln!(diagnostics, "{edition}: {what} {code} at {file}:{line}");
    }
}

/// How often a text occurs in the shapes of an edition.
fn count(edition: &str, text: &str) -> usize {
    let own = format!("edition_{edition}");
    let names = SHARED.into_iter().chain([own.as_str(), "harness", "tokio_main"]);
    names.map(|name| source(name).matches(text).count()).sum()
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lint {
    package: String,
    code: String,
    file: String,
    line: u64,
    column: u64,
}

fn lints_of(found: &[Lint], package: &str) -> BTreeSet<Lint> {
    let of_package = found.iter().filter(|it| it.package == package).cloned();
    of_package.map(|it| Lint { package: String::new(), ..it }).collect()
}

struct Workspace {
    root: PathBuf,
}

impl Workspace {
    fn write() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shapes");
        let workspace = Self { root };
        let mut members = vec!["strict".to_owned()];
        for edition in EDITIONS {
            workspace.write_twin("plain", edition, "#[cfg_attr(any(), inline)]");
            workspace.write_twin("annotated", edition, "#[::profile_core::profile");
            workspace.write_twin("lined", edition, "#[::profile_core::profile");
            members.extend(TWINS.map(|twin| format!("{twin}{edition}")));
        }
        workspace.write_strict();
        let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n");
        workspace.file("Cargo.toml", &manifest);
        let locked = fs::read_to_string(here().join("../Cargo.lock"));
        if let Ok(lock) = locked {
            // The lock file of this workspace, so that cargo needs no network.
            workspace.file("Cargo.lock", &lock);
        }
        workspace
    }

    /// A crate with the shapes of an edition, with `attribute` instead of `#[profile]`.
    fn write_twin(&self, kind: &str, edition: &str, attribute: &str) {
        let package = format!("{kind}{edition}");
        let own = format!("edition_{edition}");
        let shapes: Vec<&str> = SHARED.into_iter().chain([own.as_str()]).collect();
        self.file(&format!("{package}/Cargo.toml"), &manifest(&package, edition, "profile-core"));
        let modules: String =
            shapes.iter().chain(&["lints"]).map(|it| format!("pub mod {it};\n")).collect();
        let library = format!("//! Shapes.\n{LINTS}\n{modules}\n{}", source("support"));
        self.file(&format!("{package}/src/lib.rs"), &library);
        for name in shapes.iter().chain(&["lints"]) {
            let text = with_lines(kind, &attributed(name, attribute));
            self.file(&format!("{package}/src/{name}.rs"), &text);
        }
        let main = attributed_text(&main(&package, &shapes), attribute);
        self.file(&format!("{package}/src/bin/all.rs"), &with_lines(kind, &main));
        for (name, path) in [("tokio_main", "src/bin"), ("harness", "tests")] {
            let text = format!("//! Shapes.\n{LINTS}{}", attributed(name, attribute));
            let text = with_lines(kind, &text);
            self.file(&format!("{package}/{path}/{name}.rs"), &text);
        }
    }

    /// A crate that denies everything and knows the core under another name.
    fn write_strict(&self) {
        self.file("strict/Cargo.toml", &manifest("strict", "2024", "p2"));
        self.file("strict/src/lib.rs", &attributed("strict", "#[::p2::profile"));
    }

    /// Does not rewrite an unchanged file, since cargo would rebuild it.
    fn file(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        if fs::read_to_string(&path).is_ok_and(|it| it == text) {
            return;
        }
        fs::create_dir_all(path.parent().expect("a folder")).expect("create a folder");
        fs::write(path, text).expect("write a file");
    }

    fn lints(&self) -> Vec<Lint> {
        let arguments = ["clippy", "--workspace", "--all-targets", "--message-format=json"];
        let output = self.cargo(&arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        let messages: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let errors: String = messages.iter().filter_map(error).collect();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "a shape does not compile\n{errors}\n{stderr}");
        messages.iter().filter_map(lint).collect()
    }

    /// Calls every shape and checks what it returns, and runs the annotated tests.
    fn run(&self) {
        let annotated: Vec<String> = EDITIONS
            .iter()
            .flat_map(|edition| ["annotated", "lined"].map(|twin| format!("{twin}{edition}")))
            .collect();
        let mut arguments = vec!["test", "--quiet"];
        arguments.extend(annotated.iter().flat_map(|it| ["--package", it]));
        succeeded(&self.cargo(&arguments));
        for package in &annotated {
            for name in ["all", "tokio_main"] {
                let program = self.root.join(format!("target/debug/{name}_{package}"));
                let report = self.root.join(format!("{name}_{package}.json"));
                let report_to = format!("json:{}", report.display());
                let mut command = Command::new(program);
                succeeded(&command.env("PROFILE_REPORT", report_to).output().expect("run it"));
                let text = fs::read_to_string(report).expect("the report of a run");
                assert_eq!(never_called(&text), Vec::<String>::new(), "{name} of {package}");
            }
        }
    }

    fn cargo(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments).arg("--offline").current_dir(&self.root);
        command.env("CARGO_TARGET_DIR", self.root.join("target"));
        for inherited in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
            command.env_remove(inherited);
        }
        command.output().expect("start cargo")
    }
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source(name: &str) -> String {
    let path = here().join("shapes").join(name).with_extension("rs");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn attributed(name: &str, attribute: &str) -> String {
    attributed_text(&source(name), attribute)
}

/// Enables lines on every annotated function, in the copy with lines.
fn with_lines(kind: &str, text: &str) -> String {
    if kind != "lined" {
        return text.to_owned();
    }
    let asked = |line: &str| {
        let Some(at) = line.find("profile]").or_else(|| line.find("profile)]")) else {
            let options = line.find("profile(").filter(|_| line.trim_start().starts_with("#["));
            return match options.map(|at| line.split_at(at + "profile(".len())) {
                Some((before, after)) if !after.starts_with("skip") => {
                    format!("{before}lines, {after}\n")
                }
                _ => format!("{line}\n"),
            };
        };
        let (before, after) = line.split_at(at + "profile".len());
        format!("{before}(lines){after}\n")
    };
    text.lines().map(asked).collect()
}

/// Replaces `#[profile]` by `attribute`, also inside `cfg_attr`, with the same options. The plain
/// copy gets an attribute that does nothing, so that no line moves. `#[BARE]` is `#[profile]`
/// without a path, which needs an import; the plain copy has no such import.
fn attributed_text(text: &str, attribute: &str) -> String {
    let path = attribute.trim_start_matches("#[").trim_end_matches(']');
    let is_plain = attribute.ends_with(']');
    let line = |line: &str| {
        if !is_plain && line.contains("#[BARE") {
            return format!("{}\n", line.replace("#[BARE", "#[profile"));
        }
        if is_plain && line.trim() == "use profile_core::profile;" {
            return "\n".to_owned();
        }
        let line = &line.replace("#[BARE", "#[profile");
        if let Some(at) = line.find("#[profile") {
            let rest = &line[at + "#[profile".len()..];
            let after =
                if is_plain { &rest[rest.find(']').map_or(0, |it| it + 1)..] } else { rest };
            return format!("{}{attribute}{after}\n", &line[..at]);
        }
        match line.find(", profile").filter(|_| line.contains("#[cfg_attr(")) {
            Some(at) if is_plain => format!("{}, {path})]\n", &line[..at]),
            Some(at) => format!("{}, {path}{}\n", &line[..at], &line[at + ", profile".len()..]),
            None => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

fn manifest(package: &str, edition: &str, core: &str) -> String {
    let root = here().parent().expect("the workspace").join("profile-core");
    format!(
        "[package]
name = \"{package}\"
version = \"0.0.0\"
edition = \"{edition}\"
publish = false
[lib]
name = \"shapes_{package}\"
test = false
doctest = false
{}
[dependencies]
{core} = {{ package = \"profile-core\", path = {root:?} }}
async-trait = \"0.1\"
tracing = {{ version = \"0.1\", default-features = false, features = [\"attributes\"] }}
tokio = {{ version = \"1\", features = [\"rt\", \"macros\"] }}
",
        if package == "strict" { String::new() } else { binaries(package) }
    )
}

/// Their names contain the package's, since all are in one folder.
fn binaries(package: &str) -> String {
    let section = |name| {
        format!(
            "[[bin]]\nname = \"{name}_{package}\"\npath = \"src/bin/{name}.rs\"\ntest = false\n"
        )
    };
    [section("all"), section("tokio_main")].concat()
}

/// A program that calls each shape's `check`; its `main` is a shape too.
fn main(package: &str, shapes: &[&str]) -> String {
    let mut text = format!("//! Calls every shape.\n{LINTS}\n#[profile]\nfn main() {{\n");
    for file in shapes {
        for name in source(file).lines().filter_map(|it| it.strip_prefix("pub mod ")) {
            let name = name.trim_end_matches(" {");
            let _ = writeln!(text, "    shapes_{package}::{file}::{name}::check();");
        }
    }
    text.push_str("}\n");
    text
}

fn error(message: &Value) -> Option<String> {
    let message = message.get("message")?;
    let is_error = message.get("level")?.as_str()? == "error";
    is_error.then(|| message["rendered"].as_str().unwrap_or_default().to_owned())
}

fn lint(message: &Value) -> Option<Lint> {
    let package = message.get("target")?.get("src_path")?.as_str()?;
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shapes");
    let package = Path::new(package).strip_prefix(root).ok()?.components().next()?;
    let message = message.get("message")?;
    let span = message["spans"].as_array()?.iter().find(|it| it["is_primary"] == true)?;
    Some(Lint {
        package: package.as_os_str().to_string_lossy().into_owned(),
        code: message["code"]["code"].as_str()?.to_owned(),
        file: relative(span["file_name"].as_str()?),
        line: span["line_start"].as_u64()?,
        column: span["column_start"].as_u64()?,
    })
}

/// A path without the folder of the copy that it is in.
fn relative(file: &str) -> String {
    file.split_once('/').map_or(file, |(_, rest)| rest).to_owned()
}

/// Shows the end of an error; the beginning is lints that have already been checked.
fn succeeded(output: &Output) {
    let end = |text: &[u8]| {
        let lines: Vec<String> = String::from_utf8_lossy(text).lines().map(str::to_owned).collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    };
    let Output { status, stdout, stderr } = output;
    assert!(status.success(), "{status}\n{}\n{}", end(stdout), end(stderr));
}

/// The paths in a report's `never_called`, except those whose name says so.
fn never_called(report: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let rows = report["never_called"].as_array().cloned().unwrap_or_default();
    let paths = rows.iter().filter_map(|it| it["path"].as_str().map(str::to_owned));
    paths.filter(|path| !path.contains("never_") && !path.contains("::lints::")).collect()
}
