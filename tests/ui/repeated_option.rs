use profile_core::profile;

#[profile(name = "a", overhead = "2%", name = "b")]
fn f() {}

#[profile(skip, skip)]
fn g() {}

fn main() {
    f();
    g();
}
