//! Shows what each action of a filter does with the same warnings, which come from two modules.
//!
//! `cargo run --release -p examples --bin warnings`, or with your own filters
//! `PROFILE_WARNINGS=ignore,error::EmptyRowWarning cargo run …`

use profile_core::warnings::{
    Action, RaisedWarning, UserWarning, catch_warnings, filters, reset_warnings, simple_filter,
};

profile_core::category! {
    /// A row of a table is empty.
    pub static EmptyRowWarning: UserWarning;
}

mod read {
    use super::{EmptyRowWarning, RaisedWarning};

    pub fn table() -> Result<(), RaisedWarning> {
        for row in 1..=3 {
            // Two messages from one line.
            profile_core::warn!(
                EmptyRowWarning,
                "{} row is empty",
                if row < 3 { "a" } else { "the last" }
            )?;
        }
        Ok(())
    }
}

mod write {
    use super::{EmptyRowWarning, RaisedWarning};

    pub fn table() -> Result<(), RaisedWarning> {
        for _ in 1..=3 {
            profile_core::warn!(EmptyRowWarning, "a row is empty")?;
        }
        // One message from two lines.
        profile_core::warn!(EmptyRowWarning, "a row is empty")
    }
}

fn main() {
    for action in [
        Action::Always,
        Action::Default,
        Action::Module,
        Action::Once,
        Action::Ignore,
        Action::Error,
    ] {
        let caught = catch_warnings().record();
        reset_warnings();
        simple_filter(action, &EmptyRowWarning, 0, false);
        let results = [read::table(), write::table(), read::table()];
        println!("{}: {} shown", action.name(), caught.recorded().len());
        for warning in caught.recorded() {
            println!("  {warning}");
        }
        for raised in results.into_iter().filter_map(Result::err) {
            println!("  returned: {raised}");
        }
    }
    println!("with the {} filters of this run:", filters().len());
    for result in [read::table(), write::table()] {
        if let Err(raised) = result {
            println!("  returned: {raised}");
        }
    }
}
