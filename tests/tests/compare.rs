//! Verdicts on two sets of runs: how often they are right, by simulation, and how unusual input is
//! handled.

use profile_core::{Function, Snapshot, Verdict, compare};

/// How the figure of a run differs from that of the program.
#[derive(Clone, Copy, Debug)]
struct Noise {
    name: &'static str,
    /// Standard deviation of the logarithm from run to run.
    between_runs: f64,
    /// Share of disturbed runs, which take up to 50 % longer.
    disturbed: f64,
}

const QUIET: Noise = Noise { name: "quiet machine, 1 %", between_runs: 0.01, disturbed: 0.0 };
const ORDINARY: Noise = Noise { name: "ordinary, 3 %", between_runs: 0.03, disturbed: 0.0 };
const DISTURBED: Noise =
    Noise { name: "2 %, one run in ten disturbed", between_runs: 0.02, disturbed: 0.1 };
const WILD: Noise = Noise { name: "wild, 15 %", between_runs: 0.15, disturbed: 0.1 };

struct Simulation {
    random: fastrand::Rng,
    noise: Noise,
    functions: usize,
}

impl Simulation {
    fn new(noise: Noise, functions: usize) -> Simulation {
        Simulation { random: fastrand::Rng::with_seed(20_261_125), noise, functions }
    }

    /// Box and Muller.
    fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.random.f64(), self.random.f64());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    /// A run in which function 0 takes `factor` times as long as it should.
    fn run(&mut self, factor: f64) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for number in 0..self.functions {
            let mut function = Function::default();
            let slower = if number == 0 { factor } else { 1.0 };
            let disturbance = if self.random.f64() < self.noise.disturbed {
                1.0 + self.random.f64() / 2.0
            } else {
                1.0
            };
            let run = (self.normal() * self.noise.between_runs).exp() * disturbance;
            let mean = 1_000.0 * (number + 1) as f64 * slower * run;
            function.path = format!("app::function_{number}");
            function.calls = 500;
            function.timed_calls = 500;
            function.mean_ns = Some(mean);
            function.trimmed_mean_ns = Some(mean);
            // Calls vary by tens of percent.
            let share = |part: f64| (mean * part) as u64;
            function.histogram = vec![[share(0.9), 125], [share(1.0), 250], [share(1.1), 125]];
            function.allocations = Some(500 * 3);
            snapshot.functions.push(function);
        }
        snapshot
    }

    fn runs(&mut self, count: usize, factor: f64) -> Vec<Snapshot> {
        (0..count).map(|_| self.run(factor)).collect()
    }
}

const REPEATS: usize = 300;

/// The share of verdicts that report a change where there is none.
fn false_claims(noise: Noise, runs: usize, functions: usize) -> f64 {
    let mut simulation = Simulation::new(noise, functions);
    let repeats = if functions == 1 { REPEATS } else { REPEATS / 5 };
    let claims: usize = (0..repeats)
        .map(|_| {
            let (before, after) = (simulation.runs(runs, 1.0), simulation.runs(runs, 1.0));
            let found = compare(&before, &after);
            let claims = |change: &&profile_core::FunctionChange| {
                matches!(change.verdict, Verdict::Slower | Verdict::Faster)
            };
            found.functions.iter().filter(claims).count()
        })
        .sum();
    claims as f64 / (repeats * functions) as f64
}

/// The share of comparisons that find the one slower function.
fn found(noise: Noise, runs: usize, functions: usize, factor: f64) -> f64 {
    let mut simulation = Simulation::new(noise, functions);
    let hits = (0..REPEATS).filter(|_| {
        let (before, after) = (simulation.runs(runs, 1.0), simulation.runs(runs, factor));
        let found = compare(&before, &after);
        found.function("function_0").expect("it is there").verdict == Verdict::Slower
    });
    hits.count() as f64 / REPEATS as f64
}

#[test]
fn identical_programs_are_rarely_reported_as_changed() {
    for noise in [QUIET, ORDINARY, DISTURBED, WILD] {
        for runs in [2, 3, 5, 10] {
            for functions in [1, 50] {
                let share = false_claims(noise, runs, functions);
                println!(
                    "{}, {runs} runs, {functions} functions: {:.2} %",
                    noise.name,
                    share * 100.0
                );
                assert!(share <= 0.05, "{noise:?} {runs} {functions}: {share}");
            }
        }
    }
    let share = false_claims(ORDINARY, 1, 50);
    println!("one run a side, 3 % between runs: {:.2} %", share * 100.0);
    assert!(share <= 0.05, "{share}");
}

