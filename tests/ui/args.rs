//! What `args` refuses.
use profile_core::profile;

#[profile(args)]
fn nothing() {}

#[profile(args())]
fn empty() {}

#[profile(args(number +))]
fn no_expression(number: u32) {
    drop(number);
}

#[profile(args(other))]
fn unknown(number: u32) {
    drop(number);
}

struct Opaque;

#[profile(args(opaque))]
fn neither_debug_nor_display(opaque: &Opaque) {
    let _ = opaque;
}

#[profile(args(..))]
mod container {}

fn main() {
    nothing();
    empty();
    no_expression(1);
    unknown(1);
    neither_debug_nor_display(&Opaque);
}
