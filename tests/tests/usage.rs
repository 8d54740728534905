//! Windows of memory, and limits on calls, with the real allocator and the real `/proc`.

use std::hint::black_box;
use std::panic::catch_unwind;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use profile_core::{
    Backend, MemoryOptions, MemoryRecord, ProfilingAllocator, capture, memory_usage,
    memory_usage_for, memory_usage_of, memory_usage_of_command, profile,
};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

const MIB: u64 = 1 << 20;

fn every(milliseconds: u64) -> MemoryOptions {
    MemoryOptions::new().interval(Duration::from_millis(milliseconds))
}

/// The last window with this name.
fn window(path: &str) -> MemoryRecord {
    let found = capture().memory.into_iter().rfind(|record| record.path.ends_with(path));
    found.unwrap_or_else(|| panic!("no window {path}"))
}

fn within(value: u64, expected: u64, tolerance: u64) -> bool {
    value.abs_diff(expected) <= tolerance
}

/// Resident memory and the heap belong to the whole process, so tests that read them run one at a
/// time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

mod windows {
    use super::*;

    #[test]
    fn a_peak_between_two_readings_is_not_missed() {
        let _alone = alone();
        let usage = memory_usage(&every(10_000).name("spike"), || {
            drop(black_box(vec![1_u8; 200 << 20]));
            7
        });
        assert_eq!(usage.value, 7);
        let memory = usage.memory.expect("a window");
        assert!(memory.peak_bytes - memory.baseline_bytes < 100 * MIB, "{memory:?}");
        let kernel = memory.kernel_peak_bytes.expect("a mark") - memory.baseline_bytes;
        assert!(kernel >= 199 * MIB, "{kernel}");
        let heap = memory.heap_peak_bytes.zip(memory.heap_baseline_bytes).expect("counted");
        assert!(within(heap.0 - heap.1, 200 * MIB, MIB), "{heap:?}");
        assert_eq!(memory.unavailable, [""; 0]);
    }

    #[test]
    fn work_runs_once_and_its_panic_comes_back() {
        let mut runs = 0;
        let usage = memory_usage(&every(1), || runs += 1);
        assert_eq!((runs, usage.memory.map(|memory| memory.readings_taken >= 2)), (1, Ok(true)));
        let panics =
            || memory_usage(&every(1).name("panics"), || std::panic::resume_unwind(Box::new(3)));
        let payload = catch_unwind(panics).expect_err("it panics");
        assert_eq!(payload.downcast_ref(), Some(&3));
        assert!(!window("panics").open);
    }

    #[test]
    fn readings_come_at_their_interval_and_a_long_window_keeps_few() {
        let _alone = alone();
        // More readings than it stores, however long that takes.
        let usage = memory_usage(&every(1).name("long"), || {
            while window("long").readings_taken <= 600 {
                thread::yield_now();
            }
        });
        let memory = usage.memory.expect("a window");
        assert!(memory.readings_taken > 600, "{}", memory.readings_taken);
        assert!((100..=512).contains(&memory.readings.len()), "{}", memory.readings.len());
        assert!(memory.readings.is_sorted_by_key(|reading| reading.at_ns));
        assert_eq!(memory.readings[0].resident_bytes, memory.baseline_bytes);
        assert_eq!(memory.readings.last().map(|it| it.resident_bytes), Some(memory.end_bytes));
        assert!(memory.achieved_interval_ns >= Some(900_000), "{:?}", memory.achieved_interval_ns);
    }

    #[test]
    fn every_backend_reads_its_memory() {
        let _alone = alone();
        let block = black_box(vec![1_u8; 64 << 20]);
        let read = |backend| {
            let usage = memory_usage(&every(100).backend(backend), || ());
            let memory = usage.memory.expect("a window");
            (memory.backend.clone(), memory.end_bytes)
        };
        for (backend, name) in [
            (Backend::Rss, "rss"),
            (Backend::Pss, "pss"),
            (Backend::Uss, "uss"),
            (Backend::Heap, "heap"),
        ] {
            let (called, bytes) = read(backend);
            assert_eq!(called, name);
            assert!((64 * MIB..2048 * MIB).contains(&bytes), "{name}: {bytes}");
        }
        drop(block);
    }

