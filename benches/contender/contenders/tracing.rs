//! tracing, with the smallest layer that times spans: counts and total time, no histogram.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::contender::Contender;

pub(crate) fn contender() -> Contender {
    let recorded = |_| CALLS.load(Relaxed);
    Contender { name: "tracing", start, batch, recorded }
}

static CALLS: AtomicU64 = AtomicU64::new(0);
static NANOSECONDS: AtomicU64 = AtomicU64::new(0);

struct Timing;

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Timing {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        context.span(id).unwrap().extensions_mut().insert(Instant::now());
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let elapsed = span.extensions().get::<Instant>().unwrap().elapsed();
        NANOSECONDS.fetch_add(elapsed.as_nanos() as u64, Relaxed);
        CALLS.fetch_add(1, Relaxed);
    }
}

fn start() {
    tracing_subscriber::registry().with(Timing).init();
}

fn batch(calls: u64) {
    for _ in 0..calls {
        instrumented();
    }
}

#[tracing::instrument]
#[inline(never)]
fn instrumented() {
    black_box(());
}
