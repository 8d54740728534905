//! What can be measured and what cannot, and the message that suggests an alternative.
//!
//! By itself, an item that cannot be measured is an error; in a container it is listed instead.
//! This module must not change an item.

use crate::item::{Container, End, Function, Item, Kind, Other};
use crate::options::Options;
use proc_macro2::{Ident, Span};
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Meta, Result, ReturnType};

/// Rejects items that the attribute cannot handle when applied directly.
pub fn alone(item: &Item, options: &Options) -> Result<()> {
    let refusal = match item {
        Item::Function(function) => {
            let obstacle = obstacle(function).map(|it| (it.span, it.advice));
            obstacle.or_else(|| raises_nothing(function, options))
        }
        Item::Container(_) => {
            let name = options.name.as_ref().map(|it| (it.span(), NAME_ON_CONTAINER));
            name.or_else(|| options.arguments.as_ref().map(|it| (it.span(), ARGS_ON_CONTAINER)))
        }
        Item::Other(other) => Some((other.keyword.span(), refused_kind(&other.kind))),
    };
    refusal.map_or(Ok(()), |(span, sentence)| Err(Error::new(span, sentence)))
}

/// `raise` on a function that returns nothing. For other types the compiler reports the error.
fn raises_nothing(function: &Function, options: &Options) -> Option<(Span, &'static str)> {
    let word = options.raise.as_ref()?;
    let returns_nothing = matches!(function.signature.output, ReturnType::Default);
    returns_nothing.then(|| (word.span(), RAISES_NOTHING))
}

const RAISES_NOTHING: &str = "`raise` requires a function that returns a `Result`, and this one returns nothing: \
     without `raise`, an exceeded limit that a filter turns into an error panics";

/// Rejects items that `#[memory_usage]` cannot watch.
pub fn watched(item: &Item, options: &Options) -> Result<()> {
    match item {
        Item::Container(other) if !other.is_module => {
            Err(Error::new(first_word(item), ONE_FUNCTION))
        }
        Item::Other(Other { kind: Kind::Plain, keyword, .. }) => {
            Err(Error::new(keyword.span(), ONE_FUNCTION))
        }
        _ => alone(item, options).map_err(|error| of_memory_usage(&error)),
    }
}

/// An error that applies to both attributes names the one that was written.
fn of_memory_usage(error: &Error) -> Error {
    Error::new(error.span(), error.to_string().replace("#[profile", "#[memory_usage"))
}

const ONE_FUNCTION: &str = "`#[memory_usage]` watches one function, or each `#[test]` of an inline mod: \
     put it on the fn whose memory to measure";

fn first_word(item: &Item) -> Span {
    use quote::ToTokens as _;
    item.to_token_stream().into_iter().next().map_or_else(Span::call_site, |tree| tree.span())
}

const NAME_ON_CONTAINER: &str =
    "`name` is for one function: put `#[profile(name = \"...\")]` on the function it names";

const ARGS_ON_CONTAINER: &str = "`args` is for one function: \
     put `#[profile(args(...))]` on the function whose arguments it names";

fn refused_kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::OutlineModule(_) => {
            "`#[profile]` cannot see a module in another file: put it on the items in that file"
        }
        Kind::Foreign(_) => {
            "`#[profile]` cannot instrument a foreign function: put it on a fn that calls it"
        }
        Kind::MacroCall => {
            "`#[profile]` cannot see what a macro expands to: put it on the fn inside the macro"
        }
        Kind::Plain => "`#[profile]` measures functions: put it on a fn, impl, trait or inline mod",
    }
}

/// Why a function cannot be measured.
pub struct Obstacle {
    pub span: Span,
    /// For the error on the item itself: what to do instead.
    pub advice: &'static str,
    /// For the report: the reason.
    pub reason: &'static str,
}

/// What prevents this function from being measured, if anything.
pub fn obstacle(function: &Function) -> Option<Obstacle> {
    if let End::Semicolon(semicolon) = &function.end {
        return Some(Obstacle {
            span: semicolon.span,
            advice: "`#[profile]` needs a body to measure: put it on the fn that implements or calls this one",
            reason: "a fn without a body has nothing to time",
        });
    }
    if let Some(constness) = &function.signature.constness {
        return Some(Obstacle {
            span: constness.span,
            advice: "`#[profile]` cannot time a const fn, which may run at compile time: \
             remove `const`, or put it on a fn that calls this one",
            reason: "a const fn cannot be timed",
        });
    }
    let naked = function.attributes.iter().find(|it| is_naked(it))?;
    Some(Obstacle {
        span: naked.pound_token.span,
        advice: "`#[profile]` cannot instrument a naked fn, which contains only assembly: \
             put it on a fn that calls this one",
        reason: "a naked fn contains only assembly",
    })
}

