//! Everything that the crate does with a snapshot that it did not make itself. Shared by the fuzz
//! targets and tests/tests/damaged.rs.

use std::io;

use profile_core::report::{Format, formats};
use profile_core::{Snapshot, Thresholds, compare};

/// Reports in every format, merges, advises, compares, and writes and reads the snapshot again.
pub fn everything(snapshot: &Snapshot) {
    (0..STEPS).for_each(|step| one_step(snapshot, step));
}

/// Some of this, which depends on the bytes that were read: a fuzzer wants many quick cases.
pub fn something(snapshot: &Snapshot, bytes: &[u8]) {
    let sum = bytes.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(*byte));
    one_step(snapshot, sum % STEPS);
}

const STEPS: usize = 32;

/// With each number something else.
fn one_step(snapshot: &Snapshot, step: usize) {
    let formats = formats();
    match step {
        0 => {
            for runs in [1, 3] {
                let merged = Snapshot::merge([snapshot, snapshot]);
                let (old, new) = (vec![snapshot.clone(); runs], vec![merged; runs]);
                let found = compare(&old, &new);
                let _ = found.write(None, false, &mut io::sink());
                let _ = found.regressions().count();
            }
        }
        1 => {
            for function in &snapshot.functions {
                let _ = (function.distribution(), function.is_estimated());
            }
            let again = Snapshot::from_bytes(&snapshot.to_bytes()).expect("what was written");
            assert_eq!(again.functions.len(), snapshot.functions.len());
        }
        step if step % 2 == 0 => {
            let mut advised = snapshot.clone();
            advised.advice = snapshot.advise(&Thresholds::default());
            report(&advised, formats[step / 2 % formats.len()]);
        }
        step => {
            let mut merged = Snapshot::merge([snapshot, snapshot, snapshot]);
            merged.advice = merged.advise(&Thresholds::default());
            merged.filter_warnings();
            report(&merged, formats[step / 2 % formats.len()]);
        }
    }
}

fn report(snapshot: &Snapshot, format: &dyn Format) {
    // A font takes seconds to load, and the picture is that of `svg`.
    if format.name() != "png" {
        // A format may refuse: `memory_profiler` does if no function has `lines(rss)`.
        let _ = snapshot.write(format, &mut io::sink());
    }
}
