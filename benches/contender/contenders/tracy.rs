//! tracy-client without a viewer. It cannot be read back, so recording is checked by its queue,
//! which grows by two events per zone.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::contender::Contender;
use crate::memory::resident_bytes;

pub(crate) fn contender() -> Contender {
    Contender { name: "tracy", start, batch, recorded }
}

/// Bytes of a zone in the queue: conservatively, half the size of its two events.
const LEAST_BYTES: u64 = 16;
static BEFORE: AtomicU64 = AtomicU64::new(0);

fn start() {
    tracy_client::Client::start();
    BEFORE.store(resident_bytes(), Relaxed);
}

fn batch(calls: u64) {
    for _ in 0..calls {
        zone();
    }
}

#[inline(never)]
fn zone() {
    let _zone = tracy_client::span!();
    black_box(());
}

fn recorded(made: u64) -> u64 {
    let grown = resident_bytes().saturating_sub(BEFORE.load(Relaxed));
    made.min(grown / LEAST_BYTES)
}
