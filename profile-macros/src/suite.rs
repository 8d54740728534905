//! `#[memory_usage]` on a module of tests: limits for each test in it, which is free to set its
//! own.

use crate::item::{Container, Function, Item};
use crate::options::{Options, is_called};
use proc_macro2::{Span, TokenStream};
use quote::ToTokens as _;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Path, Token, parse_quote_spanned};

/// The options of an attribute, as written.
type Words = Punctuated<Meta, Token![,]>;

/// Hands the module's options to the tests in it, and in the modules in it.
pub fn give_limits(module: &mut Container, arguments: &TokenStream, options: &Options) {
    let krate = options.krate();
    for member in &mut module.members {
        match member {
            Item::Function(function) if is_test(function) => {
                give_limits_to(&mut function.attributes, arguments, &krate);
            }
            Item::Container(inner) if inner.is_module => {
                give_limits_to_module(inner, arguments, options);
            }
            _ => {}
        }
    }
}

/// A module in here that has options of its own hands both on when its turn comes.
fn give_limits_to_module(inner: &mut Container, arguments: &TokenStream, options: &Options) {
    let krate = options.krate();
    let own = inner.attributes.iter_mut().find(|it| is_called("memory_usage", it.path(), &krate));
    match own {
        Some(own) => add_to(own, arguments),
        None => give_limits(inner, arguments, options),
    }
}

/// Ours stands first, so that it sees the test as it was written: `#[tokio::test]` puts a runtime
/// around it.
fn give_limits_to(attributes: &mut Vec<Attribute>, arguments: &TokenStream, krate: &Path) {
    let own = attributes.iter_mut().find(|it| is_called("memory_usage", it.path(), krate));
    match own {
        Some(own) => add_to(own, arguments),
        None => {
            let here = Span::mixed_site();
            let added = parse_quote_spanned!(here=> #[#krate::memory_usage(#arguments)]);
            attributes.insert(0, added);
        }
    }
}

/// Adds what the attribute leaves open. One that is wrong stays as it is, to complain when its turn
/// comes.
fn add_to(own: &mut Attribute, arguments: &TokenStream) {
    let written = match &own.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    let words = |tokens| Words::parse_terminated.parse2(tokens);
    let (Ok(mut all), Ok(outer)) = (words(written), words(arguments.clone())) else { return };
    for word in outer {
        if all.iter().all(|own| own.path().get_ident() != word.path().get_ident()) {
            all.push(word);
        }
    }
    let path = own.path().clone();
    own.meta = parse_quote_spanned!(Span::mixed_site()=> #path(#all));
}

/// `#[test]`, `#[tokio::test]` and their like.
fn is_test(function: &Function) -> bool {
    let last = |it: &Attribute| it.path().segments.last().is_some_and(|word| word.ident == "test");
    function.attributes.iter().any(last)
}

/// The module again.
pub fn with_limits(
    mut module: Container,
    arguments: &TokenStream,
    options: &Options,
) -> TokenStream {
    give_limits(&mut module, arguments, options);
    module.into_token_stream()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item;
    use crate::memory_usage::Arguments;

    fn given(arguments: &str, module: &str) -> String {
        let arguments: TokenStream = arguments.parse().unwrap();
        let Arguments(options) = syn::parse2(arguments.clone()).unwrap();
        let Item::Container(module) = item::parse(module.parse().unwrap()).unwrap() else {
            panic!("a module");
        };
        with_limits(module, &arguments, &options).to_string().replace(' ', "")
    }

    #[test]
    fn each_test_has_the_limits_of_its_suite_and_nothing_else_has() {
        let text = given(
            "max_peak = 7, crate = k",
            "mod m { #[test] fn a() {} fn helper() {} mod inner { #[tokio::test] async fn b() {} } }",
        );
        let added = "#[k::memory_usage(max_peak=7,crate=k)]";
        assert_eq!(text.matches(added).count(), 2, "{text}");
        assert!(text.contains(&format!("{added}#[test]fna()")), "{text}");
        assert!(text.contains("{}fnhelper"), "{text}");
    }

    #[test]
    fn what_a_test_or_an_inner_module_says_itself_stands() {
        let text = given(
            "max_peak = 7, max_time = \"1s\"",
            "mod m { #[test] #[memory_usage(max_peak = 9)] fn a() {} #[memory_usage] mod b {} }",
        );
        assert!(text.contains("#[memory_usage(max_peak=9,max_time=\"1s\")]fna()"), "{text}");
        assert!(text.contains("#[memory_usage(max_peak=7,max_time=\"1s\")]modb"), "{text}");
    }
}
