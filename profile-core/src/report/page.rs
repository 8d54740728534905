//! The lines of a text report, each with a style. Whole lines are colored, after layout, so that
//! color codes do not count as width.

use std::io;

use super::layout::Grid;
use super::text;

/// Indentation of an entry of a list.
const INDENT: u16 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Plain,
    Bold,
    Dim,
}

/// A text report under construction.
pub(crate) struct Page {
    columns: Option<u16>,
    lines: Vec<(Tone, String)>,
}

impl Page {
    pub(crate) fn new(columns: Option<u16>) -> Page {
        Page { columns, lines: Vec::new() }
    }

    /// A heading or an important line, wrapped.
    pub(crate) fn bold(&mut self, words: &str) {
        self.wrapped(Tone::Bold, 0, words);
    }

    /// A line of text, wrapped.
    pub(crate) fn plain(&mut self, words: &str) {
        self.wrapped(Tone::Plain, 0, words);
    }

    /// A less important line, wrapped.
    pub(crate) fn dim(&mut self, words: &str) {
        self.wrapped(Tone::Dim, 0, words);
    }

    /// An entry of a list, wrapped.
    pub(crate) fn item(&mut self, words: &str) {
        self.wrapped(Tone::Plain, INDENT, words);
    }

    /// A line that is truncated instead of wrapped, so that its columns stay aligned.
    pub(crate) fn row(&mut self, words: &str) {
        self.cut(Tone::Plain, words);
    }

    /// The same in bold.
    pub(crate) fn bold_row(&mut self, words: &str) {
        self.cut(Tone::Bold, words);
    }

    fn cut(&mut self, tone: Tone, words: &str) {
        let line = match self.columns {
            Some(columns) => text::cut(words.trim_end(), columns.into()),
            None => words.trim_end().to_owned(),
        };
        self.lines.push((tone, line));
    }

    /// An entry of a list: a path and a suffix. If both do not fit on the line, the suffix is
    /// omitted and the path shortened.
    pub(crate) fn path_item(&mut self, path: &str, suffix: &str) {
        let whole = format!("  {path}{suffix}");
        let columns = self.columns.map_or(usize::MAX, usize::from);
        let fits = text::width(&whole) <= columns;
        let line = if fits {
            whole
        } else {
            format!("  {}", text::shorten(path, columns.saturating_sub(2)))
        };
        self.lines.push((Tone::Plain, line));
    }

    /// A blank line, unless the last one is blank already.
    pub(crate) fn blank(&mut self) {
        if self.lines.last().is_some_and(|(_, line)| !line.is_empty()) {
            self.lines.push((Tone::Plain, String::new()));
        }
    }

    /// A table, and the names of the columns that did not fit.
    pub(crate) fn table(&mut self, grid: Grid) {
        self.blank();
        self.table_with_lines(grid, |_| Vec::new());
    }

    /// The same, with wrapped lines below each row.
    pub(crate) fn table_with_lines(&mut self, grid: Grid, below: impl Fn(usize) -> Vec<String>) {
        let laid = grid.lay_out(self.columns);
        self.lines.extend(laid.head.into_iter().map(|line| (Tone::Bold, line)));
        for (row, line) in laid.rows.into_iter().enumerate() {
            self.lines.push((Tone::Plain, line));
            below(row).iter().for_each(|words| self.item(words));
        }
        self.blank();
        if !laid.dropped.is_empty() {
            let dropped = laid.dropped.join(", ");
            self.dim(&format!(
                "no room for: {dropped} (a wider terminal or PROFILE_REPORT=json shows them)"
            ));
        }
    }

    /// The width of an entry of a list.
    pub(crate) fn width_inside(&self) -> usize {
        self.columns.map_or(usize::MAX, usize::from).saturating_sub(usize::from(INDENT))
    }

    fn wrapped(&mut self, tone: Tone, indent: u16, words: &str) {
        let lines = text::wrap(words, indent, self.columns);
        self.lines.extend(lines.into_iter().map(|line| (tone, line)));
    }

    /// Writes all lines, without blank lines at the end.
    pub(crate) fn write(mut self, color: bool, to: &mut dyn io::Write) -> io::Result<()> {
        while self.lines.last().is_some_and(|(_, line)| line.is_empty()) {
            self.lines.pop();
        }
        for (tone, line) in &self.lines {
            let style = tone.style().filter(|_| color && !line.is_empty()).unwrap_or_default();
            writeln!(to, "{style}{line}{style:#}")?;
        }
        Ok(())
    }
}

impl Tone {
    fn style(self) -> Option<anstyle::Style> {
        match self {
            Tone::Plain => None,
            Tone::Bold => Some(anstyle::Style::new().bold()),
            Tone::Dim => Some(anstyle::Style::new().dimmed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_bold_or_dim_and_only_if_requested() {
        let page = || {
            let mut page = Page::new(Some(20));
            page.bold("head");
            page.blank();
            page.blank();
            page.dim("note");
            page.plain("text");
            page.blank();
            page
        };
        let written = |color| {
            let mut bytes = Vec::new();
            page().write(color, &mut bytes).expect("a vector takes everything");
            String::from_utf8(bytes).expect("text")
        };
        assert_eq!(written(false), "head\n\nnote\ntext\n");
        assert_eq!(written(true), "\u{1b}[1mhead\u{1b}[0m\n\n\u{1b}[2mnote\u{1b}[0m\ntext\n");
    }

    #[test]
    fn the_suffix_is_dropped_before_the_path_is_shortened() {
        let mut page = Page::new(Some(20));
        page.path_item("a::b", " (a.rs:1)");
        page.path_item("krate::module::b", " (a.rs:1)");
        page.path_item("krate::module::long::b", " (a.rs:1)");
        let lines: Vec<&str> = page.lines.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(lines, ["  a::b (a.rs:1)", "  krate::module::b", "  …::module::long::b"]);
    }
}
