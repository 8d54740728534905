//! `args(url, items.len())`: which arguments of a call are noted, and how.
//!
//! A place (`url`, `self.name`) is copied if it can be, else borrowed for the length of the call; any other expression is
//! evaluated once, when the call begins, and its value kept. Nothing is turned into text here.

use crate::describe;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, FnArg, Pat, Path, Result, Signature, Token, parenthesized};

pub const ALLOWED: &str = "`args` takes expressions of the arguments, or all but some: `args(url, items.len())`, `args(.., skip(password))`";

/// One part of the list.
enum Part {
    /// `..`: all arguments that have a name.
    All,
    /// `skip(password)`: not these.
    Skip(Vec<Ident>),
    One(Box<Expr>),
}

impl Parse for Part {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(Token![..]) {
            input.parse::<Token![..]>()?;
            return Ok(Self::All);
        }
        let is_skip = input.fork().parse::<Ident>().is_ok_and(|word| word == "skip");
        if is_skip && input.peek2(syn::token::Paren) {
            input.parse::<Ident>()?;
            let content;
            parenthesized!(content in input);
            let names = Punctuated::<Ident, Token![,]>::parse_terminated(&content)?;
            return Ok(Self::Skip(names.into_iter().collect()));
        }
        input.parse().map(Box::new).map(Self::One)
    }
}

/// The expressions that are noted.
fn expressions(list: &TokenStream, signature: &Signature) -> Result<Vec<Expr>> {
    let parts = Punctuated::<Part, Token![,]>::parse_terminated.parse2(list.clone());
    let parts = parts.map_err(|_| Error::new_spanned(list, ALLOWED))?;
    let mut skipped = Vec::new();
    let mut noted = Vec::new();
    for part in parts {
        match part {
            Part::All => noted.extend(named(signature)),
            Part::Skip(names) => skipped.extend(names),
            Part::One(expression) => noted.push(*expression),
        }
    }
    let is_skipped = |expression: &Expr| match expression {
        Expr::Path(path) => path.path.get_ident().is_some_and(|name| skipped.contains(name)),
        _ => false,
    };
    noted.retain(|expression| !is_skipped(expression));
    Ok(noted)
}

fn named(signature: &Signature) -> Vec<Expr> {
    let name = |argument: &FnArg| match argument {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(name) => {
                let name = &name.ident;
                Some(syn::parse_quote!(#name))
            }
            _ => None,
        },
        FnArg::Receiver(_) => None,
    };
    signature.inputs.iter().filter_map(name).collect()
}

/// The statement that notes them, after the one that opens the span.
pub fn note(list: &TokenStream, signature: &Signature, krate: &Path) -> Result<TokenStream> {
    let here = Span::mixed_site();
    let expressions = expressions(list, signature)?;
    let kept = expressions.iter().map(|expression| match expression {
        Expr::Path(_) | Expr::Field(_) | Expr::Index(_) => {
            quote_spanned!(here=> (&&#krate::__private::Place(&#expression)).keep())
        }
        value => quote_spanned!(here=> #value),
    });
    let names: Vec<Ident> =
        (0..expressions.len()).map(|number| Ident::new(&format!("value_{number}"), here)).collect();
    let shown = expressions.iter().zip(&names).map(|(expression, name)| {
        let text = describe::readable(expression.to_token_stream());
        // So that the compiler points at an argument that cannot be shown.
        quote_spanned! {here.located_at(expression.span())=>
            text.name(#text);
            (&&#krate::__private::Shown(#name)).show(text);
        }
    });
    Ok(quote_spanned! {here=>
        let __profile_arguments = {
            #[allow(unused_imports)]
            use #krate::__private::{ByCopy as _, ByReference as _, ViaDebug as _, ViaDisplay as _};
            #krate::__private::note_arguments(
                &__PROFILE_SITE,
                (#(#kept,)*),
                |(#(#names,)*), text| { #(#shown)* },
            )
        };
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(list: &str) -> Vec<String> {
        let signature = syn::parse_str(
            "fn f(&self, url: &str, items: Vec<u8>, (a, b): (u8, u8), password: &str)",
        );
        let all = expressions(&list.parse().unwrap(), &signature.unwrap()).unwrap();
        all.iter().map(|it| it.to_token_stream().to_string().replace(' ', "")).collect()
    }

    #[test]
    fn what_is_named_is_noted_and_all_means_all_but_what_is_skipped() {
        assert_eq!(noted("url, items.len()"), ["url", "items.len()"]);
        assert_eq!(noted(".., skip(password)"), ["url", "items"]);
        assert_eq!(noted("a + b, .., skip(url, items, password)"), ["a+b"]);
    }
}
