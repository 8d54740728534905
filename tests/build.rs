//! Writes a function with many thousand lines, as code generators do.

use std::fmt::Write as _;

fn main() {
    let mut text =
        String::from("#[profile(lines)]\nfn long() -> u64 {\n    let mut sum = 0_u64;\n");
    for line in 0..14_000 {
        let _ = writeln!(text, "    sum = sum.wrapping_mul(3) ^ black_box({line});");
    }
    text.push_str("    sum\n}\n");
    let folder = std::env::var_os("OUT_DIR").expect("cargo says where");
    std::fs::write(std::path::Path::new(&folder).join("long.rs"), text).expect("write the source");
    println!("cargo::rerun-if-changed=build.rs");
}
