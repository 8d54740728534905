//! The distribution of each function's calls as an HdrHistogram log, version 1.3 with V2
//! histograms. Each function is one interval as long as the run, tagged with its path. Values are
//! in nanoseconds.

#[cfg(feature = "hlog")]
mod log;

use std::io;

use super::format::{Format, Style};
use crate::snapshot::Snapshot;

pub(crate) struct Hlog;

impl Format for Hlog {
    fn name(&self) -> &'static str {
        "hlog"
    }

    fn description(&self) -> &'static str {
        "distributions of calls as an HdrHistogram log (V2); takes the feature `hlog`"
    }

    fn extension(&self) -> &'static str {
        "hlog"
    }

    fn media_type(&self) -> &'static str {
        "text/plain"
    }

    fn unavailable(&self) -> Option<&'static str> {
        const WHY: &str = "this program was built without the feature `hlog` of profile-core; build it \
                           with that, or ask for `json`";
        (!cfg!(feature = "hlog")).then_some(WHY)
    }

    fn write(&self, snapshot: &Snapshot, _: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        write(snapshot, to)
    }
}

#[cfg(feature = "hlog")]
use log::write;

/// Never called: settings reject this format.
#[cfg(not(feature = "hlog"))]
fn write(_: &Snapshot, _: &mut dyn io::Write) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
