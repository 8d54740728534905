use profile_core::profile;

#[profile]
pub const fn twice(n: u8) -> u8 {
    n * 2
}

struct S;

impl S {
    #[profile]
    pub const fn method(&self) -> u8 {
        1
    }
}

// The items are still there: no second message.
const FOUR: u8 = twice(2) + S.method();

fn main() {
    let _ = FOUR;
}
