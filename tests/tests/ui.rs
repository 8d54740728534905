//! What is refused, and in which words.
//!
//! `TRYBUILD=overwrite cargo test --test ui` writes what the compiler says now; read the difference
//! before you keep it. One mistake is one message, at the token that is wrong.

#[test]
fn every_refusal_says_what_to_do() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}
