//! A reading in memory_profiler's format: a line of its `.dat` file, which a report writes
//! afterwards and a stream as each reading is taken.

/// Moments that differ by less may be written alike.
const RESOLUTION_NS: u64 = 100_000;

/// `MEM 22.917969 1795339408.3749` for the process itself, `CHLD 17822 13.941406 1795339414.2695`
/// for another one: MiB, and seconds since 1970.
pub(crate) fn mprof_line(other_process: Option<u32>, bytes: u64, unix_ns: u64) -> String {
    let (mib, seconds) = (mib(bytes), seconds(unix_ns));
    match other_process {
        None => format!("MEM {mib:.6} {seconds}"),
        Some(process) => format!("CHLD {process} {mib:.6} {seconds}"),
    }
}

pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The moment in tenths of a millisecond, rounded.
pub(crate) fn moment(unix_ns: u64) -> u64 {
    unix_ns / RESOLUTION_NS + u64::from(unix_ns % RESOLUTION_NS >= RESOLUTION_NS / 2)
}

/// Seconds with four decimals, like `%.4f`, but computed from the integer: a double cannot
/// represent the nanoseconds of this century.
pub(crate) fn seconds(unix_ns: u64) -> String {
    let moment = moment(unix_ns);
    format!("{}.{:04}", moment / 10_000, moment % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_rounded_and_the_last_one_does_not_overflow() {
        assert_eq!(moment(u64::MAX), u64::MAX / RESOLUTION_NS + 1);
        assert_eq!(
            mprof_line(None, 3 << 19, 1_700_000_000_250_000_000),
            "MEM 1.500000 1700000000.2500"
        );
        assert_eq!(mprof_line(Some(7), 0, 49_999), "CHLD 7 0.000000 0.0000");
    }
}
