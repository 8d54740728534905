//! Parses the options in the parentheses of `#[profile(...)]`, and recognizes our own attributes.
//!
//! Every message lists what is allowed, at the token that is invalid. This module does not know
//! about items; `validate` checks whether an option fits its item.

use crate::krate;
use crate::limits::{self, Limits, Run};
use crate::parsing::{fill, mentions, name, path, unknown, value};
use crate::usage::Usage;
use crate::words::{self, Place};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, LitStr, Meta, Path, Result, Token};

fn known() -> String {
    let limits = limits::listed(Place::Profile);
    format!(
        "the options are `name = \"...\"`, `overhead = \"2%\"`, `lines`, `lines(rss)`, `returns`, `args(a, b.len())`, {limits}, \
         `run(max_calls = 10)`, `raise`, `skip` and `crate = path`"
    )
}

/// The parsed options. A value is stored as written, so that a container can pass it to its
/// members.
#[derive(Clone, Default)]
pub struct Options {
    pub name: Option<LitStr>,
    pub overhead: Option<Overhead>,
    pub lines: Option<Lines>,
    pub returns: Option<Ident>,
    /// `args(…)`: the tokens between the parentheses.
    pub arguments: Option<TokenStream>,
    /// On each call.
    pub limits: Limits,
    pub run: Option<Run>,
    pub raise: Option<Ident>,
    pub skip: Option<Ident>,
    pub krate: Option<Path>,
    /// Options of `#[memory_usage]`.
    pub usage: Option<Box<Usage>>,
}

/// `lines`, and whether `(rss)` follows.
#[derive(Clone)]
pub struct Lines {
    pub with_resident: bool,
}

/// A share of the run's time, as written and as a number in (0, 1].
#[derive(Clone)]
pub struct Overhead {
    pub literal: LitStr,
    pub share: f64,
}

impl Options {
    /// Fills unset options from `outer`, the options of the container.
    pub fn or(mut self, outer: &Self) -> Self {
        self.name = self.name.or_else(|| outer.name.clone());
        self.skip = self.skip.or_else(|| outer.skip.clone());
        self.overhead = self.overhead.or_else(|| outer.overhead.clone());
        self.lines = self.lines.or_else(|| outer.lines.clone());
        self.returns = self.returns.or_else(|| outer.returns.clone());
        self.arguments = self.arguments.or_else(|| outer.arguments.clone());
        self.limits = self.limits.or(&outer.limits);
        self.run = self.run.or_else(|| outer.run.clone());
        self.raise = self.raise.or_else(|| outer.raise.clone());
        self.krate = self.krate.or_else(|| outer.krate.clone());
        self.usage = self.usage.or_else(|| outer.usage.clone());
        self
    }