    #[test]
    fn a_process_is_read_until_it_ends_and_one_that_is_not_there_is_an_error() {
        let mut command = Command::new("cat");
        let mut child = command.stdin(Stdio::piped()).spawn().expect("start a process");
        let (id, input) = (child.id(), child.stdin.take().expect("its standard input"));
        let reading = thread::spawn(move || {
            memory_usage_of(id, &every(5).name("a process read to its end")).expect("a window")
        });
        let is_read = || {
            let of = capture()
                .memory
                .into_iter()
                .find(|record| record.path == "a process read to its end");
            of.is_some_and(|of| of.readings_taken >= 2)
        };
        wait_until(is_read, "it is not read");
        drop(input);
        let memory = reading.join().expect("it ends");
        assert!(child.wait().expect("it ends").success());
        assert!(memory.readings_taken >= 2 && memory.peak_bytes > 0, "{memory:?}");
        let error = memory_usage_of(u32::MAX, &every(5)).expect_err("there is none");
        assert!(error.to_string().contains("rss: not available"), "{error}");
    }

    #[test]
    fn a_command_that_outlives_the_timeout_continues() {
        let folder = tests::Folder::new();
        let may_end = folder.join("may end");
        let mut command = Command::new("sh");
        command.args(["-c", "until [ -e \"$0\" ]; do sleep 0.01; done; exit 5"]).arg(&may_end);
        let options = every(5).timeout(Duration::from_millis(20)).name("outlived");
        // The window ends while the command still runs; it waits for the command.
        let waiting = thread::spawn(move || {
            let has_ended = || {
                let of = capture().memory.into_iter().find(|record| record.path == "outlived");
                of.is_some_and(|of| !of.open)
            };
            wait_until(has_ended, "the window does not end");
            std::fs::write(may_end, "").expect("write a file");
        });
        let usage = memory_usage_of_command(&mut command, &options).expect("it can be started");
        waiting.join().expect("the window ends");
        assert_eq!(usage.value.code(), Some(5));
        assert!(usage.memory.expect("a window").duration_ns >= 20_000_000);
    }

    /// Waits long, but not forever.
    fn wait_until(condition: impl Fn() -> bool, diagnostic: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !condition() {
            assert!(Instant::now() < deadline, "{diagnostic}");
            thread::yield_now();
        }
    }

    /// Holds this many mebibytes until its standard input ends.
    fn held(mebibytes: u32) -> String {
        format!("x=$(head -c {mebibytes}M /dev/zero | tr '\\0' x); read -r _")
    }

    /// The same in its own process.
    fn holding(mebibytes: u32) -> String {
        format!("({})", held(mebibytes))
    }

    fn large_children(memory: &MemoryRecord) -> usize {
        let peak = |child: &profile_core::ChildCurve| {
            child.readings.iter().map(|reading| reading.resident_bytes).max()
        };
        memory.children.iter().filter(|child| peak(child) >= Some(20 * MIB)).count()
    }

    /// The output of a program.
    #[derive(Clone, Default)]
    struct Written(std::sync::Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no writer panics").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stream_has_every_reading_when_the_window_ends() {
        let written = Written::default();
        let options = every(1).stream(written.clone());
        let memory = memory_usage_for(Duration::from_millis(700), &options).expect("a window");
        let text = String::from_utf8(written.0.lock().expect("no writer panics").clone());
        let data = profile_core::read_mprof(&text.expect("text")).expect("a file of mprof");
        assert_eq!(data.readings.len() as u64, memory.readings_taken);
        assert!(data.readings.is_sorted_by_key(|reading| (reading.unix_seconds * 1e4) as u64));
        let highest = data.readings.iter().map(|reading| reading.mib).fold(0.0, f64::max);
        assert!((highest - memory.peak_bytes as f64 / MIB as f64).abs() < 1e-5, "{highest}");
    }

