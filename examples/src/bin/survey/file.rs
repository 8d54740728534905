//! Processes one file, stage by stage. Any error becomes a [`Refused`].

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use proc_macro2::{Span, TokenStream};
use profile_core::{profile, span};

use crate::count::Counter;
use crate::findings::{Findings, Reason, Refused};

/// Larger than any real source file.
const LARGEST_BYTES: u64 = 64 << 20;

/// Reads, lexes, parses and visits a file, and frees its memory.
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
    // proc-macro2 retains the text of everything that it has lexed, for the locations of tokens.
    // All tokens have been dropped.
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

/// The syntax tree; or an error with its line.
fn tree(text: &str) -> Result<syn::File, String> {
    let at = |span: Span, error: &dyn Display| format!("line {}: {error}", span.start().line);
    let tokens = lex(text).map_err(|error| at(error.span(), &error))?;
    parse(tokens).map_err(|error| at(error.span(), &error))
}

#[profile]
fn lex(text: &str) -> Result<TokenStream, proc_macro2::LexError> {
    without_shebang(text).parse()
}

/// Removes a byte order mark and a shebang line (`#!/usr/bin/env …`, but not `#![…]`).
fn without_shebang(text: &str) -> &str {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let shebang = text.strip_prefix("#!").filter(|rest| !rest.trim_start().starts_with('['));
    // Leaves the line break, so that line numbers stay correct.
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
