//! Limits on calls, such as `max_bytes = "1 MiB"` in either attribute, and in `run(…)` for a whole
//! run.

use crate::parsing::{fill, value};
use crate::words::{self, Amount, Place, Word};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Lit, LitStr, Path, Result, Token};

/// `max_bytes = "1 MiB"`
#[derive(Clone)]
struct Limit {
    word: Ident,
    literal: Lit,
    most: u64,
}

/// Limits, each at most once.
#[derive(Clone, Default)]
pub struct Limits(Vec<Limit>);

impl Limits {
    /// Parses what follows the name of a limit.
    pub fn parse_one(&mut self, word: &Ident, known: &Word, input: ParseStream<'_>) -> Result<()> {
        let earlier = self.0.iter().find(|limit| limit.word == *word);
        let mut slot = earlier.map(|limit| limit.most);
        let written = input.fork();
        fill(&mut slot, word, || amount(known.amount, word, input))?;
        written.parse::<Token![=]>()?;
        let (word, literal) = (word.clone(), written.parse()?);
        self.0.extend(slot.map(|most| Limit { word, literal, most }));
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the limits of `outer` that are not set here.
    pub fn or(mut self, outer: &Limits) -> Limits {
        let is_here = |word: &Ident| self.0.iter().any(|limit| limit.word == *word);
        let others: Vec<Limit> =
            outer.0.iter().filter(|limit| !is_here(&limit.word)).cloned().collect();
        self.0.extend(others);
        self
    }

    /// As they would be written in an attribute.
    pub fn written(&self) -> impl Iterator<Item = TokenStream> {
        self.0.iter().map(
            |Limit { word, literal, .. }| quote_spanned!(Span::mixed_site()=> #word = #literal),
        )
    }

    /// `.call("max_bytes", 1048576)` for each.
    fn calls(&self, method: &str) -> TokenStream {
        let method = Ident::new(method, Span::mixed_site());
        let call = |Limit { word, most, .. }: &Limit| {
            let word = word.to_string();
            quote_spanned!(Span::mixed_site()=> .#method(#word, #most))
        };
        self.0.iter().map(call).collect()
    }
}

/// `run(…)`
#[derive(Clone, Default)]
pub struct Run(Limits);

pub const IN_RUN: &str = "limits on all calls of a run together go in `run(…)`";

fn run_takes() -> String {
    let words: Vec<String> = words::of(Place::Run).map(|it| format!("`{}`", it.text)).collect();
    let words = words.join(", ");
    format!(
        "`run` expects limits on all calls of a run together, e.g. `run(max_time = \"2 s\")`; \
         it takes {words}"
    )
}

pub fn run(word: &Ident, input: ParseStream<'_>) -> Result<Run> {
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(word.span(), run_takes()));
    }
    let content;
    syn::parenthesized!(content in input);
    if content.is_empty() {
        return Err(Error::new(word.span(), run_takes()));
    }
    content.call(Run::parse)
}

impl Parse for Run {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut limits = Limits::default();
        while !input.is_empty() {
            let word = input
                .call(Ident::parse_any)
                .map_err(|error| Error::new(error.span(), run_takes()))?;
            let Some(known) = words::find(Place::Run, &word.to_string()) else {
                let message = format!("unknown limit `{word}`: {}", run_takes());
                return Err(Error::new(word.span(), message));
            };
            limits.parse_one(&word, known, input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(Self(limits))
    }
}

impl Run {
    /// As it would be written in an attribute.
    pub fn written(&self) -> TokenStream {
        let limits = self.0.written();
        quote_spanned!(Span::mixed_site()=> run(#(#limits),*))
    }
}

/// The limits that may be written there, each with an example.
pub fn listed(place: Place) -> String {
    let example = |amount| match amount {
        Amount::Time => "\"10 ms\"",
        Amount::Count => "0",
        Amount::Bytes => "\"1 MiB\"",
    };
    let one = |word: &Word| format!("`{} = {}`", word.text, example(word.amount));
    words::of(place).map(one).collect::<Vec<_>>().join(", ")
}

/// A hint for a limit that the attribute does not take in this form.
pub fn elsewhere(here: Place, word: &Ident) -> Option<String> {
    let word = words::WORDS.iter().find(|known| word == known.text)?;
    let is_of_call = word.places.iter().any(|place| *place != Place::Run);
    let same = words::of(here).find(|it| word.amount == Amount::Time && it.amount == Amount::Time);
    match same {
        Some(same) if is_of_call => {
            Some(format!("the limit on the time of one call is `{}` here", same.text))
        }
        _ if is_of_call => Some(
            "the limits on what one call allocates are options of `#[memory_usage]`".to_owned(),
        ),
        _ => Some(IN_RUN.to_owned()),
    }
}

/// The limits of a site, as an expression.
pub fn of_site(
    limits: &Limits,
    run: Option<&Run>,
    raise: Option<&Ident>,
    krate: &Path,
) -> TokenStream {
    let here = Span::mixed_site();
    if limits.is_empty() && run.is_none() && raise.is_none() {
        return quote_spanned!(here=> #krate::__private::core::option::Option::None);
    }
    let run = run.map(|Run(limits)| limits.calls("run"));
    let all = all(krate, limits, run, raise.is_some());
    quote_spanned!(here=> #krate::__private::core::option::Option::Some(const { &#all }))
}

/// The limits of a watched call, as an expression.
pub fn of_plan(krate: &Path, limits: &Limits, raises: bool) -> TokenStream {
    all(krate, limits, None, raises)
}

fn all(krate: &Path, limits: &Limits, run: Option<TokenStream>, raises: bool) -> TokenStream {
    let here = Span::mixed_site();
    let of_calls = limits.calls("call");
    let raising = raises.then(|| quote_spanned!(here=> .raising()));
    quote_spanned!(here=> #krate::__private::Limits::NONE #of_calls #run #raising)
}

fn amount(amount: Amount, word: &Ident, input: ParseStream<'_>) -> Result<u64> {
    match amount {
        Amount::Time => time(word, input),
        Amount::Count => count(word, input),
        Amount::Bytes => bytes(word, input),
    }
}

fn count(word: &Ident, input: ParseStream<'_>) -> Result<u64> {
    let allowed = format!("`{word}` expects a non-negative integer, e.g. `{word} = 0`");
    let literal: syn::LitInt = value(word, input, &allowed, Parse::parse)?;
    literal.base10_parse().map_err(|_| Error::new(literal.span(), &allowed))
}

/// A number with a unit. A number without one is in bytes.
fn bytes(word: &Ident, input: ParseStream<'_>) -> Result<u64> {
    const UNITS: [(&str, f64); 8] = [
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("kB", 1e3),
        ("KB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("B", 1.0),
    ];
    let allowed = format!(
        "`{word}` expects a size, e.g. `{word} = \"64 KiB\"`, or a number of bytes \
         (units: B, kB, MB, GB, KiB, MiB, GiB)"
    );
    let literal: Lit = value(word, input, &allowed, Parse::parse)?;
    let read = match &literal {
        Lit::Int(number) => number.base10_parse().ok(),
        Lit::Str(text) => scaled(&text.value(), &UNITS),
        _ => None,
    };
    read.ok_or_else(|| Error::new(literal.span(), &allowed))
}

pub fn time(word: &Ident, input: ParseStream<'_>) -> Result<u64> {
    const UNITS: [(&str, f64); 5] =
        [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];
    let allowed = format!(
        "`{word}` expects a duration, e.g. `{word} = \"10 ms\"` (units: ns, us, ms, s; more than 0)"
    );
    let literal: LitStr = value(word, input, &allowed, Parse::parse)?;
    let read = scaled(&literal.value(), &UNITS).filter(|ns| *ns > 0);
    read.ok_or_else(|| Error::new(literal.span(), &allowed))
}

/// `"1.5 MiB"`
fn scaled(text: &str, units: &[(&str, f64)]) -> Option<u64> {
    let text = text.trim();
    let (unit, factor) = units.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number: f64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
    let scaled = number * factor;
    (number >= 0.0 && scaled <= u64::MAX as f64).then_some(scaled.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use quote::quote;

    fn of(options: &Options) -> TokenStream {
        options.limits()
    }

    fn error(tokens: TokenStream) -> String {
        syn::parse2::<Options>(tokens).err().expect("an error").to_string()
    }

    #[test]
    fn limits_arrive_at_the_site() {
        let options: Options =
            syn::parse2(quote!(warn_above = "1.5 ms", run(max_calls = 3, max_bytes = "1 KiB")))
                .expect("good options");
        let site = of(&options).to_string().replace(' ', "");
        for part in [
            "Some(const{&::profile_core::__private::Limits::NONE",
            ".call(\"warn_above\",1500000u64)",
            ".run(\"max_calls\",3u64)",
            ".run(\"max_bytes\",1024u64)",
        ] {
            assert!(site.contains(part), "{part} in {site}");
        }
        assert!(!site.contains("raising"), "{site}");
        let none = of(&Options::default()).to_string().replace(' ', "");
        assert_eq!(none, "::profile_core::__private::core::option::Option::None");
    }

    #[test]
    fn errors_name_the_option_and_what_it_expects() {
        assert!(error(quote!(warn_above = 5)).starts_with("`warn_above` expects a duration"));
        assert!(error(quote!(run)).starts_with("`run` expects limits on all calls"));
        assert!(error(quote!(run())).starts_with("`run` expects limits on all calls"));
        assert!(error(quote!(run(max_peak = 1))).starts_with("unknown limit `max_peak`: `run`"));
        assert!(
            error(quote!(run(max_calls = "1"))).starts_with("`max_calls` expects a non-negative")
        );
        let twice = error(quote!(run(max_calls = 1, max_calls = 2)));
        assert_eq!(twice, "duplicate option `max_calls`");
    }
}
