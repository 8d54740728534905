//! With the feature off nothing is counted, so a test with limits would pass whatever it uses. The
//! compiler warns about this, but only in crates built for tests: only there does a limit fail a
//! test.
//!
//! The item is not parsed. A constant at the start of its body uses another one that is deprecated.
//! It generates no code, the warning points at the limit, and `-D warnings` turns it into an error.
//!
//! Only the compiler's own `proc_macro` may be used here: a build with the feature off builds no
//! parser.

#[cfg(not(test))]
use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};
// The same names: the compiler's types exist only while it runs a macro.
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

/// The first option that is a limit.
fn limit(arguments: &TokenStream) -> Option<Span> {
    arguments.clone().into_iter().find_map(|token| match token {
        TokenTree::Ident(word) if is_limit(&word.to_string()) => Some(word.span()),
        _ => None,
    })
}

fn is_limit(word: &str) -> bool {
    words::find(Place::MemoryUsage, word).is_some() || word == "ledger"
}

/// Inserts the warning after the inner attributes of the body.
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
            note = "this limit is not checked, so the test passes whatever it uses: the feature `profile` of \
                    profile-core is off. Run it with that feature, as in `cargo test --features profile-core/profile`"
        )]
        const LIMIT_IS_NOT_CHECKED: () = ();
        LIMIT_IS_NOT_CHECKED
    };
"#;

fn warning(limit: Span) -> TokenStream {
    at(limit, WARNING.parse().unwrap_or_default())
}

/// The tokens, all at one location.
fn at(location: Span, tokens: TokenStream) -> TokenStream {
    let moved = tokens.into_iter().map(|mut token| {
        if let TokenTree::Group(group) = &token {
            token = TokenTree::Group(Group::new(group.delimiter(), at(location, group.stream())));
        }
        token.set_span(location);
        token
    });
    moved.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(arguments: &str, item: &str) -> String {
        with_warning(&arguments.parse().unwrap(), item.parse().unwrap()).to_string()
    }

    #[test]
    fn a_limit_is_a_warning_at_the_start_of_the_body() {
        for (arguments, item) in [
            ("max_peak = 1", "#[test] fn f() -> u8 { 1 }"),
            ("interval = \"1ms\", ledger", "pub async fn f<T>(t: T) where T: Send {}"),
            ("max_rss = \"1 GiB\"", "mod m { fn f() {} }"),
        ] {
            let text = expanded(arguments, item);
            assert_eq!(text.matches("deprecated").count(), 1, "{text}");
            syn::parse_str::<syn::Item>(&text).unwrap();
        }
        let text = expanded("max_peak = 1", "fn f() { #![allow(unused)] #![deny(dead_code)] g() }");
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
            assert_eq!(expanded(arguments, item), untouched);
        }
    }
}
