//! The folder of a program: a copy of its source with annotated functions.

use std::path::Path;

use crate::annotate::annotated;
use crate::case::Case;
use crate::roster::Program;
use crate::sources::{Sources, write};

/// Copies and annotates the source. Unchanged files are not rewritten.
pub(crate) fn prepare(
    case: &Case<'_>,
    sources: &Sources,
    profile_core: &Path,
) -> Result<(), String> {
    let program = case.program;
    let source = &sources.of(program.package, program.version);
    let folder = case.work.join(program.name);
    copy(program, source, source, &folder)?;
    let manifest = read(&source.join("Cargo.toml"))?;
    write(&folder.join("Cargo.toml"), &extended(program, &manifest, profile_core))?;
    if let Some(driver) = program.driver {
        write(&folder.join("src/driver.rs"), driver)?;
    }
    Ok(())
}

/// Files that are not text belong to tests and documents.
fn copy(program: &Program, source: &Path, from: &Path, to: &Path) -> Result<(), String> {
    for entry in std::fs::read_dir(from).map_err(|error| format!("{}: {error}", from.display()))? {
        let entry = entry.map_err(|error| error.to_string())?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let name = from.strip_prefix(source).unwrap_or(&from).to_string_lossy().into_owned();
        if from.is_dir() {
            copy(program, source, &from, &to)?;
        } else if name != "Cargo.toml"
            && name != "Cargo.lock"
            && let Ok(text) = std::fs::read_to_string(&from)
        {
            write(&to, &changed(program, source, &name, text)?)?;
        }
    }
    Ok(())
}

/// The text of a file in the copy.
fn changed(program: &Program, source: &Path, name: &str, text: String) -> Result<String, String> {
    let mut text = match program.annotated.iter().find(|(file, _)| *file == name) {
        Some((_, functions)) => annotated(&text, functions)
            .map_err(|error| format!("{}: {name}: {error}", program.name))?,
        None => text,
    };
    let is_root = matches!(name, "src/main.rs" | "src/lib.rs");
    if is_root && !read(&source.join("Cargo.toml"))?.contains("\nedition = ") {
        // In edition 2015, `::profile_core` is a path from the crate root.
        text.push_str("\nextern crate profile_core;\n");
    }
    Ok(text)
}

fn extended(program: &Program, manifest: &str, profile_core: &Path) -> String {
    // A unique name: packages with the same name would overwrite each other in the target folder.
    let name = |name: &str| format!("name = \"{name}\"");
    let manifest = &manifest.replacen(&name(program.package), &name(program.name), 1);
    // An existing table is extended, since it must not occur twice.
    let features = if manifest.contains("\n[features]\n") {
        manifest.replacen("\n[features]\n", &format!("\n[features]\n{FEATURES}"), 1)
    } else {
        format!("{manifest}\n[features]\n{FEATURES}")
    };
    let driver = program.driver.map_or(String::new(), |_| {
        format!("\n[[bin]]\nname = \"{}\"\npath = \"src/driver.rs\"\n", program.binary)
    });
    format!(
        "{features}{driver}\n[dependencies.profile-core]\npath = {profile_core:?}\ndefault-features = false\n\n[workspace]\n"
    )
}

const FEATURES: &str = "apart = []\nprofile = [\"profile-core/profile\"]\n";

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
