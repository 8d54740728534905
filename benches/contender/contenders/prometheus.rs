//! prometheus: a histogram's timer.

use std::hint::black_box;
use std::sync::LazyLock;

use prometheus::{Histogram, register_histogram};

use crate::contender::Contender;

pub(crate) fn contender() -> Contender {
    let recorded = |_| HISTOGRAM.get_sample_count();
    Contender { name: "prometheus", start: || {}, batch, recorded }
}

static HISTOGRAM: LazyLock<Histogram> =
    LazyLock::new(|| register_histogram!("timed", "an empty function").unwrap());

fn batch(calls: u64) {
    for _ in 0..calls {
        timed();
    }
}

#[inline(never)]
fn timed() {
    let _timer = HISTOGRAM.start_timer();
    black_box(());
}
