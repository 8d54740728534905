//! The composition root: joins recorder, snapshot and report, and sees to it that the report is
//! written however the program ends. Nothing names this room.

mod capture;
mod environment;
mod limits;
mod limits_file;
mod now;
mod only;
mod pattern;
mod reports;
mod signals;
mod sites;
mod start;

pub use capture::{read_segment, read_segment_bytes};
pub use now::{capture, write_reports};
pub use sites::{find, find_all, functions};
