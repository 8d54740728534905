//! Filters: which warnings they match, and what happens to those.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use regex_lite::Regex;

use super::category::{AnyWarning, Category};

/// What happens to a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Returned as an error.
    Error,
    /// Not shown.
    Ignore,
    /// Shown each time.
    Always,
    /// Shown once for each text, category and line.
    Default,
    /// Shown once for each text and category in a module.
    Module,
    /// Shown once for each text and category in the process.
    Once,
}

impl Action {
    pub(super) const ALL: [(&str, Action); 6] = [
        ("default", Action::Default),
        ("always", Action::Always),
        ("ignore", Action::Ignore),
        ("module", Action::Module),
        ("once", Action::Once),
        ("error", Action::Error),
    ];

    /// Its name in filters.
    #[must_use]
    pub fn name(self) -> &'static str {
        Action::ALL.iter().find(|(_, action)| *action == self).map_or("", |(name, _)| name)
    }
}

/// A word that is not an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownAction(pub(super) String);

impl fmt::Display for UnknownAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "invalid action: {:?}; expected error, ignore, always, default, module or once",
            self.0
        )
    }
}

impl std::error::Error for UnknownAction {}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(name: &str) -> Result<Action, UnknownAction> {
        let found = Action::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, action)| *action).ok_or_else(|| UnknownAction(name.to_owned()))
    }
}

/// A regular expression that is matched at the start, like Python's `re.match`. Two are equal if
/// their texts are equal.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    /// For ASCII texts, if the pattern is ASCII. `None`: the pattern is plain text, compared
    /// case-sensitively. Compiling a regular expression takes 100 times as long as everything else.
    regex: Option<Regex>,
    /// It has no special characters and is ASCII: comparing bytes is ten times as fast as an
    /// expression.
    is_plain: bool,
    ignores_case: bool,
    /// For filters in text form, which cannot contain `::`: the module path for a name with dots.
    path: Option<String>,
    /// For `__main__`, Python's name of the program itself: the name of the program's crate.
    program: Option<String>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

/// An invalid regular expression. Expressions that take exponential time in Python do not here.
#[derive(Clone, Debug)]
pub struct FilterError {
    text: String,
    error: regex_lite::Error,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a regular expression: {}", self.text, self.error)
    }
}

impl std::error::Error for FilterError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl Pattern {
    pub(super) fn new(text: &str, ignores_case: bool) -> Result<Pattern, FilterError> {
        let is_plain = is_plain(text);
        let needed = !is_plain || ignores_case;
        let regex = needed.then(|| expression(text, ignores_case, "")).transpose();
        let regex = regex.map_err(|error| FilterError { text: text.to_owned(), error })?;
        let (path, program) = (None, None);
        Ok(Pattern { text: text.to_owned(), regex, is_plain, ignores_case, path, program })
    }

    /// For the name of a module: `__main__` also matches the program's own crate.
    pub(super) fn or_program(mut self, name: &str) -> Pattern {
        self.program = (name == MAIN).then(program_crate).flatten();
        self
    }

    /// For a module written as `app.inner`: also matches `app::inner`.
    pub(super) fn or_path(mut self, dotted: &str) -> Pattern {
        self.path = dotted.contains('.').then(|| dotted.replace('.', "::"));
        self
    }

    /// The text of the pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn matches(&self, text: &str) -> bool {
        if self.is_plain
            && let Some(start) = text.as_bytes().get(..self.text.len())
        {
            let prefix = self.text.as_bytes();
            if start == prefix || (self.ignores_case && start.eq_ignore_ascii_case(prefix)) {
                return true;
            }
            // A character beyond ASCII may fold to one in the pattern.
            if self.program.is_none() && (!self.ignores_case || start.is_ascii()) {
                return false;
            }
        }
        self.regex.as_ref().is_some_and(|regex| self.is_match(regex, text))
            || self.path.as_deref() == Some(text)
            || self.program.as_deref().is_some_and(|program| program == crate_of(text))
    }
}

