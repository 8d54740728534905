//! What `returns` and `lines` refuse.
use profile_core::profile;

#[profile(returns)]
fn neither(number: u32) -> u32 {
    number + 1
}

#[profile(lines(heap))]
fn unknown_part() {}

#[profile(lines, lines)]
fn twice() {}

fn main() {
    neither(1);
    unknown_part();
    twice();
}
