//! Scheduling: how long the threads of a program waited for a processor, and which processors there
//! were. Threads that must share one processor wait for each other, whatever else the machine does.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

use profile_core::{Process, Snapshot, capture, profile, read_segment};
use tests::Program;

const THREADS: usize = 3;
const WORK_NS: u64 = 40_000_000;

/// Processor time of this thread.
fn cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid timespec to write to; every Linux has the clock.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[profile]
fn works() {
    while cpu_ns() < WORK_NS {
        black_box(0);
    }
}

/// Pins this thread to the first processor that it may use.
fn stay_on_one_processor() {
    // SAFETY: plain system calls with a set of the right size.
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        let size = size_of_val(&allowed);
        assert_eq!(libc::sched_getaffinity(0, size, &raw mut allowed), 0);
        let first = (0..libc::CPU_SETSIZE as usize).find(|cpu| libc::CPU_ISSET(*cpu, &allowed));
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(first.expect("a processor"), &mut one);
        assert_eq!(libc::sched_setaffinity(0, size, &raw const one), 0);
    }
}

#[test]
fn threads_that_share_a_processor_wait_for_it_and_still_count_when_they_have_ended() {
    if !std::path::Path::new("/proc/thread-self/schedstat").exists() {
        return println!("skipped: this kernel keeps no account of run delays");
    }
    let together = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                stay_on_one_processor();
                together.wait();
                works();
            });
        }
    });
    let process = capture().process;
    let all_ns = THREADS as u64 * WORK_NS;
    let cpu_ns = process.cpu_ns.expect("it is known here");
    // The scheduler's account may be a tick or two behind the clock.
    assert!(cpu_ns >= all_ns - all_ns / 4, "{process:?}");
    // While one thread worked the others waited, at least until the first had finished.
    assert!(process.run_delay_ns >= Some(WORK_NS / 2), "{process:?}");
    assert!(process.involuntary_switches >= Some(1), "{process:?}");
    assert!(process.slowdown() > Some(1.05), "{process:?}");
    let text = process_line(&capture());
    assert!(text.starts_with("waited ") && text.contains(" for a processor: "), "{text}");
}

/// The figures in the report.
fn process_line(snapshot: &Snapshot) -> String {
    let mut text = Vec::new();
    let table = profile_core::report::format("table").expect("it is there");
    snapshot.write(table, &mut text).expect("a vector takes everything");
    let text = String::from_utf8(text).expect("text");
    text.lines().find(|line| line.starts_with("waited ")).unwrap_or_default().to_owned()
}

/// The number of the header's word with the processors of the machine; two more follow.
const CORES: usize = 36;

fn cores(process: &Process) -> (usize, Option<usize>, usize) {
    (process.logical_cores, process.physical_cores, process.available_cores)
}

#[test]
fn a_segment_of_another_machine_keeps_the_processors_of_that_machine() {
    let run = Program::new(env!("CARGO_BIN_EXE_lined"), "work").recording_into_files().run();
    let file = run.folder.segment_files().remove(0);
    assert_eq!(cores(&run.segment().process), cores(&run.report().process));
    assert!(run.segment().process.available_cores > 0);
    let mut bytes = std::fs::read(&file).expect("the segment");
    for (word, cores) in [96_u64, 48, 24].into_iter().enumerate() {
        bytes[(CORES + word) * 8..][..8].copy_from_slice(&cores.to_le_bytes());
    }
    std::fs::write(&file, bytes).expect("write it");
    let foreign = read_segment(&file).expect("a whole segment");
    assert_eq!(cores(&foreign.process), (96, Some(48), 24));
    let merged = Snapshot::merge([&foreign, &foreign]);
    assert_eq!(cores(&merged.process), (96, Some(48), 24));
}

#[test]
fn a_killed_process_has_recorded_its_processors() {
    let run = Program::new(env!("CARGO_BIN_EXE_endings"), "kill").recording_into_files().run();
    let process = run.segment().process;
    assert!(process.logical_cores > 0 && process.available_cores > 0, "{process:?}");
    // The scheduler was not queried before it died.
    assert_eq!((process.cpu_ns, process.run_delay_ns), (None, None));
}

#[test]
fn merged_snapshots_have_the_sum_of_the_waits_and_an_older_one_has_none() {
    let mut one = Snapshot::default();
    one.schema_version = 1;
    one.process.cpu_ns = Some(100);
    one.process.run_delay_ns = Some(40);
    one.process.involuntary_switches = Some(3);
    one.process.cpu_pressure_ns = Some(70);
    let both = Snapshot::merge([&one, &one]).process;
    assert_eq!((both.cpu_ns, both.run_delay_ns), (Some(200), Some(80)));
    // Pressure of the machine, which both saw.
    assert_eq!((both.involuntary_switches, both.cpu_pressure_ns), (Some(6), Some(70)));
    assert_eq!(both.slowdown(), Some(1.4));
    let older: Snapshot =
        serde_json::from_str(r#"{"schema_version": 1, "process": {"process_id": 5}}"#)
            .expect("an older snapshot");
    assert_eq!((older.process.run_delay_ns, older.process.slowdown()), (None, None));
}
