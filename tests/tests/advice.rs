//! Advice from the numbers of real programs: what waits, what grows, what is slow at first.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use profile_core::{AdviceKind, OnCpu, ProfilingAllocator, Settings, Thresholds, capture, profile};
use tests::Program;

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

#[profile]
fn waits() {
    thread::sleep(Duration::from_millis(5));
}

#[profile]
fn works() {
    let mut sum = 0_u64;
    for number in 0..2_000_000_u64 {
        sum = black_box(sum.wrapping_mul(31) ^ number);
    }
    black_box(sum);
}

/// Calls it until it has been sampled often enough.
fn sampled(function: fn(), name: &str) -> OnCpu {
    // Long compared with a single wait for a processor, which is counted only when it is over.
    const ENOUGH_NS: u64 = 500_000_000;
    loop {
        function();
        let found = capture().function(name).and_then(|row| row.on_cpu);
        if let Some(found) = found.filter(|found| found.sampled_ns > ENOUGH_NS) {
            return found;
        }
    }
}

#[test]
fn samples_tell_waiting_from_working() {
    Settings::new().cpu_interval(Duration::from_millis(1)).apply();
    // On a busy machine both wait for a processor; that does not count as waiting.
    let share = |found: OnCpu| found.waiting_ns() as f64 / found.sampled_ns as f64;
    let (waiting, working) = (share(sampled(waits, "waits")), share(sampled(works, "works")));
    assert!(working < waiting, "{working} {waiting}");
    let between = f64::midpoint(working, waiting);
    let advice = capture().advise(&Thresholds { mostly_waiting: between, ..Thresholds::never() });
    let of = |name| advice.iter().find(|advice| advice.path.ends_with(name));
    assert!(of("::works").is_none(), "{advice:?}");
    let advice = of("::waits").unwrap_or_else(|| panic!("it waits: {advice:?}"));
    assert_eq!(advice.kind, AdviceKind::MostlyWaiting);
    assert!(advice.figures.share > Some(between) && advice.figures.waiting_ns > Some(0.0));
}

#[profile]
fn grows(numbers: u64) -> Vec<u64> {
    let mut all = Vec::new();
    for number in 0..numbers {
        all.push(black_box(number));
    }
    all
}

#[test]
fn advice_on_a_growing_vector_has_its_growths_and_the_possible_savings() {
    for _ in 0..10 {
        drop(black_box(grows(1 << 16)));
    }
    let advice = capture().advise(&Thresholds { regrowth: 4.0, ..Thresholds::never() });
    let advice = advice.iter().find(|advice| advice.path.ends_with("::grows")).expect("it grows");
    // 4, 8, 16, … 65,536 elements: the first allocation is not growth.
    assert_eq!(advice.figures.grown_a_call, Some(14.0));
    let all_before_the_last: u64 = (2..16).map(|power| 8 << power).sum();
    assert_eq!(advice.figures.most_saved_bytes, Some((10 * all_before_the_last) as f64));
}

#[test]
fn thresholds_come_from_the_variable_and_a_bad_one_is_a_sentence() {
    let run = |value: &str| {
        let program =
            Program::new(env!("CARGO_BIN_EXE_lined"), "work").env("PROFILE_ADVICE", value);
        program.run().successful()
    };
    assert!(run("none").report().advice.is_empty());
    let eager = run("recording_dominates=0,cold_first_call=0,heavy_tail=0,bimodal=0,regrowth=0");
    let eager = eager.report().advice.len();
    assert!(eager >= run("default").report().advice.len());
    for bad in ["regrowth", "regrowth=-1", "speed=3"] {
        let run = run(bad);
        let warned = run.report().warnings.iter().any(|warning| {
            warning.message.contains("PROFILE_ADVICE") && warning.message.contains("heavy_tail")
        });
        assert!(warned, "{bad}: {:?}", run.report().warnings);
    }
}
