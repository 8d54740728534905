//! time-graph: counts and total time per function and per caller.

use std::hint::black_box;

use crate::contender::Contender;

pub(crate) fn contender() -> Contender {
    Contender { name: "time-graph", start, batch, recorded }
}

fn start() {
    time_graph::enable_data_collection(true);
}

fn batch(calls: u64) {
    for _ in 0..calls {
        instrumented();
    }
}

#[time_graph::instrument]
#[inline(never)]
fn instrumented() {
    black_box(());
}

fn recorded(_: u64) -> u64 {
    let graph = time_graph::get_full_graph();
    graph.spans().map(|span| u64::from(span.called)).sum()
}
