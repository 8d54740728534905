//! The whole snapshot as MessagePack, the format that [`Snapshot::load`] reads fastest.

use std::io;

use super::format::{Format, Style};
use crate::snapshot::Snapshot;

pub(crate) struct Binary;

impl Format for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    fn description(&self) -> &'static str {
        "everything, compact: what reads back fastest; takes the feature `binary`"
    }

    fn extension(&self) -> &'static str {
        "profile"
    }

    fn media_type(&self) -> &'static str {
        "application/vnd.msgpack"
    }

    fn is_binary(&self) -> bool {
        true
    }

    fn unavailable(&self) -> Option<&'static str> {
        const WHY: &str = "this program was built without the feature `binary` of profile-core; build it \
                           with that, or ask for `json`";
        (!cfg!(feature = "binary")).then_some(WHY)
    }

    fn write(&self, snapshot: &Snapshot, _: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        write(snapshot, to)
    }
}

#[cfg(feature = "binary")]
fn write(snapshot: &Snapshot, to: &mut dyn io::Write) -> io::Result<()> {
    to.write_all(&snapshot.to_bytes())
}

/// Never called: settings reject this format.
#[cfg(not(feature = "binary"))]
fn write(_: &Snapshot, _: &mut dyn io::Write) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
