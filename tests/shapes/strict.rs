// A crate that denies all lints: see `../tests/shapes.rs`. The dependency has another name here.
#![no_std]
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unused, rust_2018_idioms, nonstandard_style, future_incompatible)]
#![deny(let_underscore, unused_results, unused_qualifications, unreachable_pub, single_use_lifetimes)]
#![deny(missing_debug_implementations, missing_copy_implementations, unused_lifetimes)]
#![deny(trivial_casts, trivial_numeric_casts, unused_import_braces, variant_size_differences)]
#![deny(clippy::all, clippy::pedantic, clippy::cargo)]
#![allow(clippy::cargo_common_metadata, clippy::multiple_crate_versions)]
//! Everything denied.

/// Shadows names that a careless expansion would use.
#[derive(Debug, Clone, Copy)]
pub struct Option;
/// Shadows.
#[derive(Debug, Clone, Copy)]
pub struct Some;
/// Shadows.
#[allow(non_camel_case_types)]
#[derive(Debug, Clone, Copy)]
pub struct u32;
mod core {}
mod std {}
mod profile_core {}

/// A function.
#[profile]
#[must_use]
pub fn function(n: u8) -> u8 {
    n
}

/// An async function.
#[profile]
pub async fn later(n: u8) -> u8 {
    ::core::future::ready(()).await;
    n
}

/// With everything.
#[profile(overhead = "2%")]
pub mod container {
    /// A type.
    #[derive(Debug, Clone, Copy)]
    pub struct S;
    impl S {
        /// A constant.
        #[must_use]
        pub const fn constant(self) -> u8 {
            1
        }
        /// A method.
        #[must_use]
        #[allow(clippy::missing_const_for_fn)]
        pub fn method(self) -> u8 {
            self.constant()
        }
    }
    /// A trait.
    pub trait T {
        /// A default method.
        fn provided(&self) -> u8 {
            1
        }
    }
    /// An attribute of its own.
    #[profile(overhead = "3%")]
    #[must_use]
    pub fn own() -> u8 {
        1
    }
}

/// What comes after the end of all.
///
/// # Panics
///
/// Always.
#[profile(lines, returns)]
#[must_use]
pub fn never(n: u8) -> ::core::option::Option<u8> {
    ::core::panic!("{n}");
    #[allow(unreachable_code)]
    ::core::option::Option::Some(n)
}

/// The same, by a call.
#[profile(lines)]
pub fn never_by_a_call(n: u8) {
    fn stop() -> ! {
        ::core::panic!("always")
    }
    let _kept = n;
    stop();
    #[allow(unreachable_code)]
    if n > 3 {
        stop();
    }
}
