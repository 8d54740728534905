//! README and the pages in `docs`: their links resolve, and their commands name existing programs
//! and features. Their Rust examples are documentation tests of this package, see `src/lib.rs`.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// README first, then the pages of `docs`.
fn pages() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(root().join("docs")).expect("the folder of pages");
    let paths = docs.map(|entry| entry.expect("a readable entry").path());
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let mut pages: Vec<PathBuf> = paths.filter(is_page).collect();
    pages.sort();
    pages.insert(0, root().join("README.md"));
    pages
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_page_is_tested_as_documentation_and_readme_leads_to_it() {
    let (tested, readme) = (read(&root().join("tests/src/lib.rs")), read(&pages()[0]));
    assert!(pages().len() > 10, "{:?}", pages());
    for page in pages().iter().skip(1) {
        let name = page.file_name().expect("a name").to_string_lossy();
        assert!(tested.contains(&format!("\"docs/{name}\"")), "{name} is not in tests/src/lib.rs");
        assert!(readme.contains(&format!("(docs/{name})")), "README does not link {name}");
    }
}

#[test]
fn readme_is_short() {
    assert!(read(&pages()[0]).lines().count() < 150);
}

#[test]
fn links_lead_to_files() {
    for page in pages() {
        let text = read(&page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let file = link.split('#').next().unwrap_or(link);
            let target = page.parent().expect("a folder").join(file);
            assert!(target.exists(), "{}: {link}", page.display());
        }
    }
}

/// The arguments of each `cargo run`, up to the end of the line or code span.
fn commands(text: &str) -> Vec<Vec<String>> {
    let texts = text.split("cargo run ").skip(1);
    let lines = texts.filter_map(|rest| rest.split(['\n', '`']).next());
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

fn value_of<'a>(command: &'a [String], option: &str) -> Option<&'a str> {
    let index = command.iter().position(|word| word == option)?;
    command.get(index + 1).map(String::as_str)
}

#[test]
fn commands_name_programs_and_features_that_exist() {
    let mut checked = 0;
    for page in pages() {
        for command in commands(&read(&page)) {
            let package = value_of(&command, "-p").expect("each names its package");
            let manifest = read(&root().join(package).join("Cargo.toml"));
            if let Some(bin) = value_of(&command, "--bin") {
                let source = root().join(package).join("src/bin").join(bin);
                let exists = manifest.contains(&format!("name = \"{bin}\""))
                    || source.is_dir()
                    || source.with_extension("rs").exists();
                assert!(exists, "{}: no program `{bin}` in {package}", page.display());
            }
            if let Some(feature) = value_of(&command, "--features") {
                let declared = manifest.contains(&format!("\n{feature} = ["));
                assert!(declared, "{}: no feature `{feature}` in {package}", page.display());
            }
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked}");
}
