//! Programs that allocate, counted around the system's allocator.

mod scenes;

use profile_core::ProfilingAllocator;

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

fn main() {
    scenes::main();
}
