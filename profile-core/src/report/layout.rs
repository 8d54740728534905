//! Fits rows of a name and numbers into a width: drops the least important columns, then shortens
//! names.

use comfy_table::{Cell, CellAlignment, LineStyle, Table, presets};

use super::text;

/// Maximum width of a name if lines are not limited. Names are padded, so one long name makes every
/// line long.
const WIDEST_NAME: usize = 100;
/// Narrower terminals get a report of this width, and wrap its lines.
const NARROWEST: u16 = 20;

/// A column of numbers, aligned to the right.
pub(crate) struct Column {
    pub(super) head: String,
    importance: u32,
    pub(super) cells: Vec<String>,
    width: usize,
}

/// The start of a row: `│ └ ` `crate::parse` ` (2 open)`. Only the path is shortened.
#[derive(Default)]
pub(crate) struct Name {
    pub(crate) indent: String,
    pub(crate) path: String,
    pub(crate) marks: String,
}

/// Names and numbers before layout.
pub(crate) struct Grid {
    pub(crate) head: &'static str,
    pub(crate) names: Vec<Name>,
    pub(crate) columns: Vec<Column>,
}

/// The rows as text.
pub(crate) struct LaidOut {
    /// The heads and the rule below them.
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<String>,
    /// Heads of the columns that did not fit, from left to right.
    pub(crate) dropped: Vec<String>,
}

impl Grid {
    /// Lays out lines of at most `columns`, unless the first column alone is wider. With `None`
    /// nothing is dropped.
    pub(crate) fn lay_out(mut self, columns: Option<u16>) -> LaidOut {
        let (mut gap, mut name, mut dropped) = (2, WIDEST_NAME, Vec::new());
        if let Some(columns) = columns {
            let available = usize::from(columns.max(NARROWEST));
            let least = self.minimum_name(available);
            dropped = self.drop_columns(available.saturating_sub(least));
            // Narrow the gaps before shortening names.
            gap = if self.numbers_width(2) + self.widest_name() <= available { 2 } else { 1 };
            name = available.saturating_sub(self.numbers_width(gap));
        }
        let lines = self.lines(name, gap);
        let head_lines = self.head_height() + 1;
        let rows = lines.iter().skip(head_lines).cloned().collect();
        LaidOut { head: lines.into_iter().take(head_lines).collect(), rows, dropped }
    }

    /// Minimum width of the names, so that they can be distinguished: a quarter of the line, or the
    /// indent, the marks and a few characters of the path.
    fn minimum_name(&self, available: usize) -> usize {
        const LEAST_PATH: usize = 8;
        let quarter = (available / 4).max(12);
        let needed = |name: &Name| {
            let beside = text::width(&name.indent) + text::width(&name.marks);
            (beside + text::width(&name.path)).min(quarter.max(beside + LEAST_PATH))
        };
        self.names.iter().map(needed).max().unwrap_or(0).max(text::width(self.head))
    }

    fn widest_name(&self) -> usize {
        let width = |name: &Name| {
            text::width(&name.indent) + text::width(&name.path) + text::width(&name.marks)
        };
        self.names.iter().map(width).max().unwrap_or(0).max(text::width(self.head))
    }

    /// Drops columns until the rest fits into `available`, but never the first one.
    fn drop_columns(&mut self, available: usize) -> Vec<String> {
        let all: Vec<String> = self.columns.iter().map(|column| column.head.clone()).collect();
        while self.columns.len() > 1 && self.numbers_width(1) > available {
            let removable = self.columns.iter().enumerate().skip(1);
            let Some((least, _)) = removable.min_by_key(|(_, column)| column.importance) else {
                break;
            };
            self.columns.remove(least);
        }
        let kept = |head: &String| self.columns.iter().any(|column| column.head == *head);
        all.into_iter().filter(|head| !kept(head)).map(|head| head.replace('\n', " ")).collect()
    }

    /// Total width of the columns of numbers, including gaps.
    fn numbers_width(&self, gap: u16) -> usize {
        self.columns.iter().map(|column| usize::from(gap) + column.width).sum()
    }

    fn head_height(&self) -> usize {
        self.columns.iter().map(|column| height(&column.head)).max().unwrap_or(1)
    }

    fn lines(&self, name: usize, gap: u16) -> Vec<String> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING.header_separator(LineStyle::none().fill('─')));
        table.set_header(self.head_cells());
        for (row, shown) in self.names.iter().enumerate() {
            let numbers = self.columns.iter().map(|column| column.cells.get(row).cloned());
            let shown = shown.fitted(name);
            table.add_row(std::iter::once(shown).chain(numbers.map(Option::unwrap_or_default)));
        }
        for (at, column) in table.column_iter_mut().enumerate() {
            column.set_padding((if at == 0 { 0 } else { gap }, 0));
            column.set_cell_alignment(if at == 0 {
                CellAlignment::Left
            } else {
                CellAlignment::Right
            });
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// The heads, aligned at the bottom.
    fn head_cells(&self) -> Vec<Cell> {
        let tallest = self.head_height();
        let lowered =
            |head: &str| Cell::new("\n".repeat(tallest.saturating_sub(height(head))) + head);
        let heads = self.columns.iter().map(|column| column.head.as_str());
        std::iter::once(self.head).chain(heads).map(lowered).collect()
    }
}

fn height(head: &str) -> usize {
    head.matches('\n').count() + 1
}

impl Column {
    /// Columns with a smaller importance are dropped first. A head may have two lines.
    pub(crate) fn new(head: String, importance: u32, cells: Vec<String>) -> Column {
        let width = text::widest(cells.iter().map(String::as_str).chain([head.as_str()]));
        Column { head, importance, cells, width }
    }
}

impl Name {
    fn fitted(&self, columns: usize) -> String {
        let beside = text::width(&self.indent) + text::width(&self.marks);
        let path = text::shorten(&self.path, columns.saturating_sub(beside));
        text::cut(&format!("{}{path}{}", self.indent, self.marks), columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(path: &str) -> Grid {
        let column = |head: &str, importance, cell: &str| {
            Column::new(head.to_owned(), importance, vec![cell.to_owned()])
        };
        Grid {
            head: "name",
            names: vec![Name { path: path.to_owned(), ..Name::default() }],
            columns: vec![
                column("first", 9, "1.00 ms"),
                column("in two\nlines", 1, "12345"),
                column("last", 2, "1"),
            ],
        }
    }

    #[test]
    fn the_least_important_column_goes_first_and_is_named() {
        let laid = grid("some::path::to::a").lay_out(Some(25));
        assert_eq!(laid.dropped, ["in two lines"]);
        assert_eq!(laid.head, ["name       first last", "─────────────────────"]);
        assert_eq!(laid.rows, ["…::to::a 1.00 ms    1"]);
    }

    #[test]
    fn without_a_width_nothing_is_dropped() {
        let laid = grid(&"x::".repeat(100)).lay_out(None);
        assert_eq!(laid.dropped, [""; 0]);
        assert!(text::width(&laid.rows[0]) <= WIDEST_NAME + 3 * 2 + 7 + 6 + 4);
    }

    #[test]
    fn every_line_fits() {
        for columns in 20..200 {
            for path in
                ["a", "some::path::to::a_function", "漢字::漢字漢字漢字漢字漢字漢字漢字漢字"]
            {
                let laid = grid(path).lay_out(Some(columns));
                for line in laid.head.iter().chain(&laid.rows) {
                    assert!(text::width(line) <= usize::from(columns), "{columns}: {line}");
                }
            }
        }
    }
}
