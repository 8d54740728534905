//! What `#[memory_usage]` refuses.
use profile_core::memory_usage;

#[memory_usage(max_peak = "12 parsecs")]
fn unit() {}

#[memory_usage(max_allocations = "none")]
fn number() {}

#[memory_usage(interval = "0ms")]
fn interval() {}

#[memory_usage(backend = "ram")]
fn backend() {}

#[memory_usage(max_alocations = 0)]
fn unknown() {}

#[memory_usage(name = "all")]
mod named {}

struct Many;

#[memory_usage]
impl Many {
    fn one(&self) {}
}

#[memory_usage]
const fn constant() {}

fn main() {
    unit();
    number();
    interval();
    backend();
    unknown();
    Many.one();
    constant();
}
