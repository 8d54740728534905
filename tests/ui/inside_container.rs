use profile_core::profile;

// One message for each mistake, and everything still there.
#[profile]
mod container {
    use profile_core::profile;

    #[profile(naem = "a")]
    pub fn misspelt() {}

    #[profile]
    pub const fn asked_for() {}

    pub const fn only_listed() {}

    pub fn fine() {}
}

fn main() {
    container::misspelt();
    container::asked_for();
    container::only_listed();
    container::fine();
}
