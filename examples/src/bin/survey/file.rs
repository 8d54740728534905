//! One file, stage by stage. Whatever is wrong with it becomes a [`Refused`].

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use proc_macro2::{Span, TokenStream};
use profile_core::{profile, span};

use crate::count::Counter;
use crate::findings::{Findings, Reason, Refused};

/// Beyond what anybody writes or generates.
const LARGEST_BYTES: u64 = 64 << 20;

/// Reads, lexes, parses and visits a file, and gives its memory back.
#[profile]
pub fn survey_file(path: &Path) -> Result<Findings, Refused> {
    let refused = |reason, error: &dyn Display| Refused::new(path, reason, error);
    let bytes = read(path).map_err(|error| refused(Reason::Unreadable, &error))?;
    let text =
        String::from_utf8(bytes).map_err(|error| refused(Reason::NotUtf8, &error.utf8_error()))?;
    let found = tree(&text)
        .map(|tree| {
            let found = count(path, &text, &tree);
            discard(tree);
            found
        })
        .map_err(|message| refused(Reason::NotParsed, &message));
    // proc-macro2 keeps the text of all it has lexed, to tell the places of tokens. There are no
    // tokens any more.
    let _span = span!("forget places");
    proc_macro2::extra::invalidate_current_thread_spans();
    found
}

#[profile]
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(LARGEST_BYTES + 1).read_to_end(&mut bytes)?;
    match read as u64 > LARGEST_BYTES {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(bytes),
    }
}

/// The syntax tree; or what is wrong, and in which line.
fn tree(text: &str) -> Result<syn::File, String> {
    let at = |place: Span, error: &dyn Display| format!("line {}: {error}", place.start().line);
    let tokens = lex(text).map_err(|error| at(error.span(), &error))?;
    parse(tokens).map_err(|error| at(error.span(), &error))
}

#[profile]
fn lex(text: &str) -> Result<TokenStream, proc_macro2::LexError> {
    without_shebang(text).parse()
}

/// `#!/usr/bin/env …` is for the system, `#![…]` for the compiler; before either may be a byte
/// order mark.
fn without_shebang(text: &str) -> &str {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let shebang = text.strip_prefix("#!").filter(|rest| !rest.trim_start().starts_with('['));
    // The end of its line stays, so that lines are counted from 1.
    shebang.map_or(text, |rest| &rest[rest.find('\n').unwrap_or(rest.len())..])
}

#[profile]
fn parse(tokens: TokenStream) -> syn::Result<syn::File> {
    syn::parse2(tokens)
}

#[profile]
fn count(path: &Path, text: &str, tree: &syn::File) -> Findings {
    Counter::new(path, text).visited(tree)
}

/// Frees the tree, node by node.
#[profile]
fn discard(tree: syn::File) {
    drop(tree);
}
