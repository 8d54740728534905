use profile_core::profile;

#[profile(name = "")]
fn empty() {}

#[profile(name = 5)]
fn number() {}

#[profile(name)]
fn none() {}

#[profile(overhead = "2")]
fn no_percent() {}

#[profile(overhead = "0%")]
fn nothing() {}

#[profile(overhead = "101%")]
fn more_than_all() {}

#[profile(overhead = 2)]
fn not_a_text() {}

#[profile(overhead)]
fn no_value() {}

#[profile(crate = "profile_core")]
fn not_a_path() {}

#[profile(name = "a" overhead = "2%")]
fn no_comma() {}

fn main() {
    empty();
    number();
    none();
    no_percent();
    nothing();
    more_than_all();
    not_a_text();
    no_value();
    not_a_path();
    no_comma();
}
