//! The dependencies that the crate adds to a program: few, and none that stops other code of the
//! program from compiling.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use tests::{Workspace, core_dependency, sources};

/// Each line names one type and lets the compiler infer the other, which works if there is only one
/// candidate. A crate that implements comparisons of its types with numbers or strings, as
/// `serde_json` does, adds another one for every crate of the program (E0283).
const BESIDE: &str = r#"//! Code that infers.
#[profile_core::profile]
fn count() -> u64 {
    3
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn main() {
    assert_eq!(count(), [1u64, 2].into_iter().sum());
    assert!(1u8 == parsed("1") && 1u16 == parsed("1") && 1u32 == parsed("1") && 1usize == parsed("1"));
    assert!(1i8 == parsed("1") && 1i16 == parsed("1") && 1i32 == parsed("1") && 1i64 == parsed("1"));
    assert!(1f32 == parsed("1") && 1f64 == parsed("1") && true == parsed("true") && 'a' == parsed("a"));
    assert!(1u64 < parsed("2") && 1i64 < parsed("2") && 1f64 < parsed("2") && 'a' < parsed("b"));
    assert!(Some(1u64) == Some(parsed("1")) && [1u64] == [parsed("1")] && (1u64,) == (parsed("1"),));
}
"#;

fn built() -> &'static Workspace {
    static BUILT: OnceLock<Workspace> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = env!("CARGO_TARGET_TMPDIR");
        let plain = "[profile.release]\nopt-level = 0\n";
        let workspace = Workspace::new(folder, "light", &["beside"], plain);
        workspace.add("beside", &core_dependency(""), &[("src/main.rs", BESIDE)]);
        workspace
    })
}

#[test]
fn code_beside_it_compiles_as_it_does_without_it() {
    built().cargo(&["check"]);
}

#[test]
fn a_program_with_default_features_has_few_crates() {
    const MOST: usize = 30;
    let crates = built().crates_of("beside");
    assert!(crates.len() <= MOST, "{}: {crates:?}", crates.len());
    for heavy in ["regex", "rmp-serde", "serde_json", "toml"] {
        assert!(!crates.iter().any(|name| name == heavy), "{heavy} is for features");
    }
}

#[test]
fn every_feature_is_in_the_table_of_the_documentation() {
    let read = |file| {
        std::fs::read_to_string(sources().join("../profile-core").join(file)).expect("a file")
    };
    let manifest = read("Cargo.toml");
    let (_, features) = manifest.split_once("[features]\n").expect("features");
    let (features, _) = features.split_once("\n# Every crate here").expect("what follows them");
    let key = |line: &str| Some(line.split_once(" = ")?.0.to_owned());
    let lines =
        features.lines().filter(|line| line.starts_with(|it: char| it.is_ascii_lowercase()));
    let declared: BTreeSet<String> = lines.filter_map(key).collect();
    let documentation = read("src/lib.rs");
    let row = |line: &str| Some(line.strip_prefix("//! | `")?.split_once('`')?.0.to_owned());
    let documented: BTreeSet<String> = documentation.lines().filter_map(row).collect();
    assert!(declared.len() > 10, "{declared:?}");
    let expected: BTreeSet<String> =
        declared.into_iter().filter(|name| name != "default").collect();
    assert_eq!(documented, expected);
}
