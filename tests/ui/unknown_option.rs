use profile_core::profile;

#[profile(naem = "load")]
fn misspelt() {}

#[profile("load")]
fn literal() {}

#[profile(name = "a", 5)]
fn number() {}

#[profile(max_peak = "1 MiB")]
fn of_the_other_attribute() {}

#[profile(max_time = "1 s")]
fn by_another_name() {}

#[profile(warn_above = "1 s", raise)]
fn returns_nothing() {}

fn main() {
    misspelt();
    literal();
    number();
    of_the_other_attribute();
    by_another_name();
    returns_nothing();
}