/// `#[naked]` or `#[unsafe(naked)]`
fn is_naked(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) if list.path.is_ident("unsafe") => {
            syn::parse2::<Ident>(list.tokens.clone()).is_ok_and(|word| word == "naked")
        }
        meta => meta.path().is_ident("naked"),
    }
}

/// An item in a container that is not measured, for the report.
pub struct Skipped {
    pub name: String,
    pub span: Span,
    pub reason: &'static str,
}

/// What the report must list when this item, which is not a container, is left unchanged.
pub fn skipped(item: &Item) -> Vec<Skipped> {
    match item {
        Item::Function(function) => skipped_function(function).into_iter().collect(),
        Item::Container(Container { .. }) => Vec::new(),
        Item::Other(other) => skipped_other(other),
    }
}

/// A required trait method is not listed, since it has no code.
fn skipped_function(function: &Function) -> Option<Skipped> {
    let End::Body(_) = function.end else { return None };
    let ident = &function.signature.ident;
    obstacle(function).map(|it| skip(ident, ident.to_string(), it.reason))
}

fn skipped_other(other: &Other) -> Vec<Skipped> {
    let keyword = &other.keyword;
    match &other.kind {
        Kind::OutlineModule(name) => {
            vec![skip(name, name.to_string(), "a module in another file is not visible from here")]
        }
        Kind::Foreign(names) => {
            let reason = "a foreign fn has no body here";
            names.iter().map(|it| skip(it, it.to_string(), reason)).collect()
        }
        Kind::MacroCall => {
            let name = format!("{}!", macro_name(other));
            vec![skip(keyword, name, "the expansion of a macro is not visible from here")]
        }
        Kind::Plain => Vec::new(),
    }
}

/// `a::b` of `a::b!(…)`
fn macro_name(other: &Other) -> String {
    let trees = other.tokens.clone().into_iter().map(|tree| tree.to_string());
    trees.take_while(|text| text != "!").collect()
}

fn skip(ident: &Ident, name: String, reason: &'static str) -> Skipped {
    Skipped { name, span: ident.span(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::parse;

    fn refusal(text: &str) -> Option<String> {
        let item = parse(text.parse().unwrap()).unwrap();
        alone(&item, &Options::default()).err().map(|error| error.to_string())
    }

    #[test]
    fn each_attribute_names_itself() {
        for text in ["const fn f() {}", "fn f();", "struct S;", "mod m;", "call!();", "impl A {}"] {
            let item = parse(text.parse().unwrap()).unwrap();
            let message = watched(&item, &Options::default()).unwrap_err().to_string();
            assert!(message.starts_with("`#[memory_usage]`"), "{text}: {message}");
            assert!(!message.contains("#[profile"), "{text}: {message}");
        }
    }

    fn listed(text: &str) -> String {
        let all = skipped(&parse(text.parse().unwrap()).unwrap());
        all.iter().map(|it| format!("{}: {};", it.name, it.reason)).collect()
    }

    #[test]
    fn items_with_a_body_are_accepted() {
        for text in
            ["fn f() {}", "impl A {}", "trait B {}", "mod c {}", "unsafe extern \"C\" fn f() {}"]
        {
            assert_eq!(refusal(text), None, "{text}");
        }
    }

    #[test]
    fn every_error_suggests_where_to_put_the_attribute() {
        for text in [
            "const fn f() {}",
            "fn f(&self);",
            "#[unsafe(naked)] extern \"C\" fn f() {}",
            "struct S;",
            "mod m;",
            "extern \"C\" { fn a(); }",
            "call!();",
        ] {
            let message = refusal(text).unwrap_or_default();
            assert!(message.starts_with("`#[profile]`"), "{text}: {message}");
            assert!(message.contains("put it on"), "{text}: {message}");
            assert!(!message.contains(". "), "one sentence: {message}");
        }
    }

    #[test]
    fn a_container_lists_what_it_leaves_out() {
        assert_eq!(listed("const fn f() {}"), "f: a const fn cannot be timed;");
        assert_eq!(listed("fn f();"), "");
        assert_eq!(listed("struct S;"), "");
        assert_eq!(listed("macro_rules! m { () => {} }"), "");
        assert!(listed("a::call!();").starts_with("a::call!: "));
        assert!(listed("mod m;").starts_with("m: "));
        let foreign = listed("extern \"C\" { fn a(); safe fn b(x: extern \"C\" fn(u8)); }");
        assert_eq!(foreign.matches(':').count(), 2, "{foreign}");
    }
}
