//! The order of functions and quantiles in a report.

use std::cmp::{Ordering, Reverse};

use crate::options::Sort;
use crate::snapshot::Function;

/// The functions in the requested order, ties by path.
pub(crate) fn sorted(functions: &[Function], sort: Sort) -> Vec<&Function> {
    let mut sorted: Vec<&Function> = functions.iter().collect();
    crate::sort::by(&mut sorted, |a, b| order(a, b, sort).then_with(|| a.path.cmp(&b.path)));
    sorted
}

/// Largest first; values that were not measured come last.
fn order(a: &Function, b: &Function, sort: Sort) -> Ordering {
    fn largest<T: Ord>(a: &Function, b: &Function, key: impl Fn(&Function) -> T) -> Ordering {
        Reverse(key(a)).cmp(&Reverse(key(b)))
    }
    let mean = |function: &Function| function.mean_ns.unwrap_or(-1.0);
    match sort {
        Sort::Total => largest(a, b, |function| function.inclusive_ns),
        Sort::Exclusive => largest(a, b, |function| function.exclusive_ns),
        Sort::Calls => largest(a, b, |function| function.calls),
        Sort::Mean => mean(b).total_cmp(&mean(a)),
        Sort::Max => largest(a, b, |function| function.max_ns),
        Sort::Allocations => largest(a, b, |function| function.allocations),
        Sort::Bytes => largest(a, b, |function| function.allocated_bytes),
        Sort::Name => Ordering::Equal,
    }
}

/// Keys such as `p50` and `p99.9` in numerical order, without duplicates.
pub(crate) fn quantile_keys<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let number = |key: &str| key.trim_start_matches('p').parse().unwrap_or(f64::INFINITY);
    let distinct: std::collections::BTreeSet<&str> = keys.map(String::as_str).collect();
    let mut keys: Vec<&str> = distinct.into_iter().collect();
    crate::sort::by(&mut keys, |a, b| number(a).total_cmp(&number(b)));
    keys
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn functions_have_the_requested_order_and_unmeasured_ones_are_last() {
        let mut snapshot = samples::ordinary();
        snapshot.functions[0].allocations = None;
        let first = |sort| sorted(&snapshot.functions, sort)[0].path.as_str();
        let last = |sort| sorted(&snapshot.functions, sort).last().expect("some").path.as_str();
        assert_eq!(first(Sort::Total), "survey::main");
        assert_eq!(first(Sort::Exclusive), "survey::parse::Parser::run");
        assert_eq!(first(Sort::Calls), "survey::parse::peek");
        assert_eq!(first(Sort::Name), "survey::fetch");
        assert_eq!(last(Sort::Allocations), "survey::main");
    }

    #[test]
    fn quantiles_are_in_the_order_of_their_numbers() {
        let keys = ["p99.9", "p5", "p100", "odd", "p50", "p5"].map(str::to_owned);
        assert_eq!(quantile_keys(keys.iter()), ["p5", "p50", "p99.9", "p100", "odd"]);
    }
}
