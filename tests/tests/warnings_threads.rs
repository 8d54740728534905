//! Warnings of many threads at once: each is shown as often as its filter requires, and no thread
//! sees what another catches.

use std::collections::HashMap;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use profile_core::ProfilingAllocator;
use profile_core::warnings::{
    Action, Place, UserWarning, Warning, catch_warnings, filter_warnings, filters,
    set_show_warning, simple_filter, warn,
};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

const THREADS: usize = 16;
const TURNS: usize = 200;

/// The state of the process: one test at a time.
#[test]
fn sixteen_threads_show_each_warning_as_often_as_they_should_and_catch_their_own() {
    let shown: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let to = shown.clone();
    set_show_warning(Some(move |warning: &Warning| {
        *to.lock().expect("no panic").entry(warning.message.clone()).or_default() += 1;
    }));
    for (action, message) in [
        (Action::Once, "once"),
        (Action::Module, "module"),
        (Action::Default, "default"),
        (Action::Always, "always"),
        (Action::Ignore, "ignore"),
        (Action::Error, "error"),
    ] {
        filter_warnings(action, message, &UserWarning, "", 0, false).expect("an expression");
    }
    let together = Barrier::new(THREADS);
    let raised: usize = thread::scope(|scope| {
        let warns = |_| {
            scope.spawn(|| {
                together.wait();
                let mut raised = 0;
                for turn in 0..TURNS {
                    // Two modules, two lines in each.
                    let module = ["app::a", "app::b"][turn % 2];
                    let place = Place {
                        file: "a.rs",
                        line: 1 + (turn / 2 % 2) as u64,
                        module: Some(module),
                    };
                    for message in ["once", "module", "default", "always", "ignore", "error"] {
                        raised += usize::from(warn(message, &UserWarning, place).is_err());
                    }
                }
                raised
            })
        };
        let threads: Vec<_> = (0..THREADS).map(warns).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(raised, THREADS * TURNS);
    let shown_so_far = shown.lock().expect("no panic").clone();
    let expected = [("once", 1), ("module", 2), ("default", 4), ("always", THREADS * TURNS)];
    let expected = expected.map(|(message, times)| (message.to_owned(), times));
    assert_eq!(shown_so_far, HashMap::from(expected));

    // A hidden warning costs no allocation.
    let place = Place { file: "a.rs", line: 1, module: Some("app::a") };
    for message in ["once", "module", "default", "ignore"] {
        let unseen = profile_core::measure(|| warn(message, &UserWarning, place));
        assert!(unseen.value.is_ok() && unseen.allocations == Some(0), "{message}: {unseen:?}");
    }

    // Caught in one thread, shown by the others.
    let before = filters().len();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let together = &together;
            scope.spawn(move || {
                let caught = catch_warnings().record();
                simple_filter(Action::Always, &UserWarning, 0, false);
                together.wait();
                let place = Place { file: "b.rs", line: 1, module: Some("app::c") };
                for _ in 0..number {
                    warn("mine", &UserWarning, place).expect("always shown");
                }
                together.wait();
                assert_eq!(caught.recorded().len(), number);
            });
        }
    });
    assert_eq!(filters().len(), before);
    assert!(!shown.lock().expect("no panic").contains_key("mine"));
}
