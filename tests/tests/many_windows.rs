//! Windows of more names than there is room for. One test: they take the room of any other that is
//! open beside them.

use profile_core::{MemoryOptions, MemoryRecord, capture, memory_usage};

#[test]
fn windows_of_ever_new_names_take_no_more_room() {
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
