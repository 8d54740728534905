//! A warning as text.

use std::borrow::Cow;

use super::category::Category;
use crate::escape::{ELLIPSIS, safe_and_short};

/// `FILE:LINE: CATEGORY: TEXT` and a newline, followed by the source line if the file exists and
/// has that line. `source` overrides the source line; an empty string omits it.
///
/// ```
/// use profile_core::warnings::{UserWarning, format_warning};
///
/// let text = format_warning("too slow", &UserWarning, "src/main.rs", 7, Some("run();"));
/// assert_eq!(text, "src/main.rs:7: UserWarning: too slow\n  run();\n");
/// ```
#[must_use]
pub fn format_warning(
    message: &str,
    category: &Category,
    file: &str,
    line: u64,
    source: Option<&str>,
) -> String {
    let mut text = format!("{file}:{line}: {}: {message}\n", category.name());
    let source = match source {
        Some(given) => Some(given.to_owned()).filter(|given| !given.is_empty()),
        None => line_of(file, line),
    };
    if let Some(source) = source {
        text.push_str(&format!("  {}\n", source.trim()));
    }
    text
}

/// Limits the text to 40 lines of limited length, and escapes control characters and what the log
/// of a CI run takes as a command.
pub(super) fn fit_to_show(text: &str) -> String {
    const MOST_LINES: usize = 40;
    let mut lines: Vec<_> = text.split('\n').take(MOST_LINES).map(safe_and_short).collect();
    // `::error …` is a command to GitHub's log, also after blanks.
    let is_command = |line: &&mut Cow<'_, str>| line.trim_start().starts_with("::");
    for line in lines.iter_mut().filter(is_command) {
        line.to_mut().insert_str(0, "| ");
    }
    if text.split('\n').nth(MOST_LINES).is_some() {
        lines.push(ELLIPSIS.into());
    }
    lines.join("\n")
}

/// A line of a file, from 1. Files larger than 16 MiB are not read.
fn line_of(file: &str, line: u64) -> Option<String> {
    const LONGEST: u64 = 16 << 20;
    let number = usize::try_from(line).ok()?.checked_sub(1)?;
    let metadata = std::fs::metadata(file).ok()?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return None;
    }
    let bytes = std::fs::read(file).ok()?;
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n").replace('\r', "\n");
    text.split_terminator('\n').nth(number).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_text_is_truncated_and_escaped() {
        let text = format!("\u{1b}[2Jone\ntwo\r{}\n", "x".repeat(4 << 20));
        let shown = fit_to_show(&text);
        assert!(shown.starts_with("\\u{1b}[2Jone\ntwo\\rxxx") && shown.ends_with("x…\n"));
        assert!(shown.len() < 5_000, "{}", shown.len());
        let lines = fit_to_show(&"line\n".repeat(1_000));
        assert_eq!((lines.lines().count(), lines.lines().last()), (41, Some("…")));
        assert_eq!(
            fit_to_show("a.rs:1: UserWarning: ünï\n  code\n"),
            "a.rs:1: UserWarning: ünï\n  code\n"
        );
        assert_eq!(fit_to_show("a: b\n ::error x::y\n"), "a: b\n|  ::error x::y\n");
    }
}
