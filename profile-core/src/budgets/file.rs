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

use std::fmt::Display;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::amount;
use crate::limits::Limits;

/// Limits, and the functions that they are for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rule {
    pub(crate) functions: Vec<Pattern>,
    pub(crate) limits: Limits,
}

/// Functions, by a text in which `*` stands for any other.
#[derive(Debug, PartialEq)]
pub(crate) struct Pattern {
    pub(crate) text: String,
    /// The byte where it stands, for [`line_at`].
    pub(crate) at: usize,
}

/// What a file says, and a sentence for each part of it that is wrong; the others hold.
pub(crate) fn parse(text: &str) -> (Vec<Rule>, Vec<String>) {
    let mut reader = Reader { text, complaints: Vec::new() };
    let rules = match DeTable::parse(text) {
        Ok(file) => reader.file(file.get_ref()),
        Err(error) => {
            reader.complain(error.span().map_or(0, |span| span.start), error.message());
            Vec::new()
        }
    };
    crate::sort::by_key(&mut reader.complaints, |(line, _)| *line);
    let complaints = reader.complaints.into_iter();
    (rules, complaints.map(|(line, what)| format!("line {line}: {what}")).collect())
}

/// The line of a byte, from 1. Only for what is said: counted for every pattern, twenty thousand of them would take a minute.
pub(crate) fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

type Key<'a> = Spanned<DeString<'a>>;
type Value<'a> = Spanned<DeValue<'a>>;

/// How a limit is written.
#[derive(Clone, Copy)]
enum Amount {
    Time,
    Count,
    Bytes,
}

struct Reader<'a> {
    text: &'a str,
    /// With their lines.
    complaints: Vec<(usize, String)>,
}

