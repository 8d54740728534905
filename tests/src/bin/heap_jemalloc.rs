//! The programs of `heap`, counted around jemalloc.

#[path = "heap/scenes.rs"]
mod scenes;

use profile_core::ProfilingAllocator;
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: ProfilingAllocator<Jemalloc> = ProfilingAllocator::new(Jemalloc);

fn main() {
    scenes::main();
}
