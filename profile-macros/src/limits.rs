//! What calls may take at most, as `max_bytes = "1 MiB"` in either attribute, and in `run(…)` for a whole run.

use crate::words::{fill, value};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Error, LitStr, Path, Result, Token};

/// `max_bytes = "1 MiB"`
#[derive(Clone)]
pub struct Limit {
    pub word: Ident,
    pub most: u64,
}

/// Limits, each once.
#[derive(Clone, Default)]
pub struct Limits(pub Vec<Limit>);

/// `warn_above = "10 ms"`
#[derive(Clone)]
pub struct WarnAbove {
    pub literal: LitStr,
    pub ns: u64,
}

/// `run(…)`: what stands between the parentheses, and what that means.
#[derive(Clone)]
pub struct Run {
    pub tokens: TokenStream,
    limits: Limits,
}

const RUN: &str = "`run` takes limits on all calls of a run together: `run(max_time = \"2 s\")`; they are `max_time`, \
     `max_calls`, `max_depth`, `max_allocations`, `max_bytes` and `max_retained`";

pub const IN_RUN: &str = "limits on all calls of a run together stand in `run(…)`";

impl Limits {
    /// Parses what stands behind a limit's name.
    pub fn parse_one(&mut self, word: &Ident, known: &str, input: ParseStream<'_>) -> Result<()> {
        let is_known = self.0.iter().any(|limit| limit.word == *word);
        let mut place = is_known.then_some(0);
        fill(&mut place, word, known, || amount(word, input))?;
        self.0.push(Limit { word: word.clone(), most: place.unwrap_or(0) });
        Ok(())
    }

    /// `Some(1)`, or `None` where there is no limit of that name.
    pub fn option(&self, word: &str, krate: &Path) -> TokenStream {
        let found = self.0.iter().find(|limit| limit.word == word);
        option(found.map(|limit| limit.most), krate)
    }
}

pub fn option(most: Option<u64>, krate: &Path) -> TokenStream {
    let here = Span::mixed_site();
    match most {
        Some(most) => quote_spanned!(here=> #krate::__private::core::option::Option::Some(#most)),
        None => quote_spanned!(here=> #krate::__private::core::option::Option::None),
    }
}

/// By the name of the limit: a number, bytes, or a time.
fn amount(word: &Ident, input: ParseStream<'_>) -> Result<u64> {
    match word.to_string().as_str() {
        "max_time" => time(word, input),
        "max_allocations" | "max_calls" | "max_depth" => count(word, input),
        _ => bytes(word, input),
    }
}

pub fn warn_above(word: &Ident, input: ParseStream<'_>) -> Result<WarnAbove> {
    let start = input.fork();
    let ns = time(word, input)?;
    start.parse::<Token![=]>()?;
    Ok(WarnAbove { literal: start.parse()?, ns })
}

pub fn run(word: &Ident, input: ParseStream<'_>) -> Result<Run> {
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(word.span(), RUN));
    }
    let content;
    syn::parenthesized!(content in input);
    if content.is_empty() {
        return Err(Error::new(word.span(), RUN));
    }
    let tokens: TokenStream = content.fork().parse()?;
    let RunLimits(limits) = content.call(RunLimits::parse)?;
    Ok(Run { tokens, limits })
}

struct RunLimits(Limits);

impl Parse for RunLimits {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        const KNOWN: [&str; 6] =
            ["max_time", "max_calls", "max_depth", "max_allocations", "max_bytes", "max_retained"];
        let mut limits = Limits::default();
        while !input.is_empty() {
            let word =
                input.call(Ident::parse_any).map_err(|error| Error::new(error.span(), RUN))?;
            if !KNOWN.iter().any(|known| word == known) {
                return Err(Error::new(word.span(), format!("unknown limit `{word}`: {RUN}")));
            }
            limits.parse_one(&word, RUN, input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(Self(limits))
    }
}

/// The limits that a site has, as an expression.
pub fn of_site(
    warn_above: Option<&WarnAbove>,
    run: Option<&Run>,
    raise: Option<&Ident>,
    krate: &Path,
) -> TokenStream {
    let here = Span::mixed_site();
    if warn_above.is_none() && run.is_none() && raise.is_none() {
        return option(None, krate);
    }
    let time = option(warn_above.map(|it| it.ns), krate);
    let none = Limits::default();
    let run = run.map_or(&none, |run| &run.limits);
    let [run_time, calls, depth] =
        ["max_time", "max_calls", "max_depth"].map(|word| run.option(word, krate));
    let [allocations, bytes, retained] =
        ["max_allocations", "max_bytes", "max_retained"].map(|word| run.option(word, krate));
    let raises = raise.is_some();
    quote_spanned! {here=>
        #krate::__private::core::option::Option::Some(&#krate::__private::Limits {
            call: #krate::__private::CallLimits {
                time_ns: #time,
                ..#krate::__private::CallLimits::NONE
            },
            run: #krate::__private::RunLimits {
                time_ns: #run_time,
                calls: #calls,
                depth: #depth,
                allocations: #allocations,
                allocated_bytes: #bytes,
                retained_bytes: #retained,
            },
            raises: #raises,
        })
    }
}

fn count(word: &Ident, input: ParseStream<'_>) -> Result<u64> {
    let allowed = format!("`{word}` takes a whole number: `{word} = 0`");
    let literal: syn::LitInt = value(word, input, &allowed, Parse::parse)?;
    literal.base10_parse().map_err(|_| Error::new(literal.span(), &allowed))
}

/// A number with a unit. A number alone is bytes.
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
        "`{word}` takes bytes, as a number or as \"64 KiB\"; units are B, kB, MB, GB, KiB, MiB, GiB"
    );
    let literal: syn::Lit = value(word, input, &allowed, Parse::parse)?;
    let read = match &literal {
        syn::Lit::Int(number) => number.base10_parse().ok(),
        syn::Lit::Str(text) => scaled(&text.value(), &UNITS),
        _ => None,
    };
    read.ok_or_else(|| Error::new(literal.span(), &allowed))
}

pub fn time(word: &Ident, input: ParseStream<'_>) -> Result<u64> {
    const UNITS: [(&str, f64); 5] =
        [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];
    let allowed =
        format!("`{word}` takes a time such as \"10ms\", more than 0; units are ns, us, ms, s");
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
            "time_ns:::profile_core::__private::core::option::Option::Some(1500000u64)",
            "calls:::profile_core::__private::core::option::Option::Some(3u64)",
            "allocated_bytes:::profile_core::__private::core::option::Option::Some(1024u64)",
            "depth:::profile_core::__private::core::option::Option::None",
            "raises:false",
        ] {
            assert!(site.contains(part), "{part} in {site}");
        }
        let none = of(&Options::default()).to_string().replace(' ', "");
        assert_eq!(none, "::profile_core::__private::core::option::Option::None");
    }

    #[test]
    fn what_is_not_understood_is_named_with_what_is() {
        assert!(error(quote!(warn_above = 5)).starts_with("`warn_above` takes a time"));
        assert!(error(quote!(run)).starts_with("`run` takes limits on all calls"));
        assert!(error(quote!(run())).starts_with("`run` takes limits on all calls"));
        assert!(error(quote!(run(max_peak = 1))).starts_with("unknown limit `max_peak`: `run`"));
        assert!(
            error(quote!(run(max_calls = "1"))).starts_with("`max_calls` takes a whole number")
        );
        let twice = error(quote!(run(max_calls = 1, max_calls = 2)));
        assert!(twice.starts_with("option `max_calls` stands twice"), "{twice}");
    }
}
