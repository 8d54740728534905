//! This project with its feature off.

use std::hint::black_box;

use crate::contender::Contender;

pub(crate) fn contender() -> Contender {
    Contender { name: "off", start: || {}, batch, recorded: |made| made }
}

fn batch(calls: u64) {
    for _ in 0..calls {
        annotated();
    }
}

#[profile_core::profile]
#[inline(never)]
fn annotated() {
    black_box(());
}
