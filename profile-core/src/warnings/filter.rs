//! One filter: which warnings it fits, and what becomes of them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use regex_lite::Regex;

use super::category::{AnyWarning, Category};

/// What becomes of a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is returned as an error.
    Error,
    /// Nothing.
    Ignore,
    /// It is shown.
    Always,
    /// It is shown once for each text, category and line.
    Default,
    /// It is shown once for each text and category in a module.
    Module,
    /// It is shown once for each text and category in the process.
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

    /// As filters name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Action::ALL.iter().find(|(_, action)| *action == self).map_or("", |(name, _)| name)
    }
}

/// A word that is no action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownAction(pub(super) String);

impl fmt::Display for UnknownAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "invalid action: {:?}; allowed are error, ignore, always, default, module and once",
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

/// A regular expression that is matched at the start, as Python's `re.match`. Equal if the text is.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    /// For texts of ASCII, if the pattern is. `None`: it is its own text, and case counts. Making
    /// an expression of that takes 100 times as long as the rest.
    regex: Option<Regex>,
    /// It has nothing special in it, and only ASCII: comparing bytes is ten times as fast.
    is_plain: bool,
    ignores_case: bool,
    /// Of an option, which cannot have `::` in it: the path that is meant by a text with dots.
    path: Option<String>,
    /// Of `__main__`, the name that Python gives to the program itself: the crate that the program
    /// is made of.
    program: Option<String>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

/// What is no regular expression here: in Python it may be one that takes exponential time.
#[derive(Clone, Debug)]
pub struct FilterError {
    text: String,
    error: regex_lite::Error,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no regular expression: {}", self.text, self.error)
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

    /// Of a module's name: `__main__` fits the program's own crate, too.
    pub(super) fn or_program(mut self, name: &str) -> Pattern {
        self.program = (name == MAIN).then(program_crate).flatten();
        self
    }

    /// Of a module as `app.inner`: `app::inner` fits, too.
    pub(super) fn or_path(mut self, dotted: &str) -> Pattern {
        self.path = dotted.contains('.').then(|| dotted.replace('.', "::"));
        self
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn matches(&self, text: &str) -> bool {
        if self.is_plain
            && let Some(start) = text.as_bytes().get(..self.text.len())
        {
            let wanted = self.text.as_bytes();
            if start == wanted || (self.ignores_case && start.eq_ignore_ascii_case(wanted)) {
                return true;
            }
            // Letters beyond ASCII may fold into some within.
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
    /// Beyond ASCII an expression is made for the text: what letters and digits there are is asked
    /// of those that are in it.
    fn is_match(&self, regex: &Regex, text: &str) -> bool {
        if text.is_ascii() {
            return regex.is_match(text);
        }
        let regex = expression(&self.text, self.ignores_case, text);
        regex.is_ok_and(|regex| regex.is_match(text))
    }
}

/// What Python calls the module that a program begins with.
pub(super) const MAIN: &str = "__main__";

fn crate_of(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// The crate of the program that runs, which cargo names the file after; to a test's it adds a
/// hash.
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

/// The expression of a pattern, for a text.
fn expression(pattern: &str, ignores_case: bool, text: &str) -> Result<Regex, regex_lite::Error> {
    let flags = if ignores_case { "(?i)" } else { "" };
    let beyond: BTreeSet<char> = text.chars().filter(|letter| !letter.is_ascii()).collect();
    Regex::new(&format!("{flags}\\A(?:{})", as_here(pattern, ignores_case, &beyond)))
}

/// Python's `\Z` is `\z` here, and its `$` is also before a last line end.
///
/// `regex-lite` knows letters, digits, blanks and case of ASCII, and no tables of Unicode, which
/// would be 40 times the code. So they are written out, as far as they are among the characters
/// `beyond` ASCII of the text. Only `\b`, and in brackets `\W`, `\D`, `\S` and the case of a
/// range's letters, remain those of ASCII.
fn as_here(pattern: &str, ignores_case: bool, beyond: &BTreeSet<char>) -> String {
    let mut here = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    let (mut in_class, mut multiline) = (false, pattern.contains("(?m"));
    multiline &= !pattern.contains("(?-m");
    // Within brackets as they are, elsewhere in brackets of their own.
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
                Some('Z') => here.push_str("\\z"),
                Some(kind @ ('w' | 'd' | 's')) => {
                    here.push_str(&set(in_class, &format!("\\{kind}"), of_kind(kind)));
                }
                Some(kind @ ('W' | 'D' | 'S')) if !in_class => {
                    let kind = kind.to_ascii_lowercase();
                    here.push_str(&format!("[^\\{kind}{}]", of_kind(kind)));
                }
                Some(escaped) => here.extend(['\\', escaped]),
                None => here.push('\\'),
            },
            '$' if !in_class && !multiline => here.push_str("(?:\\n?\\z)"),
            _ if ignores_case && character.is_alphabetic() => {
                let folded = folded(character);
                let is_it = |it: &char| *it != character && self::folded(*it) == folded;
                let alike = beyond.iter().copied().filter(is_it);
                // The expression itself sees to those in ASCII.
                let ascii = (!character.is_ascii() && folded.is_ascii()).then_some(folded);
                here.push_str(&set(in_class, &character.to_string(), alike.chain(ascii).collect()));
            }
            _ => {
                in_class = (in_class || character == '[') && character != ']';
                here.push(character);
            }
        }
    }
    here
}

/// The letter that stands for all which Python takes for the same if case does not count.
fn folded(letter: char) -> char {
    /// A dotted capital I, the only letter that becomes two and yet is alike to one.
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

/// Which warnings, and what becomes of them.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What becomes of them.
    pub action: Action,
    /// The text begins like this, whatever the case. `None`: any.
    pub message: Option<Pattern>,
    /// They are of this category or a kind of it.
    pub category: &'static Category,
    /// The module begins like this. `None`: any.
    pub module: Option<Pattern>,
    /// The line; 0: any.
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

    /// What `re.match` of CPython 3.11 says.
    #[test]
    fn letters_beyond_ascii_are_those_of_python() {
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
            let made = Pattern::new(pattern, ignores_case).expect("it is one");
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
        let main = Pattern::new(MAIN, false).expect("it is one").or_program(MAIN);
        // The crate under test is the program that runs.
        for (module, fits) in [
            ("profile_core", true),
            ("profile_core::stats", true),
            ("profile_core_more", false),
            ("profile", false),
            (MAIN, true),
        ] {
            assert_eq!(main.matches(module), fits, "{module}");
        }
        let other = Pattern::new("app", false).expect("it is one").or_program("app");
        assert!(!other.matches("profile_core"));
    }
}