    /// The path to `profile_core` from the user's code.
    pub fn krate(&self) -> Path {
        self.krate.clone().unwrap_or_else(|| {
            let here = Span::mixed_site();
            // Parsed, because `Ident::new` panics on an invalid identifier.
            let mut name = syn::parse_str::<Ident>(krate::name())
                .unwrap_or_else(|_| Ident::new("profile_core", here));
            name.set_span(here);
            syn::parse_quote_spanned!(here=> ::#name)
        })
    }

    /// The limits of a site with these options, as an expression.
    pub fn limits(&self) -> TokenStream {
        let Self { limits, run, raise, .. } = self;
        limits::of_site(limits, run.as_ref(), raise.as_ref(), &self.krate())
    }

    /// The options as they would be written in an attribute.
    pub fn to_arguments(&self) -> TokenStream {
        let here = Span::mixed_site();
        let name = self.name.iter().map(|it| quote_spanned!(here=> name = #it));
        let overhead = self.overhead.iter().map(|it| &it.literal);
        let overhead = overhead.map(|it| quote_spanned!(here=> overhead = #it));
        let lines = self.lines.iter().map(|it| {
            let resident = it.with_resident.then(|| quote_spanned!(here=> (rss)));
            quote_spanned!(here=> lines #resident)
        });
        let krate = self.krate.iter().map(|it| quote_spanned!(here=> crate = #it));
        let arguments = self.arguments.iter().map(|it| quote_spanned!(here=> args(#it)));
        let returns = self.returns.iter().map(|_| quote_spanned!(here=> returns));
        let run = self.run.iter().map(Run::written);
        let raise = self.raise.iter().map(|_| quote_spanned!(here=> raise));
        let limits = self.limits.written().chain(run).chain(raise);
        let all = name.chain(overhead).chain(lines).chain(returns).chain(arguments);
        let all = all.chain(limits).chain(krate);
        quote_spanned!(here=> #(#all),*)
    }

    /// Parses one option into its field.
    fn parse_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        let word = input.call(Ident::parse_any)?;
        match word.to_string().as_str() {
            "name" => fill(&mut self.name, &word, || name(&word, input)),
            "overhead" => fill(&mut self.overhead, &word, || overhead(&word, input)),
            "crate" => fill(&mut self.krate, &word, || path(&word, input)),
            "lines" => fill(&mut self.lines, &word, || lines(&word, input)),
            "returns" => fill(&mut self.returns, &word, || Ok(word.clone())),
            "run" => fill(&mut self.run, &word, || limits::run(&word, input)),
            "raise" => fill(&mut self.raise, &word, || Ok(word.clone())),
            "args" => fill(&mut self.arguments, &word, || arguments(&word, input)),
            "skip" => fill(&mut self.skip, &word, || Ok(word.clone())),
            text => match words::find(Place::Profile, text) {
                Some(known) => self.limits.parse_one(&word, known, input),
                None => Err(unknown(&word, &known(), limits::elsewhere(Place::Profile, &word))),
            },
        }
    }

    fn check_skip_is_alone(&self) -> Result<()> {
        const ALONE: &str = "`skip` cannot be combined with other options: remove it or the others";
        let others = self.name.is_some()
            || self.overhead.is_some()
            || self.lines.is_some()
            || self.returns.is_some()
            || self.arguments.is_some()
            || !self.limits.is_empty()
            || self.run.is_some()
            || self.raise.is_some()
            || self.krate.is_some();
        match &self.skip {
            Some(skip) if others => Err(Error::new(skip.span(), ALONE)),
            _ => Ok(()),
        }
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            if !input.peek(Ident::peek_any) {
                return Err(input.error(format!("expected an option: {}", known())));
            }
            options.parse_one(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        options.check_skip_is_alone()?;
        Ok(options)
    }
}

fn overhead(word: &Ident, input: ParseStream<'_>) -> Result<Overhead> {
    const ALLOWED: &str =
        "`overhead` expects a percentage greater than 0 and at most 100, e.g. `overhead = \"2%\"`";
    let literal: LitStr = value(word, input, ALLOWED, Parse::parse)?;
    let share = share(&literal.value()).ok_or_else(|| Error::new(literal.span(), ALLOWED))?;
    Ok(Overhead { literal, share })
}

fn arguments(word: &Ident, input: ParseStream<'_>) -> Result<TokenStream> {
    use crate::arguments::ALLOWED;
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(word.span(), ALLOWED));
    }
    let content;
    syn::parenthesized!(content in input);
    if content.is_empty() {
        return Err(Error::new(word.span(), ALLOWED));
    }
    content.parse()
}

fn lines(word: &Ident, input: ParseStream<'_>) -> Result<Lines> {
    const ALLOWED: &str = "expected `lines`, or `lines(rss)` for resident memory";
    if !input.peek(syn::token::Paren) {
        return Ok(Lines { with_resident: false });
    }
    let content;
    syn::parenthesized!(content in input);
    let what: Ident = content.parse().map_err(|_| Error::new(word.span(), ALLOWED))?;
    if what != "rss" || !content.is_empty() {
        return Err(Error::new(what.span(), ALLOWED));
    }
    Ok(Lines { with_resident: true })
}

/// `"2%"` is 0.02.
fn share(text: &str) -> Option<f64> {
    let percent: f64 = text.trim().strip_suffix('%')?.trim_end().parse().ok()?;
    let share = percent / 100.0;
    // Checks the share too: dividing the smallest positive percentage yields zero.
    (share > 0.0 && percent <= 100.0).then_some(share)
}

/// Whether an attribute is `#[profile]`, `#[profile_core::profile]` or that of the renamed crate.
pub fn is_ours(path: &Path, krate: &Path) -> bool {
    is_called("profile", path, krate)
}

/// Whether `path` is our attribute of that name, bare or with a path to the crate.
pub fn is_called(name: &str, path: &Path, krate: &Path) -> bool {
    let words = |path: &Path| path.segments.iter().map(|it| it.ident.to_string()).collect();
    let full: Vec<String> = words(path);
    let home: Vec<String> = words(krate);
    match full.split_last() {
        Some((last, home_of)) if last == name => {
            home_of.is_empty() || home_of == ["profile_core"] || home_of == home
        }
        _ => false,
    }
}

/// Whether `#[cfg_attr(...)]` may expand to `#[profile]`.
pub fn may_become_ours(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("cfg_attr") && mentions(list.tokens.clone(), "profile")
}

/// Whether an attribute may be a macro that inspects the item, rather than a built-in attribute, a
/// tool attribute or one of ours.
pub fn may_be_foreign(meta: &Meta) -> bool {
    /// Compared with the first segment of the path.
    const KNOWN: [&str; 36] = [
        "allow",
        "automatically_derived",
        "bench",
        "cfg",
        "clippy",
        "cold",
        "coverage",
        "debugger_visualizer",
        "deny",
        "deprecated",
        "diagnostic",
        "doc",
        "expect",
        "export_name",
        "forbid",
        "ignore",
        "inline",
        "instruction_set",
        "link_section",
        "memory_usage",
        "must_use",
        "naked",
        "no_mangle",
        "no_sanitize",
        "non_exhaustive",
        "optimize",
        "profile",
        "profile_core",
        "rustc",
        "rustfmt",
        "should_panic",
        "target_feature",
        "test",
        "track_caller",
        "unsafe",
        "warn",
    ];
    let Some(first) = meta.path().segments.first() else { return false };
    if first.ident != "cfg_attr" {
        return !KNOWN.iter().any(|known| first.ident == known);
    }
    let Meta::List(list) = meta else { return false };
    let parts = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(list.tokens.clone());
    parts.map_or(true, |parts| parts.iter().skip(1).any(may_be_foreign))
}

/// The options of an attribute for which `is_ours` is true.
pub fn of_attribute(attribute: &Attribute) -> Result<Options> {
    match &attribute.meta {
        Meta::Path(_) => Ok(Options::default()),
        Meta::List(list) => syn::parse2(list.tokens.clone()),
        Meta::NameValue(pair) => Err(Error::new_spanned(
            pair.value.to_token_stream(),
            format!("expected an option: {}", known()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn parse(tokens: TokenStream) -> std::result::Result<Options, String> {
        syn::parse2(tokens).map_err(|error: Error| error.to_string())
    }

    fn error(tokens: TokenStream) -> String {
        parse(tokens).err().expect("an error")
    }

    #[test]
    fn parses_every_option() {
        let options = parse(quote!(name = "load", overhead = "2%", crate = a::b,)).unwrap();
        assert_eq!(options.name.unwrap().value(), "load");
        assert_eq!(options.overhead.unwrap().share, 0.02);
        assert_eq!(options.krate.unwrap().to_token_stream().to_string(), "a :: b");
        assert!(parse(quote!(skip)).unwrap().skip.is_some());
        assert!(parse(quote!()).unwrap().name.is_none());
    }

    #[test]
    fn an_unknown_option_is_reported_with_the_known_ones() {
        let message = error(quote!(naem = "load"));
        assert_eq!(message, format!("unknown option `naem`: {}", known()));
        assert_eq!(error(quote!(5)), format!("expected an option: {}", known()));
    }

    #[test]
    fn a_duplicate_option_is_reported() {
        let message = error(quote!(name = "a", name = "b"));
        assert_eq!(message, "duplicate option `name`");
    }

    #[test]
    fn skip_cannot_be_combined() {
        assert!(error(quote!(skip, name = "a")).starts_with("`skip` cannot be combined"));
    }

    #[test]
    fn an_overhead_is_a_percentage_in_range() {
        for (text, expected) in
            [("2%", 0.02), (" 0.5 % ", 0.005), ("100%", 1.0), ("1e1%", 0.1), ("1e-300%", 1e-302)]
        {
            assert_eq!(share(text), Some(expected), "{text}");
        }
        for bad in ["", "2", "%", "0%", "-1%", "101%", "nan%", "inf%", "2%%", "two%", "1e-323%"] {
            assert_eq!(share(bad), None, "{bad}");
        }
        for bad in [quote!(overhead), quote!(overhead = 2), quote!(overhead = "0%")] {
            assert!(error(bad).starts_with("`overhead` expects a percentage"));
        }
    }

    #[test]
    fn recognizes_only_our_attributes() {
        let krate: Path = syn::parse_quote!(::p2);
        for ours in ["profile", "profile_core::profile", "::profile_core::profile", "p2::profile"] {
            assert!(is_ours(&syn::parse_str(ours).unwrap(), &krate), "{ours}");
        }
        for other in ["profiles", "fastrace::profile", "profile::profile", "a::p2::profile"] {
            assert!(!is_ours(&syn::parse_str(other).unwrap(), &krate), "{other}");
        }
    }

    #[test]
    fn a_container_passes_on_its_options() {
        let outer = parse(quote!(overhead = "2%", crate = ::k)).unwrap();
        let inner = parse(quote!(name = "n")).unwrap().or(&outer);
        let expected = quote!(name = "n", overhead = "2%", crate = ::k);
        assert_eq!(inner.to_arguments().to_string(), expected.to_string());
        let inner = parse(quote!(overhead = "3%")).unwrap().or(&outer);
        assert_eq!(inner.overhead.unwrap().share, 0.03);
        let outer = parse(quote!(warn_above = "1 ms", run(max_calls = 1), raise)).unwrap();
        let passed_on = parse(outer.to_arguments()).unwrap();
        assert_eq!(passed_on.to_arguments().to_string(), outer.to_arguments().to_string());
        assert!(!passed_on.limits.is_empty() && passed_on.raise.is_some());
    }
}