    #[test]
    fn children_are_in_a_stream_and_one_that_fails_loses_nothing_else() {
        let written = Written::default();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 0.3; true"]);
        let options = every(5).multiprocess(true).stream(written.clone());
        memory_usage_of_command(&mut command, &options).expect("it can be started");
        let text =
            String::from_utf8_lossy(&written.0.lock().expect("no writer panics")).into_owned();
        assert!(text.contains("\nCHLD ") && text.contains("\nMEM "), "{text}");

        let full = std::fs::File::options().write(true).open("/dev/full").expect("there is one");
        let usage = memory_usage(&every(1).stream(full), || 5);
        assert_eq!(usage.value, 5);
        assert!(usage.memory.expect("a window").readings_taken >= 2);
        let warnings = capture().warnings;
        let sentence = "a stream of readings ended early: No space left on device";
        assert!(
            warnings.iter().any(|warning| warning.message.starts_with(sentence)),
            "{warnings:?}"
        );
    }

    #[test]
    fn children_are_summed_or_have_curves_of_their_own() {
        let script = format!("{} <&0 & {} <&0 & wait", holding(20), holding(40));
        let mut command = Command::new("bash");
        command.args(["-c", &script]).stdin(Stdio::piped());
        let mut child = command.spawn().expect("start bash");
        let input = child.stdin.take().expect("its standard input");
        let options = every(20).include_children(true).multiprocess(true).name("tree");
        let id = child.id();
        let reading = thread::spawn(move || memory_usage_of(id, &options).expect("a window"));
        let has_grown = || {
            let tree = capture().memory.into_iter().find(|record| record.path == "tree");
            tree.is_some_and(|tree| tree.peak_bytes >= 60 * MIB && large_children(&tree) >= 2)
        };
        wait_until(has_grown, "the children do not grow");
        drop(input);
        let memory = reading.join().expect("it ends");
        assert!(child.wait().expect("bash ends").success());
        assert!(memory.peak_bytes >= 60 * MIB, "{}", memory.peak_bytes);
        assert!(large_children(&memory) >= 2, "{:?}", memory.children);
    }

    #[test]
    fn a_window_in_a_window_may_write_into_the_same_stream() {
        let written = Written::default();
        let options = every(1).stream(written.clone());
        let outer = memory_usage(&options, || memory_usage(&options, || 1));
        let readings = outer.memory.expect("a window").readings_taken
            + outer.value.memory.expect("a window").readings_taken;
        let text = String::from_utf8(written.0.lock().expect("no writer panics").clone());
        let data = profile_core::read_mprof(&text.expect("text")).expect("a file of mprof");
        assert_eq!((outer.value.value, data.readings.len() as u64), (1, readings));
    }

    /// Reads nothing until the other end is dropped.
    struct Stuck(std::sync::mpsc::Receiver<()>);

    impl std::io::Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_unread_stream_does_not_block_the_program() {
        let (reader, stuck) = std::sync::mpsc::channel();
        let usage = memory_usage(&every(1000).stream(Stuck(stuck)), || 5);
        assert_eq!((usage.value, usage.memory.map(|it| it.readings_taken)), (5, Ok(2)));
        let sentence = "a stream was blocked for 5 s";
        let warnings = capture().warnings;
        assert!(
            warnings.iter().any(|warning| warning.message.starts_with(sentence)),
            "{warnings:?}"
        );
        drop(reader);
    }

    #[test]
    fn the_longest_interval_leaves_the_first_reading_and_the_last() {
        let usage = memory_usage(&MemoryOptions::new().interval(Duration::MAX), || 3);
        let memory = usage.memory.expect("a window");
        assert_eq!((usage.value, memory.readings_taken), (3, 2));
        assert_eq!(memory.interval_ns, u64::MAX);
        let mut command = Command::new("true");
        let options = MemoryOptions::new().interval(Duration::MAX);
        assert!(memory_usage_of_command(&mut command, &options).expect("it runs").value.success());
    }

