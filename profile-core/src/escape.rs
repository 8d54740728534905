//! Makes untrusted text safe to show: without terminal control sequences, and limited in length.

use std::borrow::Cow;

pub(crate) const ELLIPSIS: &str = "…";

/// Replaces characters that control a terminal or reorder the line with visible escapes.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_dangerous(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// C0, DEL, C1, the line separators, and characters that change the writing direction ("Trojan
/// source").
pub(crate) fn is_dangerous(character: char) -> bool {
    let direction = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}');
    direction || character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// Like [`safe`], but cut to a length suitable for a report: a snapshot may come from anyone.
pub(crate) fn safe_and_short(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 4_096;
    match text.char_indices().nth(LONGEST) {
        None => safe(text),
        Some((end, _)) => Cow::Owned(format!("{}{ELLIPSIS}", safe(&text[..end]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_control_characters_are_escaped() {
        assert_eq!(safe("plain ünïcode 漢字"), "plain ünïcode 漢字");
        assert_eq!(safe("a\u{1b}]52;c;AA\u{7}b"), "a\\u{1b}]52;c;AA\\u{7}b");
        assert_eq!(safe("\n\r\t\u{7f}\u{9b}"), "\\n\\r\\t\\u{7f}\\u{9b}");
        assert_eq!(
            safe("\u{202e}\u{2066}\u{2069}\u{2028}"),
            "\\u{202e}\\u{2066}\\u{2069}\\u{2028}"
        );
        assert!(safe_and_short(&"a".repeat(1 << 20)).len() < 5_000);
    }
}
