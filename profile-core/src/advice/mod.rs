//! Advice derived from a snapshot, each with its figures and the threshold that they exceeded.

mod machine;

use machine::Machine;

use crate::options::Thresholds;
use crate::snapshot::{Advice, AdviceFigures, AdviceKind, Function, Snapshot, weighted_values};
use crate::stats::weighted;

impl Snapshot {
    /// The advice that follows from its figures: growing memory first, then by the time that could
    /// be saved (`could_save_ns`).
    ///
    /// Calls that may have taken longer only because threads waited for a processor cause no
    /// advice.
    ///
    /// ```
    /// let snapshot = profile_core::capture();
    /// assert!(snapshot.advise(&profile_core::Thresholds::never()).is_empty());
    /// ```
    #[must_use]
    pub fn advise(&self, thresholds: &Thresholds) -> Vec<Advice> {
        let whole_ns = self.process.duration_ns;
        let (machine, span_ns) = (Machine::of(&self.process), self.overhead.span_ns);
        let of = |function| Candidate { function, thresholds, whole_ns, span_ns, machine }.all();
        let mut advice: Vec<Advice> = self.functions.iter().flat_map(of).collect();
        crate::sort::by(&mut advice, |a, b| usefulness(b).total_cmp(&usefulness(a)));
        advice
    }
}

/// Memory that grows without bound ends the program eventually, however fast it is.
fn usefulness(advice: &Advice) -> f64 {
    match advice.kind {
        AdviceKind::RetainedGrowth => f64::INFINITY,
        _ => advice.figures.could_save_ns.unwrap_or(f64::NAN),
    }
}

/// Too few calls for a distribution.
const FEW_CALLS: u64 = 50;
/// The minimum share of time of the slowest hundredth of the calls, to be called a tail; lower if
/// the threshold is lower.
const LEAST_TAIL: f64 = 0.2;
/// A smaller share of the run is not worth advice.
const LEAST_SHARE: f64 = 0.01;

/// One function, and what it is checked against.
struct Candidate<'a> {
    function: &'a Function,
    thresholds: &'a Thresholds,
    whole_ns: u64,
    span_ns: f64,
    machine: Machine,
}

