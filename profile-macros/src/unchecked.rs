//! With the feature off nothing is counted, so a test with limits would pass whatever it takes. The
//! compiler says so, in crates built for tests alone: there a limit is what makes the test fail.
//!
//! The item is not parsed. A constant in front of its body uses another one that is deprecated: no
//! code comes of it, the warning is at the limit, and `-D warnings` makes it an error.
//!
//! Nothing but the compiler's own `proc_macro` may be used here: whoever builds with the feature
//! off builds no parser.

#[cfg(not(test))]
use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};
// The same names: the compiler's are there only while it runs a macro.
#[cfg(test)]
use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

use crate::words::{self, Place};

/// The item, with a warning if a limit is among the arguments.
pub fn with_warning(arguments: &TokenStream, item: TokenStream) -> TokenStream {
    let Some(limit) = limit(arguments) else { return item };
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    if let Some(TokenTree::Group(body)) = tokens.last_mut()
        && body.delimiter() == Delimiter::Brace
    {
        *body = warning_in(body, limit);
    }
    tokens.into_iter().collect()
}

/// The first word that is a limit.
fn limit(arguments: &TokenStream) -> Option<Span> {
    arguments.clone().into_iter().find_map(|token| match token {
        TokenTree::Ident(word) if is_limit(&word.to_string()) => Some(word.span()),
        _ => None,
    })
}

fn is_limit(word: &str) -> bool {
    words::find(Place::MemoryUsage, word).is_some() || word == "ledger"
}

/// After the attributes that a body begins with.
fn warning_in(body: &Group, limit: Span) -> Group {
    let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
    let is = |token: Option<&TokenTree>, sign| matches!(token, Some(TokenTree::Punct(it)) if it.as_char() == sign);
    let mut start = 0;
    while is(tokens.get(start), '#') && is(tokens.get(start + 1), '!') {
        start += 3;
    }
    let (attributes, rest) = tokens.split_at(start.min(tokens.len()));
    let mut all: TokenStream = attributes.iter().cloned().collect();
    all.extend(warning(limit));
    all.extend(rest.iter().cloned());
    let mut with_warning = Group::new(Delimiter::Brace, all);
    with_warning.set_span(body.span());
    with_warning
}

const WARNING: &str = r#"
    #[cfg(test)]
    const _: () = {
        #[deprecated(
            note = "nothing is counted and the test passes whatever it takes: the feature `profile` of \
                    profile-core is off. Run it with that feature, as in `cargo test --features profile-core/profile`"
        )]
        const LIMIT_IS_NOT_CHECKED: () = ();
        LIMIT_IS_NOT_CHECKED
    };
"#;

fn warning(limit: Span) -> TokenStream {
    at(limit, WARNING.parse().unwrap_or_default())
}

/// The tokens, all at one place.
fn at(place: Span, tokens: TokenStream) -> TokenStream {
    let moved = tokens.into_iter().map(|mut token| {
        if let TokenTree::Group(group) = &token {
            token = TokenTree::Group(Group::new(group.delimiter(), at(place, group.stream())));
        }
        token.set_span(place);
        token
    });
    moved.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(arguments: &str, item: &str) -> String {
        with_warning(&arguments.parse().unwrap(), item.parse().unwrap()).to_string()
    }

    #[test]
    fn a_limit_is_a_warning_at_the_start_of_the_body() {
        for (arguments, item) in [
            ("max_peak = 1", "#[test] fn f() -> u8 { 1 }"),
            ("interval = \"1ms\", ledger", "pub async fn f<T>(t: T) where T: Send {}"),
            ("max_rss = \"1 GiB\"", "mod m { fn f() {} }"),
        ] {
            let text = written(arguments, item);
            assert_eq!(text.matches("deprecated").count(), 1, "{text}");
            syn::parse_str::<syn::Item>(&text).unwrap();
        }
        let text = written("max_peak = 1", "fn f() { #![allow(unused)] #![deny(dead_code)] g() }");
        assert!(text.find("dead_code") < text.find("deprecated"), "{text}");
        assert!(text.find("deprecated") < text.find("g ()"), "{text}");
    }

    #[test]
    fn without_a_limit_and_without_a_body_the_item_is_untouched() {
        for (arguments, item) in [
            ("", "fn f() {}"),
            ("interval = \"5ms\", name = \"max_peak\"", "fn f() { g() }"),
            ("max_peak = 1", "fn f();"),
            ("max_peak = 1", ""),
        ] {
            let untouched = item.parse::<TokenStream>().unwrap().to_string();
            assert_eq!(written(arguments, item), untouched);
        }
    }
}
