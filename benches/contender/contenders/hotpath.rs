//! hotpath: the closest peer. A build cannot have both of its modes, so there are two builds.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Mutex;

use hotpath::{Format, HotpathGuard, HotpathGuardBuilder};

use crate::contender::Contender;

#[cfg(feature = "hotpath-alloc")]
#[global_allocator]
static ALLOCATOR: hotpath::CountingAllocator = hotpath::CountingAllocator::new();

pub(crate) fn contender() -> Contender {
    Contender { name: "hotpath", start, batch, recorded }
}

static GUARD: Mutex<Option<HotpathGuard>> = Mutex::new(None);

fn start() {
    let builder = HotpathGuardBuilder::new("main").format(Format::Json).output_path(report());
    *GUARD.lock().unwrap() = Some(builder.build());
}

fn batch(calls: u64) {
    for _ in 0..calls {
        measured();
    }
}

#[hotpath::measure]
#[inline(never)]
fn measured() {
    black_box(());
}

fn report() -> PathBuf {
    std::env::temp_dir().join(format!("hotpath-{}.json", std::process::id()))
}

/// It reports when its guard is dropped.
fn recorded(_: u64) -> u64 {
    GUARD.lock().unwrap().take();
    let json = std::fs::read_to_string(report()).unwrap();
    let _ = std::fs::remove_file(report());
    let calls = json.split("measured").nth(1).and_then(|row| row.split("\"calls\":").nth(1));
    let digits: String = calls.unwrap_or("").chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}
