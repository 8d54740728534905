//! `profile.toml`: limits by function pattern, without touching the source.
//!
//! ```toml
//! [[limit]]
//! functions = "shop::cart::*"      # or a list; `*` stands for any text
//! warn_above = "10 ms"             # of one call, as are these:
//! max_allocations = 100
//! max_bytes = "1 MiB"
//! max_peak = "64 KiB"
//! max_retained = 0
//! run.max_time = "2 s"             # of all calls together, as are these:
//! run.max_calls = 1000
//! run.max_depth = 20
//! run.max_allocations = 10_000
//! run.max_bytes = "1 GiB"
//! run.max_retained = 0
//! ```
//!
//! A later table wins over an earlier one, and any over the attribute of the function, limit by limit.

use serde::Deserialize;
use serde::de::Error as _;
use toml::Spanned;

use super::amount;
use crate::limits::{CallLimits, Limits, RunLimits};

/// Limits, and the functions that they are for.
#[derive(Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) functions: Vec<String>,
    pub(crate) limits: Limits,
}

/// What a file says, and a sentence for each part of it that is wrong; the others hold.
pub(crate) fn parse(text: &str) -> (Vec<Rule>, Vec<String>) {
    let mut complaints = Vec::new();
    let mut file: toml::Table = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => return (Vec::new(), vec![with_line(text, &error)]),
    };
    file.remove("limit");
    complaints.extend(file.keys().map(|key| format!("`{key}` is unknown; allowed is [[limit]]")));
    let tables = match toml::from_str::<Tables>(text) {
        Ok(Tables { limit }) => limit,
        Err(error) => {
            complaints.push(with_line(text, &error));
            Vec::new()
        }
    };
    let mut rules = Vec::new();
    for table in tables {
        let line = line_at(text, table.span().start);
        match table.into_inner().try_into::<Table>() {
            Ok(table) => rules.push(table.rule()),
            Err(error) => {
                complaints.push(format!("line {line}, [[limit]]: {}", error.message()));
            }
        }
    }
    (rules, complaints)
}

fn with_line(text: &str, error: &toml::de::Error) -> String {
    match error.span() {
        Some(span) => format!("line {}: {}", line_at(text, span.start), error.message()),
        None => error.message().to_owned(),
    }
}

fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

#[derive(Deserialize)]
struct Tables {
    #[serde(default)]
    limit: Vec<Spanned<toml::Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    functions: Functions,
    warn_above: Option<Time>,
    max_allocations: Option<u64>,
    max_bytes: Option<Bytes>,
    max_peak: Option<Bytes>,
    max_retained: Option<Bytes>,
    #[serde(default)]
    run: RunTable,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunTable {
    max_time: Option<Time>,
    max_calls: Option<u64>,
    max_depth: Option<u64>,
    max_allocations: Option<u64>,
    max_bytes: Option<Bytes>,
    max_retained: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`functions` is a text such as \"shop::*\", or a list of such")]
enum Functions {
    One(String),
    Several(Vec<String>),
}

struct Time(u64);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        amount::time(&String::deserialize(from)?).map(Time).map_err(D::Error::custom)
    }
}

struct Bytes(u64);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number of bytes, or a text such as \"64 MiB\"")]
        enum Form {
            Number(u64),
            Text(String),
        }
        match Form::deserialize(from)? {
            Form::Number(bytes) => Ok(Bytes(bytes)),
            Form::Text(text) => amount::bytes(&text).map(Bytes).map_err(D::Error::custom),
        }
    }
}

impl Table {
    fn rule(self) -> Rule {
        let (time, bytes) = (|it: Time| it.0, |it: Bytes| it.0);
        let call = CallLimits {
            time_ns: self.warn_above.map(time),
            allocations: self.max_allocations,
            allocated_bytes: self.max_bytes.map(bytes),
            peak_bytes: self.max_peak.map(bytes),
            retained_bytes: self.max_retained.map(bytes),
        };
        let run = RunLimits {
            time_ns: self.run.max_time.map(time),
            calls: self.run.max_calls,
            depth: self.run.max_depth,
            allocations: self.run.max_allocations,
            allocated_bytes: self.run.max_bytes.map(bytes),
            retained_bytes: self.run.max_retained.map(bytes),
        };
        let functions = match self.functions {
            Functions::One(pattern) => vec![pattern],
            Functions::Several(patterns) => patterns,
        };
        Rule { functions, limits: Limits { call, run, raises: false } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_read() {
        let (rules, complaints) = parse(
            "[[limit]]\nfunctions = \"a::*\"\nwarn_above = \"10 ms\"\nmax_allocations = 1\nmax_bytes = \"1 KiB\"\n\
             max_peak = 2\nmax_retained = 0\nrun.max_time = \"2 s\"\nrun.max_calls = 3\nrun.max_depth = 4\n\
             run.max_allocations = 5\nrun.max_bytes = 6\nrun.max_retained = 7\n\
             [[limit]]\nfunctions = [\"b\", \"c\"]\n",
        );
        assert_eq!(complaints, [""; 0]);
        let [first, second] = &rules[..] else { panic!("{rules:?}") };
        assert_eq!(second.functions, ["b", "c"]);
        let call = CallLimits {
            time_ns: Some(10_000_000),
            allocations: Some(1),
            allocated_bytes: Some(1024),
            peak_bytes: Some(2),
            retained_bytes: Some(0),
        };
        let run = RunLimits {
            time_ns: Some(2_000_000_000),
            calls: Some(3),
            depth: Some(4),
            allocations: Some(5),
            allocated_bytes: Some(6),
            retained_bytes: Some(7),
        };
        assert_eq!((first.limits.call, first.limits.run), (call, run));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_the_rest_holds() {
        let good = "[[limit]]\nfunctions = \"good\"\nmax_peak = 1\n";
        for (bad, words) in [
            (
                "[[limit]]\nfunctions = \"f\"\nmax_peek = 1\n",
                "line 4, [[limit]]: unknown field `max_peek`, expected one of `functions`, ",
            ),
            ("[[limit]]\nmax_peak = 1\n", "line 4, [[limit]]: missing field `functions`"),
            ("[[limit]]\nfunctions = 5\n", "line 4, [[limit]]: `functions` is a text such as"),
            (
                "[[limit]]\nfunctions = \"f\"\nwarn_above = \"10 parsecs\"\n",
                "`10 parsecs` is no time such as",
            ),
            ("[[limit]]\nfunctions = \"f\"\nmax_bytes = \"much\"\n", "`much` is no size such as"),
            (
                "[[limit]]\nfunctions = \"f\"\nrun.max_time = 5\n",
                "line 4, [[limit]]: invalid type: integer `5`, expected a string",
            ),
            ("[budget]\nmax = 1\n", "`budget` is unknown; allowed is [[limit]]"),
        ] {
            let (rules, complaints) = parse(&format!("{good}{bad}"));
            assert_eq!(rules.len(), 1, "{bad}");
            assert!(
                complaints.len() == 1 && complaints[0].contains(words),
                "{bad}: {complaints:?}"
            );
        }
        let (rules, complaints) = parse("[[limit]]\nfunctions = \n");
        assert!(rules.is_empty() && complaints[0].starts_with("line 2: "), "{complaints:?}");
    }
}
