use profile_core::profile;

#[profile(skip, name = "a")]
fn f() {}

fn main() {
    f();
}
