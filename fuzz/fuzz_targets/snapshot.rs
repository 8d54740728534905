//! Any bytes as a snapshot, in JSON or in the binary form: see the target `segment`.

#![no_main]

#[path = "../exercise.rs"]
mod exercise;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(snapshot) = profile_core::Snapshot::from_bytes(bytes) {
        exercise::something(&snapshot, bytes);
    }
});
