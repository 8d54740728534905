//! `profile.toml`: limits by function pattern, without touching the source.
//!
//! ```toml
//! [[limit]]
//! functions = "shop::cart::*"      # or a list; `*` matches any text
//! warn_above = "10 ms"             # limits on each call
//! max_allocations = 100
//! max_bytes = "1 MiB"
//! max_peak = "64 KiB"
//! max_retained = 0
//! run.max_time = "2 s"             # limits on all calls of a run together
//! run.max_calls = 1000
//! run.max_depth = 20
//! run.max_allocations = 10_000
//! run.max_bytes = "1 GiB"
//! run.max_retained = 0
//! ```
//!
//! A later table overrides an earlier one, and any table overrides the function's attribute; each
//! limit separately.

use std::fmt::Display;
use std::io;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::kind::{Home, Kind, Scope};
use super::set::Limits;

/// Limits, and the functions that they apply to.
#[derive(Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) functions: Vec<Pattern>,
    pub(crate) limits: Limits,
}

/// A pattern for function paths, in which `*` matches any text.
#[derive(Debug, PartialEq)]
pub(crate) struct Pattern {
    pub(crate) text: String,
    /// Its byte offset in the file, for [`line_at`].
    pub(crate) at: usize,
}

/// Reads a regular file. A pipe or a device could block the start of the program, and an endless
/// file would never be read completely.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    const LONGEST: u64 = 4 << 20;
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if about.len() > LONGEST {
        return Err(io::Error::other("larger than 4 MiB"));
    }
    std::fs::read_to_string(path)
}

/// The rules of a file, and a message for each invalid part; the valid parts still apply.
pub(crate) fn parse(text: &str) -> (Vec<Rule>, Vec<String>) {
    let mut reader = Reader { text, diagnostics: Vec::new() };
    let rules = match DeTable::parse(text) {
        Ok(file) => reader.file(file.get_ref()),
        Err(error) => {
            reader.complain(error.span().map_or(0, |span| span.start), error.message());
            Vec::new()
        }
    };
    crate::sort::by_key(&mut reader.diagnostics, |(line, _)| *line);
    let diagnostics = reader.diagnostics.into_iter();
    (rules, diagnostics.map(|(line, what)| format!("line {line}: {what}")).collect())
}

/// The line of a byte offset, from 1. Only for messages: computing it for each of twenty thousand
/// patterns would take a minute.
pub(crate) fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

type Key<'a> = Spanned<DeString<'a>>;
type Value<'a> = Spanned<DeValue<'a>>;

const FUNCTIONS: &str = "`functions` must be a string, e.g. \"shop::*\", or a list of strings";
const LIST: &str = "`limit` must be an array of tables; write [[limit]]";

struct Reader<'a> {
    text: &'a str,
    /// Each with its line.
    diagnostics: Vec<(usize, String)>,
}

impl Reader<'_> {
    /// Adds a message for a byte offset of the file.
    fn complain(&mut self, at: usize, what: impl Display) {
        self.diagnostics.push((line_at(self.text, at), what.to_string()));
    }

    fn file(&mut self, file: &DeTable<'_>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (key, value) in file {
            match (&**key.get_ref(), value.get_ref()) {
                ("limit", DeValue::Array(tables)) => {
                    rules.extend(tables.iter().filter_map(|table| self.rule(table)));
                }
                ("limit", _) => {
                    self.complain(key.span().start, LIST);
                }
                (name, _) => {
                    let what = format!("unknown key `{name}`; expected [[limit]]");
                    self.complain(key.span().start, what);
                }
            }
        }
        rules
    }

    fn rule(&mut self, table: &Value<'_>) -> Option<Rule> {
        let start = table.span().start;
        let DeValue::Table(entries) = table.get_ref() else {
            self.complain(start, LIST);
            return None;
        };
        let diagnostics = self.diagnostics.len();
        let mut rule = Rule { functions: Vec::new(), limits: Limits::NONE };
        for (key, value) in entries {
            match (&**key.get_ref(), value.get_ref()) {
                ("functions", _) => rule.functions = self.functions(value),
                ("run", DeValue::Table(entries)) => {
                    for (key, value) in entries {
                        self.limit(Scope::Run, key, value, &mut rule.limits);
                    }
                }
                _ => self.limit(Scope::Call, key, value, &mut rule.limits),
            }
        }
        if rule.functions.is_empty() {
            self.complain(start, "missing `functions`, e.g. functions = \"shop::*\"");
            return None;
        }
        if rule.limits == Limits::NONE && self.diagnostics.len() == diagnostics {
            self.complain(start, "this table sets no limit");
        }
        Some(rule)
    }

    fn functions(&mut self, value: &Value<'_>) -> Vec<Pattern> {
        let several = match value.get_ref() {
            DeValue::Array(several) => several.iter().collect(),
            _ => vec![value],
        };
        let mut patterns = Vec::new();
        for one in several {
            let start = one.span().start;
            match one.get_ref() {
                DeValue::String(text) => {
                    patterns.push(Pattern { text: text.to_string(), at: start });
                }
                _ => self.complain(start, FUNCTIONS),
            }
        }
        patterns
    }

    fn limit(&mut self, scope: Scope, key: &Key<'_>, value: &Value<'_>, limits: &mut Limits) {
        let (name, at) = (&**key.get_ref(), key.span().start);
        let Some(kind) = Kind::of(Home::File, scope).find(|kind| kind.row().key == name) else {
            return self.complain(at, unknown(scope, name));
        };
        let written = self.text.get(value.span()).unwrap_or_default();
        match kind.row().unit.read(value.get_ref(), written) {
            Ok(most) => *limits = limits.with(kind, most),
            Err(why) => {
                let name = in_file(kind);
                self.complain(value.span().start, format!("`{name}`: {why}"));
            }
        }
    }
}