    #[profile_core::memory_usage(interval = "1ns")]
    fn read_as_often_as_can_be() {}

    #[test]
    fn the_shortest_interval_is_what_the_sampler_can_do() {
        read_as_often_as_can_be();
        assert_eq!(window("read_as_often_as_can_be").interval_ns, 100_000);
        let memory = memory_usage(&every(0), || ()).memory.expect("a window");
        assert_eq!(memory.interval_ns, 100_000);
    }

    #[test]
    fn the_requested_number_of_readings_is_taken() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("start a process");
        for (asked, taken) in [(5, 5), (1, 1), (0, 1)] {
            let memory = memory_usage_of(child.id(), &every(1).max_iterations(asked));
            let memory = memory.expect("a window");
            assert_eq!((memory.readings_taken, memory.readings.len()), (taken, taken as usize));
        }
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }

    /// Not after the interval, which is three years.
    #[test]
    fn a_command_is_over_when_it_ends_whatever_the_interval() {
        let options = MemoryOptions::new().interval(Duration::from_secs(100_000_000));
        let mut command = Command::new("cat");
        let usage = memory_usage_of_command(command.stdin(Stdio::piped()), &options);
        let usage = usage.expect("it runs");
        assert!(usage.value.success());
        let mut child = Command::new("true").stdin(Stdio::null()).spawn().expect("start a process");
        let _ = memory_usage_of(child.id(), &options);
        assert!(child.wait().expect("it ends").success());
    }

    #[test]
    fn a_process_that_has_ended_is_an_error_before_it_has_been_waited_for() {
        let mut child = Command::new("true").stdout(Stdio::piped()).spawn().expect("start it");
        let mut output = child.stdout.take().expect("its output");
        std::io::Read::read_to_end(&mut output, &mut Vec::new()).expect("its end");
        // The pipe is closed at exit; the process is gone a moment later.
        let error = loop {
            match memory_usage_of(child.id(), &every(1)) {
                Ok(memory) => assert!(memory.readings_taken > 0, "{memory:?}"),
                Err(error) => break error.to_string(),
            }
        };
        assert_eq!(error, "rss: not available: the process has ended");
        child.wait().expect("it ends");
    }

    /// A shell that starts this many children, which hold a mebibyte each, and waits until its
    /// standard input ends.
    fn many_children(children: usize) -> Command {
        let script =
            format!("for i in $(seq {children}); do {} <&0 & done; echo; wait", holding(1));
        let mut command = Command::new("bash");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    #[test]
    fn children_without_curves_are_in_the_sum_and_reported() {
        let mut child = many_children(100).spawn().expect("start bash");
        let input = child.stdin.take().expect("its standard input");
        let options = every(20).include_children(true).multiprocess(true).name("crowd");
        let id = child.id();
        let reading = thread::spawn(move || memory_usage_of(id, &options).expect("a window"));
        let deadline = Instant::now() + Duration::from_secs(60);
        let peak = || {
            let crowd = capture().memory.into_iter().find(|record| record.path == "crowd");
            crowd.map_or(0, |crowd| crowd.peak_bytes)
        };
        // A bash takes more than 2 MiB, and 64 of these less than 200.
        while peak() < 200 * MIB {
            assert!(Instant::now() < deadline, "{} MiB", peak() / MIB);
            thread::sleep(Duration::from_millis(20));
        }
        drop(input);
        let memory = reading.join().expect("it ends");
        child.wait().expect("bash ends");
        assert_eq!(memory.children.len(), 64);
        let lacking = "curves of all children: not available";
        assert!(memory.unavailable.iter().any(|why| why.starts_with(lacking)), "{memory:?}");
    }

    #[test]
    fn ended_children_take_no_slots_from_new_ones() {
        let _alone = alone();
        let script = format!("for i in $(seq 70); do sleep 0.001; done; {}", holding(40));
        let mut command = Command::new("bash");
        command.args(["-c", &script]).stdin(Stdio::piped());
        let mut child = command.spawn().expect("start bash");
        let input = child.stdin.take().expect("its standard input");
        let options = every(1).include_children(true).multiprocess(true).name("followers");
        let id = child.id();
        let reading = thread::spawn(move || memory_usage_of(id, &options).expect("a window"));
        let deadline = Instant::now() + Duration::from_secs(60);
        let has_grown = || {
            let found = capture().memory.into_iter().find(|record| record.path == "followers");
            found.is_some_and(|it| it.peak_bytes >= 40 * MIB && large_children(&it) >= 1)
        };
        while !has_grown() {
            assert!(Instant::now() < deadline, "the last child is not seen");
            thread::sleep(Duration::from_millis(5));
        }
        drop(input);
        reading.join().expect("it ends");
        child.wait().expect("bash ends");
    }

    /// For each backend, of the shell and of the program that replaces it.
    #[test]
    fn a_process_is_read_on_when_it_becomes_another_program() {
        for backend in [Backend::Rss, Backend::Pss, Backend::Uss] {
            let mut command = Command::new("bash");
            command.args(["-c", "read -r _; exec bash -c \"$0\"", &held(30)]);
            command.stdin(Stdio::piped());
            let mut child = command.spawn().expect("start bash");
            let mut input = child.stdin.take().expect("its standard input");
            let name = format!("exec {backend:?}");
            let options = every(2).backend(backend).name(&name);
            let id = child.id();
            let reading = thread::spawn(move || memory_usage_of(id, &options).expect("a window"));
            let now = || capture().memory.into_iter().find(|record| record.path == name);
            while now().is_none() {
                thread::sleep(Duration::from_millis(1));
            }
            std::io::Write::write_all(&mut input, b"\n").expect("it reads");
            let deadline = Instant::now() + Duration::from_secs(60);
            while now().is_none_or(|record| record.end_bytes < 30 * MIB) {
                assert!(Instant::now() < deadline, "{backend:?}: {:?}", now());
                thread::sleep(Duration::from_millis(2));
            }
            drop(input);
            let memory = reading.join().expect("it ends");
            child.wait().expect("bash ends");
            assert!(memory.peak_bytes >= 30 * MIB, "{memory:?}");
        }
    }

    /// Holds this much, frees it, prints a line, and waits.
    fn that_was_large(mebibytes: u32) -> std::process::Child {
        let script =
            format!("x=$(head -c {mebibytes}M /dev/zero | tr '\\0' x); x=; echo; read -r _");
        let mut command = Command::new("bash");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("start bash");
        let output = child.stdout.as_mut().expect("its output");
        std::io::Read::read_exact(output, &mut [0]).expect("it says so");
        child
    }

    #[test]
    fn what_a_process_held_before_the_window_is_not_the_windows() {
        let mut child = that_was_large(60);
        let memory = memory_usage_of(child.id(), &every(1).max_iterations(3)).expect("a window");
        drop(child.stdin.take());
        child.wait().expect("bash ends");
        assert_eq!(memory.kernel_peak_bytes, None);
        let why = "kernel peak of the window alone: not available: the process was as large before";
        assert_eq!(memory.unavailable, [why]);
    }

    #[test]
    fn the_kernels_peak_of_a_command_is_known_or_the_reason_is_given() {
        let _alone = alone();
        // Resets the peak of this process, which a child would inherit.
        drop(memory_usage(&every(1000), || ()));
        let script = "x=$(head -c 150M /dev/zero | tr '\\0' x); true";
        let mut command = Command::new("bash");
        let options = MemoryOptions::new().interval(Duration::MAX);
        let usage = memory_usage_of_command(command.args(["-c", script]), &options);
        let large = usage.expect("it runs").memory.expect("a window");
        assert!(large.kernel_peak_bytes >= Some(150 * MIB), "{large:?}");
        assert_eq!(large.unavailable, [""; 0]);
        // This process is larger than that.
        let block = black_box(vec![1_u8; 64 << 20]);
        let usage = memory_usage_of_command(Command::new("sleep").arg("0.05"), &options);
        let small = usage.expect("it runs").memory.expect("a window");
        drop(block);
        assert!(small.kernel_peak_bytes.is_some_and(|peak| peak < 64 * MIB), "{small:?}");
        assert!(small.unavailable[0].starts_with("kernel peak after the last reading: "));
    }

    #[test]
    fn two_threads_at_one_location_get_a_window_each() {
        let mine = |number: u64| {
            for turn in 0..200 {
                // This identifies each.
                let interval = Duration::from_secs(1000 * number + turn);
                let options = MemoryOptions::new().interval(interval).name("shared");
                let memory = memory_usage(&options, || ()).memory.expect("a window");
                assert_eq!(memory.interval_ns, interval.as_nanos() as u64);
                assert!(memory.readings_taken == 2 && !memory.open, "{memory:?}");
            }
        };
        thread::scope(|scope| {
            (1..=4).for_each(|number| drop(scope.spawn(move || mine(number))));
        });
    }

    #[profile_core::memory_usage(interval = "1ms")]
    fn loads(bytes: usize) -> Vec<u8> {
        black_box(vec![1_u8; bytes])
    }

    #[test]
    fn a_function_has_a_window_for_each_of_its_most_expensive_calls_and_a_row() {
        let _alone = alone();
        for mebibytes in 1..=20 {
            drop(loads(mebibytes << 20));
        }
        let snapshot = capture();
        assert_eq!(snapshot.function("windows::loads").map(|row| row.calls), Some(20));
        let windows: Vec<&MemoryRecord> =
            snapshot.memory.iter().filter(|it| it.path == "usage::windows::loads").collect();
        assert_eq!(windows.len(), 8);
        assert!(windows.iter().all(|window| !window.open));
        let most = windows.iter().filter_map(|it| it.heap_peak_bytes).max();
        assert!(most >= Some(20 * MIB), "{most:?}");
    }

    #[profile_core::memory_usage]
    async fn later() -> u8 {
        tokio::task::yield_now().await;
        5
    }

    #[test]
    fn an_async_function_has_a_window_from_its_first_poll_to_its_end() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
        let runtime = runtime.expect("a runtime");
        assert_eq!(runtime.block_on(async { tokio::spawn(later()).await.expect("it ends") }), 5);
        assert!(!window("windows::later").open);
        assert_eq!(capture().function("windows::later").map(|row| row.calls), Some(1));
    }
}

