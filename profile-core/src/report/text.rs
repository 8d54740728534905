//! Makes untrusted text fit for a terminal: escapes control characters, shortens paths, wraps
//! lines. Widths are columns on the screen, as counted by the crate that lays out the tables.

use comfy_table::{ContentArrangement, Table, presets};

use crate::escape::ELLIPSIS;
pub(crate) use crate::escape::{is_dangerous, safe, safe_and_short};
use crate::units;

const SEPARATOR: &str = "::";

/// Escapes text for HTML and XML, and replaces two characters that `safe` accepts but XML does not.
pub(crate) fn markup(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A figure, or the sign for a missing one.
pub(crate) fn optional(number: Option<u64>, show: impl Fn(u64) -> String) -> String {
    number.map_or_else(|| units::NONE.to_owned(), show)
}

/// Width of a text without control characters.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    widest([text])
}

/// Width of the widest line of several texts.
pub(crate) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    let mut table = Table::new();
    table.add_rows(texts.into_iter().map(|text| [text]));
    table.column_max_content_widths().first().copied().map_or(0, usize::from)
}

/// The path in at most `columns`, if necessary without its first segments: `…::Parser::run`. The
/// last segment is only cut if it is too long by itself.
pub(crate) fn shorten(path: &str, columns: usize) -> String {
    if width(path) <= columns {
        return path.to_owned();
    }
    let mark = width(ELLIPSIS) + SEPARATOR.len();
    let fits = |start: &usize| width(&path[*start..]) + mark <= columns;
    let starts = segment_starts(path);
    let last = starts.last().copied().unwrap_or(0);
    match starts.into_iter().find(fits) {
        Some(start) => format!("{ELLIPSIS}{SEPARATOR}{}", &path[start..]),
        None => cut(&path[last..], columns),
    }
}

/// The start of the text, in at most `columns`.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut left = columns.saturating_sub(width(ELLIPSIS));
    for character in text.chars() {
        let needed = width(character.encode_utf8(&mut [0; 4]));
        let Some(rest) = left.checked_sub(needed) else { break };
        left = rest;
        kept.push(character);
    }
    kept + ELLIPSIS
}

/// The segments of a path, which `::` separates.
pub(crate) fn segments(path: &str) -> Vec<&str> {
    let starts = segment_starts(path);
    let ends = starts.iter().skip(1).map(|start| start - 2).chain([path.len()]);
    starts.iter().zip(ends).map(|(start, end)| &path[*start..end]).collect()
}

/// Start of each segment. `::` between angle brackets is part of a type.
fn segment_starts(path: &str) -> Vec<usize> {
    let mut starts = vec![0];
    let mut nesting = 0_usize;
    for (at, byte) in path.bytes().enumerate() {
        let before = &path.as_bytes()[..at];
        // A third colon belongs to the segment.
        let in_segment = starts.last().is_some_and(|start| at > *start);
        match byte {
            b'<' => nesting += 1,
            b'>' if !before.ends_with(b"-") => nesting = nesting.saturating_sub(1),
            b':' if nesting == 0 && in_segment && before.ends_with(b":") => starts.push(at + 1),
            _ => {}
        }
    }
    starts
}

/// Breaks the text between words into lines of at most `columns`.
pub(crate) fn wrap(text: &str, indent: u16, columns: Option<u16>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).add_row([text]);
    if let Some(columns) = columns {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    }
    if let Some(column) = table.column_mut(0) {
        column.set_padding((indent, 0));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_colons_splits_into_segments() {
        assert_eq!(segments("a::b"), ["a", "b"]);
        assert_eq!(segments("a:::b"), ["a", ":b"]);
        assert_eq!(segments("::a::::"), ["", "a", "", ""]);
    }

    #[test]
    fn a_path_is_shortened_from_the_left_between_segments() {
        let path = "crate::parse::Parser::run";
        for (columns, shown) in [
            (25, path),
            (24, "…::parse::Parser::run"),
            (20, "…::Parser::run"),
            (14, "…::Parser::run"),
            (13, "…::run"),
            (5, "run"),
            (2, "r…"),
            (0, "…"),
        ] {
            assert_eq!(shorten(path, columns), shown, "{columns}");
        }
    }

    #[test]
    fn a_path_is_not_divided_inside_a_type() {
        assert_eq!(
            segments("a::b::<impl c::D for e::F>::run"),
            ["a", "b", "<impl c::D for e::F>", "run"]
        );
        assert_eq!(segments("a::Call<fn(u8) -> x::Y>::run"), ["a", "Call<fn(u8) -> x::Y>", "run"]);
        assert_eq!(segments("main"), ["main"]);
        assert_eq!(segments(""), [""]);
        assert_eq!(segments(">>::a::b<"), [">>", "a", "b<"]);
        assert_eq!(shorten("a::<impl c::D for e::F>::run", 12), "…::run");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(width("漢字"), 4);
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(cut("漢字漢字", 4), "漢…");
    }

    #[test]
    fn a_text_is_wrapped_between_words() {
        assert_eq!(wrap("one two three", 2, Some(10)), ["  one two", "  three"]);
        assert_eq!(wrap("one two three", 2, None), ["  one two three"]);
        assert!(wrap(&"x".repeat(100), 2, Some(20)).iter().all(|line| width(line) <= 20));
    }
}