/// `run.max_bytes`
fn in_file(kind: Kind) -> String {
    let row = kind.row();
    match row.scope {
        Scope::Call => row.key.to_owned(),
        Scope::Run => format!("run.{}", row.key),
    }
}

fn unknown(scope: Scope, name: &str) -> String {
    let known = |scope| {
        let all = Kind::of(Home::File, scope).map(|kind| format!("`{}`", in_file(kind)));
        all.collect::<Vec<_>>().join(", ")
    };
    let of_run = known(Scope::Run);
    match scope {
        Scope::Call => format!(
            "unknown key `{name}`; expected `functions`, a limit on each call ({}) or on all calls \
             of a run ({of_run})",
            known(Scope::Call)
        ),
        Scope::Run => format!("unknown key `run.{name}`; expected one of {of_run}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_read() {
        let text = "[[limit]]\nfunctions = \"a::*\"\nwarn_above = \"10 ms\"\nmax_allocations = 1\nmax_bytes = \"1 KiB\"\n\
             max_peak = 2\nmax_retained = 0\nrun.max_time = \"2 s\"\nrun.max_calls = 3\nrun.max_depth = 4\n\
             run.max_allocations = 5\nrun.max_bytes = 6\nrun.max_retained = 7\n\
             [[limit]]\nfunctions = [\"b\", \"c\"]\nmax_peak = 0x10\n";
        let (rules, diagnostics) = parse(text);
        assert_eq!(diagnostics, [""; 0]);
        let [first, second] = &rules[..] else { panic!("{rules:?}") };
        let names: Vec<&str> = second.functions.iter().map(|it| &*it.text).collect();
        assert_eq!((names, line_at(text, second.functions[1].at)), (vec!["b", "c"], 15));
        let expected = Limits::NONE
            .call("warn_above", 10_000_000)
            .call("max_allocations", 1)
            .call("max_bytes", 1024)
            .call("max_peak", 2)
            .call("max_retained", 0)
            .run("max_time", 2_000_000_000)
            .run("max_calls", 3)
            .run("max_depth", 4)
            .run("max_allocations", 5)
            .run("max_bytes", 6)
            .run("max_retained", 7);
        assert_eq!(first.limits, expected);
        assert_eq!(second.limits, Limits::NONE.call("max_peak", 16));
    }

    #[test]
    fn invalid_parts_are_reported_by_line_and_the_rest_applies() {
        let good = "[[limit]]\nfunctions = \"good\"\nmax_peak = 1\n";
        for (bad, words) in [
            (
                "max_peek = 1",
                "unknown key `max_peek`; expected `functions`, a limit on each call (",
            ),
            (
                "max_time = \"1 s\"",
                "unknown key `max_time`; expected `functions`, a limit on each call (",
            ),
            ("run.max_peak = 1", "unknown key `run.max_peak`; expected one of `run.max_time`, "),
            (
                "warn_above = \"10 parsecs\"",
                "`warn_above`: invalid duration `10 parsecs`; expected e.g. `10 ms`",
            ),
            ("warn_above = 10", "`warn_above`: expected a duration, e.g. \"10 ms\", found 10"),
            ("max_bytes = \"much\"", "`max_bytes`: invalid size `much`; expected e.g. `64 MiB`"),
            (
                "max_bytes = -1",
                "`max_bytes`: expected a size, e.g. \"64 MiB\", or a number of bytes, found -1",
            ),
            (
                "max_allocations = -1",
                "`max_allocations`: expected a non-negative integer, found -1",
            ),
            ("run.max_time = 5", "`run.max_time`: expected a duration, e.g. \"10 ms\", found 5"),
            (
                "run.max_depth = \"2\"",
                "`run.max_depth`: expected a non-negative integer, found \"2\"",
            ),
            ("run = 5", "unknown key `run`; expected"),
        ] {
            let text = format!("[[limit]]\nfunctions = \"f\"\nmax_peak = 1\n\n\n{bad}\n");
            let (rules, diagnostics) = parse(&text);
            assert_eq!(rules[0].limits, Limits::NONE.call("max_peak", 1), "{bad}");
            assert!(
                diagnostics.len() == 1 && diagnostics[0].starts_with(&format!("line 6: {words}")),
                "{bad}: {diagnostics:?}"
            );
        }
        for (bad, words) in [
            ("[[limit]]\nmax_peak = 1", "line 4: missing `functions`"),
            ("[[limit]]\nmax_peak = 1\nfunctions = []", "line 4: missing `functions`"),
            ("[limits]\nmax_peak = 1", "line 4: unknown key `limits`; expected [[limit]]"),
        ] {
            let (rules, diagnostics) = parse(&format!("{good}{bad}\n"));
            assert_eq!(rules.len(), 1, "{bad}");
            assert!(
                diagnostics.len() == 1 && diagnostics[0].starts_with(words),
                "{bad}: {diagnostics:?}"
            );
        }
        let (_, diagnostics) = parse("[limit]\nfunctions = \"f\"\n");
        assert_eq!(diagnostics, ["line 1: `limit` must be an array of tables; write [[limit]]"]);
        let (_, diagnostics) = parse("[[limit]]\nfunctions = [5, \"f\"]\n");
        assert_eq!(diagnostics.len(), 1, "{diagnostics:?}");
        let (rules, diagnostics) = parse("[[limit]]\nfunctions = \n");
        assert!(rules.is_empty() && diagnostics[0].starts_with("line 2: "), "{diagnostics:?}");
    }
}