/// Yields once without allocating; tokio's own function keeps a list.
async fn pause() {
    let mut is_over = false;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut is_over, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

mod limits {
    use super::*;

    #[profile_core::memory_usage(max_allocations = 0)]
    fn allocates_nothing(numbers: &[u64]) -> u64 {
        numbers.iter().sum()
    }

    #[profile_core::memory_usage(max_allocations = 1, max_bytes = "1 KiB", max_peak = "1 KiB")]
    fn allocates(bytes: usize) -> usize {
        inner(bytes)
    }

    #[profile]
    fn inner(bytes: usize) -> usize {
        black_box(vec![0_u8; bytes]).len()
    }

    #[profile_core::memory_usage(max_retained = 100)]
    fn keeps(bytes: usize) -> Vec<u8> {
        drop(black_box(vec![0_u8; 10_000]));
        black_box(vec![0_u8; bytes])
    }

    #[profile_core::memory_usage(max_time = "1ns")]
    fn too_slow() {
        black_box(0);
    }

    fn message(work: impl FnOnce() + std::panic::UnwindSafe) -> String {
        let payload = catch_unwind(work).expect_err("a limit is broken");
        payload.downcast_ref::<String>().expect("a message").clone()
    }

    #[test]
    fn a_call_within_its_limits_is_left_alone() {
        assert_eq!(allocates_nothing(&[1, 2, 3]), 6);
        assert_eq!(allocates(1024), 1024);
        assert_eq!(keeps(100).len(), 100);
    }

    #[test]
    fn a_broken_limit_names_itself_what_was_used_and_who_used_it() {
        let message = message(|| {
            allocates(2000);
        });
        let mut lines = message.lines();
        assert_eq!(
            lines.next(),
            Some(
                "usage::limits::allocates: max_bytes: 2,000 bytes allocated, at most 1,024 allowed; \
                 max_peak: 2,000 bytes held at once, at most 1,024 allowed"
            )
        );
        let below = lines.next().expect("who used it");
        assert!(below.contains("usage::limits::inner (tests/tests/usage.rs:"), "{below}");
    }

    #[test]
    fn retained_bytes_are_distinguished_from_used_bytes() {
        let message = message(|| drop(keeps(101)));
        assert!(message.contains("max_retained: 101 bytes retained, at most 100"), "{message}");
    }

    #[test]
    fn time_is_a_limit_too() {
        assert!(message(too_slow).contains("max_time: "));
    }

    fn poll_on_two_threads<T: Send + 'static>(
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
        let joined = runtime.expect("a runtime").block_on(async { tokio::spawn(future).await });
        joined.map_err(|error| *error.into_panic().downcast::<String>().expect("a message"))
    }

    /// Holds the first block across an await, so both at once.
    #[profile_core::memory_usage(max_allocations = 2, max_peak = 300, max_retained = 0)]
    async fn holds(bytes: usize) -> usize {
        let first = black_box(vec![0_u8; bytes]);
        pause().await;
        let second = black_box(vec![0_u8; bytes]);
        pause().await;
        first.len() + second.len()
    }

    #[test]
    fn a_call_of_an_async_function_is_the_sum_of_its_polls() {
        assert_eq!(poll_on_two_threads(holds(150)), Ok(300));
        let message = poll_on_two_threads(holds(151)).expect_err("too much");
        let expected =
            "usage::limits::holds: max_peak: 302 bytes held at once, at most 300 allowed";
        assert_eq!(message.lines().next(), Some(expected));
    }

    #[profile_core::memory_usage(max_time = "20ms", max_retained = 100)]
    async fn waits(milliseconds: u64) -> Vec<u8> {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        black_box(vec![0_u8; 101])
    }

    #[test]
    fn its_time_is_from_the_first_poll_to_its_end_and_what_it_returns_is_left_behind() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime");
        let message = message(std::panic::AssertUnwindSafe(|| drop(runtime.block_on(waits(30)))));
        assert!(message.contains("max_time: "), "{message}");
        assert!(message.contains("max_retained: 101 bytes retained"), "{message}");
        // A future dropped before its end cannot fail a test.
        runtime.block_on(async {
            let _ = tokio::time::timeout(Duration::from_millis(1), waits(60_000)).await;
        });
        assert!(!window_is_open());
    }

    fn window_is_open() -> bool {
        capture().memory.iter().any(|window| window.path.ends_with("waits") && window.open)
    }

    /// Each thread holds this much, all at the same time or one after the other.
    fn hand_on(bytes: usize, threads: usize, at_once: bool) {
        let together = std::sync::Barrier::new(if at_once { threads } else { 1 });
        let work = || {
            let held = black_box(vec![0_u8; bytes]);
            together.wait();
            drop(held);
            together.wait();
        };
        let context = profile_core::context();
        thread::scope(|scope| {
            for _ in 0..threads {
                let handed_on = scope.spawn(context.wrap(&work));
                if !at_once {
                    handed_on.join().expect("it ends");
                }
            }
        });
    }

    #[profile_core::memory_usage(max_peak = "100 KiB")]
    fn hands_on(bytes: usize) {
        hand_on(bytes, 1, false);
    }

    #[profile]
    fn hands_on_to_three(bytes: usize, at_once: bool) {
        let own = black_box(vec![0_u8; 1_000_000]);
        hand_on(bytes, 3, at_once);
        drop(own);
    }

    #[profile]
    fn hands_on_what_was_handed_on(bytes: usize) {
        let inner = || hand_on(bytes, 1, false);
        profile_core::context().wrap(|| {
            let context = profile_core::context();
            thread::scope(|scope| drop(scope.spawn(context.wrap(inner)).join()));
        })();
    }

    /// The additional memory for starting a thread.
    const THREADS: u64 = 50_000;

    #[test]
    fn the_peak_of_a_call_includes_the_work_that_it_spawned() {
        hands_on(1000);
        let message = message(|| hands_on(1_000_000));
        assert!(message.contains("max_peak: 1,0"), "{message}");

        let measured = profile_core::measure(|| hand_on(1_000_000, 1, false));
        let peak = measured.peak_bytes.expect("counted");
        assert!(within(peak, 1_000_000, THREADS), "{peak}");
        let after = profile_core::measure(|| drop(black_box(vec![0_u8; 500])));
        assert_eq!(after.peak_bytes, Some(500));
    }

    #[test]
    fn a_peak_adds_what_is_held_at_the_same_time_and_nothing_else() {
        let peak = |name: &str| {
            let row = capture().function(name).cloned().expect("it was called");
            row.peak_bytes.expect("counted")
        };
        hands_on_to_three(2_000_000, false);
        let in_turn = peak("limits::hands_on_to_three");
        assert!(within(in_turn, 3_000_000, THREADS), "{in_turn}");
        hands_on_to_three(2_000_000, true);
        let at_once = peak("limits::hands_on_to_three");
        assert!(within(at_once, 7_000_000, THREADS), "{at_once}");
    }

    #[test]
    fn work_spawned_by_spawned_work_counts_too() {
        hands_on_what_was_handed_on(1_000_000);
        let row = capture().function("limits::hands_on_what_was_handed_on").cloned();
        let row = row.expect("it was called");
        let peak = row.peak_bytes.expect("counted");
        assert!(within(peak, 1_000_000, THREADS), "{peak}");
        assert!(row.allocated_bytes >= Some(1_000_000), "{row:?}");
    }

    #[profile_core::memory_usage(max_rss = "1 KiB")]
    fn small() {
        drop(black_box(vec![0_u8; 3 << 10]));
    }

    #[test]
    fn a_limit_on_resident_memory_reports_how_much_the_call_itself_used() {
        let message = message(small);
        let expected = "(of the whole process; this call itself held at most 3.00 KiB of its heap)";
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn what_other_threads_allocate_never_counts() {
        static STOP: AtomicBool = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !STOP.load(Relaxed) {
                        drop(black_box(vec![0_u8; 100]));
                    }
                });
            }
            for _ in 0..10_000 {
                allocates_nothing(&[1, 2, 3]);
                allocates(1000);
            }
            STOP.store(true, Relaxed);
        });
    }
}

