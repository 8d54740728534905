//! What `#[memory_usage(...)]` asks for: how memory is read, and what a call may take at most.
//!
//! As in `options`, every message says what is allowed, at the token that is not.

use crate::limits::{self, Limits, time};
use crate::words::{fill, unknown, value};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::parse::{Parse, ParseStream};
use syn::{Error, LitStr, Path, Result};

/// What `#[memory_usage]` takes, for messages.
pub const KNOWN: &str = "the options are `interval = \"10ms\"`, `backend = \"rss\"`, `include_children`, `multiprocess`, \
     `max_allocations = 0`, `max_bytes = \"1 MiB\"`, `max_peak`, `max_retained`, `max_rss`, `max_time = \"10ms\"`, \
     `run(max_calls = 10)`, `raise`, `ledger`, `name = \"...\"` and `crate = path`";

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
    limits: Limits,
}

/// Where a limit is written that `#[memory_usage]` does not take as it stands.
fn elsewhere(word: &Ident) -> Option<&'static str> {
    match word.to_string().as_str() {
        "warn_above" => Some("the limit on the time of one call is `max_time` here"),
        "max_calls" | "max_depth" => Some(limits::IN_RUN),
        _ => None,
    }
}

impl Usage {
    /// Parses one option into its place.
    pub fn parse_one(&mut self, word: &Ident, input: ParseStream<'_>) -> Result<()> {
        match word.to_string().as_str() {
            "interval" => fill(&mut self.interval_ns, word, KNOWN, || time(word, input)),
            "backend" => fill(&mut self.backend, word, KNOWN, || backend(word, input)),
            "include_children" => {
                fill(&mut self.include_children, word, KNOWN, || Ok(word.clone()))
            }
            "multiprocess" => fill(&mut self.multiprocess, word, KNOWN, || Ok(word.clone())),
            "ledger" => fill(&mut self.ledger, word, KNOWN, || Ok(word.clone())),
            "max_allocations" | "max_bytes" | "max_peak" | "max_retained" | "max_rss"
            | "max_time" => self.limits.parse_one(word, KNOWN, input),
            _ => Err(unknown(word, KNOWN, elsewhere(word))),
        }
    }

    /// Limits alone need no curve.
    fn is_sampled(&self) -> bool {
        let asked = self.interval_ns.is_some() || self.backend.is_some();
        let children = self.include_children.is_some() || self.multiprocess.is_some();
        let of_resident = self.limits.0.iter().any(|limit| limit.word == "max_rss");
        (self.limits.0.is_empty() && self.ledger.is_none()) || asked || children || of_resident
    }

    /// The value of a `UsagePlan`.
    pub fn plan(&self, krate: &Path, raises: bool) -> TokenStream {
        const DEFAULT_INTERVAL_NS: u64 = 100_000_000;
        let here = Span::mixed_site();
        let limit = |word: &str| self.limits.option(word, krate);
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
            None => limits::option(None, krate),
        };
        quote_spanned! {here=>
            #krate::__private::UsagePlan {
                is_sampled: #is_sampled,
                interval_ns: #interval_ns,
                backend: #krate::__private::Backend::#backend,
                include_children: #children,
                multiprocess: #multiprocess,
                limits: #krate::__private::CallLimits {
                    time_ns: #time,
                    allocations: #allocations,
                    allocated_bytes: #bytes,
                    peak_bytes: #peak,
                    retained_bytes: #retained,
                },
                max_resident_bytes: #resident,
                ledger: #ledger,
                fails: #krate::__private::core::cfg!(test),
                raises: #raises,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_usage::Arguments;
    use quote::quote;

    fn error(tokens: TokenStream) -> String {
        syn::parse2::<Arguments>(tokens).err().expect("an error").to_string()
    }

    fn plan(tokens: TokenStream) -> String {
        let Arguments(options) = syn::parse2(tokens).expect("good options");
        let usage = options.usage.expect("a plan");
        usage.plan(&syn::parse_quote!(k), false).to_string().replace(' ', "")
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
            "allocations:k::__private::core::option::Option::Some(3u64)",
            "allocated_bytes:k::__private::core::option::Option::Some(1536u64)",
            "peak_bytes:k::__private::core::option::Option::Some(7u64)",
            "retained_bytes:k::__private::core::option::Option::None",
            "time_ns:k::__private::core::option::Option::Some(2000000000u64)",
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
