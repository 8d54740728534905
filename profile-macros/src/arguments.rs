//! `args(url, items.len())`: which arguments of a call are recorded, and how.
//!
//! A place expression (`url`, `self.name`) is copied if possible, and otherwise borrowed for the
//! duration of the call. Any other expression is evaluated once, when the call begins, and its
//! value is stored. A place that the body may move or change cannot be borrowed: it is copied or
//! formatted before the span is opened.

use crate::describe;
use crate::parsing::mentions;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{
    Error, Expr, FnArg, Pat, Path, ReceiverKind, Result, Signature, Token, Type, parenthesized,
};

pub const ALLOWED: &str = "`args` expects expressions of the arguments, or `..` for all of them, \
     e.g. `args(url, items.len())` or `args(.., skip(password))`";

/// One part of the list.
enum Part {
    /// `..`: all named arguments.
    All,
    /// `skip(password)`: exclude these.
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

/// The expressions to record.
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

/// The statements that record the arguments of a call.
#[derive(Default)]
pub struct Notes {
    /// Before the span is opened: formats what the body may move.
    pub before: TokenStream,
    /// After the span is opened.
    pub inside: TokenStream,
}

/// The variable that a place expression is rooted in.
fn root(place: &Expr) -> Option<&Ident> {
    match place {
        Expr::Path(it) => it.path.get_ident(),
        Expr::Field(it) => root(&it.base),
        Expr::Index(it) => root(&it.expr),
        Expr::Paren(it) => root(&it.expr),
        _ => None,
    }
}

/// Whether the argument is a shared reference, so that the body cannot change what it points to.
fn is_shared(name: &Ident, signature: &Signature) -> bool {
    signature.inputs.iter().any(|argument| match argument {
        FnArg::Receiver(it) => {
            name == "self" && matches!(it.kind, ReceiverKind::Reference(_, _, None))
        }
        FnArg::Typed(it) => {
            let is_it = matches!(&*it.pat, Pat::Ident(pattern) if pattern.ident == *name);
            is_it && matches!(&*it.ty, Type::Reference(ty) if ty.mutability.is_none())
        }
    })
}

/// Whether the body does more than read a variable, judging by its tokens only.
fn is_moved_or_changed(name: &Ident, body: &TokenStream) -> bool {
    let closures_take = mentions(body.clone(), "move");
    uses(name, body.clone()).into_iter().any(|is_read| closures_take || !is_read)
}

/// For each use of a variable, whether it only reads it.
fn uses(name: &Ident, body: TokenStream) -> Vec<bool> {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let of_tree = |(at, tree): (usize, &TokenTree)| match tree {
        TokenTree::Ident(word) if word == name => {
            vec![is_read(&trees[..at], &trees[at + 1..])]
        }
        TokenTree::Group(group) => uses(name, group.stream()),
        _ => Vec::new(),
    };
    trees.iter().enumerate().flat_map(of_tree).collect()
}

/// `&name`, or a call of a method that only reads it.
fn is_read(before: &[TokenTree], after: &[TokenTree]) -> bool {
    const READERS: [&str; 10] = [
        "len",
        "is_empty",
        "iter",
        "as_str",
        "as_slice",
        "as_bytes",
        "clone",
        "to_string",
        "to_owned",
        "chars",
    ];
    let is_punct =
        |tree: &TokenTree, punct| matches!(tree, TokenTree::Punct(it) if it.as_char() == punct);
    let is_borrowed = before.last().is_some_and(|it| is_punct(it, '&'));
    match after {
        [dot, TokenTree::Ident(word), TokenTree::Group(_), ..] if is_punct(dot, '.') => {
            READERS.iter().any(|reader| word == reader)
        }
        [next, ..] if is_punct(next, '.') => false,
        _ => is_borrowed,
    }
}

/// One recorded expression: what runs before the span is opened, and what is stored.
struct Value {
    before: TokenStream,
    stored: TokenStream,
}

impl Value {
    fn of(expression: &Expr, is_movable: bool, number: usize, krate: &Path) -> Value {
        let here = Span::mixed_site();
        let is_place = matches!(expression, Expr::Path(_) | Expr::Field(_) | Expr::Index(_));
        let stored = match is_place {
            true if is_movable => return Value::formatted(expression, number, krate),
            true => quote_spanned!(here=> (&&#krate::__private::Place(&#expression)).keep()),
            false => quote_spanned!(here=> #expression),
        };
        Value { before: TokenStream::new(), stored }
    }

    /// Copied or formatted before the body can move it.
    fn formatted(place: &Expr, number: usize, krate: &Path) -> Value {
        let here = Span::mixed_site();
        let name = Ident::new(&format!("__profile_written_{number}"), here);
        // The span makes the compiler point at an argument that cannot be formatted.
        let before = quote_spanned! {here.located_at(place.span())=>
            let #name = {
                #[allow(unused_imports)]
                use #krate::__private::{CopyNow as _, WriteDebug as _, WriteDisplay as _};
                (&&&#krate::__private::Movable(&#place)).note(&__PROFILE_SITE)
            };
        };
        Value { before, stored: quote_spanned!(here=> #name) }
    }
}

/// The statements that record the arguments, before and after the one that opens the span.
pub fn note(
    list: &TokenStream,
    signature: &Signature,
    body: &TokenStream,
    krate: &Path,
) -> Result<Notes> {
    let here = Span::mixed_site();
    let expressions = expressions(list, signature)?;
    let is_movable = |place: &Expr| {
        let name = root(place).filter(|name| !is_shared(name, signature));
        name.is_some_and(|name| is_moved_or_changed(name, body))
    };
    let value = |(number, it)| Value::of(it, is_movable(it), number, krate);
    let values: Vec<Value> = expressions.iter().enumerate().map(value).collect();
    let before = values.iter().map(|value| value.before.clone()).collect();
    let stored = values.iter().map(|value| &value.stored);
    let names: Vec<Ident> =
        (0..expressions.len()).map(|number| Ident::new(&format!("value_{number}"), here)).collect();
    let shown = expressions.iter().zip(&names).map(|(expression, name)| {
        let text = describe::readable(expression.to_token_stream());
        // The span makes the compiler point at an argument that cannot be formatted.
        quote_spanned! {here.located_at(expression.span())=>
            text.name(#text);
            (&&#krate::__private::Shown(#name)).show(text);
        }
    });
    let inside = quote_spanned! {here=>
        let __profile_arguments = {
            #[allow(unused_imports)]
            use #krate::__private::{ByCopy as _, ByReference as _, ViaDebug as _, ViaDisplay as _};
            #krate::__private::note_arguments(
                &__PROFILE_SITE,
                (#(#stored,)*),
                |(#(#names,)*), text| { #(#shown)* },
            )
        };
    };
    Ok(Notes { before, inside })
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
    fn what_the_body_moves_or_changes_is_known_by_its_words() {
        let name: Ident = syn::parse_str("name").unwrap();
        let is_moved = |body: &str| is_moved_or_changed(&name, &body.parse().unwrap());
        for body in [
            "f(name)",
            "name = x",
            "&mut name",
            "name.push(1)",
            "name.into_iter()",
            "for x in name {}",
            "name",
            "vec![name]",
            "move || f(&name)",
            "&name.field.take()",
        ] {
            assert!(is_moved(body), "{body}");
        }
        for body in ["f(&name)", "if name.len() > 1 { g(&name) }", "other", "name.clone().push(1)"]
        {
            assert!(!is_moved(body), "{body}");
        }
    }

    #[test]
    fn a_shared_reference_is_never_moved() {
        let signature = syn::parse_str("fn f(&self, a: &[u8], b: &mut [u8], c: String)").unwrap();
        let is = |name: &str| is_shared(&Ident::new(name, Span::call_site()), &signature);
        assert_eq!(["self", "a", "b", "c"].map(is), [true, true, false, false]);
    }

    #[test]
    fn what_is_named_is_noted_and_all_means_all_but_what_is_skipped() {
        assert_eq!(noted("url, items.len()"), ["url", "items.len()"]);
        assert_eq!(noted(".., skip(password)"), ["url", "items"]);
        assert_eq!(noted("a + b, .., skip(url, items, password)"), ["a+b"]);
    }
}
