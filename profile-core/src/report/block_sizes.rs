//! The section of the table on block sizes, if these were recorded.

use super::layout::{Column, Grid, Name};
use super::list::{LONGEST_LIST, more};
use super::page::Page;
use super::text::safe_and_short as safe;
use crate::snapshot::{BlockSizes, Function};
use crate::units;

/// A row for each function that allocated, those that allocated most first. A column covers four
/// powers of two. Columns in which no function has a block are left out.
pub(crate) fn section(functions: &[&Function], page: &mut Page) {
    let mut rows: Vec<(&Function, &BlockSizes)> = functions
        .iter()
        .filter_map(|function| Some((*function, function.block_sizes.as_ref()?)))
        .filter(|(_, sizes)| sizes.allocations() > 0)
        .collect();
    if rows.is_empty() {
        return;
    }
    crate::sort::by_key(&mut rows, |(_, sizes)| std::cmp::Reverse(sizes.allocations()));
    page.blank();
    page.bold(&format!("blocks by size ({})", units::count(rows.len() as u64)));
    let all = rows.len();
    rows.truncate(LONGEST_LIST);
    let names = rows.iter().map(|row| name(row.0)).collect();
    let grid = Grid { head: "function", names, columns: columns(&rows) };
    page.table_with_lines(grid, |_| Vec::new());
    more(all, page);
    page.dim("callees are not counted; temporary: freed by their thread before it allocated another block");
}

fn name(function: &Function) -> Name {
    Name { path: safe(&function.path).into_owned(), ..Name::default() }
}

fn columns(rows: &[(&Function, &BlockSizes)]) -> Vec<Column> {
    const FIRST: u32 = 4;
    const LAST: u32 = 24;
    const STEP: u32 = 4;
    let column = |head: String, importance, cell: &dyn Fn(&BlockSizes) -> String| {
        Column::new(head, importance, rows.iter().map(|row| cell(row.1)).collect())
    };
    let mut columns = vec![
        column("allocations".to_owned(), 100, &|sizes| units::count(sizes.allocations())),
        column("temporary\n%".to_owned(), 90, &|sizes| {
            let share = units::share(sizes.temporary, sizes.allocations());
            share.map_or_else(|| units::NONE.to_owned(), units::per_cent)
        }),
    ];
    let mut above = None;
    let ends = (FIRST..=LAST).step_by(STEP as usize).map(|power| 1_u64 << power);
    for end in ends.chain([u64::MAX]) {
        let within = |sizes: &BlockSizes| sizes.within(above, end);
        if rows.iter().any(|row| within(row.1) > 0) {
            let head = match (above, end) {
                (Some(above), u64::MAX) => format!("more than\n{}", units::bytes(above)),
                _ => format!("up to\n{}", units::bytes(end)),
            };
            columns.push(column(head, 50, &|sizes| units::count(within(sizes))));
        }
        above = Some(end);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use crate::snapshot::BlockSizes;

    #[test]
    fn sizes_are_columns_and_empty_columns_are_left_out() {
        let mut snapshot = samples::ordinary();
        snapshot.functions.truncate(2);
        snapshot.functions[0].block_sizes =
            Some(BlockSizes { temporary: 25, classes: vec![[16, 60], [32, 30], [1 << 30, 10]] });
        snapshot.functions[1].block_sizes = Some(BlockSizes::default());
        let text = samples::rendered("table", &snapshot, Some(120));
        let (_, section) = text.split_once("\nblocks by size (1)\n").expect("a section");
        let lines: Vec<String> = section
            .lines()
            .filter(|line| !line.starts_with('─'))
            .take(3)
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let expected = [
            "temporary up to up to more than".to_owned(),
            "function allocations % 16 B 256 B 16.0 MiB".to_owned(),
            "main 100 25.0 60 30 10".to_owned(),
        ];
        assert_eq!(lines, expected, "{section}");
    }
}
