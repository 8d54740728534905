//! This project.

use std::hint::black_box;

use profile_core::{Settings, profile};

use crate::contender::Contender;

#[cfg(all(feature = "ours-allocator", not(feature = "hotpath-alloc")))]
#[global_allocator]
static ALLOCATOR: profile_core::ProfilingAllocator = profile_core::ProfilingAllocator::system();

/// Every call timed; with `PROFILE_RUN_DIR` set, into a file.
pub(crate) fn exact() -> Contender {
    let start = || Settings::new().overhead("exact").unwrap().apply();
    Contender { name: "exact", start, batch, recorded }
}

/// The default: every call counted, and as many timed as fit in 5 % of the time.
pub(crate) fn by_default() -> Contender {
    Contender { name: "default", start: || {}, batch, recorded }
}

/// Every call counted, one in 64 timed.
pub(crate) fn budgeted() -> Contender {
    let start = || Settings::new().overhead("1/64").unwrap().apply();
    Contender { name: "budgeted", start, batch, recorded }
}

/// Switched off while the program runs.
pub(crate) fn disabled() -> Contender {
    let start = || profile_core::find("annotated").unwrap().set_enabled(false);
    // Nothing is recorded, as requested.
    let recorded = |made| made - recorded(made);
    Contender { name: "disabled", start, batch, recorded }
}

fn batch(calls: u64) {
    for _ in 0..calls {
        annotated();
    }
}

#[profile]
#[inline(never)]
fn annotated() {
    black_box(());
}

fn recorded(_: u64) -> u64 {
    if let Some(folder) = std::env::var_os("PROFILE_RUN_DIR") {
        assert!(
            std::fs::read_dir(folder).unwrap().next().is_some(),
            "the segment is not in a file"
        );
    }
    profile_core::capture().function("annotated").map_or(0, |row| row.calls)
}
