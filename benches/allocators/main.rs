//! What an allocation costs through a counting allocator, against the system's own, in one run. Prints a table.
//!
//! `cargo run --release -p benches --bin allocators --features allocators`.

mod measure;

use std::alloc::System;
use std::process::Command;

use measure::row;
use profile_core::{ProfilingAllocator, profile};

/// As people install it; the others are called by hand, as is a second one of this.
#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

fn main() {
    let _dhat = dhat::Profiler::builder().testing().build();
    let report = std::env::temp_dir().join(format!("hotpath-{}.json", std::process::id()));
    let builder = hotpath::HotpathGuardBuilder::new("main").format(hotpath::Format::Json);
    let hotpath = builder.output_path(report.clone()).build();
    tracking_allocator::AllocationRegistry::disable_tracking();
    println!(
        "| malloc and free of 64 bytes, and others, x the system's | one thread | two threads | realloc to 64 MiB | zeroed 64 MiB |\n\
         |---|---:|---:|---:|---:|"
    );
    row("**profile**, no span open", &ProfilingAllocator::system());
    in_a_span("**profile**, in an open span");
    row("divan 0.1, `AllocProfiler`", &divan::AllocProfiler::system());
    row("hotpath 0.30, `hotpath-alloc`", &hotpath::CountingAllocator::new());
    allocation_counter();
    row("stats_alloc 0.1", &stats_alloc::StatsAlloc::system());
    row("peak_alloc 0.3", &peak_alloc::PeakAlloc);
    row("cap 0.1", &cap::Cap::new(System, usize::MAX));
    row("tracking-allocator 0.4, not tracking", &tracking_allocator::Allocator::system());
    row("dhat 0.3", &dhat::Alloc);
    drop(hotpath);
    let _ = std::fs::remove_file(report);
}

#[profile]
fn in_a_span(name: &str) {
    row(name, &ProfilingAllocator::system());
}

/// Its row, from a program of its own.
fn allocation_counter() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--release", "--quiet", "--package", "benches"]);
    cargo.args(["--bin", "allocation_counter", "--features", "allocation-counter"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cargo.status().is_ok_and(|status| status.success()) {
        println!("| allocation-counter 0.8 | did not run | | | |");
    }
}
