//! The attributes and the core each have a table of limits, since neither crate can see the
//! other's. The tables must agree.

use std::collections::BTreeSet;

use words::{Amount, Place, WORDS};

/// The table of the attributes. It uses no other file of its crate, so it can be included here.
#[path = "../../profile-macros/src/words.rs"]
#[allow(dead_code, reason = "only the table is needed")]
mod words;

#[test]
fn the_attributes_and_the_core_know_the_same_limits() {
    let of_core: BTreeSet<_> = profile_core::__private::limit_words().into_iter().collect();
    let of_macros: BTreeSet<_> = WORDS
        .iter()
        .flat_map(|word| {
            word.places.iter().map(|place| (name(*place), word.text, unit(word.amount)))
        })
        .collect();
    assert_eq!(of_macros, of_core);
}

fn name(place: Place) -> &'static str {
    match place {
        Place::Profile => "profile",
        Place::MemoryUsage => "memory_usage",
        Place::Run => "run",
    }
}

fn unit(amount: Amount) -> &'static str {
    match amount {
        Amount::Time => "ns",
        Amount::Count => "count",
        Amount::Bytes => "bytes",
    }
}
