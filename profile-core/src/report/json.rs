//! The whole snapshot for programs. Its keys are the fields of the snapshot. Integers are exact,
//! although readers that only know doubles round those beyond 2^53. NaN and infinity become `null`.

use std::fmt::Write as _;
use std::io;

use super::format::{Format, Style};
use super::text::is_dangerous;
use crate::json;
use crate::snapshot::Snapshot;

pub(crate) struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn description(&self) -> &'static str {
        "everything, for programs"
    }

    fn extension(&self) -> &'static str {
        "json"
    }

    fn media_type(&self) -> &'static str {
        "application/json"
    }

    fn write(&self, snapshot: &Snapshot, _: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        write(snapshot, to)
    }
}

fn write(snapshot: &Snapshot, to: &mut dyn io::Write) -> io::Result<()> {
    let json = json::pretty(snapshot).map_err(io::Error::other)?;
    writeln!(to, "{}", escaped(&json))
}

/// The same JSON value, safe for a terminal. JSON only requires escapes for C0 control characters.
/// Other dangerous characters can only occur in strings, where an escape is equivalent.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_dangerous(character) && character != '\n' {
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn value(snapshot: &Snapshot) -> serde_json::Value {
        let text = samples::rendered("json", snapshot, None);
        assert!(text.ends_with("}\n") && !text.ends_with("\n\n"));
        serde_json::from_str(&text).expect("it is JSON")
    }

    #[cfg(feature = "read")]
    #[test]
    fn a_snapshot_comes_back_as_it_was() {
        let hostile = samples::HOSTILE.iter().map(|name| samples::named(name));
        for snapshot in hostile.chain([samples::ordinary(), Snapshot::default()]) {
            let text = samples::rendered("json", &snapshot, None);
            assert_eq!(serde_json::from_str::<Snapshot>(&text).expect("it is JSON"), snapshot);
        }
    }

    #[test]
    fn the_keys_are_the_documented_ones() {
        let value = value(&samples::ordinary());
        for key in [
            "schema_version",
            "process",
            "functions",
            "never_called",
            "call_tree",
            "warnings",
            "overhead",
        ] {
            assert!(value.get(key).is_some(), "{key}");
        }
        let function = &value["functions"][0];
        for key in [
            "path",
            "file",
            "line",
            "calls",
            "panicked",
            "inclusive_ns",
            "exclusive_ns",
            "min_ns",
            "max_ns",
            "mean_ns",
            "trimmed_mean_ns",
            "quantiles",
            "allocations",
            "allocated_bytes",
            "freed_bytes",
            "peak_bytes",
            "retained_bytes",
            "exclusive_allocations",
            "exclusive_allocated_bytes",
            "exclusive_freed_bytes",
            "async",
        ] {
            assert!(function.get(key).is_some(), "{key}");
        }
    }

    #[test]
    fn integers_are_exact_and_what_was_not_measured_is_null() {
        let value = value(&samples::extreme());
        assert_eq!(value["functions"][0]["inclusive_ns"], u64::MAX);
        assert_eq!(value["functions"][0]["allocations"], serde_json::Value::Null);
        assert_eq!(value["functions"][0]["mean_ns"], serde_json::Value::Null, "it was NaN");
        assert_eq!(value["overhead"]["share"], serde_json::Value::Null, "it was infinite");
    }
}
