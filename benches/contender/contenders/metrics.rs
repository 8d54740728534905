//! metrics, with the recorder most programs install: the Prometheus exporter's.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::contender::Contender;

pub(crate) fn contender() -> Contender {
    Contender { name: "metrics", start, batch, recorded }
}

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Without upkeep, samples accumulate. It runs every second instead of the documented five, so that
/// some upkeep falls into the measurement.
fn start() {
    let builder = PrometheusBuilder::new().set_buckets(&[1e-6, 1e-3, 1.0]).unwrap();
    let handle = HANDLE.get_or_init(|| builder.install_recorder().unwrap());
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            handle.run_upkeep();
        }
    });
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
    metrics::histogram!("timed").record(started.elapsed());
}

fn recorded(_: u64) -> u64 {
    let text = HANDLE.get().unwrap().render();
    let count = text.lines().find_map(|line| line.strip_prefix("timed_count "));
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}
