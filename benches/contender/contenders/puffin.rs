//! puffin: scopes inside a frame. An outermost scope takes a lock, so there is one around the
//! others.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use puffin::GlobalProfiler;

use crate::contender::Contender;

pub(crate) fn contender() -> Contender {
    let recorded = |_| SCOPES.load(Relaxed) - FRAMES.load(Relaxed);
    Contender { name: "puffin", start, batch, recorded }
}

static SCOPES: AtomicU64 = AtomicU64::new(0);
static FRAMES: AtomicU64 = AtomicU64::new(0);

fn start() {
    puffin::set_scopes_on(true);
    GlobalProfiler::lock().add_sink(Box::new(|frame| {
        SCOPES.fetch_add(frame.meta().num_scopes as u64, Relaxed);
    }));
}

fn batch(calls: u64) {
    {
        puffin::profile_scope!("frame");
        for _ in 0..calls {
            profiled();
        }
    }
    FRAMES.fetch_add(1, Relaxed);
    GlobalProfiler::lock().new_frame();
}

#[inline(never)]
fn profiled() {
    puffin::profile_function!();
    black_box(());
}
