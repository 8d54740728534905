use profile_core::profile;

unsafe extern "C" {
    #[profile]
    safe fn abs(n: i32) -> i32;
}

trait T {
    #[profile]
    fn required(&self) -> u8;
}

impl T for u8 {
    fn required(&self) -> u8 {
        *self
    }
}

fn main() {
    let _ = (abs(1), 1_u8.required());
}
