//! Any bytes as a segment: reading takes a bounded amount of memory, and neither it nor anything
//! done with the result panics or overflows.

#![no_main]

#[path = "../exercise.rs"]
mod exercise;
#[path = "../peak.rs"]
mod peak;

use profile_core::__private::read_segment_bytes;

#[global_allocator]
static ALLOCATOR: peak::Counting = peak::Counting;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (read, peak) = peak::peak_bytes(|| read_segment_bytes(bytes));
    assert!(peak <= peak::most_bytes(bytes.len()), "{peak} bytes of memory for {}", bytes.len());
    if let Ok(snapshot) = read {
        exercise::something(&snapshot, bytes);
    }
});