#[test]
fn ten_per_cent_are_found_in_ten_runs() {
    // Of fifty functions each is disturbed in two of three comparisons.
    for (noise, least) in [(QUIET, 0.95), (ORDINARY, 0.95), (DISTURBED, 0.8)] {
        for (functions, least) in [(1, 0.95), (50, least)] {
            let share = found(noise, 10, functions, 1.1);
            println!("{}, {functions} functions: {:.1} % found", noise.name, share * 100.0);
            assert!(share >= least, "{noise:?} {functions}: {share}");
        }
    }
}

#[test]
fn an_interval_contains_the_truth_as_often_as_it_claims() {
    let mut simulation = Simulation::new(ORDINARY, 1);
    let holds = (0..REPEATS).filter(|_| {
        let (before, after) = (simulation.runs(8, 1.0), simulation.runs(8, 1.2));
        let found = compare(&before, &after);
        let [low, high] = found.functions[0].interval;
        low <= 0.2 && 0.2 <= high
    });
    let share = holds.count() as f64 / REPEATS as f64;
    println!("95 % intervals that hold 20 %: {:.1} %", share * 100.0);
    assert!(share > 0.92, "{share}");
}

#[test]
fn the_detectable_change_is_reported() {
    let mut simulation = Simulation::new(ORDINARY, 1);
    let few = compare(&simulation.runs(3, 1.0), &simulation.runs(3, 1.0));
    let many = compare(&simulation.runs(30, 1.0), &simulation.runs(30, 1.0));
    let [few, many] = [few, many].map(|found| found.functions[0].detectable_change);
    assert!(many < 0.04 && few > many, "{few} {many}");
}

#[test]
fn allocations_are_compared_exactly() {
    let mut simulation = Simulation::new(WILD, 2);
    let before = simulation.runs(2, 1.0);
    let mut after = simulation.runs(2, 1.0);
    after.iter_mut().for_each(|run| run.functions[0].allocations = Some(500 * 3 + 1));
    let found = compare(&before, &after);
    let of = |path| found.function(path).and_then(|change| change.allocations).expect("counted");
    assert!(of("function_0").is_more() && of("function_1").is_same());
    assert!(found.regressions().any(|change| change.path.ends_with("function_0")));
    after[0].functions[0].allocations = None;
    assert!(compare(&before, &after).function("function_0").expect("it is").allocations.is_none());
}

#[test]
fn one_run_a_side_is_trusted_for_large_changes_alone() {
    let mut simulation = Simulation::new(QUIET, 1);
    let (before, slower, twice) = (simulation.run(1.0), simulation.run(1.03), simulation.run(2.0));
    let verdict = |after: &Snapshot| compare(&before, after).functions[0].verdict;
    assert_ne!(verdict(&slower), Verdict::Slower);
    assert_eq!(verdict(&twice), Verdict::Slower);
    assert!(compare(&before, &twice).notes[0].starts_with("one run per side"));
}

#[test]
fn unusual_sides_yield_no_verdict() {
    let mut simulation = Simulation::new(QUIET, 1);
    let run = simulation.run(1.0);
    let nothing: Vec<Snapshot> = Vec::new();
    let found = compare(&nothing, &run);
    assert_eq!(found.only_in_candidate.len(), 1);
    assert!(found.notes[0].contains("nothing to compare"));
    let same = compare(&run, &run);
    assert_eq!(same.functions[0].verdict, Verdict::CannotTell, "one run shows no sameness");
    let mut untimed = run.clone();
    untimed.functions[0].trimmed_mean_ns = None;
    untimed.functions[0].mean_ns = None;
    untimed.functions[0].histogram.clear();
    assert_eq!(compare(&run, &untimed).functions[0].verdict, Verdict::CannotTell);
    let mut other = run.clone();
    other.functions[0].path = "app::renamed".to_owned();
    let found = compare(&run, &other);
    assert_eq!((found.only_in_baseline.len(), found.only_in_candidate.len()), (1, 1));
    // Two functions with the same path stay separate, in source order.
    let mut twins = run.clone();
    twins.functions.push(run.functions[0].clone());
    twins.functions[1].line = 9;
    assert_eq!(compare(&twins, &twins).functions.len(), 2);
}
