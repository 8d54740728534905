//! The name under which the crate being compiled knows `profile-core`.
//!
//! A dependency may be renamed in Cargo.toml, and a procedural macro has no `$crate`. But it runs
//! inside rustc, whose `--extern` arguments map each name to a file. This module must not read
//! Cargo.toml, which other build systems do not have.

use std::sync::OnceLock;

const DEFAULT: &str = "profile_core";

/// The name to write after `::`. The default (an editor's macro server is not rustc) is
/// `profile_core`, which that crate itself supports through `extern crate self as`.
pub fn name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| renamed(&arguments()).unwrap_or_else(|| DEFAULT.to_owned()))
}

/// rustc's arguments; cargo moves them to a file, one per line, when there are too many.
fn arguments() -> Vec<String> {
    let mut all = Vec::new();
    // Not `args()`: that panics on an argument that is not UTF-8.
    for argument in std::env::args_os().map(|it| it.to_string_lossy().into_owned()) {
        match argument.strip_prefix('@').map(std::fs::read_to_string) {
            Some(Ok(text)) => all.extend(text.lines().map(str::to_owned)),
            _ => all.push(argument),
        }
    }
    all
}

/// The name under which profile-core is linked, unless that is its own name.
fn renamed(arguments: &[String]) -> Option<String> {
    let mut found = None;
    for (index, argument) in arguments.iter().enumerate() {
        let value = match argument.strip_prefix("--extern") {
            Some("") => arguments.get(index + 1).map_or("", String::as_str),
            Some(rest) => rest.strip_prefix('=').unwrap_or(""),
            None => continue,
        };
        let (name, file) = name_and_file(value);
        if name == DEFAULT {
            return None;
        }
        if is_profile_core(file) {
            found = Some(name.to_owned());
        }
    }
    found
}

/// `[options:]name[=file]`; an option is a word such as `priv` or `noprelude`.
fn name_and_file(value: &str) -> (&str, &str) {
    let (name, file) = value.split_once('=').unwrap_or((value, ""));
    (name.rsplit(':').next().unwrap_or(name), file)
}

fn is_profile_core(file: &str) -> bool {
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    // Windows writes `profile_core-….dll`, other platforms `libprofile_core-….so`.
    let base = base.strip_prefix("lib").unwrap_or(base);
    base.strip_prefix(DEFAULT).is_some_and(|rest| rest.starts_with(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed_in(arguments: &[&str]) -> Option<String> {
        renamed(&arguments.iter().map(|&it| it.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn every_form_of_extern_is_understood() {
        let file = "/t/deps/libprofile_core-0123abcd.rmeta";
        for form in ["p2=", "noprelude:p2=", "priv:p2=", "priv,noprelude:p2="] {
            let joined = format!("--extern={form}{file}");
            assert_eq!(renamed_in(&["rustc", &joined]).as_deref(), Some("p2"), "{joined}");
            let value = format!("{form}{file}");
            assert_eq!(renamed_in(&["--extern", &value]).as_deref(), Some("p2"), "{value}");
        }
    }

    #[test]
    fn the_crates_own_name_wins() {
        let own = "--extern=profile_core=/t/libprofile_core-1.rmeta";
        assert_eq!(renamed_in(&["--extern=p2=/t/libprofile_core-2.rlib", own]), None);
    }

    #[test]
    fn a_longer_name_is_another_crate() {
        assert_eq!(renamed_in(&["--extern=x=/t/libprofile_core_extra-1.rmeta"]), None);
        assert_eq!(renamed_in(&["--extern", "x"]), None);
        assert_eq!(renamed_in(&["--extern"]), None);
    }
}
