//! An exceeded limit, and its message.

use super::kind::Row;
use super::unit::Unit;
use crate::units;

/// A limit that was exceeded.
#[derive(Debug)]
pub(crate) struct Exceeded {
    pub(super) row: &'static Row,
    pub(super) used: u64,
    pub(super) most: u64,
}

impl Exceeded {
    pub(crate) fn row(&self) -> &'static Row {
        self.row
    }

    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// The unit of the figure: `ns`, `bytes`, or the noun of what is counted.
    pub(crate) fn unit(&self) -> &'static str {
        match self.row.unit {
            Unit::Count => self.row.noun,
            unit => unit.name(),
        }
    }

    /// The message, e.g. `run(max_calls): 27 calls, at most 20 allowed`.
    pub(crate) fn sentence(&self) -> String {
        let name = self.row.name();
        if self.row.unit == Unit::Time {
            let [used, most] = units::two_durations([self.used, self.most]);
            return format!("{name}: {used}, at most {most} allowed");
        }
        let [used, most] = [self.used, self.most].map(units::count);
        format!("{name}: {used} {}, at most {most} allowed", self.row.noun)
    }
}
