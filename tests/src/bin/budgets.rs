//! Functions that break their budgets, as the first argument says.

use std::hint::black_box;
use std::panic::catch_unwind;

use profile_core::warnings::{AllocationBudgetWarning, RaisedWarning};
use profile_core::{ProfilingAllocator, memory_usage};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

#[memory_usage(max_allocations = 0)]
fn allocates(bytes: usize) -> usize {
    black_box(vec![0_u8; bytes]).len()
}

#[memory_usage(max_time = "1ns")]
fn takes_time() {
    black_box((0..10_000_u64).fold(0, |sum, n| sum ^ black_box(n)));
}

fn main() {
    let calls = || {
        for bytes in [1, 2, 3] {
            allocates(bytes);
            takes_time();
        }
    };
    let Err(payload) = catch_unwind(calls) else { return };
    let Ok(raised) = payload.downcast::<RaisedWarning>() else { panic!("another payload") };
    println!("{}", raised.0.category.is_a(&AllocationBudgetWarning));
    println!("{raised}");
}
