//! Inspection at run time: a program lists its annotated functions, reads current statistics,
//! switches a function off and on, sets an overhead budget, and checks its own numbers.
//!
//! ```text
//! cargo run --release -p examples --bin inspect
//! ```
//!
//! Read it from `main` on; each step prints its results.

use std::error::Error;
use std::hint::black_box;

use profile_core::{
    CallSite, ProfilingAllocator, Settings, capture, find, find_all, functions, profile,
};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

mod shop {
    use profile_core::profile;

    /// The highest total, in cents.
    pub const LIMIT: u64 = 1_000_000;

    /// Prices in a cart, in cents.
    #[derive(Default)]
    pub struct Cart(Vec<u64>);

    #[profile]
    impl Cart {
        /// Adds a price.
        pub fn add(&mut self, cents: u64) {
            self.0.push(cents);
        }

        /// The sum.
        pub fn total(&self) -> u64 {
            self.0.iter().sum()
        }

        /// Removes everything.
        pub fn empty(&mut self) {
            self.0.clear();
        }
    }
}

/// Calls of [`mix`].
const MANY: u64 = 2_000_000;

/// A short function that is called often.
#[profile]
fn mix(number: u64) -> u64 {
    black_box((0..100).fold(number, |mixed, next| black_box(mixed.rotate_left(5) ^ next)))
}

fn main() -> Result<(), Box<dyn Error>> {
    list();
    let total = find("Cart::total").ok_or("Cart::total is not measured")?;
    read(total)?;
    switch(total);
    budget()?;
    never_called();
    Ok(())
}

fn heading(text: &str) {
    println!("\n{text}");
}

/// Every annotated function is listed before it is called.
fn list() {
    heading("What is measured here:");
    for site in functions() {
        println!("  {:30} {}:{}  {}", site.path(), site.file(), site.line(), site.signature());
    }
    assert_eq!(find_all("*::shop::*").len(), 3);
}

/// Statistics of a function are available while the program runs.
fn read(total: &'static CallSite) -> Result<(), Box<dyn Error>> {
    heading("One function, after 1,000 calls:");
    assert_eq!(total.statistics(), None);
    let mut cart = shop::Cart::default();
    for cents in 0..1_000 {
        cart.add(cents);
        if cart.total() > shop::LIMIT {
            cart.empty();
        }
    }
    let statistics = total.statistics().ok_or("it was called")?;
    let mean = statistics.mean_ns.unwrap_or(0.0);
    println!("  {}: {} calls, {mean:.0} ns in the mean", total.name(), statistics.calls);
    println!("  its doc comment: {}", total.documentation());
    assert_eq!(statistics.calls, 1_000);
    assert_eq!(statistics.allocations, Some(0));
    Ok(())
}

/// Calls of a disabled function are not recorded.
fn switch(total: &'static CallSite) {
    heading("Switched off, called, and on again:");
    let calls = || total.statistics().map_or(0, |statistics| statistics.calls);
    let cart = shop::Cart::default();
    total.set_enabled(false);
    cart.total();
    println!("  off: {} calls", calls());
    assert_eq!(calls(), 1_000);
    total.set_enabled(true);
    cart.total();
    println!("  on:  {} calls", calls());
    assert_eq!(calls(), 1_001);
}

/// Under the default budget every call is counted, and as many are timed as it allows.
fn budget() -> Result<(), Box<dyn Error>> {
    heading("Many calls of a short function, as many of them timed as the default budget allows:");
    Settings::new().overhead("auto")?.apply();
    (0..MANY).for_each(|number| {
        mix(number);
    });
    Settings::new().overhead("exact")?.apply();

    let snapshot = capture();
    let row = snapshot.function("mix").ok_or("it was called")?;
    println!("  {} calls, {} of them timed", row.calls, row.timed_calls);
    println!("  {} ns in total", row.inclusive_ns);
    println!("  between these with 95 % confidence: {:?}", row.inclusive_interval_ns);
    println!("  recording took {:.2} % of the run so far", snapshot.overhead.share * 100.0);
    assert_eq!(row.calls, MANY);
    Ok(())
}

/// The snapshot also lists functions that were never called.
fn never_called() {
    heading("Never called:");
    let snapshot = capture();
    for function in &snapshot.never_called {
        println!("  {} ({}:{})", function.path, function.file, function.line);
    }
    let paths: Vec<&str> = snapshot.never_called.iter().map(|function| &*function.path).collect();
    assert_eq!(paths, ["inspect::shop::Cart::empty"]);
}
