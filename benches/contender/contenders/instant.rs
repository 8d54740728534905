//! No instrument: two clock reads whose results are discarded.

use std::hint::black_box;
use std::time::Instant;

use crate::contender::Contender;

/// The floor measured against itself: shows how far noise alone moves a ratio from 1.00.
pub(crate) fn tsc() -> Contender {
    Contender { name: "tsc", start: || {}, batch: crate::measure::floor, recorded: |made| made }
}

pub(crate) fn instant() -> Contender {
    Contender { name: "instant", start: || {}, batch, recorded: |made| made }
}

fn batch(calls: u64) {
    for _ in 0..calls {
        timed();
    }
}

#[inline(never)]
fn timed() {
    let started = Instant::now();
    black_box(());
    black_box(started.elapsed());
}
