//! Formats numbers with units for reports, here and nowhere else. Three significant digits, a point
//! in every locale, and rounding before the unit is chosen, so that 999,999 ns is "1.00 ms" and
//! never "1000 µs".

/// Shown where nothing was measured.
pub(crate) const NONE: &str = "-";

/// Time in ns, µs, ms or s. Whole nanoseconds have no decimals, because the clock has no finer
/// resolution.
pub(crate) fn duration(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        _ => duration_f64(ns as f64),
    }
}

/// Two times that must be distinguishable: in whole nanoseconds if they would look the same.
pub(crate) fn two_durations(ns: [u64; 2]) -> [String; 2] {
    let [one, other] = ns.map(duration);
    if one != other { [one, other] } else { ns.map(|ns| format!("{} ns", count(ns))) }
}

/// A computed time, such as a mean.
pub(crate) fn duration_f64(ns: f64) -> String {
    if !ns.is_finite() || ns < 0.0 {
        return NONE.to_owned();
    }
    scaled(ns, 1_000.0, "ns", &["µs", "ms", "s"])
}

/// Both ends of a range, the lower one first, in whichever order they were measured.
pub(crate) fn ordered([one, other]: [f64; 2]) -> [f64; 2] {
    if one.total_cmp(&other).is_gt() { [other, one] } else { [one, other] }
}

/// A range of times: `10.6 ns to 16.6 ns`.
pub(crate) fn range(ns: [f64; 2]) -> String {
    let [low, high] = ordered(ns).map(duration_f64);
    format!("{low} to {high}")
}

/// Bytes in B, KiB, MiB and so on.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{} B", count(bytes)),
        _ => scaled(bytes as f64, 1_024.0, "B", &["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]),
    }
}

/// Bytes with a sign if more was freed than allocated.
pub(crate) fn signed_bytes(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", bytes(number.unsigned_abs()))
}

/// A count, with every digit: `1,234,567`.
pub(crate) fn count(things: u64) -> String {
    let digits = things.to_string();
    let mut separated = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            separated.push(',');
        }
        separated.push(digit);
    }
    separated
}

/// A share in percent, without the sign: 0.031 is `3.10`.
pub(crate) fn per_cent(share: f64) -> String {
    let number = share * 100.0;
    if !number.is_finite() || number < 0.0 {
        return NONE.to_owned();
    }
    match number {
        0.0 => "0".to_owned(),
        // A nonzero share must not look like zero.
        _ if number < 0.005 => "<0.01".to_owned(),
        _ => significant(number),
    }
}

/// A share in percent, with the sign: 0.031 is `3.10 %`.
pub(crate) fn percent(share: f64) -> String {
    match per_cent(share) {
        number if number == NONE => number,
        number => number + " %",
    }
}

/// The part as a share of the whole; `None` if the whole is 0.
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A moment as `2026-01-31 23:59:59 UTC`.
///
/// The civil date is Howard Hinnant's `civil_from_days` for days since 1970. Years begin in March
/// there, so that the leap day is the last day of a year.
pub(crate) fn utc(unix_ns: u64) -> String {
    const SECONDS_A_DAY: u64 = 86_400;
    let seconds = unix_ns / 1_000_000_000;
    let (day, second) = (seconds / SECONDS_A_DAY + 719_468, seconds % SECONDS_A_DAY);
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Uses the first unit in which three digits before the point (four for binary units) are enough.
fn scaled(value: f64, base: f64, smallest: &'static str, larger: &[&'static str]) -> String {
    let (mut value, mut unit) = (value, smallest);
    for next in larger {
        if value < base - 0.5 {
            break;
        }
        (value, unit) = (value / base, next);
    }
    format!("{} {unit}", significant(value))
}

fn significant(value: f64) -> String {
    match value {
        _ if value < 9.995 => format!("{value:.2}"),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => count(value.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_begins_with_its_lower_end() {
        assert_eq!(range([16.6, 10.6]), "10.6 ns to 16.6 ns");
        assert_eq!(range([10.6, 16.6]), "10.6 ns to 16.6 ns");
        assert_eq!(ordered([1.0, -1.0]), [-1.0, 1.0]);
    }

    #[test]
    fn a_duration_is_rounded_before_its_unit_is_chosen() {
        for (ns, text) in [
            (0, "0 ns"),
            (1, "1 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (9_994, "9.99 µs"),
            (9_995, "10.0 µs"),
            (99_949, "99.9 µs"),
            (99_950, "100 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (999_999, "1.00 ms"),
            (1_000_000, "1.00 ms"),
            (999_999_999, "1.00 s"),
            (59_999_600_000, "60.0 s"),
            (3_723_000_000_000, "3,723 s"),
            (u64::MAX, "18,446,744,074 s"),
        ] {
            assert_eq!(duration(ns), text, "{ns}");
        }
    }

    #[test]
    fn a_mean_has_decimals_and_an_invalid_number_is_not_shown() {
        assert_eq!(duration_f64(0.344), "0.34 ns");
        assert_eq!(duration_f64(12.34), "12.3 ns");
        assert_eq!(duration_f64(999.6), "1.00 µs");
        for ns in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            assert_eq!(duration_f64(ns), "-");
            assert_eq!(per_cent(ns), "-");
            assert_eq!(percent(ns), "-");
        }
        assert_eq!(duration_f64(f64::MAX), format!("{} s", count(u64::MAX)));
    }

    #[test]
    fn bytes_are_binary() {
        for (number, text) in [
            (0, "0 B"),
            (1_023, "1,023 B"),
            (1_024, "1.00 KiB"),
            (1_047_551, "1,023 KiB"),
            (1_048_575, "1.00 MiB"),
            (1 << 30, "1.00 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(number), text, "{number}");
        }
    }

    #[test]
    fn counts_show_every_digit() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn a_small_share_is_not_zero() {
        for (number, text) in [
            (0.0, "0 %"),
            (1e-9, "<0.01 %"),
            (0.031, "3.10 %"),
            (0.9999, "100 %"),
            (12.0, "1,200 %"),
        ] {
            assert_eq!(percent(number), text);
        }
        assert_eq!(share(1, 0), None);
        assert_eq!(share(u64::MAX, u64::MAX), Some(1.0));
    }

    #[test]
    fn a_date_is_correct_at_leap_days_and_at_the_limits() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(seconds * 1_000_000_000), text);
        }
        assert_eq!(utc(u64::MAX), "2554-07-21 23:34:33 UTC");
    }
}
