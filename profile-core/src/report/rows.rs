//! Selects the rows of a table, and summarizes the others in one line.

use super::page::Page;
use crate::options::Top;
use crate::units;

/// The rows to show, and the others, each in the given order.
pub(crate) fn split<T: Copy>(
    rows: &[T],
    ns: impl Fn(T) -> u64,
    top: Top,
    whole_ns: u64,
) -> (Vec<T>, Vec<T>) {
    match top {
        Top::All => (rows.to_vec(), Vec::new()),
        Top::Rows(most) => {
            let (shown, rest) = rows.split_at(most.min(rows.len()));
            (shown.to_vec(), rest.to_vec())
        }
        Top::Share(least) => {
            let is_large = |row: &T| units::share(ns(*row), whole_ns).unwrap_or(1.0) >= least;
            rows.iter().copied().partition(is_large)
        }
    }
}

/// Summarizes rows that are not shown, with the sum of their exclusive times in ns.
pub(crate) fn left_out(
    what: &str,
    exclusive_ns: impl ExactSizeIterator<Item = u64>,
    whole_ns: u64,
    page: &mut Page,
) {
    let rows = exclusive_ns.len();
    if rows == 0 {
        return;
    }
    let ns = exclusive_ns.fold(0, u64::saturating_add);
    let plural = if rows == 1 { "" } else { "s" };
    let (rows, time) = (units::count(rows as u64), units::duration(ns));
    let mut line = format!("and {rows} more {what}{plural} with {time} of self time");
    if let Some(share) = units::share(ns, whole_ns) {
        line.push_str(&format!(", {}", units::percent(share)));
    }
    page.dim(&format!("{line} (PROFILE_TOP=all shows them)"));
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::report::Style;

    #[test]
    fn rows_beyond_the_limit_are_one_line() {
        let style = Style { top: Top::Rows(2), ..Style::default() };
        let text = samples::rendered_in("table", &samples::ordinary(), &style);
        assert!(text.contains("\nParser::run ") && !text.contains("\nparse::peek "), "{text}");
        let line = "\nand 3 more functions with 1.20 s of self time, 5.31 % (PROFILE_TOP=all shows them)\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("\nnever called (1)\n"), "{text}");
        let mut snapshot = samples::ordinary();
        snapshot.never_called = vec![samples::never_called("survey::f"); 32];
        let text = samples::rendered_in("table", &snapshot, &style);
        let line = "\nnever called: 32 of 37 functions (PROFILE_TOP=all lists them)\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn small_rows_are_one_line_whatever_the_order() {
        let rows = [5, 90, 1, 4];
        let (shown, rest) = split(&rows, |ns| ns, Top::Share(0.05), 100);
        assert_eq!((shown, rest), (vec![5, 90], vec![1, 4]));
    }

    #[test]
    fn a_tree_keeps_the_largest_paths_and_their_callers() {
        let style = Style { top: Top::Rows(3), ..Style::default() };
        let text = samples::rendered_in("tree", &samples::ordinary(), &style);
        assert!(text.contains("\n└ Parser::run ") && text.contains("\n  └ parse::peek "), "{text}");
        let line = "\nand 2 more call paths with 200 ms of self time, 0.88 % (PROFILE_TOP=all shows them)\n";
        assert!(text.contains(line), "{text}");
    }
}
