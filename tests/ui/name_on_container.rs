use profile_core::profile;

struct S;

#[profile(name = "all")]
impl S {
    fn f(&self) {}
}

fn main() {
    S.f();
}