impl Pattern {
    /// For text beyond ASCII, compiles an expression for that text, with the letters and digits
    /// that occur in it.
    fn is_match(&self, regex: &Regex, text: &str) -> bool {
        if text.is_ascii() {
            return regex.is_match(text);
        }
        let regex = expression(&self.text, self.ignores_case, text);
        regex.is_ok_and(|regex| regex.is_match(text))
    }
}

/// Python's name of the module that a program starts with.
pub(super) const MAIN: &str = "__main__";

fn crate_of(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// The crate of the running program. cargo names the file after it, and appends a hash for a test.
fn program_crate() -> Option<String> {
    let file = std::env::current_exe().ok()?;
    Some(crate_of_file(file.file_stem()?.to_str()?))
}

fn crate_of_file(stem: &str) -> String {
    const HASH: usize = 16;
    let is_hash = |end: &&str| end.len() == HASH && end.bytes().all(|it| it.is_ascii_hexdigit());
    let name = match stem.rsplit_once('-') {
        Some((name, hash)) if is_hash(&hash) => name,
        _ => stem,
    };
    name.replace('-', "_")
}

fn is_plain(text: &str) -> bool {
    let special = |byte: u8| br"\.+*?()|[]{}^$#&-~".contains(&byte);
    text.is_ascii() && !text.bytes().any(special)
}

/// The expression of a pattern, for matching a given text.
fn expression(pattern: &str, ignores_case: bool, text: &str) -> Result<Regex, regex_lite::Error> {
    let flags = if ignores_case { "(?i)" } else { "" };
    let beyond: BTreeSet<char> = text.chars().filter(|letter| !letter.is_ascii()).collect();
    Regex::new(&format!("{flags}\\A(?:{})", translated(pattern, ignores_case, &beyond)))
}

/// Translates a pattern. Python's `\Z` is `\z` here, and its `$` also matches before a final
/// newline.
///
/// `regex-lite` supports letters, digits, whitespace and case of ASCII only, since Unicode tables
/// would be 40 times its code. So characters `beyond` ASCII are listed explicitly, as far as they
/// occur in the text. Only `\b`, and in brackets `\W`, `\D`, `\S` and the case of a range's
/// letters, remain limited to ASCII.
fn translated(pattern: &str, ignores_case: bool, beyond: &BTreeSet<char>) -> String {
    let mut translation = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    let (mut in_class, mut multiline) = (false, pattern.contains("(?m"));
    multiline &= !pattern.contains("(?-m");
    // Within brackets unchanged, elsewhere in new brackets.
    let set = |in_class: bool, first: &str, more: String| match more.is_empty() {
        true => first.to_owned(),
        false if in_class => first.to_owned() + &more,
        false => format!("[{first}{more}]"),
    };
    let of_kind = |kind: char| -> String {
        let is_it = match kind {
            'w' => char::is_alphanumeric,
            'd' => char::is_numeric,
            _ => char::is_whitespace,
        };
        beyond.iter().copied().filter(|it| is_it(*it)).collect()
    };
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('Z') => translation.push_str("\\z"),
                Some(kind @ ('w' | 'd' | 's')) => {
                    translation.push_str(&set(in_class, &format!("\\{kind}"), of_kind(kind)));
                }
                Some(kind @ ('W' | 'D' | 'S')) if !in_class => {
                    let kind = kind.to_ascii_lowercase();
                    translation.push_str(&format!("[^\\{kind}{}]", of_kind(kind)));
                }
                Some(escaped) => translation.extend(['\\', escaped]),
                None => translation.push('\\'),
            },
            '$' if !in_class && !multiline => translation.push_str("(?:\\n?\\z)"),
            _ if ignores_case && character.is_alphabetic() => {
                let folded = folded(character);
                let is_it = |it: &char| *it != character && self::folded(*it) == folded;
                let alike = beyond.iter().copied().filter(is_it);
                // The expression itself handles those in ASCII.
                let ascii = (!character.is_ascii() && folded.is_ascii()).then_some(folded);
                translation.push_str(&set(
                    in_class,
                    &character.to_string(),
                    alike.chain(ascii).collect(),
                ));
            }
            _ => {
                in_class = (in_class || character == '[') && character != ']';
                translation.push(character);
            }
        }
    }
    translation
}

