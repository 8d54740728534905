use profile_core::profile;

#[profile]
pub struct Struct {
    pub n: u8,
}

#[profile]
enum Enum {
    A,
}

#[profile]
union Union {
    n: u8,
}

#[profile]
const CONST: u8 = 1;

#[profile]
static STATIC: u8 = 1;

#[profile]
type Type = u8;

#[profile]
use std::vec::Vec as List;

#[profile]
macro_rules! rules {
    () => {};
}

#[profile]
unsafe extern "C" {
    safe fn abs(n: i32) -> i32;
}

fn main() {
    rules!();
    let _ = (Struct { n: CONST }, Enum::A, Union { n: STATIC }, List::<Type>::new(), abs(1));
}
