//! Writes the log.

use std::io;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::snapshot::Snapshot;

pub(super) fn write(snapshot: &Snapshot, to: &mut dyn io::Write) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    let start = SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_nanos(snapshot.process.started_unix_ns))
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let length = Duration::from_nanos(snapshot.process.duration_ns);
    let mut text = Vec::new();
    let log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(
            "[one interval for each function, tagged with its path; values in nanoseconds]",
        )
        .with_start_time(start)
        .with_base_time(start)
        .with_max_value_divisor(1_000_000.0)
        .begin_log_with(&mut text, &mut serializer);
    let mut log = log.map_err(io::Error::other)?;
    for function in snapshot.functions.iter().filter(|function| !function.histogram.is_empty()) {
        let tag = tag(&function.path);
        log.write_histogram(&function.distribution(), Duration::ZERO, length, Tag::new(&tag))
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    to.write_all(&text)
}

/// A comma ends a tag; for some tools whitespace does too.
fn tag(path: &str) -> String {
    path.chars()
        .map(|c| if c == ',' || c.is_whitespace() || c.is_control() { '_' } else { c })
        .collect()
}