/// Limits of a module apply to each test in it; a test's own limits override them.
mod suite {
    use super::*;

    #[profile_core::memory_usage(max_allocations = 1, max_peak = "1 KiB")]
    mod tests_of_something {
        use super::*;

        #[test]
        #[should_panic(expected = "max_allocations: 2 allocations, at most 1 allowed")]
        fn one_is_over_the_limit_of_all() {
            drop((black_box(Box::new(1)), black_box(Box::new(2))));
        }

        #[test]
        #[profile_core::memory_usage(max_allocations = 2)]
        fn one_sets_its_own() {
            drop((black_box(Box::new(1)), black_box(Box::new(2))));
        }

        #[test]
        #[profile_core::memory_usage(max_allocations = 2)]
        #[should_panic(expected = "max_peak: 2,000 bytes held at once, at most 1,024 allowed")]
        fn what_it_leaves_open_is_that_of_all() {
            drop(black_box(vec![0_u8; 2000]));
        }

        mod inner {
            use super::*;

            #[tokio::test]
            #[should_panic(expected = "max_allocations: 2 allocations, at most 1 allowed")]
            async fn the_runtime_of_an_async_test_does_not_count() {
                drop(black_box(Box::new(1)));
                pause().await;
                drop(black_box(Box::new(2)));
            }
        }

        pub fn helper() -> usize {
            vec![vec![0_u8; 2000]; 3].len()
        }
    }

    #[test]
    fn functions_that_are_not_tests_have_no_limit() {
        assert_eq!(tests_of_something::helper(), 3);
    }
}
