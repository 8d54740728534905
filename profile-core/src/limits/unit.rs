//! What a limit is a number of.

/// What a limit is a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds, more than none: `"10 ms"`.
    Time,
    /// A number of something.
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
