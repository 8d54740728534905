//! A curve in one line of text: `▁▂▇█▃▁`. It is shown next to figures, so it has no scale.

use crate::snapshot::Reading;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The readings in at most `width` characters, scaled from the lowest to the highest. Each
/// character covers an equal part of the time and shows the highest reading in it, so that no peak
/// is lost.
pub(crate) fn sparkline(readings: &[Reading], width: usize) -> String {
    let width = width.min(readings.len());
    let heights = highest_of_each_part(readings, width);
    // The lowest reading, not the lowest part: if every part contains a peak, the line is high
    // instead of flat.
    let low = readings.iter().map(|reading| reading.resident_bytes).min().unwrap_or(0);
    let high = heights.iter().max().copied().unwrap_or(0);
    heights.into_iter().map(|height| bar(height - low, high - low)).collect()
}

/// A part without readings repeats the previous one.
fn highest_of_each_part(readings: &[Reading], parts: usize) -> Vec<u64> {
    let mut highest: Vec<Option<u64>> = vec![None; parts];
    let begin = readings.iter().map(|reading| reading.at_ns).min().unwrap_or(0);
    let end = readings.iter().map(|reading| reading.at_ns).max().unwrap_or(0);
    for reading in readings {
        let at = part(reading.at_ns - begin, end - begin, parts);
        if let Some(highest) = highest.get_mut(at) {
            *highest = (*highest).max(Some(reading.resident_bytes));
        }
    }
    let mut before = readings.first().map_or(0, |reading| reading.resident_bytes);
    let mut filled = |height: Option<u64>| {
        before = height.unwrap_or(before);
        before
    };
    highest.into_iter().map(&mut filled).collect()
}

/// The part of `whole` that contains a time; the end belongs to the last part.
fn part(at: u64, whole: u64, parts: usize) -> usize {
    let at = u128::from(at) * parts as u128 / u128::from(whole.max(1));
    usize::try_from(at).unwrap_or(usize::MAX).min(parts.saturating_sub(1))
}

/// The lowest bar if all heights are equal.
fn bar(height: u64, highest: u64) -> char {
    let last = BARS.len() - 1;
    let step = u128::from(height) * last as u128 / u128::from(highest.max(1));
    BARS[usize::try_from(step).unwrap_or(last).min(last)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(bytes: &[u64]) -> Vec<Reading> {
        let reading = |(at, bytes): (usize, &u64)| Reading {
            at_ns: at as u64 * 1_000,
            resident_bytes: *bytes,
        };
        bytes.iter().enumerate().map(reading).collect()
    }

    #[test]
    fn the_lowest_and_the_highest_reading_are_the_lowest_and_the_highest_bar() {
        assert_eq!(sparkline(&readings(&[100, 101, 102, 103, 104, 105, 106, 107]), 8), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&readings(&[0, u64::MAX]), 8), "▁█");
        assert_eq!(sparkline(&readings(&[7, 7, 7]), 8), "▁▁▁");
        assert_eq!(sparkline(&[], 8), "");
        assert_eq!(sparkline(&readings(&[1, 2]), 0), "");
    }

    #[test]
    fn a_peak_of_one_reading_is_seen_wherever_it_is() {
        for at in 0..1_000 {
            let mut bytes = vec![1; 1_000];
            bytes[at] = 9;
            let line = sparkline(&readings(&bytes), 20);
            assert_eq!(line.chars().count(), 20);
            assert_eq!(line.chars().filter(|bar| *bar == '█').count(), 1, "{at}: {line}");
        }
    }

    #[test]
    fn time_is_divided_and_not_the_readings() {
        let at = |at_ns, resident_bytes| Reading { at_ns, resident_bytes };
        let hurried = [at(0, 1), at(1, 1), at(2, 1), at(3, 8), at(1_000, 8)];
        assert_eq!(sparkline(&hurried, 5), "█████");
        let late = [at(0, 1), at(997, 1), at(998, 1), at(999, 1), at(1_000, 8)];
        assert_eq!(sparkline(&late, 5), "▁▁▁▁█");
        assert_eq!(sparkline(&[at(u64::MAX, 1), at(0, 3)], 2), "█▁");
    }
}
