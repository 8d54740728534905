//! The picture of memory as PNG, where SVG is not displayed.

#[cfg(feature = "png")]
mod drawn;

use std::io;

use super::format::{Format, Style};
use crate::snapshot::Snapshot;

pub(crate) struct Png;

impl Format for Png {
    fn name(&self) -> &'static str {
        "png"
    }

    fn description(&self) -> &'static str {
        "the same picture as PNG, 2360 by 960 pixels; takes the feature `png`"
    }

    fn extension(&self) -> &'static str {
        "png"
    }

    fn media_type(&self) -> &'static str {
        "image/png"
    }

    fn is_binary(&self) -> bool {
        true
    }

    fn unavailable(&self) -> Option<&'static str> {
        const WHY: &str = "this program was built without the feature `png` of profile-core; build it \
                           with that, or ask for `svg`";
        (!cfg!(feature = "png")).then_some(WHY)
    }

    /// Drawing needs 310 KiB in a debug build. It does not start a thread with a larger stack:
    /// while a plugin is unloaded the dynamic loader holds its lock, and the new thread could wait
    /// for it forever.
    fn stack_bytes(&self) -> usize {
        1 << 20
    }

    fn write(&self, snapshot: &Snapshot, _: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        write(snapshot, to)
    }
}

#[cfg(feature = "png")]
use drawn::write;

/// Never called: settings reject this format.
#[cfg(not(feature = "png"))]
fn write(_: &Snapshot, _: &mut dyn io::Write) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
