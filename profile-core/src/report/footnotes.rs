//! Marks after a function's name, and the footnotes below the table that explain those in use.

use super::header_footer;
use super::list::list;
use super::page::Page;
use super::text::safe_and_short as safe;
use crate::snapshot::Function;
use crate::units;

/// The marks, abbreviated on a narrow terminal, which needs its columns for numbers.
pub(crate) struct Marks {
    polled: &'static str,
    open: &'static str,
    panicked: &'static str,
}

impl Marks {
    pub(crate) fn for_width(columns: Option<u16>) -> Marks {
        const NARROW: u16 = 60;
        match columns {
            Some(0..=NARROW) => Marks { polled: "a", open: "o", panicked: "p" },
            _ => Marks { polled: "async", open: "open", panicked: "panicked" },
        }
    }

    /// The marks after a name: ` async ± ~ (2 open) (3 panicked)`.
    pub(crate) fn of(&self, function: &Function) -> String {
        let mut marks = String::new();
        for (used, mark) in [
            (function.polled.is_some(), self.polled),
            (is_uncertain(function), "±"),
            (function.too_short, "~"),
        ] {
            if used {
                marks.extend([" ", mark]);
            }
        }
        if function.stopped_ns.is_some() {
            marks.push_str(" (stopped)");
        }
        for (calls, what) in [(function.open, self.open), (function.panicked, self.panicked)] {
            if calls > 0 {
                marks.push_str(&format!(" ({} {what})", units::count(calls)));
            }
        }
        marks
    }

    /// Explains the marks that some function has.
    pub(crate) fn explain(&self, functions: &[&Function], page: &mut Page) {
        let any = |is: &dyn Fn(&Function) -> bool| functions.iter().any(|function| is(function));
        let words: [(bool, &str, &str); 6] = [
            (
                any(&|f| f.too_short),
                "~",
                "too short to be timed well, its median is near the clock's cost",
            ),
            (any(&|f| f.open > 0), self.open, "calls still open when the report was written"),
            (any(&|f| f.panicked > 0), self.panicked, "calls that ended by unwinding"),
            (
                any(&|f| f.polled.is_some()),
                self.polled,
                "an async function; these times are inside polls, the rest is below",
            ),
            (
                any(&|f| f.stopped_ns.is_some()),
                "stopped",
                "even counting its calls exceeded the budget; figures cover the calls until then",
            ),
            (any(&is_uncertain), "±", "estimated, see below"),
        ];
        for (_, mark, meaning) in words.iter().filter(|(used, ..)| *used) {
            page.dim(&format!("{mark}: {meaning}"));
        }
        page.dim(header_footer::PER_CENT);
        estimates(functions, page);
    }
}

fn estimates(functions: &[&Function], page: &mut Page) {
    let estimates: Vec<String> =
        functions.iter().filter_map(|function| estimate(function)).collect();
    list("estimated, with 95 % intervals", &estimates, page, |line, page| page.item(line));
}

/// Whether not all calls were timed, or a large part was subtracted for recording the callees.
fn is_uncertain(function: &Function) -> bool {
    function.is_estimated() || function.inclusive_interval_ns.is_some()
}

fn estimate(function: &Function) -> Option<String> {
    if !is_uncertain(function) {
        return None;
    }
    let (timed, ended) = (function.timed_calls, function.calls.saturating_sub(function.open));
    let calls = match function.is_estimated() {
        true => format!("{} of {} calls timed", units::count(timed), units::count(ended)),
        false => "recording its callees cost much of that".to_owned(),
    };
    let total = function.inclusive_ns;
    let Some([low, high]) = function.inclusive_interval_ns else {
        let (path, total) = (safe(&function.path), units::duration(total));
        return Some(format!("{path}: total {total}, too few for an interval; {calls}"));
    };
    let [low, high] = [low.min(high), low.max(high)];
    let [below, above] = [total.saturating_sub(low), high.saturating_sub(total)];
    let is_symmetric = below.max(above) <= below.min(above).saturating_mul(2);
    let error = match units::share(below.max(above), total).filter(|_| is_symmetric) {
        Some(share) => format!("{} ± {}", units::duration(total), units::percent(share)),
        None => {
            let [low, high] = [low, high].map(units::duration);
            format!("{}, between {low} and {high}", units::duration(total))
        }
    };
    Some(format!("{}: total {error}; {calls}", safe(&function.path)))
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn only_marks_that_are_used_are_explained() {
        let mut snapshot = samples::ordinary();
        let explained = |snapshot: &_, columns| {
            let text = samples::rendered("table", snapshot, Some(columns));
            let is_mark =
                |line: &&str| line.split_once(": ").is_some_and(|(mark, _)| mark.len() < 9);
            let text = text.split_once("function ").expect("a table").1;
            text.lines()
                .filter(is_mark)
                .map(|line| line.split(':').next().unwrap_or("").to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(explained(&snapshot, 120), ["~", "open", "panicked", "async", "±", "%"]);
        assert_eq!(explained(&snapshot, 60), ["~", "o", "p", "a", "±", "%"]);
        snapshot.functions.truncate(2);
        assert_eq!(explained(&snapshot, 120), ["%"]);
    }

    #[test]
    fn marks_follow_the_name() {
        let marked = Function { open: 2, panicked: 3_000, too_short: true, ..Function::default() };
        assert_eq!(Marks::for_width(None).of(&marked), " ~ (2 open) (3,000 panicked)");
        assert_eq!(Marks::for_width(Some(60)).of(&marked), " ~ (2 o) (3,000 p)");
        assert_eq!(Marks::for_width(None).of(&Function::default()), "");
    }

    #[test]
    fn an_estimate_has_its_interval() {
        let text = samples::rendered("table", &samples::ordinary(), Some(120));
        let line = "  report::to_table: total 100 ms ± 3.00 %; 64 of 4,096 calls timed\n";
        assert!(text.contains(&format!("estimated, with 95 % intervals (1)\n{line}")), "{text}");
        let nothing =
            Function { calls: 5, inclusive_interval_ns: Some([0, 1_000]), ..Function::default() };
        assert_eq!(
            estimate(&nothing),
            Some(": total 0 ns, between 0 ns and 1.00 µs; 0 of 5 calls timed".to_owned())
        );
    }
}
