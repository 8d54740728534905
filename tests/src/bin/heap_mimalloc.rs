//! The programs of `heap`, counted around mimalloc.

#[path = "heap/scenes.rs"]
mod scenes;

use mimalloc::MiMalloc;
use profile_core::ProfilingAllocator;

#[global_allocator]
static ALLOCATOR: ProfilingAllocator<MiMalloc> = ProfilingAllocator::new(MiMalloc);

fn main() {
    scenes::main();
}
