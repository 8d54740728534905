//! Dependencies between modules: each top-level module (room) of the core uses only those listed
//! for it, and no files depend on each other in a cycle. A new dependency is a design decision;
//! discuss it before changing these lists.

mod sources;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sources::arrows::{Arrow, arrows, circles};
use tests::Folder;

/// Each room, and the rooms that it may use.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("advice", &["options", "snapshot", "sort", "stats"]),
    ("assertions", &["memory", "settings", "snapshot"]),
    ("callsite", &["limits", "options"]),
    ("clock", &["sys"]),
    ("compare", &["snapshot", "sort", "stats"]),
    (
        "diagnostics",
        &[
            "callsite", "escape", "limits", "record", "segment", "settings", "snapshot", "sys",
            "units", "warnings",
        ],
    ),
    ("escape", &[]),
    ("json", &[]),
    ("limits", &["sort", "units", "warnings"]),
    (
        "memory",
        &[
            "callsite",
            "diagnostics",
            "json",
            "limits",
            "options",
            "record",
            "segment",
            "settings",
            "snapshot",
            "sys",
            "units",
            "warnings",
        ],
    ),
    ("off", &["options", "snapshot"]),
    ("options", &[]),
    ("record", &["callsite", "clock", "limits", "options", "runs", "segment", "settings", "sys"]),
    ("report", &["compare", "escape", "json", "options", "settings", "snapshot", "sort", "units"]),
    ("runs", &["segment", "settings", "sort", "sys"]),
    ("segment", &["callsite", "limits", "sys"]),
    (
        "session",
        &[
            "callsite",
            "clock",
            "diagnostics",
            "limits",
            "memory",
            "options",
            "record",
            "report",
            "runs",
            "segment",
            "settings",
            "snapshot",
            "sort",
            "sys",
            "units",
            "warnings",
        ],
    ),
    ("settings", &["clock", "options", "sys"]),
    ("signals", &[]),
    ("snapshot", &["callsite", "clock", "escape", "options", "segment", "sort", "stats"]),
    ("sort", &[]),
    ("spawn", &["record"]),
    ("stats", &["sort"]),
    ("sys", &[]),
    ("units", &[]),
    ("warnings", &["escape", "sort", "sys"]),
    ("workers", &[]),
];

/// Known cycles of files. The list is empty and must stay so.
const CIRCLES: &[&[&str]] = &[];

