//! The unit of a limit.

/// The unit of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds, more than 0: `"10 ms"`.
    Time,
    /// A plain number.
    Count,
    /// `"64 MiB"`, or a number of bytes.
    Bytes,
}

impl Unit {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Unit::Time => "ns",
            Unit::Count => "count",
            Unit::Bytes => "bytes",
        }
    }
}
