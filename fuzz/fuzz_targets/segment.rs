//! Any bytes as a segment: reading and everything done with the result must neither panic nor
//! overflow.

#![no_main]

#[path = "../exercise.rs"]
mod exercise;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(snapshot) = profile_core::__private::read_segment_bytes(bytes) {
        exercise::everything(&snapshot);
    }
});
