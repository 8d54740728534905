//! The section of the table on the outcome of calls, if that was requested.

use super::layout::{Column, Grid, Name};
use super::page::Page;
use super::text::safe_and_short as safe;
use crate::snapshot::{Function, Returned, Returns};
use crate::units;

/// A row for each function whose outcomes were counted, in the order of the table.
pub(crate) fn section(functions: &[&Function], page: &mut Page) {
    let rows: Vec<(&Function, &Returns)> = functions
        .iter()
        .filter_map(|function| Some((*function, function.returns.as_ref()?)))
        .collect();
    if rows.is_empty() {
        return;
    }
    let name = |row: &(&Function, &Returns)| Name {
        path: safe(&row.0.path).into_owned(),
        ..Name::default()
    };
    let column = |head: &str, importance, cell: &dyn Fn(&Returns) -> String| {
        Column::new(head.to_owned(), importance, rows.iter().map(|row| cell(row.1)).collect())
    };
    let columns = vec![
        column("Ok or Some", 100, &|returns| units::count(returns.ok.calls)),
        column("total", 60, &|returns| units::duration(returns.ok.inclusive_ns)),
        column("mean", 80, &|returns| mean(returns.ok)),
        column("Err or None", 100, &|returns| units::count(returns.err.calls)),
        column("total", 60, &|returns| units::duration(returns.err.inclusive_ns)),
        column("mean", 80, &|returns| mean(returns.err)),
    ];
    page.table(Grid { head: "returned", names: rows.iter().map(name).collect(), columns });
}

fn mean(returned: Returned) -> String {
    match returned.calls {
        0 => units::NONE.to_owned(),
        calls => units::duration_f64(returned.inclusive_ns as f64 / calls as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use crate::snapshot::{Returned, Returns};

    #[test]
    fn both_ways_to_return_have_their_calls_and_times() {
        let mut snapshot = samples::ordinary();
        let ok = Returned { calls: 4, inclusive_ns: 8_000 };
        snapshot.functions[0].returns =
            Some(Returns { kind: "result".to_owned(), ok, err: Returned::default() });
        let text = samples::rendered("table", &snapshot, None);
        let row = text.lines().skip_while(|line| !line.starts_with("returned ")).nth(2);
        let cells: Vec<&str> = row.expect("a row").split_whitespace().collect();
        assert_eq!(cells, ["main", "4", "8.00", "µs", "2.00", "µs", "0", "0", "ns", "-"]);
    }
}
