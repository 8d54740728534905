//! Parses the options in the parentheses of `#[memory_usage(...)]`: the common ones, and its own.

use crate::limits;
use crate::options::Options;
use crate::parsing::{fill, name, path};
use crate::usage::{Usage, known};
use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Result, Token};

/// The attribute's arguments.
pub struct Arguments(pub Options);

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut options, mut usage) = (Options::default(), Usage::default());
        while !input.is_empty() {
            if !input.peek(Ident::peek_any) {
                return Err(input.error(format!("expected an option: {}", known())));
            }
            parse_one(&mut options, &mut usage, input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        options.usage = Some(Box::new(usage));
        Ok(Self(options))
    }
}

fn parse_one(options: &mut Options, usage: &mut Usage, input: ParseStream<'_>) -> Result<()> {
    let word = input.call(Ident::parse_any)?;
    match word.to_string().as_str() {
        "name" => fill(&mut options.name, &word, || name(&word, input)),
        "crate" => fill(&mut options.krate, &word, || path(&word, input)),
        "run" => fill(&mut options.run, &word, || limits::run(&word, input)),
        "raise" => fill(&mut options.raise, &word, || Ok(word.clone())),
        _ => usage.parse_one(&word, input),
    }
}
