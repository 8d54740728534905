//! The words between the parentheses of `#[memory_usage(...)]`: how memory is read, and what a call may take at most.
//!
//! As in `options`, every message says what is allowed, at the token that is not.

use crate::options::{self, Options, fill, value};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Error, LitStr, Path, Result, Token};

const KNOWN: &str = "the options are `interval = \"10ms\"`, `backend = \"rss\"`, `include_children`, `multiprocess`, \
     `max_allocations = 0`, `max_bytes = \"1 MiB\"`, `max_peak`, `max_retained`, `max_rss`, `max_time = \"10ms\"`, `ledger`, \
     `name = \"...\"` and `crate = path`";

const BACKENDS: [(&str, &str); 4] =
    [("rss", "Rss"), ("pss", "Pss"), ("uss", "Uss"), ("heap", "Heap")];

/// What a call of the function is watched for.
#[derive(Clone, Default)]
pub struct Usage {
    interval_ns: Option<u64>,
    backend: Option<Ident>,
    include_children: Option<Ident>,
    multiprocess: Option<Ident>,
    ledger: Option<Ident>,
    limits: Vec<Limit>,
}

/// `max_bytes = "1 MiB"`
#[derive(Clone)]
struct Limit {
    word: Ident,
    most: u64,
}

/// The attribute's arguments.
pub struct Arguments(pub Options);

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut options, mut usage) = (Options::default(), Usage::default());
        while !input.is_empty() {
            if !input.peek(Ident::peek_any) {
                return Err(input.error(format!("not an option: {KNOWN}")));
            }
            usage.parse_one(&mut options, input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        options.usage = Some(Box::new(usage));
        Ok(Self(options))
    }
}

impl Usage {
    fn parse_one(&mut self, options: &mut Options, input: ParseStream<'_>) -> Result<()> {
        let word = input.call(Ident::parse_any)?;
        match word.to_string().as_str() {
            "name" => fill(&mut options.name, &word, KNOWN, || options::name(&word, input)),
            "crate" => fill(&mut options.krate, &word, KNOWN, || options::path(&word, input)),
            "interval" => fill(&mut self.interval_ns, &word, KNOWN, || time(&word, input)),
            "backend" => fill(&mut self.backend, &word, KNOWN, || backend(&word, input)),
            "include_children" => {
                fill(&mut self.include_children, &word, KNOWN, || Ok(word.clone()))
            }
            "multiprocess" => fill(&mut self.multiprocess, &word, KNOWN, || Ok(word.clone())),
            "ledger" => fill(&mut self.ledger, &word, KNOWN, || Ok(word.clone())),
            "max_allocations" => self.limit(&word, || count(&word, input)),
            "max_bytes" | "max_peak" | "max_retained" | "max_rss" => {
                self.limit(&word, || bytes(&word, input))
            }
            "max_time" => self.limit(&word, || time(&word, input)),
            other => Err(Error::new(word.span(), format!("unknown option `{other}`: {KNOWN}"))),
        }
    }

    fn limit(&mut self, word: &Ident, most: impl FnOnce() -> Result<u64>) -> Result<()> {
        let known = self.limits.iter().any(|limit| limit.word == *word);
        let mut place = known.then_some(0);
        fill(&mut place, word, KNOWN, most)?;
        self.limits.push(Limit { word: word.clone(), most: place.unwrap_or(0) });
        Ok(())
    }

    /// Limits alone need no curve.
    fn is_sampled(&self) -> bool {
        let asked = self.interval_ns.is_some() || self.backend.is_some();
        let children = self.include_children.is_some() || self.multiprocess.is_some();
        let of_resident = self.limits.iter().any(|limit| limit.word == "max_rss");
        (self.limits.is_empty() && self.ledger.is_none()) || asked || children || of_resident
    }

