//! Parses numbers with units: `"10 ms"`, `"64 MiB"`.

use toml::de::DeValue;

use super::unit::Unit;

const TIMES: &[(&str, f64)] = &[("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];
const SIZES: &[(&str, f64)] = &[
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("B", 1.0),
];

impl Unit {
    /// The number in a value of a file; `written` is its source text, for the message.
    pub(super) fn read(self, value: &DeValue<'_>, written: &str) -> Result<u64, String> {
        match (self, value) {
            (Unit::Time, DeValue::String(text)) => time(text),
            (Unit::Bytes, DeValue::String(text)) => bytes(text),
            (Unit::Count | Unit::Bytes, DeValue::Integer(number)) => {
                let number = u64::from_str_radix(number.as_str(), number.radix());
                number.map_err(|_| self.expected(written))
            }
            _ => Err(self.expected(written)),
        }
    }

    fn expected(self, found: &str) -> String {
        let expected = match self {
            Unit::Time => "a duration, e.g. \"10 ms\"",
            Unit::Count => "a non-negative integer",
            Unit::Bytes => "a size, e.g. \"64 MiB\", or a number of bytes",
        };
        format!("expected {expected}, found {found}")
    }
}

/// Nanoseconds, more than 0.
fn time(text: &str) -> Result<u64, String> {
    let ns = scaled(text, TIMES).filter(|ns| *ns > 0);
    ns.ok_or_else(|| {
        format!(
            "invalid duration `{text}`; expected e.g. `10 ms` (units: ns, us, ms, s; more than 0)"
        )
    })
}

/// Bytes.
fn bytes(text: &str) -> Result<u64, String> {
    scaled(text, SIZES).ok_or_else(|| {
        format!(
            "invalid size `{text}`; expected e.g. `64 MiB` (units: B, kB, MB, GB, KiB, MiB, GiB)"
        )
    })
}

fn scaled(text: &str, units: &[(&str, f64)]) -> Option<u64> {
    let text = text.trim();
    let (unit, factor) = units.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number: f64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
    let scaled = number * factor;
    (number >= 0.0 && scaled <= u64::MAX as f64).then_some(scaled.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_their_units() {
        for (text, ns) in
            [("10 ms", 10_000_000), ("1.5us", 1_500), ("2 s", 2_000_000_000), ("7ns", 7)]
        {
            assert_eq!(time(text), Ok(ns), "{text}");
        }
        for (text, size) in [("64 MiB", 64 << 20), ("1.5 kB", 1_500), ("0 B", 0)] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for bad in ["", "5", "ms", "-1 ms", "0 ms", "NaN s", "inf s", "1 h", "1e30 s"] {
            assert!(time(bad).is_err(), "{bad}");
        }
        for bad in ["5 bits", "-1 B", "1e40 GiB"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
