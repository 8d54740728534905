//! Windows with more names than there are slots. A single test, since they displace all other
//! windows.

use profile_core::{MemoryOptions, MemoryRecord, capture, memory_usage};

#[test]
fn windows_with_ever_new_names_use_no_more_memory() {
    let used = |turns: std::ops::Range<usize>| {
        for turn in turns {
            let usage =
                memory_usage(&MemoryOptions::new().name(format!("request {turn}")), || turn);
            let memory = usage.memory.expect("a window");
            assert_eq!((usage.value, memory.path), (turn, format!("request {turn}")));
        }
        let requests = |record: &MemoryRecord| record.path.starts_with("request ");
        let snapshot = capture();
        let shown = snapshot.memory.iter().filter(|it| requests(it)).count();
        (shown, snapshot.overhead.windows_left_out)
    };
    let (shown, left_out) = used(0..600);
    assert!((400..=512).contains(&shown), "{shown}");
    let (still, more) = used(600..1600);
    assert!(still <= 512, "{still}");
    assert!(more >= left_out + 1000, "{more}");
}