impl Candidate<'_> {
    fn all(&self) -> Vec<Advice> {
        let found = [
            self.heavy_tail(),
            self.bimodal(),
            self.cold_first_call(),
            self.regrowth(),
            self.retained_growth(),
            self.mostly_waiting(),
            self.recording_dominates(),
        ];
        found.into_iter().flatten().collect()
    }

    /// Whether it takes enough of the run.
    fn matters(&self, ns: f64) -> bool {
        ns >= LEAST_SHARE * self.whole_ns as f64
    }

    fn values(&self) -> Option<Vec<(f64, u64)>> {
        let mut values = weighted_values(&self.function.histogram);
        // They ascend unless the file was edited.
        crate::sort::by(&mut values, |a, b| a.0.total_cmp(&b.0));
        (weighted::total(&values) >= FEW_CALLS).then_some(values)
    }

    fn heavy_tail(&self) -> Option<Advice> {
        let (function, values) = (self.function, self.values()?);
        let (mean, trimmed) = (function.mean_ns?, function.trimmed_mean_ns?);
        let excess = mean / trimmed - 1.0;
        let total = weighted::total(&values) as f64;
        let tail_ns = (mean - trimmed) * total;
        if !(excess > self.thresholds.heavy_tail && self.matters(tail_ns)) {
            return None;
        }
        let (calls, share) = tail(&values, mean * total)?;
        // Where the durations vary with the input, no few calls stand out.
        if share < LEAST_TAIL.min(self.thresholds.heavy_tail) {
            return None;
        }
        if self.machine.explains(calls, share * mean * total - calls * trimmed) {
            return None;
        }
        Some(Advice::new(
            AdviceKind::HeavyTail,
            &function.path,
            self.thresholds.heavy_tail,
            AdviceFigures {
                mean_ns: Some(mean),
                trimmed_mean_ns: Some(trimmed),
                one_call_in: Some(total / calls),
                share_of_time: Some(share),
                could_save_ns: Some(tail_ns),
                ..AdviceFigures::default()
            },
        ))
    }

    fn bimodal(&self) -> Option<Advice> {
        let (function, values) = (self.function, self.values()?);
        let [short, long] = modes(&values)?;
        let ratio = long.value / short.value.max(1.0);
        // Below its own cost the clock causes modes of its own.
        let matters = self.matters(function.inclusive_ns as f64) && short.value > self.span_ns;
        let long_calls = long.share * weighted::total(&values) as f64;
        (ratio > self.thresholds.bimodal && matters).then(|| {
            Advice::new(
                AdviceKind::Bimodal,
                &function.path,
                self.thresholds.bimodal,
                AdviceFigures {
                    short_ns: Some(short.value),
                    long_ns: Some(long.value),
                    long_share_of_calls: Some(long.share),
                    could_save_ns: Some((long.value - short.value) * long_calls),
                    ..AdviceFigures::default()
                },
            )
        })
    }

    fn cold_first_call(&self) -> Option<Advice> {
        let (function, values) = (self.function, self.values()?);
        let first = function.first_ns? as f64;
        let median = weighted::quantile(&values, 0.5)?;
        let ratio = first / median.max(1.0);
        if self.machine.explains(1.0, first - median) {
            return None;
        }
        (ratio > self.thresholds.cold_first_call && self.matters(first)).then(|| {
            Advice::new(
                AdviceKind::ColdFirstCall,
                &function.path,
                self.thresholds.cold_first_call,
                AdviceFigures {
                    first_ns: Some(first),
                    median_ns: Some(median),
                    could_save_ns: Some(first - median),
                    ..AdviceFigures::default()
                },
            )
        })
    }

    fn regrowth(&self) -> Option<Advice> {
        const FEW: u64 = 20;
        const LITTLE: u64 = 64 << 10;
        // The approximate cost of a `realloc` that has to move its block, and of copying one byte.
        const GROWING_NS: f64 = 50.0;
        const COPYING_NS: f64 = 0.1;
        let function = self.function;
        let grown = function.exclusive_grown?;
        let a_call = grown as f64 / function.calls.max(1) as f64;
        // A block that grows is copied and then freed: no more bytes can be saved than were freed
        // in total.
        let most_bytes = function.exclusive_freed_bytes?;
        let saved_ns = grown as f64 * GROWING_NS + most_bytes as f64 * COPYING_NS;
        (grown >= FEW && most_bytes >= LITTLE && a_call > self.thresholds.regrowth).then(|| {
            Advice::new(
                AdviceKind::Regrowth,
                &function.path,
                self.thresholds.regrowth,
                AdviceFigures {
                    grown: Some(grown as f64),
                    grown_a_call: Some(a_call),
                    most_saved_bytes: Some(most_bytes as f64),
                    could_save_ns: Some(saved_ns.min(function.exclusive_ns as f64)),
                    ..AdviceFigures::default()
                },
            )
        })
    }

    fn retained_growth(&self) -> Option<Advice> {
        let function = self.function;
        let leak = function.leak?;
        let certain = leak.bytes_per_call - leak.margin_bytes;
        (certain > self.thresholds.retained_growth).then(|| {
            Advice::new(
                AdviceKind::RetainedGrowth,
                &function.path,
                self.thresholds.retained_growth,
                AdviceFigures {
                    bytes_per_call: Some(leak.bytes_per_call),
                    margin_bytes: Some(leak.margin_bytes),
                    calls: Some(function.calls as f64),
                    ..AdviceFigures::default()
                },
            )
        })
    }

    fn mostly_waiting(&self) -> Option<Advice> {
        // Most waiting is for work that has to be done, so this ranks behind certain savings.
        const SAVABLE: f64 = 0.1;
        let function = self.function;
        let (waited, whole) = match (&function.polled, function.on_cpu) {
            (Some(polled), _) => (polled.waiting_ns as f64, polled.wall_ns as f64),
            (None, Some(sampled)) => (sampled.waiting_ns() as f64, sampled.sampled_ns as f64),
            (None, None) => return None,
        };
        let share = waited / whole;
        (share > self.thresholds.mostly_waiting && self.matters(waited)).then(|| {
            Advice::new(
                AdviceKind::MostlyWaiting,
                &function.path,
                self.thresholds.mostly_waiting,
                AdviceFigures {
                    waiting_ns: Some(waited),
                    share: Some(share),
                    could_save_ns: Some(SAVABLE * waited),
                    ..AdviceFigures::default()
                },
            )
        })
    }

    fn recording_dominates(&self) -> Option<Advice> {
        const MANY: u64 = 10_000;
        let function = self.function;
        // By the median: one interrupted call does not make a short function a long one.
        let median = weighted::quantile(&weighted_values(&function.histogram), 0.5)?;
        let recording_ns = self.span_ns * function.timed_calls as f64;
        let ratio = self.span_ns / median;
        let worth = function.calls >= MANY && self.matters(recording_ns);
        (worth && ratio > self.thresholds.recording_dominates).then(|| {
            Advice::new(
                AdviceKind::RecordingDominates,
                &function.path,
                self.thresholds.recording_dominates,
                AdviceFigures {
                    median_ns: Some(median),
                    recording_ns: Some(recording_ns),
                    could_save_ns: Some(recording_ns),
                    calls: Some(function.calls as f64),
                    ..AdviceFigures::default()
                },
            )
        })
    }
}

