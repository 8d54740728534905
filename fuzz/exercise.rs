//! Everything that the crate does with a snapshot that it did not make itself. Shared by the fuzz
//! targets and tests/tests/damaged.rs.

use std::io::{self, Write};

use profile_core::report::formats;
use profile_core::{Snapshot, Thresholds, compare};

/// Reports in every format, merges, advises, compares, and writes and reads the snapshot again.
pub fn everything(snapshot: &Snapshot) {
    let mut advised = snapshot.clone();
    advised.advice = snapshot.advise(&Thresholds::default());
    report(&advised);
    let mut merged = Snapshot::merge([snapshot, &advised, snapshot]);
    merged.advice = merged.advise(&Thresholds::default());
    merged.filter_warnings();
    report(&merged);
    for runs in [1, 3] {
        let (old, new) = (vec![snapshot.clone(); runs], vec![merged.clone(); runs]);
        let found = compare(&old, &new);
        found.write(None, false, &mut Nowhere).expect("nothing fails to write nowhere");
        let _ = found.regressions().count();
    }
    for function in &snapshot.functions {
        let _ = (function.distribution(), function.is_estimated());
    }
    let again = Snapshot::from_bytes(&snapshot.to_bytes());
    // Numbers that are not equal to themselves exist.
    assert_eq!(again.map(|it| it.functions.len()).ok(), Some(snapshot.functions.len()));
}

fn report(snapshot: &Snapshot) {
    // A font takes seconds to load, and the picture is that of `svg`.
    let quick = formats().into_iter().filter(|format| format.name() != "png");
    for format in quick.filter(|format| format.unavailable().is_none()) {
        // A format may refuse: `memory_profiler` does if no function has `lines(rss)`.
        let _ = snapshot.write(format, &mut Nowhere);
    }
}

struct Nowhere;

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
