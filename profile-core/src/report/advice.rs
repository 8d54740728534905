//! The section on advice: one sentence each, with figures.

use super::list::list;
use super::page::Page;
use super::text::safe_and_short as safe;
use crate::snapshot::{Advice, AdviceKind, Snapshot};
use crate::units;

pub(crate) fn section(snapshot: &Snapshot, page: &mut Page) {
    list("advice", &snapshot.advice, page, |advice, page| {
        page.item(&format!("{}: {}", safe(&advice.path), sentence(advice)));
    });
}

/// The sentence for an advice.
pub(crate) fn sentence(advice: &Advice) -> String {
    // A damaged file may lack figures; these are shown as missing.
    let figure = |figure: Option<f64>| figure.unwrap_or(f64::NAN);
    let time = |ns| units::duration_f64(figure(ns));
    let count = |number| units::count(figure(number) as u64);
    let bytes = |bytes| units::bytes(figure(bytes) as u64);
    let per_cent = |share| format!("{} %", units::per_cent(figure(share)));
    let it = &advice.figures;
    match advice.kind {
        AdviceKind::HeavyTail => format!(
            "one call in {} makes up {} of the time; mean {}, trimmed mean {}",
            count(it.one_call_in),
            per_cent(it.share_of_time),
            time(it.mean_ns),
            time(it.trimmed_mean_ns),
        ),
        AdviceKind::Bimodal => format!(
            "two kinds of calls: {} of them take about {}, the others {}",
            per_cent(it.long_share_of_calls),
            time(it.long_ns),
            time(it.short_ns),
        ),
        AdviceKind::ColdFirstCall => format!(
            "the first call took {}, half of the others at most {}",
            time(it.first_ns),
            time(it.median_ns),
        ),
        AdviceKind::Regrowth => format!(
            "blocks grew {} times, {:.1} times a call; with_capacity would save that and up to {}",
            count(it.grown),
            figure(it.grown_a_call),
            bytes(it.most_saved_bytes),
        ),
        AdviceKind::RetainedGrowth => format!(
            "each of {} calls leaves {:.0} ± {:.0} bytes behind",
            count(it.calls),
            figure(it.bytes_per_call),
            figure(it.margin_bytes),
        ),
        AdviceKind::MostlyWaiting => {
            format!("waits {} of its time, {} in all", per_cent(it.share), time(it.waiting_ns))
        }
        AdviceKind::RecordingDominates => format!(
            "recording its {} calls took {}, more than they: {} a call; with a budget few of them are timed",
            count(it.calls),
            time(it.recording_ns),
            // Snapshots of earlier versions only have the mean.
            time(it.median_ns.or(it.mean_ns)),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use crate::options::Thresholds;

    #[test]
    fn every_kind_has_a_sentence_with_figures() {
        let mut snapshot = samples::ordinary();
        let row = &mut snapshot.functions[0];
        row.histogram = vec![[1_000, 9_900], [90_000_000, 1_200], [9_000_000_000, 5]];
        row.calls = 11_105;
        row.mean_ns = Some(9_000_000.0);
        row.trimmed_mean_ns = Some(1_000.0);
        row.first_ns = Some(u64::from(u32::MAX));
        row.exclusive_grown = Some(222_100);
        row.exclusive_freed_bytes = Some(4 << 20);
        snapshot.advice = snapshot.advise(&Thresholds::default());
        let text = samples::rendered("table", &snapshot, None);
        for words in [
            "main: one call in ",
            "main: two kinds of calls: 10.9 % of them take about 90.0 ms, the others 1.00 µs",
            "main: the first call took 4.29 s, half of the others at most 1.00 µs",
            "main: blocks grew 222,100 times, 20.0 times a call; with_capacity would save that and up to 4.00 MiB",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains("NaN"), "{text}");
    }
}