    /// The value of a `UsagePlan`.
    pub fn plan(&self, krate: &Path) -> TokenStream {
        const DEFAULT_INTERVAL_NS: u64 = 100_000_000;
        let here = Span::mixed_site();
        let option = |most: Option<u64>| match most {
            Some(most) => {
                quote_spanned!(here=> #krate::__private::core::option::Option::Some(#most))
            }
            None => quote_spanned!(here=> #krate::__private::core::option::Option::None),
        };
        let limit = |word: &str| {
            option(self.limits.iter().find(|limit| limit.word == word).map(|limit| limit.most))
        };
        let [allocations, bytes, peak] = ["max_allocations", "max_bytes", "max_peak"].map(limit);
        let [retained, resident, time] = ["max_retained", "max_rss", "max_time"].map(limit);
        let interval_ns = self.interval_ns.unwrap_or(DEFAULT_INTERVAL_NS);
        let backend = self.backend.clone().unwrap_or_else(|| Ident::new("Rss", here));
        let (children, multiprocess) =
            (self.include_children.is_some(), self.multiprocess.is_some());
        let is_sampled = self.is_sampled();
        let ledger = match &self.ledger {
            Some(_) => quote_spanned!(here=> #krate::__private::core::option::Option::Some(
                #krate::__private::core::env!("CARGO_MANIFEST_DIR")
            )),
            None => option(None),
        };
        quote_spanned! {here=>
            #krate::__private::UsagePlan {
                is_sampled: #is_sampled,
                interval_ns: #interval_ns,
                backend: #krate::__private::Backend::#backend,
                include_children: #children,
                multiprocess: #multiprocess,
                max_allocations: #allocations,
                max_allocated_bytes: #bytes,
                max_peak_bytes: #peak,
                max_retained_bytes: #retained,
                max_resident_bytes: #resident,
                max_time_ns: #time,
                ledger: #ledger,
                fails: #krate::__private::core::cfg!(test),
            }
        }
    }
}

fn backend(word: &Ident, input: ParseStream<'_>) -> Result<Ident> {
    const ALLOWED: &str = "`backend` is \"rss\", \"pss\", \"uss\" or \"heap\"";
    let literal: LitStr = value(word, input, ALLOWED, Parse::parse)?;
    let found = BACKENDS.iter().find(|(name, _)| *name == literal.value());
    let (_, variant) = found.ok_or_else(|| Error::new(literal.span(), ALLOWED))?;
    Ok(Ident::new(variant, Span::mixed_site()))
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

fn time(word: &Ident, input: ParseStream<'_>) -> Result<u64> {
    const UNITS: [(&str, f64); 5] =
        [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];
    let allowed = format!("`{word}` takes a time such as \"10ms\"; units are ns, us, ms, s");
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
    use quote::quote;

    fn error(tokens: TokenStream) -> String {
        syn::parse2::<Arguments>(tokens).err().expect("an error").to_string()
    }

    fn plan(tokens: TokenStream) -> String {
        let Arguments(options) = syn::parse2(tokens).expect("good options");
        let usage = options.usage.expect("a plan");
        usage.plan(&syn::parse_quote!(k)).to_string().replace(' ', "")
    }

    #[test]
    fn every_option_arrives() {
        let plan = plan(quote!(
            interval = "5ms",
            backend = "pss",
            include_children,
            max_allocations = 3,
            max_bytes = "1.5 KiB",
            max_peak = 7,
            max_time = "2 s"
        ));
        for part in [
            "interval_ns:5000000u64",
            "backend:k::__private::Backend::Pss",
            "include_children:true",
            "multiprocess:false",
            "max_allocations:k::__private::core::option::Option::Some(3u64)",
            "max_allocated_bytes:k::__private::core::option::Option::Some(1536u64)",
            "max_peak_bytes:k::__private::core::option::Option::Some(7u64)",
            "max_retained_bytes:k::__private::core::option::Option::None",
            "max_time_ns:k::__private::core::option::Option::Some(2000000000u64)",
            "is_sampled:true",
        ] {
            assert!(plan.contains(part), "{part} in {plan}");
        }
    }

    #[test]
    fn limits_alone_need_no_curve() {
        assert!(plan(quote!(max_allocations = 0)).contains("is_sampled:false"));
        assert!(plan(quote!(max_rss = "1 GiB")).contains("is_sampled:true"));
        assert!(plan(quote!()).contains("is_sampled:true"));
    }

    #[test]
    fn what_is_not_understood_is_named_with_what_is() {
        assert!(error(quote!(max_peak = "12 parsecs")).starts_with("`max_peak` takes bytes"));
        assert!(
            error(quote!(max_allocations = "none")).starts_with("`max_allocations` takes a whole")
        );
        assert!(error(quote!(interval = "0ms")).starts_with("`interval` takes a time"));
        assert!(error(quote!(backend = "ram")).starts_with("`backend` is"));
        assert!(error(quote!(max_allocation = 1)).starts_with("unknown option `max_allocation`"));
        let twice = error(quote!(max_peak = 1, max_peak = 2));
        assert!(twice.starts_with("option `max_peak` stands twice"), "{twice}");
    }
}
