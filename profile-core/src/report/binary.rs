//! The whole snapshot as MessagePack: what [`Snapshot::load`] reads fastest.

use std::io;

use super::format::{Format, Style};
use crate::snapshot::Snapshot;

pub(crate) struct Binary;

impl Format for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    fn description(&self) -> &'static str {
        "everything, compact: what reads back fastest"
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

    fn write(&self, snapshot: &Snapshot, _: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        to.write_all(&snapshot.to_bytes())
    }
}