/// The roots of the crates in the workspace.
const ROOTS: &[&str] = &[
    "profile-core/src/lib.rs",
    "profile-macros/src/lib.rs",
    "profile-cli/src/main.rs",
    "benches/src/lib.rs",
    "benches/src/main.rs",
    "benches/allocators/main.rs",
    "benches/allocators/program.rs",
    "benches/callers/main.rs",
    "benches/contender/main.rs",
    "benches/limits/main.rs",
    "benches/marks/main.rs",
    "benches/programs/main.rs",
    "benches/startup/main.rs",
    "benches/statistics/main.rs",
    "benches/warnings/main.rs",
    "benches/workers/main.rs",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The dependencies of a crate, with paths relative to the workspace.
fn arrows_of(root: &str) -> (BTreeSet<Arrow>, BTreeSet<PathBuf>) {
    let workspace = workspace();
    let shorten = |file: &Path| file.strip_prefix(&workspace).expect("inside").to_owned();
    let (found, files) = arrows(&workspace.join(root));
    let shortened = found.into_iter().map(|arrow| Arrow {
        from: shorten(&arrow.from),
        to: shorten(&arrow.to),
        ..arrow
    });
    (shortened.collect(), files.iter().map(|file| shorten(file)).collect())
}

/// The room of a file of the core; `lib.rs` has none.
fn room(file: &Path) -> Option<String> {
    let inside = file.strip_prefix("profile-core/src").ok()?;
    let name = Path::new(inside.iter().next()?).file_stem()?.to_string_lossy().into_owned();
    (name != "lib").then_some(name)
}

#[test]
fn rooms_use_only_rooms_that_they_may_use() {
    let (arrows, files) = arrows_of(ROOTS[0]);
    let known = |room: &str| MAY_NAME.iter().find(|(name, _)| *name == room);
    let mut wrong: BTreeSet<String> = files
        .iter()
        .filter_map(|file| room(file))
        .filter(|room| known(room).is_none())
        .map(|room| format!("room `{room}` is not in the list"))
        .collect();
    for Arrow { from, to, named } in &arrows {
        let Some(from_room) = room(from) else { continue };
        let (file, to_room) = (from.display(), room(to).unwrap_or_else(|| "lib".to_owned()));
        let allowed = known(&from_room).map_or(&[][..], |(_, allowed)| allowed);
        if to_room != from_room && !allowed.contains(&&*to_room) {
            wrong.insert(format!("{file}: `{from_room}` may not use `{to_room}` ({named})"));
        }
    }
    assert!(wrong.is_empty(), "{}", Vec::from_iter(wrong).join("\n"));
}

#[test]
fn every_allowed_dependency_is_used() {
    let (arrows, _) = arrows_of(ROOTS[0]);
    let used: BTreeSet<_> = arrows.iter().map(|it| (room(&it.from), room(&it.to))).collect();
    let is_used =
        |from: &str, to: &str| used.contains(&(Some(from.to_owned()), Some(to.to_owned())));
    let all = MAY_NAME.iter().flat_map(|(from, to)| to.iter().map(move |to| (*from, *to)));
    let unused: Vec<_> = all.filter(|(from, to)| !is_used(from, to)).collect();
    assert!(unused.is_empty(), "no longer used: {unused:?}");
}

#[test]
fn there_are_no_unknown_cycles_of_files() {
    let all = ROOTS.iter().flat_map(|root| circles(&arrows_of(root).0));
    let found: BTreeSet<BTreeSet<PathBuf>> = all.collect();
    let known: BTreeSet<BTreeSet<PathBuf>> =
        CIRCLES.iter().map(|files| files.iter().map(PathBuf::from).collect()).collect();
    let new: Vec<_> = found.difference(&known).collect();
    assert!(new.is_empty(), "cycles of files: {new:#?}\n{:#?}", between(&new));
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(gone.is_empty(), "no longer cycles, remove them from the list: {gone:#?}");
}

/// The dependencies within cycles.
fn between(circles: &[&BTreeSet<PathBuf>]) -> Vec<String> {
    let all = ROOTS.iter().flat_map(|root| arrows_of(root).0);
    let inside = all.filter(|arrow| {
        circles.iter().any(|files| files.contains(&arrow.from) && files.contains(&arrow.to))
    });
    inside
        .map(|it| format!("{} -> {} ({})", it.from.display(), it.to.display(), it.named))
        .collect()
}

/// References of every form are found, except those in tests.
#[test]
fn a_dependency_is_found_however_it_is_written() {
    let folder = Folder::new();
    let files = [
        ("lib.rs", "mod low; mod high; pub use high::{Thing, work}; #[macro_export] macro_rules! m { () => {} }"),
        ("high.rs", "mod inner; pub use inner::*; pub struct Thing; pub fn work() {}"),
        ("high/inner.rs", "pub struct Inner; pub const NUMBER: u8 = 0;"),
        (
            "low.rs",
            "use crate::{work, high};
             #[cfg(test)] use crate::high::OnlyInTests;
             #[cfg(test)] mod tests { use super::*; use crate::high::AlsoInTests; }
             fn a() -> crate::Thing { work(); assert_eq!(high::NUMBER, crate::high::Inner::N); todo!() }
             fn b() { use super::high::work as other; crate::m!(); }",
        ),
    ];
    std::fs::create_dir(folder.join("high")).expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.join(name), text).expect("written");
    }
    let (found, _) = arrows(&folder.join("lib.rs"));
    let name =
        |file: &Path| file.strip_prefix(folder.path()).expect("inside").display().to_string();
    let of_low = found.iter().filter(|arrow| name(&arrow.from) == "low.rs");
    let of_low: BTreeSet<_> = of_low.map(|it| (name(&it.to), it.named.clone())).collect();
    let expected = [
        ("high.rs", "Thing"),
        ("high.rs", "high::work"),
        ("high.rs", "work"),
        ("high/inner.rs", "high::Inner::N"),
        ("high/inner.rs", "high::NUMBER"),
        ("lib.rs", "m"),
    ];
    let expected = expected.map(|(file, named)| (file.to_owned(), named.to_owned()));
    assert_eq!(of_low, BTreeSet::from(expected));
    // The root re-exports from its own modules. That is not a dependency, so using the macro
    // creates no cycle.
    assert!(circles(&found).is_empty(), "{found:?}");
}

#[test]
fn unsafe_code_is_allowed_where_the_architecture_says_and_nowhere_else() {
    const ALLOWED: [&str; 14] = [
        "callsite.rs",
        "diagnostics/raise.rs",
        "memory/allocator.rs",
        "memory/sampler.rs",
        "memory/watch.rs",
        "memory/window.rs",
        "off.rs",
        "record/mod.rs",
        "segment/mod.rs",
        "settings.rs",
        "signals/system.rs",
        "stats/rank_range.rs",
        "sys/mod.rs",
        "workers/system/linux/words.rs",
    ];
    let (_, files) = arrows_of(ROOTS[0]);
    let inside = |file: &Path| std::fs::read_to_string(workspace().join(file)).expect("readable");
    let allows = |file: &Path| {
        let words: String = inside(file).split_whitespace().collect();
        words.contains("#![allow(unsafe_code,")
    };
    let found = files.iter().filter(|file| allows(file));
    let found: Vec<_> = found
        .map(|file| {
            file.strip_prefix("profile-core/src").expect("of the core").display().to_string()
        })
        .collect();
    assert_eq!(found, ALLOWED);
    let page = inside(Path::new("ARCHITECTURE.md"));
    let is_named = |file: &&str| {
        let room = file.strip_suffix("/mod.rs").unwrap_or(file);
        page.contains(&format!("`{room}`"))
    };
    let missing: Vec<_> = ALLOWED.iter().filter(|file| !is_named(file)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md does not name {missing:?}");
}
