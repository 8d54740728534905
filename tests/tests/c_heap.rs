//! Allocations of C code are not counted, and the report says so. A single test, since it reads the
//! heap of the whole process.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use std::ffi::c_void;
use std::hint::black_box;

use profile_core::{ProfilingAllocator, capture, profile};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

const MIB: u64 = 1 << 20;

unsafe extern "C" {
    fn malloc(bytes: usize) -> *mut c_void;
    fn free(block: *mut c_void);
}

fn uncounted() -> u64 {
    let process = capture().process;
    process.uncounted_heap_bytes.unwrap_or_else(|| panic!("glibc says it: {process:?}"))
}

#[profile]
fn blocks_of(bytes: usize, blocks: usize) -> Vec<Vec<u8>> {
    (0..blocks).map(|_| black_box(vec![1; bytes])).collect()
}

/// For sizes from those that the C library triples to those with their own pages.
#[test]
#[cfg(target_env = "gnu")]
fn memory_of_c_code_is_distinguished_from_the_overhead_of_rust_blocks() {
    assert!(uncounted() < MIB, "{}", uncounted());
    for (blocks, bytes) in [(400_000, 1), (200_000, 24), (50_000, 1000), (40, 200_000)] {
        let held = blocks_of(bytes, blocks);
        assert!(uncounted() < MIB, "{blocks} blocks of {bytes}: {}", uncounted());
        drop(held);
    }
    for bytes in [1000, 100_000] {
        let blocks = (50 * MIB) as usize / bytes;
        // SAFETY: blocks of the C library, each freed once.
        let held: Vec<*mut c_void> = (0..blocks).map(|_| unsafe { malloc(bytes) }).collect();
        let seen = uncounted();
        assert!((45 * MIB..53 * MIB).contains(&seen), "{bytes}: {seen}");
        // SAFETY: as above.
        held.into_iter().for_each(|block| unsafe { free(block) });
    }
    assert!(uncounted() < MIB, "{}", uncounted());
}
