//! fastrace: records only below a root span, at most 10,240 spans per root. Its collector drops
//! spans that it cannot keep up with.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fastrace::Span;
use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};

use crate::contender::Contender;

pub(crate) fn contender() -> Contender {
    Contender { name: "fastrace", start, batch, recorded }
}

static RECORDED: AtomicU64 = AtomicU64::new(0);
const ROOT: &str = "root";

struct Counter;

impl Reporter for Counter {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        let ours = spans.iter().filter(|span| span.name != ROOT).count();
        RECORDED.fetch_add(ours as u64, Relaxed);
    }
}

fn start() {
    fastrace::set_reporter(Counter, Config::default());
}

fn batch(calls: u64) {
    let root = Span::root(ROOT, SpanContext::random());
    let _parent = root.set_local_parent();
    for _ in 0..calls {
        traced();
    }
}

#[fastrace::trace]
#[inline(never)]
fn traced() {
    black_box(());
}

fn recorded(_: u64) -> u64 {
    fastrace::flush();
    RECORDED.load(Relaxed)
}
