//! The options of `#[memory_usage(...)]`: how memory is read, and the limits of a call.
//!
//! As in `options`, every message lists what is allowed, at the token that is invalid.

use crate::limits::{self, Limits, time};
use crate::parsing::{fill, unknown, value};
use crate::words::{self, Place};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::parse::{Parse, ParseStream};
use syn::{Error, LitStr, Path, Result};

/// The options of `#[memory_usage]`, for messages.
pub fn known() -> String {
    let limits = limits::listed(Place::MemoryUsage);
    format!(
        "the options are `interval = \"10ms\"`, `backend = \"rss\"`, `include_children`, `multiprocess`, {limits}, \
         `run(max_calls = 10)`, `raise`, `ledger`, `name = \"...\"` and `crate = path`"
    )
}

const BACKENDS: [(&str, &str); 4] =
    [("rss", "Rss"), ("pss", "Pss"), ("uss", "Uss"), ("heap", "Heap")];

/// What to watch during a call of the function.
#[derive(Clone, Default)]
pub struct Usage {
    interval_ns: Option<u64>,
    backend: Option<Ident>,
    include_children: Option<Ident>,
    multiprocess: Option<Ident>,
    ledger: Option<Ident>,
    limits: Limits,
}

impl Usage {
    /// Parses one option into its field.
    pub fn parse_one(&mut self, word: &Ident, input: ParseStream<'_>) -> Result<()> {
        match word.to_string().as_str() {
            "interval" => fill(&mut self.interval_ns, word, || time(word, input)),
            "backend" => fill(&mut self.backend, word, || backend(word, input)),
            "include_children" => fill(&mut self.include_children, word, || Ok(word.clone())),
            "multiprocess" => fill(&mut self.multiprocess, word, || Ok(word.clone())),
            "ledger" => fill(&mut self.ledger, word, || Ok(word.clone())),
            text => match words::find(Place::MemoryUsage, text) {
                Some(option) => self.limits.parse_one(word, option, input),
                None => {
                    let hint = limits::elsewhere(Place::MemoryUsage, word);
                    Err(unknown(word, &known(), hint))
                }
            },
        }
    }

    /// Limits alone need no curve; the core knows those that do.
    fn is_sampled(&self) -> bool {
        let asked = self.interval_ns.is_some() || self.backend.is_some();
        let children = self.include_children.is_some() || self.multiprocess.is_some();
        (self.limits.is_empty() && self.ledger.is_none()) || asked || children
    }

    /// The value of a `UsagePlan`.
    pub fn plan(&self, krate: &Path, raises: bool) -> TokenStream {
        const DEFAULT_INTERVAL_NS: u64 = 100_000_000;
        let here = Span::mixed_site();
        let limits = limits::of_plan(krate, &self.limits, raises);
        let interval_ns = self.interval_ns.unwrap_or(DEFAULT_INTERVAL_NS);
        let backend = self.backend.clone().unwrap_or_else(|| Ident::new("Rss", here));
        let (children, multiprocess) =
            (self.include_children.is_some(), self.multiprocess.is_some());
        let is_sampled = self.is_sampled();
        let ledger = match &self.ledger {
            Some(_) => quote_spanned!(here=> #krate::__private::core::option::Option::Some(
                #krate::__private::core::env!("CARGO_MANIFEST_DIR")
            )),
            None => quote_spanned!(here=> #krate::__private::core::option::Option::None),
        };
        quote_spanned! {here=>
            #krate::__private::UsagePlan {
                is_sampled: #is_sampled,
                interval_ns: #interval_ns,
                backend: #krate::__private::Backend::#backend,
                include_children: #children,
                multiprocess: #multiprocess,
                limits: #limits,
                ledger: #ledger,
                fails: #krate::__private::core::cfg!(test),
            }
        }
    }
}

fn backend(word: &Ident, input: ParseStream<'_>) -> Result<Ident> {
    const ALLOWED: &str = "`backend` expects \"rss\", \"pss\", \"uss\" or \"heap\"";
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
    fn parses_every_option() {
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
            "limits:k::__private::Limits::NONE.call(\"max_allocations\",3u64)",
            ".call(\"max_bytes\",1536u64).call(\"max_peak\",7u64)",
            ".call(\"max_time\",2000000000u64)",
            "is_sampled:true",
        ] {
            assert!(plan.contains(part), "{part} in {plan}");
        }
    }

    #[test]
    fn limits_alone_need_no_curve() {
        assert!(plan(quote!(max_allocations = 0)).contains("is_sampled:false"));
        assert!(plan(quote!(max_peak = 0, interval = "1ms")).contains("is_sampled:true"));
        assert!(plan(quote!()).contains("is_sampled:true"));
    }

    #[test]
    fn errors_name_the_option_and_what_it_expects() {
        assert!(error(quote!(max_peak = "12 parsecs")).starts_with("`max_peak` expects a size"));
        assert!(
            error(quote!(max_allocations = "none")).starts_with("`max_allocations` expects a non-")
        );
        assert!(error(quote!(interval = "0ms")).starts_with("`interval` expects a duration"));
        assert!(error(quote!(backend = "ram")).starts_with("`backend` expects"));
        assert!(error(quote!(max_allocation = 1)).starts_with("unknown option `max_allocation`"));
        let twice = error(quote!(max_peak = 1, max_peak = 2));
        assert_eq!(twice, "duplicate option `max_peak`");
    }
}
