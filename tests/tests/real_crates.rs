//! `#[profile(lines)]` on every function of real crates: they compile, and their own tests pass as
//! before.
//!
//! The crates are dependencies of this workspace, so cargo has their sources on every machine. Each
//! is copied twice; in the second copy every non-`const` function with a body has the attribute. It
//! is inserted into the text, so nothing else changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// Crates of three editions, whose tests have no other dependencies.
const CRATES: [&str; 3] = ["roxmltree", "svgtypes", "xmlwriter"];

const ATTRIBUTE: &str = "#[::profile_core::profile(lines)] ";

/// The starts of functions, after their attributes: lines and columns from 0.
#[derive(Default)]
struct Functions(Vec<(usize, usize)>);

impl Functions {
    fn take(&mut self, visibility: Option<&syn::Visibility>, signature: &syn::Signature) {
        if signature.constness.is_some() {
            return;
        }
        let first = match visibility {
            Some(visibility @ (syn::Visibility::Public(_) | syn::Visibility::Restricted(_))) => {
                visibility.span()
            }
            _ => signature.span(),
        };
        let start = first.start();
        self.0.push((start.line - 1, start.column));
    }
}

impl<'a> Visit<'a> for Functions {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        self.take(Some(&function.vis), &function.sig);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        self.take(Some(&function.vis), &function.sig);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'a syn::TraitItemFn) {
        if function.default.is_some() {
            self.take(None, &function.sig);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// The source with the attribute on its functions, and how many these are.
fn marked(source: &str) -> (String, usize) {
    let Ok(file) = syn::parse_file(source) else { return (source.to_owned(), 0) };
    let mut functions = Functions::default();
    functions.visit_file(&file);
    let mut lines: Vec<String> = source.split('\n').map(str::to_owned).collect();
    let mut places = functions.0;
    places.sort_unstable();
    // From the end, so that what comes before stays where it is.
    for (line, column) in places.iter().rev() {
        let at = lines[*line].char_indices().nth(*column).map_or(lines[*line].len(), |it| it.0);
        lines[*line].insert_str(at, ATTRIBUTE);
    }
    (lines.join("\n"), places.len())
}

/// The sources of the dependencies of this workspace, for this platform only: those of other
/// platforms are in the lock file, but not downloaded on a fresh machine.
fn sources() -> BTreeMap<String, PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--offline"]);
    command.args(["--filter-platform", "host-tuple"]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("start cargo");
    assert!(output.status.success(), "{}", printed(&output));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("what cargo knows");
    let packages = metadata["packages"].as_array().expect("packages");
    let folder = |package: &Value| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        Some((package["name"].as_str()?.to_owned(), manifest.parent()?.to_owned()))
    };
    packages.iter().filter_map(folder).collect()
}

/// A crate in its own folder.
struct Copy {
    folder: PathBuf,
    functions: usize,
}

impl Copy {
    fn new(kind: &str, name: &str, source: &Path) -> Copy {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("real_crates").join(kind).join(name);
        let _ = fs::remove_dir_all(&folder);
        let mut copy = Copy { folder, functions: 0 };
        copy.fill(source, &copy.folder.clone(), kind == "lined");
        copy.write_manifest(source);
        copy
    }

    fn fill(&mut self, from: &Path, to: &Path, lined: bool) {
        fs::create_dir_all(to).expect("create a folder");
        for entry in fs::read_dir(from).expect("read a folder") {
            let (from, to) =
                entry.map(|it| (it.path(), to.join(it.file_name()))).expect("an entry");
            let is_rust = from.extension().is_some_and(|extension| extension == "rs");
            if from.is_dir() {
                let is_source = lined && from.file_name().is_some_and(|name| name == "src");
                self.fill(&from, &to, is_source || (lined && self.is_below_src(&from)));
            } else if lined && is_rust && self.is_below_src(&from) {
                let (text, functions) = marked(&fs::read_to_string(&from).expect("a source"));
                self.functions += functions;
                fs::write(&to, text).expect("write a source");
            } else {
                fs::copy(&from, &to).expect("copy a file");
            }
        }
    }

    fn is_below_src(&self, path: &Path) -> bool {
        path.ancestors().any(|folder| folder.file_name().is_some_and(|name| name == "src"))
            && !path.ends_with("build.rs")
    }

    /// Without dependencies of benchmarks and optional tests, and with this crate added.
    fn write_manifest(&self, source: &Path) {
        let text = fs::read_to_string(source.join("Cargo.toml")).expect("a manifest");
        let sections = text.split("\n[").enumerate();
        let is_needed = |section: &str| {
            !section.contains("dev-dependencies") && !section.starts_with("[bench]")
        };
        let mut kept = String::new();
        for (number, section) in sections.filter(|(_, section)| is_needed(section)) {
            kept.push_str(if number == 0 { "" } else { "\n[" });
            kept.push_str(section);
        }
        let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profile-core");
        kept += &format!("\n[dependencies.profile-core]\npath = {core:?}\n\n[workspace]\n");
        fs::write(self.folder.join("Cargo.toml"), kept).expect("write the manifest");
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
        // The locally available versions, so that no network is needed.
        fs::copy(lock, self.folder.join("Cargo.lock")).expect("copy the lock file");
    }

    /// The result of each of its tests, by its name.
    fn test(&self) -> Result<BTreeMap<String, String>, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["test", "--offline", "--lib", "--tests", "--no-fail-fast"]);
        command.current_dir(&self.folder).env("PROFILE_REPORT", "none");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real_crates/target");
        command.env("CARGO_TARGET_DIR", target).env_remove("RUSTFLAGS");
        let output = command.output().expect("start cargo");
        let text = printed(&output);
        if !text.contains("test result: ") || text.contains("could not compile") {
            return Err(text);
        }
        let result = |line: &str| {
            let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
            Some((name.to_owned(), result.to_owned()))
        };
        Ok(text.lines().filter_map(result).collect())
    }
}

fn printed(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}

#[test]
fn every_function_of_real_crates_compiles_with_lines_and_their_tests_still_pass() {
    let sources = sources();
    let mut tests = 0;
    println!("crate       functions  tests");
    for name in CRATES {
        let source = sources.get(name).unwrap_or_else(|| panic!("cargo has no {name} here"));
        let [plain, lined] = ["plain", "lined"].map(|kind| Copy::new(kind, name, source));
        let before = plain.test().unwrap_or_else(|text| panic!("{name} does not compile:\n{text}"));
        let after = lined.test().unwrap_or_else(|text| panic!("{name} with lines:\n{text}"));
        println!("{name:10}  {:9}  {:5}", lined.functions, before.len());
        tests += before.len();
        assert!(lined.functions > 10, "{name}: too little to tell");
        assert_eq!(after, before, "{name}");
    }
    assert!(tests > 500, "{tests}");
}
