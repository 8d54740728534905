//! Helpers that parse the options of both attributes.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::{Error, LitStr, Path, Result, Token};

/// An error for an unknown option: an optional hint, then the known options.
pub fn unknown(word: &Ident, known: &str, hint: Option<String>) -> Error {
    let hint = hint.map(|hint| format!("{hint}; ")).unwrap_or_default();
    Error::new(word.span(), format!("unknown option `{word}`: {hint}{known}"))
}

/// Stores a parsed value in its slot, which must be empty.
pub fn fill<T>(
    slot: &mut Option<T>,
    word: &Ident,
    value: impl FnOnce() -> Result<T>,
) -> Result<()> {
    if slot.is_some() {
        return Err(Error::new(word.span(), format!("duplicate option `{word}`")));
    }
    *slot = Some(value()?);
    Ok(())
}

/// The value after `word =`. If it is missing, the error points at the word.
pub fn value<T>(
    word: &Ident,
    input: ParseStream<'_>,
    allowed: &str,
    parse: fn(ParseStream<'_>) -> Result<T>,
) -> Result<T> {
    if input.parse::<Token![=]>().is_err() || input.is_empty() {
        return Err(Error::new(word.span(), allowed));
    }
    parse(input).map_err(|error| Error::new(error.span(), allowed))
}

pub fn name(word: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    const ALLOWED: &str = "`name` expects a non-empty string, e.g. `name = \"load\"`";
    let literal: LitStr = value(word, input, ALLOWED, Parse::parse)?;
    if literal.value().trim().is_empty() {
        return Err(Error::new(literal.span(), ALLOWED));
    }
    Ok(literal)
}

pub fn path(word: &Ident, input: ParseStream<'_>) -> Result<Path> {
    const ALLOWED: &str = "`crate` expects the path to `profile_core`, e.g. `crate = some::path`";
    value(word, input, ALLOWED, Path::parse_mod_style)
}

/// Whether a word occurs anywhere in these tokens.
pub fn mentions(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => mentions(group.stream(), word),
        _ => false,
    })
}