/// The representative of all letters that Python treats as equal when ignoring case.
fn folded(letter: char) -> char {
    /// Dotted capital I: the only letter whose lowercase is two characters but equal to a single
    /// one.
    const DOTTED: char = '\u{130}';
    fn one(letter: char, mut many: impl Iterator<Item = char>) -> char {
        match (many.next(), many.next()) {
            (Some(one), None) => one,
            _ => letter,
        }
    }
    if letter == DOTTED {
        return 'i';
    }
    let upper = one(letter, letter.to_uppercase());
    one(upper, upper.to_lowercase())
}

/// Which warnings, and what happens to them.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What happens to them.
    pub action: Action,
    /// The message starts with this, ignoring case. `None`: any message.
    pub message: Option<Pattern>,
    /// The category, which also matches its descendants.
    pub category: &'static Category,
    /// The module starts with this. `None`: any module.
    pub module: Option<Pattern>,
    /// The line; 0 matches any line.
    pub line: u64,
}

impl PartialEq for Filter {
    fn eq(&self, other: &Filter) -> bool {
        std::ptr::eq(self.category, other.category)
            && (self.action, &self.message, &self.module, self.line)
                == (other.action, &other.message, &other.module, other.line)
    }
}

impl Filter {
    pub(super) fn simple(action: Action, category: &'static Category, line: u64) -> Filter {
        Filter { action, message: None, category, module: None, line }
    }

    pub(super) fn fits(&self, text: &str, category: &Category, module: &str, line: u64) -> bool {
        let is_any = std::ptr::eq(self.category, &raw const AnyWarning);
        (is_any || category.is_a(self.category))
            && (self.line == 0 || self.line == line)
            && self.message.as_ref().is_none_or(|pattern| pattern.matches(text))
            && self.module.as_ref().is_none_or(|pattern| pattern.matches(module))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The results of `re.match` in CPython 3.11.
    #[test]
    fn letters_beyond_ascii_match_as_in_python() {
        for (pattern, ignores_case, text, fits) in [
            (r"\w+ is", false, "été is", true),
            (r"\w+ is", false, "e\u{2014}t is", false),
            (r"[\w.]+$", false, "a.é", true),
            (r"\W+$", false, "é", false),
            (r"\W+$", false, "\u{2014}", true),
            (r"\d\s\S", false, "\u{663}\u{a0}é", true),
            (r"\D", false, "\u{663}", false),
            ("été", true, "ÉTÉ", true),
            ("été", false, "ÉTÉ", false),
            ("[é]t", true, "ÉT", true),
            ("k", true, "\u{212a}", true),
            ("\u{212a}", true, "k", true),
            ("σ", true, "ς", true),
            ("i", true, "\u{130}", true),
            ("\u{131}", true, "I", true),
        ] {
            let made = Pattern::new(pattern, ignores_case).expect("a valid pattern");
            assert_eq!(made.matches(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn the_main_module_is_the_programs_own_crate() {
        for (stem, name) in [
            ("my-app", "my_app"),
            ("my-app-0123456789abcdef", "my_app"),
            ("my-app-0123456789abcdeg", "my_app_0123456789abcdeg"),
            ("app", "app"),
        ] {
            assert_eq!(crate_of_file(stem), name);
        }
        let main = Pattern::new(MAIN, false).expect("a valid pattern").or_program(MAIN);
        // The crate under test is the running program.
        for (module, fits) in [
            ("profile_core", true),
            ("profile_core::stats", true),
            ("profile_core_more", false),
            ("profile", false),
            (MAIN, true),
        ] {
            assert_eq!(main.matches(module), fits, "{module}");
        }
        let other = Pattern::new("app", false).expect("a valid pattern").or_program("app");
        assert!(!other.matches("profile_core"));
    }
}