impl Reader<'_> {
    /// At a byte of the file.
    fn complain(&mut self, at: usize, what: impl Display) {
        self.complaints.push((line_at(self.text, at), what.to_string()));
    }

    fn file(&mut self, file: &DeTable<'_>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (key, value) in file {
            match (&**key.get_ref(), value.get_ref()) {
                ("limit", DeValue::Array(tables)) => {
                    rules.extend(tables.iter().filter_map(|table| self.rule(table)));
                }
                ("limit", _) => {
                    self.complain(key.span().start, "`limit` is a list of tables: write [[limit]]");
                }
                (name, _) => {
                    let what = format!("`{name}` is unknown; allowed is [[limit]]");
                    self.complain(key.span().start, what);
                }
            }
        }
        rules
    }

    fn rule(&mut self, table: &Value<'_>) -> Option<Rule> {
        let start = table.span().start;
        let DeValue::Table(entries) = table.get_ref() else {
            self.complain(start, "`limit` is a list of tables: write [[limit]]");
            return None;
        };
        let (mut rule, complaints) = (Rule::default(), self.complaints.len());
        for (key, value) in entries {
            match (&**key.get_ref(), value.get_ref()) {
                ("functions", _) => rule.functions = self.functions(value),
                ("run", DeValue::Table(entries)) => {
                    for (key, value) in entries {
                        self.limit_of_a_run(key, value, &mut rule.limits);
                    }
                }
                _ => self.limit_of_a_call(key, value, &mut rule.limits),
            }
        }
        if rule.functions.is_empty() {
            self.complain(start, "no limit without `functions`, such as \"shop::*\"");
            return None;
        }
        if rule.limits == Limits::default() && self.complaints.len() == complaints {
            self.complain(start, "there is no limit in this table");
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
                _ => {
                    self.complain(
                        start,
                        "`functions` is a text such as \"shop::*\", or a list of such",
                    );
                }
            }
        }
        patterns
    }

    fn limit_of_a_call(&mut self, key: &Key<'_>, value: &Value<'_>, limits: &mut Limits) {
        let call = &mut limits.call;
        let (place, amount) = match &**key.get_ref() {
            "warn_above" => (&mut call.time_ns, Amount::Time),
            "max_allocations" => (&mut call.allocations, Amount::Count),
            "max_bytes" => (&mut call.allocated_bytes, Amount::Bytes),
            "max_peak" => (&mut call.peak_bytes, Amount::Bytes),
            "max_retained" => (&mut call.retained_bytes, Amount::Bytes),
            name => {
                let what = format!(
                    "`{name}` is unknown; allowed are `functions`, of one call `warn_above`, `max_allocations`, `max_bytes`, `max_peak` and \
                     `max_retained`, and of all calls of a run `run.max_time` and others"
                );
                return self.complain(key.span().start, what);
            }
        };
        *place = self.amount(key.get_ref(), value, amount);
    }

    fn limit_of_a_run(&mut self, key: &Key<'_>, value: &Value<'_>, limits: &mut Limits) {
        let run = &mut limits.run;
        let (place, amount) = match &**key.get_ref() {
            "max_time" => (&mut run.time_ns, Amount::Time),
            "max_calls" => (&mut run.calls, Amount::Count),
            "max_depth" => (&mut run.depth, Amount::Count),
            "max_allocations" => (&mut run.allocations, Amount::Count),
            "max_bytes" => (&mut run.allocated_bytes, Amount::Bytes),
            "max_retained" => (&mut run.retained_bytes, Amount::Bytes),
            name => {
                let what = format!(
                    "`run.{name}` is unknown; allowed are `max_time`, `max_calls`, `max_depth`, `max_allocations`, `max_bytes` and `max_retained`"
                );
                return self.complain(key.span().start, what);
            }
        };
        *place = self.amount(&format!("run.{}", key.get_ref()), value, amount);
    }

    fn amount(&mut self, name: &str, value: &Value<'_>, amount: Amount) -> Option<u64> {
        let written = self.text.get(value.span()).unwrap_or_default();
        let number = match value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let read = match (amount, value.get_ref()) {
            (Amount::Time, DeValue::String(text)) => amount::time(text),
            (Amount::Bytes, DeValue::String(text)) => amount::bytes(text),
            (Amount::Time, _) => Err(format!("{written} is no time such as \"10 ms\"")),
            (Amount::Bytes, _) => number.ok_or_else(|| {
                format!("{written} is no number of bytes, nor a text such as \"64 MiB\"")
            }),
            (Amount::Count, _) => {
                number.ok_or_else(|| format!("{written} is no whole number from 0 on"))
            }
        };
        read.map_err(|why| self.complain(value.span().start, format!("`{name}`: {why}"))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{CallLimits, RunLimits};

    #[test]
    fn every_limit_is_read() {
        let text = "[[limit]]\nfunctions = \"a::*\"\nwarn_above = \"10 ms\"\nmax_allocations = 1\nmax_bytes = \"1 KiB\"\n\
             max_peak = 2\nmax_retained = 0\nrun.max_time = \"2 s\"\nrun.max_calls = 3\nrun.max_depth = 4\n\
             run.max_allocations = 5\nrun.max_bytes = 6\nrun.max_retained = 7\n\
             [[limit]]\nfunctions = [\"b\", \"c\"]\nmax_peak = 0x10\n";
        let (rules, complaints) = parse(text);
        assert_eq!(complaints, [""; 0]);
        let [first, second] = &rules[..] else { panic!("{rules:?}") };
        let names: Vec<&str> = second.functions.iter().map(|it| &*it.text).collect();
        assert_eq!((names, line_at(text, second.functions[1].at)), (vec!["b", "c"], 15));
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
            ("max_peek = 1", "line 6: `max_peek` is unknown; allowed are `functions`, of one call"),
            ("max_time = \"1 s\"", "line 6: `max_time` is unknown; allowed are "),
            ("run.max_peak = 1", "line 6: `run.max_peak` is unknown; allowed are `max_time`, "),
            (
                "warn_above = \"10 parsecs\"",
                "line 6: `warn_above`: `10 parsecs` is no time such as",
            ),
            ("warn_above = 10", "line 6: `warn_above`: 10 is no time such as \"10 ms\""),
            ("max_bytes = \"much\"", "line 6: `max_bytes`: `much` is no size such as"),
            ("max_bytes = -1", "line 6: `max_bytes`: -1 is no number of bytes, nor a text such as"),
            ("run.max_time = 5", "line 6: `run.max_time`: 5 is no time"),
            (
                "run.max_depth = \"2\"",
                "line 6: `run.max_depth`: \"2\" is no whole number from 0 on",
            ),
            ("run = 5", "line 6: `run` is unknown"),
        ] {
            let text = format!("[[limit]]\nfunctions = \"f\"\nmax_peak = 1\n\n\n{bad}\n");
            let (rules, complaints) = parse(&text);
            assert_eq!(rules[0].limits.call.peak_bytes, Some(1), "{bad}");
            assert!(
                complaints.len() == 1 && complaints[0].starts_with(words),
                "{bad}: {complaints:?}"
            );
        }
        for (bad, words) in [
            ("[[limit]]\nmax_peak = 1", "line 4: no limit without `functions`"),
            ("[[limit]]\nmax_peak = 1\nfunctions = []", "line 4: no limit without `functions`"),
            ("[limits]\nmax_peak = 1", "line 4: `limits` is unknown; allowed is [[limit]]"),
        ] {
            let (rules, complaints) = parse(&format!("{good}{bad}\n"));
            assert_eq!(rules.len(), 1, "{bad}");
            assert!(
                complaints.len() == 1 && complaints[0].starts_with(words),
                "{bad}: {complaints:?}"
            );
        }
        let (_, complaints) = parse("[limit]\nfunctions = \"f\"\n");
        assert_eq!(complaints, ["line 1: `limit` is a list of tables: write [[limit]]"]);
        let (_, complaints) = parse("[[limit]]\nfunctions = [5, \"f\"]\n");
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        let (rules, complaints) = parse("[[limit]]\nfunctions = \n");
        assert!(rules.is_empty() && complaints[0].starts_with("line 2: "), "{complaints:?}");
    }
}
