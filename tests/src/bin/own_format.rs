//! A program with two own export formats, one with the name of a built-in format.

use std::io;

use profile_core::report::{Format, Style};
use profile_core::{Settings, Snapshot, profile, register_format};

/// One line per function: path and calls.
struct Calls;

impl Format for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn description(&self) -> &'static str {
        "path and calls of each function, one per line"
    }

    fn extension(&self) -> &'static str {
        "txt"
    }

    fn media_type(&self) -> &'static str {
        "text/plain"
    }

    fn write(&self, snapshot: &Snapshot, _: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        let mut functions = snapshot.functions.iter();
        functions.try_for_each(|function| writeln!(to, "{} {}", function.path, function.calls))
    }
}

/// Never used: the name is taken.
struct OtherCsv;

impl Format for OtherCsv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn description(&self) -> &'static str {
        "nothing"
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn media_type(&self) -> &'static str {
        "text/csv"
    }

    fn write(&self, _: &Snapshot, _: &Style, _: &mut dyn io::Write) -> io::Result<()> {
        Err(io::Error::other("this one is not to be used"))
    }
}

register_format!(Calls);
register_format!(OtherCsv);

#[profile]
fn work() {}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("code") {
        Settings::new().report("calls").expect("a format").apply();
    }
    (0..3).for_each(|_| work());
}
