//! Compile errors of the attributes, with their messages.
//!
//! `TRYBUILD=overwrite cargo test --test ui` writes the current messages; review the difference
//! before you commit it. Each mistake is one message, at the wrong token.

#[test]
fn every_error_says_what_to_do() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}
