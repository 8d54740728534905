use profile_core::profile;

#[profile(naem = "load")]
fn misspelt() {}

#[profile("load")]
fn literal() {}

#[profile(name = "a", 5)]
fn number() {}

fn main() {
    misspelt();
    literal();
    number();
}