/// The fewest of the slowest calls that make up half of the time, but at most 1 % of the calls; and
/// their share of the time.
fn tail(values: &[(f64, u64)], total_ns: f64) -> Option<(f64, f64)> {
    const HALF: f64 = 0.5;
    const ONE_IN: f64 = 100.0;
    let most = (weighted::total(values) as f64 / ONE_IN).max(1.0);
    let (mut calls, mut ns) = (0.0, 0.0);
    for (value, count) in values.iter().rev() {
        let wanted = ((HALF * total_ns - ns) / value.max(1.0)).ceil().max(0.0);
        let taken = (*count as f64).min(wanted).min((most - calls).max(0.0));
        if taken < 1.0 {
            break;
        }
        calls += taken;
        ns += taken * value;
    }
    (calls > 0.0).then(|| (calls, ns / total_ns))
}

/// One mode of a distribution.
#[derive(Clone, Copy, Debug)]
struct Mode {
    /// Its median.
    value: f64,
    /// Its share of all calls.
    share: f64,
}

/// Two modes of a distribution on a logarithmic scale, if there is a valley between them that is at
/// most a quarter as high as the lower peak, and at least a tenth of the calls are on each side.
fn modes(values: &[(f64, u64)]) -> Option<[Mode; 2]> {
    /// Per power of two.
    const BINS: f64 = 4.0;
    const VALLEY: f64 = 0.25;
    const LEAST: f64 = 0.1;
    /// Calls in the lower of the two peaks: with fewer, gaps occur by chance.
    const FEWEST: f64 = 50.0;
    let bin = |value: f64| (value.max(1.0).log2() * BINS) as usize;
    let mut bins = vec![0.0; bin(values.last()?.0) + 1];
    values.iter().for_each(|(value, count)| bins[bin(*value)] += *count as f64);
    let total: f64 = bins.iter().sum();
    let peak = |bins: &[f64]| bins.iter().copied().fold(0.0, f64::max);
    let is_valley = |at: &usize| {
        let (below, above) = (&bins[..*at], &bins[at + 1..]);
        let sides = [below, above].map(|side| side.iter().sum::<f64>() / total);
        let lower = peak(below).min(peak(above));
        lower >= FEWEST && bins[*at] <= VALLEY * lower && sides.iter().all(|side| *side >= LEAST)
    };
    // The lowest valley, and of several equal ones the middle one.
    let lowest = (0..bins.len()).filter(is_valley).min_by(|a, b| bins[*a].total_cmp(&bins[*b]))?;
    let equal: Vec<usize> =
        (lowest..bins.len()).take_while(|at| bins[*at] == bins[lowest]).collect();
    let valley = equal[equal.len() / 2];
    let mode = |is_above: bool| {
        let side: Vec<(f64, u64)> = values
            .iter()
            .copied()
            .filter(|(value, _)| (bin(*value) > valley) == is_above)
            .collect();
        let share = weighted::total(&side) as f64 / total;
        weighted::quantile(&side, 0.5).map(|value| Mode { value, share })
    };
    Some([mode(false)?, mode(true)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A snapshot of one second, with one function.
    fn snapshot(histogram: &[[u64; 2]], change: impl FnOnce(&mut Function)) -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.process.duration_ns = 1_000_000_000;
        snapshot.overhead.span_ns = 20.0;
        let values = weighted_values(histogram);
        let mut function = Function {
            path: "f".to_owned(),
            histogram: histogram.to_vec(),
            calls: weighted::total(&values),
            timed_calls: weighted::total(&values),
            mean_ns: weighted::mean(&values),
            trimmed_mean_ns: weighted::trimmed_mean(&values, 0.1),
            ..Function::default()
        };
        function.inclusive_ns = histogram.iter().map(|[ns, calls]| ns * calls).sum();
        change(&mut function);
        snapshot.functions.push(function);
        snapshot
    }

    fn kinds(snapshot: &Snapshot) -> Vec<AdviceKind> {
        snapshot.advise(&Thresholds::default()).iter().map(|advice| advice.kind).collect()
    }

    #[test]
    fn one_call_in_ten_thousand_that_takes_most_of_the_time_is_a_heavy_tail() {
        let tail = snapshot(&[[10_000, 9_999], [150_000_000, 1]], |_| {});
        let advice = tail.advise(&Thresholds::default());
        assert_eq!(advice[0].kind, AdviceKind::HeavyTail);
        assert_eq!(advice[0].figures.one_call_in, Some(10_000.0));
        assert!(advice[0].figures.share_of_time.is_some_and(|share| (share - 0.6).abs() < 0.01));
        assert_eq!(advice[0].threshold, 0.5);
        assert!(
            kinds(&snapshot(&[[9_000, 500], [10_000, 9_000], [12_000, 500]], |_| {})).is_empty()
        );
    }

    #[test]
    fn two_modes_are_reported_and_one_wide_mode_is_not() {
        let two =
            snapshot(&[[1_000, 5_000], [1_100, 3_000], [90_000, 900], [95_000, 1_100]], |_| {});
        let advice = two.advise(&Thresholds::default());
        let advice = advice.iter().find(|advice| advice.kind == AdviceKind::Bimodal).expect("two");
        assert_eq!(
            (advice.figures.short_ns, advice.figures.long_ns),
            (Some(1_000.0), Some(95_000.0))
        );
        assert_eq!(advice.figures.long_share_of_calls, Some(0.2));
        // From 1 µs to 1 ms, most often in the middle.
        let wide: Vec<[u64; 2]> = (0..40_i32)
            .map(|at| {
                [
                    (1_000.0 * 2_f64.powf(f64::from(at) / 4.0)) as u64,
                    (400 - (at - 20).pow(2)) as u64 + 20,
                ]
            })
            .collect();
        assert!(!kinds(&snapshot(&wide, |_| {})).contains(&AdviceKind::Bimodal));
    }

    #[test]
    fn every_other_kind_of_advice_is_given() {
        let even = [[100_000, 1_000]];
        let cold = snapshot(&even, |function| function.first_ns = Some(50_000_000));
        assert_eq!(kinds(&cold), [AdviceKind::ColdFirstCall]);
        let grows = snapshot(&even, |function| {
            function.exclusive_grown = Some(20_000);
            function.exclusive_freed_bytes = Some(4 << 20);
        });
        let advice = grows.advise(&Thresholds::default());
        assert_eq!(advice[0].figures.grown_a_call, Some(20.0));
        assert_eq!(advice[0].figures.most_saved_bytes, Some(f64::from(4 << 20)));
        let waits = snapshot(&even, |function| {
            function.on_cpu = Some(crate::snapshot::OnCpu {
                sampled_ns: 100_000_000,
                on_cpu_ns: 10_000_000,
                run_delay_ns: 0,
            });
        });
        assert_eq!(kinds(&waits), [AdviceKind::MostlyWaiting]);
        let short = snapshot(&[[5, 2_000_000]], |_| {});
        assert_eq!(kinds(&short), [AdviceKind::RecordingDominates]);
        let leaks = snapshot(&even, |function| {
            function.leak = Some(crate::Leak { bytes_per_call: 48.0, margin_bytes: 1.0 });
        });
        assert_eq!(kinds(&leaks), [AdviceKind::RetainedGrowth]);
        for silent in [&cold, &grows, &waits, &short, &leaks] {
            assert!(silent.advise(&Thresholds::never()).is_empty());
        }
    }

    #[test]
    fn a_call_that_waited_for_a_processor_is_no_reason_for_advice() {
        let preempted = [[1_000, 9_999], [30_000_000, 1]];
        let mut busy = snapshot(&preempted, |function| function.first_ns = Some(30_000_000));
        assert_eq!(kinds(&busy), [AdviceKind::HeavyTail, AdviceKind::ColdFirstCall]);
        busy.process.run_delay_ns = Some(40_000_000);
        busy.process.involuntary_switches = Some(12);
        assert!(kinds(&busy).is_empty());
        // No thread waited that long.
        busy.process.run_delay_ns = Some(20_000_000);
        assert_eq!(kinds(&busy).len(), 2);
    }

    #[test]
    fn run_queue_delay_is_not_waiting() {
        let sampled = |run_delay_ns| {
            snapshot(&[[100_000, 1_000]], |function| {
                let (sampled_ns, on_cpu_ns) = (100_000_000, 10_000_000);
                let on_cpu = crate::snapshot::OnCpu { sampled_ns, on_cpu_ns, run_delay_ns };
                function.on_cpu = Some(on_cpu);
            })
        };
        assert!(kinds(&sampled(80_000_000)).is_empty());
        let waits = sampled(20_000_000);
        let advice = waits.advise(&Thresholds::default());
        assert_eq!(advice[0].figures.waiting_ns, Some(70_000_000.0));
        // Waits are counted when they end, and may exceed the sampled time.
        assert!(kinds(&sampled(200_000_000)).is_empty());
    }

    #[test]
    fn a_short_function_is_one_with_a_short_median() {
        let one_interrupted = [[5, 1_999_999], [900_000_000, 1]];
        let kinds = kinds(&snapshot(&one_interrupted, |_| {}));
        assert!(kinds.contains(&AdviceKind::RecordingDominates), "{kinds:?}");
    }

    #[test]
    fn advice_is_sorted_by_savings_and_leaks_come_first() {
        let mut all = snapshot(&[[10_000, 9_999], [150_000_000, 1]], |_| {});
        let mut other = |path: &str, change: &dyn Fn(&mut Function)| {
            let mut function = snapshot(&[[100_000, 1_000]], change).functions.remove(0);
            function.path = path.to_owned();
            all.functions.push(function);
        };
        other("waits", &|function| {
            function.on_cpu = Some(crate::snapshot::OnCpu {
                sampled_ns: 900_000_000,
                on_cpu_ns: 0,
                run_delay_ns: 0,
            });
        });
        other("cold", &|function| function.first_ns = Some(400_000_000));
        other("leaks", &|function| {
            function.leak = Some(crate::Leak { bytes_per_call: 48.0, margin_bytes: 1.0 });
        });
        let advice = all.advise(&Thresholds::default());
        let paths: Vec<&str> = advice.iter().map(|advice| &*advice.path).collect();
        assert_eq!(paths, ["leaks", "cold", "f", "waits"]);
        assert_eq!(advice[1].figures.could_save_ns, Some(399_900_000.0));
    }

    #[test]
    fn an_unsorted_histogram_does_not_panic() {
        let kinds = kinds(&snapshot(&[[95_000, 2_000], [1_000, 8_000]], |_| {}));
        assert!(kinds.contains(&AdviceKind::Bimodal), "{kinds:?}");
    }

    #[test]
    fn an_empty_snapshot_has_no_advice() {
        assert!(kinds(&Snapshot::default()).is_empty());
        assert!(kinds(&snapshot(&[], |_| {})).is_empty());
        assert!(kinds(&snapshot(&[[0, 100]], |_| {})).is_empty());
    }
}
