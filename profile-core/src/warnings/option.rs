//! Filters in text form: `action:message:category:module:line`, like Python's `-W` and
//! `PYTHONWARNINGS`.

use std::fmt;

use super::category::{ALL, AnyWarning, Category, LinkedCategory};
use super::filter::{Action, Filter, Pattern, UnknownAction};
use super::warn::insert;

/// Why a filter in text form is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidOption {
    /// More than five fields.
    TooManyFields(String),
    /// The first field is not an action or a prefix of one.
    UnknownAction(UnknownAction),
    /// No category has that name.
    UnknownCategory(String),
    /// The line is not a non-negative integer.
    InvalidLine(String),
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidOption::TooManyFields(option) => {
                write!(
                    f,
                    "too many fields (max 5): {option:?}; expected \
                     action:message:category:module:line, with a module written as app.inner"
                )
            }
            InvalidOption::UnknownAction(action) => action.fmt(f),
            InvalidOption::UnknownCategory(name) => {
                let known: Vec<&str> = ALL.iter().map(|category| category.name()).collect();
                write!(
                    f,
                    "unknown warning category: {name:?}; expected one of {}, or a category of the program by its path",
                    known.join(", ")
                )
            }
            InvalidOption::InvalidLine(line) => {
                write!(
                    f,
                    "invalid lineno {line:?}; expected a non-negative integer; 0 matches any line"
                )
            }
        }
    }
}

impl std::error::Error for InvalidOption {}

/// The category of that name, with or without its module.
pub(crate) fn category_named(name: &str) -> Option<&'static Category> {
    let short = name.strip_prefix("builtins.").unwrap_or(name);
    let ours = ALL.iter().find(|category| category.name() == short).copied();
    let own = inventory::iter::<LinkedCategory>().map(|linked| linked.0);
    let is_named = |category: &&'static Category| {
        let path = format!("{}::{}", category.module(), category.name());
        category.name() == name || path == name || path.replace("::", ".") == name
    };
    ours.or_else(|| own.into_iter().find(is_named))
}

/// Parses a filter in text form. Fields may be omitted or empty, and whitespace around them is
/// ignored. An action may be abbreviated, and `all` means `always`. Message and module are not
/// regular expressions: the message must start with the one, and the module must equal the other.
/// Colons separate fields, so `app::inner` is written `app.inner`.
///
/// # Errors
/// An invalid filter, with what was expected.
///
/// ```
/// use profile_core::warnings::{Action, parse_option};
///
/// let filter = parse_option("e:too slow:UserWarning::12").expect("a valid filter");
/// assert_eq!((filter.action, filter.line), (Action::Error, 12));
/// ```
pub fn parse_option(option: &str) -> Result<Filter, InvalidOption> {
    let fields: Vec<&str> = option.split(':').collect();
    if fields.len() > 5 {
        return Err(InvalidOption::TooManyFields(option.to_owned()));
    }
    let field = |number: usize| fields.get(number).copied().unwrap_or("").trim();
    let action = action_of(field(0))?;
    let category = match field(2) {
        "" => &AnyWarning,
        name => {
            category_named(name).ok_or_else(|| InvalidOption::UnknownCategory(name.to_owned()))?
        }
    };
    let pattern = |text: &str, whole: &str, ignores_case| {
        let text = Some(text).filter(|text| !text.is_empty())?;
        // Escaped text is always a valid expression.
        Pattern::new(&format!("{}{whole}", escaped(text)), ignores_case).ok()
    };
    Ok(Filter {
        action,
        message: pattern(field(1), "", true),
        category,
        module: pattern(field(3), "\\Z", false).map(|it| it.or_path(field(3)).or_program(field(3))),
        line: line_of(field(4))?,
    })
}

/// Inserts the filter that a text describes before the others.
///
/// # Errors
/// As for [`parse_option`].
pub fn set_option(option: &str) -> Result<(), InvalidOption> {
    insert(parse_option(option)?, false);
    Ok(())
}

/// Inserts filters from a comma-separated list before the others; the last becomes the first.
/// Invalid filters are ignored and returned; the others apply. Duplicates in the list count once.
///
/// ```
/// use profile_core::warnings::{catch_warnings, set_options};
///
/// let _caught = catch_warnings();
/// let invalid = set_options("ignore,error::UserWarning,nonsense");
/// assert_eq!(invalid.len(), 1);
/// ```
pub fn set_options(list: &str) -> Vec<InvalidOption> {
    let mut seen: Vec<&str> = Vec::new();
    let mut invalid = Vec::new();
    for option in list.split(',').filter(|option| !option.is_empty()) {
        if !seen.contains(&option) {
            seen.push(option);
            invalid.extend(set_option(option).err());
        }
    }
    invalid
}

fn action_of(word: &str) -> Result<Action, InvalidOption> {
    if word.is_empty() {
        return Ok(Action::Default);
    }
    if word == "all" {
        return Ok(Action::Always);
    }
    let found = Action::ALL.iter().find(|(name, _)| name.starts_with(word));
    let unknown = || InvalidOption::UnknownAction(UnknownAction(word.to_owned()));
    found.map(|(_, action)| *action).ok_or_else(unknown)
}

/// Parses an integer as Python does: a sign, and `_` between digits.
fn line_of(text: &str) -> Result<u64, InvalidOption> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_apart = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    match digits.replace('_', "") {
        _ if text.is_empty() => Ok(0),
        plain
            if is_apart && !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            // No file has that many lines.
            Ok(plain.parse().unwrap_or(u64::MAX))
        }
        _ => Err(InvalidOption::InvalidLine(text.to_owned())),
    }
}

/// Escapes like Python's `re.escape`.
fn escaped(text: &str) -> String {
    const SPECIAL: &str = "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}";
    let escape = |character: char| {
        SPECIAL.contains(character).then_some('\\').into_iter().chain([character])
    };
    text.chars().flat_map(escape).collect()
}
