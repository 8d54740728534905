//! `#[memory_usage]` on a module of tests: limits for each test in it, which may override them.

use crate::item::{Container, Function, Item};
use crate::options::{Options, is_called};
use proc_macro2::{Span, TokenStream};
use quote::ToTokens as _;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Path, Token, parse_quote_spanned};

/// The options of an attribute, as written.
type OptionList = Punctuated<Meta, Token![,]>;

/// Passes the module's options to its tests, and to those of its inner modules.
pub fn apply_limits(module: &mut Container, arguments: &TokenStream, options: &Options) {
    let krate = options.krate();
    for member in &mut module.members {
        match member {
            Item::Function(function) if is_test(function) => {
                apply_limits_to(&mut function.attributes, arguments, &krate);
            }
            Item::Container(inner) if inner.is_module => {
                apply_limits_to_module(inner, arguments, options);
            }
            _ => {}
        }
    }
}

/// A module with options of its own gets the missing ones, and passes both on when it is expanded.
fn apply_limits_to_module(inner: &mut Container, arguments: &TokenStream, options: &Options) {
    let krate = options.krate();
    let own = inner.attributes.iter_mut().find(|it| is_called("memory_usage", it.path(), &krate));
    match own {
        Some(own) => add_to(own, arguments),
        None => apply_limits(inner, arguments, options),
    }
}

/// Our attribute comes first, so that it sees the test as written: `#[tokio::test]` puts a runtime
/// around it.
fn apply_limits_to(attributes: &mut Vec<Attribute>, arguments: &TokenStream, krate: &Path) {
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

/// Adds the options that the attribute does not set. An invalid attribute is left unchanged and is
/// reported when it is expanded.
fn add_to(own: &mut Attribute, arguments: &TokenStream) {
    let written = match &own.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    let parse = |tokens| OptionList::parse_terminated.parse2(tokens);
    let (Ok(mut all), Ok(outer)) = (parse(written), parse(arguments.clone())) else { return };
    for word in outer {
        if all.iter().all(|own| own.path().get_ident() != word.path().get_ident()) {
            all.push(word);
        }
    }
    let path = own.path().clone();
    own.meta = parse_quote_spanned!(Span::mixed_site()=> #path(#all));
}

/// `#[test]`, `#[tokio::test]` and similar attributes.
fn is_test(function: &Function) -> bool {
    let last = |it: &Attribute| it.path().segments.last().is_some_and(|word| word.ident == "test");
    function.attributes.iter().any(last)
}

/// The module with its limits applied.
pub fn with_limits(
    mut module: Container,
    arguments: &TokenStream,
    options: &Options,
) -> TokenStream {
    apply_limits(&mut module, arguments, options);
    module.into_token_stream()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item;
    use crate::memory_usage::Arguments;

    fn expanded(arguments: &str, module: &str) -> String {
        let arguments: TokenStream = arguments.parse().unwrap();
        let Arguments(options) = syn::parse2(arguments.clone()).unwrap();
        let Item::Container(module) = item::parse(module.parse().unwrap()).unwrap() else {
            panic!("a module");
        };
        with_limits(module, &arguments, &options).to_string().replace(' ', "")
    }

    #[test]
    fn each_test_has_the_limits_of_its_suite_and_nothing_else_has() {
        let text = expanded(
            "max_peak = 7, crate = k",
            "mod m { #[test] fn a() {} fn helper() {} mod inner { #[tokio::test] async fn b() {} } }",
        );
        let added = "#[k::memory_usage(max_peak=7,crate=k)]";
        assert_eq!(text.matches(added).count(), 2, "{text}");
        assert!(text.contains(&format!("{added}#[test]fna()")), "{text}");
        assert!(text.contains("{}fnhelper"), "{text}");
    }

    #[test]
    fn own_options_of_a_test_or_inner_module_take_precedence() {
        let text = expanded(
            "max_peak = 7, max_time = \"1s\"",
            "mod m { #[test] #[memory_usage(max_peak = 9)] fn a() {} #[memory_usage] mod b {} }",
        );
        assert!(text.contains("#[memory_usage(max_peak=9,max_time=\"1s\")]fna()"), "{text}");
        assert!(text.contains("#[memory_usage(max_peak=7,max_time=\"1s\")]modb"), "{text}");
    }
}
