//! Who may know whom: each room of the core names only rooms below it. An arrow that runs back is a design
//! question; ask it before changing this list.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may name.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("sys", &[]),
    ("callsite", &["limits"]),
    ("limits", &["sort", "units", "warnings"]),
    ("json", &[]),
    ("sort", &[]),
    ("escape", &[]),
    ("clock", &["sys"]),
    ("choices", &[]),
    ("settings", &["choices", "clock", "sys"]),
    ("segment", &["callsite", "limits", "sys"]),
    ("record", &["callsite", "clock", "limits", "segment", "settings", "sys"]),
    ("assertions", &["memory", "settings", "snapshot"]),
    (
        "memory",
        &[
            "callsite", "choices", "json", "limits", "record", "segment", "settings", "snapshot",
            "sort", "sys", "telling", "units", "warnings",
        ],
    ),
    ("units", &[]),
    ("stats", &["sort"]),
    ("warnings", &["escape", "sort", "sys"]),
    (
        "telling",
        &[
            "callsite", "escape", "limits", "record", "segment", "settings", "snapshot", "sort",
            "sys", "units", "warnings",
        ],
    ),
    (
        "snapshot",
        &["callsite", "clock", "escape", "record", "segment", "settings", "sort", "stats"],
    ),
    ("compare", &["snapshot", "sort", "stats"]),
    ("advice", &["choices", "snapshot", "sort", "stats"]),
    ("report", &["compare", "escape", "json", "settings", "snapshot", "sort", "units"]),
    ("off", &[]),
    ("handed_on", &["context"]),
    (
        "session",
        &[
            "callsite", "clock", "limits", "memory", "record", "report", "segment", "settings",
            "snapshot", "sort", "sys", "telling", "units", "warnings",
        ],
    ),
];

fn core_sources() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profile-core/src");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&root).expect("inside");
                let room = inside
                    .iter()
                    .next()
                    .and_then(|part| Path::new(part).file_stem())
                    .expect("a name");
                files.push((room.to_string_lossy().into_owned(), path));
            }
        }
    }
    files
}

/// Rooms named as `crate::room` outside comments and tests. What a macro writes into other crates names no room.
fn rooms_named(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or("");
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let lines = lines.map(|line| line.replace("$crate::", ""));
    let lines: Vec<String> = lines.collect();
    let named = lines.iter().flat_map(|line| line.split("crate::").skip(1));
    let word = |text: &str| {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    };
    named.map(word).filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase())).collect()
}

#[test]
fn no_arrow_runs_back() {
    let mut wrong = Vec::new();
    for (room, path) in core_sources().iter().filter(|(room, _)| room != "lib") {
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| name == room) else {
            wrong.push(format!("{}: room `{room}` is not in the list", path.display()));
            continue;
        };
        let source = std::fs::read_to_string(path).expect("readable");
        for named in rooms_named(&source).iter().filter(|named| *named != room) {
            if !allowed.contains(&named.as_str()) {
                wrong.push(format!("{}: `{room}` may not name `{named}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
