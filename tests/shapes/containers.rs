// Whole blocks under one attribute. See `common.rs`.

pub mod inherent {
    pub struct S(u8);
    #[profile]
    impl S {
        const START: u8 = 1;
        pub const fn constant() -> u8 {
            1
        }
        pub fn new() -> Self {
            Self(Self::START)
        }
        pub async fn later(&mut self) -> &mut Self {
            crate::pause().await;
            self
        }
        #[profile(skip)]
        pub fn left_out(&self) -> u8 {
            self.0
        }
        #[profile(name = "own name", overhead = "3%")]
        pub fn named(&self) -> u8 {
            self.0
        }
    }
    pub fn check() {
        let mut s = S::new();
        let s = crate::block_on(s.later());
        assert_eq!(s.left_out() + s.named() + S::constant(), 3);
    }
}

pub mod generic {
    pub struct S<T, const N: usize>([T; N]);
    #[profile(overhead = "5%")]
    impl<T, const N: usize> S<T, N>
    where
        T: Clone,
    {
        pub fn first(&self) -> Option<&T> {
            self.0.first()
        }
    }
    #[profile]
    impl S<u8, { 1 + 2 }> {
        pub fn three(&self) -> u8 {
            self.0[2]
        }
    }
    pub fn check() {
        assert_eq!(S([1]).first(), Some(&1));
        assert_eq!(S([1, 2, 3]).three(), 3);
    }
}

pub mod trait_impl {
    pub struct S(u8);
    #[profile]
    impl Iterator for S {
        type Item = u8;
        fn next(&mut self) -> Option<u8> {
            self.0 = self.0.checked_sub(1)?;
            Some(self.0)
        }
    }
    #[profile]
    impl<'a> From<&'a S> for u8 {
        fn from(s: &'a S) -> Self {
            s.0
        }
    }
    pub fn check() {
        assert_eq!(S(3).sum::<u8>(), 3);
        assert_eq!(u8::from(&S(1)), 1);
    }
}

pub mod trait_definition {
    #[profile]
    pub trait T: Sized {
        const N: u8 = 1;
        type Out;
        fn required(&self) -> u8;
        fn provided(&self) -> u8 {
            self.required() + Self::N
        }
        fn also() -> u8 {
            1
        }
        #[profile(skip)]
        fn left_out(&self) -> u8 {
            1
        }
    }
    impl T for u8 {
        type Out = ();
        fn required(&self) -> u8 {
            *self
        }
    }
    pub fn check() {
        assert_eq!(1_u8.provided() + u8::also() + 1_u8.left_out(), 4);
    }
}

#[profile]
pub mod module {
    //! A module with everything in it.
    #![allow(dead_code)]
    use std::fmt::{self, Display};

    pub const N: usize = { 1 + 1 };
    static TEXT: &str = "a";
    type Number = u8;
    macro_rules! make {
        ($name:ident) => {
            pub fn $name() -> u8 {
                1
            }
        };
    }
    make!(unseen);
    std::thread_local! { static CELL: u8 = const { 1 } }
    unsafe extern "C" {
        fn abs(n: i32) -> i32;
    }
    pub struct S {
        pub n: Number,
    }
    pub enum E {
        A { n: u8 },
        B,
    }
    pub const fn constant() -> u8 {
        1
    }
    #[cfg(any())]
    pub const fn never_there() -> u8 {
        missing!()
    }
    fn private() -> u8 {
        constant()
    }
    impl S {
        pub fn get(&self) -> u8 {
            self.n + private() + unseen()
        }
        pub const fn fixed(&self) -> u8 {
            1
        }
    }
    impl Display for S {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}{}", self.n, TEXT)
        }
    }
    pub trait Twice {
        fn twice(&self) -> u8 {
            2
        }
    }
    impl Twice for S {}
    pub mod inner {
        pub fn deep() -> u8 {
            1
        }
        pub mod innermost {
            pub async fn deepest() -> u8 {
                crate::pause().await;
                super::deep()
            }
        }
        #[profile(skip)]
        pub mod left_out {
            pub fn unmeasured() -> u8 {
                1
            }
            #[profile]
            pub fn measured_all_the_same() -> u8 {
                1
            }
        }
    }
    #[profile(overhead = "1%")]
    pub mod with_options {
        pub fn f() -> u8 {
            1
        }
    }
    #[cfg_attr(all(), profile(name = "conditional"))]
    pub fn conditional() -> u8 {
        1
    }
    #[cfg_attr(any(), profile(skip))]
    pub fn conditional_not() -> u8 {
        1
    }
    #[cfg_attr(all(), profile(skip))]
    pub fn conditional_skip() -> u8 {
        1
    }
    pub fn check() {
        let s = S { n: 1 };
        assert_eq!(s.get() + s.twice() + s.fixed(), 6);
        assert_eq!(s.to_string(), "1a");
        assert_eq!(crate::block_on(inner::innermost::deepest()) + with_options::f(), 2);
        assert_eq!(inner::left_out::unmeasured() + inner::left_out::measured_all_the_same(), 2);
        assert_eq!(conditional() + conditional_not() + conditional_skip(), 3);
    }
}

pub mod imported {
    #[profile]
    pub mod with_import {
        use profile_core::profile;
        #[BARE(skip)]
        pub fn f() -> u8 {
            1
        }
        #[BARE(name = "own")]
        pub fn g() -> u8 {
            1
        }
    }
    #[profile]
    pub mod without_import {
        #[BARE(skip)]
        pub fn f() -> u8 {
            1
        }
        pub struct S;
        impl S {
            #[BARE]
            pub fn g(&self) -> u8 {
                1
            }
        }
    }
    pub fn check() {
        assert_eq!(with_import::f() + with_import::g(), 2);
        assert_eq!(without_import::f() + without_import::S.g(), 2);
    }
}

pub mod inside_function {
    pub fn check() {
        struct Local(u8);
        #[profile]
        impl Local {
            fn get(&self) -> u8 {
                self.0
            }
            const fn fixed(&self) -> u8 {
                self.0
            }
        }
        assert_eq!(Local(1).get() + Local(1).fixed(), 2);
    }
}

pub mod macros_inside {
    macro_rules! field {
        ($name:ident) => {
            pub fn $name(&self) -> u8 {
                self.0
            }
        };
    }
    pub struct S(u8);
    #[profile]
    impl S {
        field!(get);
        pub fn twice(&self) -> u8 {
            self.get() * 2
        }
    }
    pub fn check() {
        assert_eq!(S(1).twice(), 2);
    }
}

pub mod unsafe_containers {
    /// # Safety
    /// None needed.
    #[profile]
    pub unsafe trait T {
        fn f(&self) -> u8 {
            1
        }
    }
    #[profile]
    unsafe impl T for u8 {
        fn f(&self) -> u8 {
            2
        }
    }
    unsafe impl T for u16 {}
    pub fn check() {
        assert_eq!(1_u8.f() + 1_u16.f(), 3);
    }
}

pub mod conditional {
    pub struct S;
    #[profile]
    #[cfg(any())]
    impl S {
        pub const fn never_there(&self) -> Missing {}
    }
    #[profile]
    impl S {
        #[cfg(any())]
        pub const fn never_there_either(&self) -> Missing {}
        #[cfg(all())]
        pub fn there(&self) -> u8 {
            1
        }
    }
    pub fn check() {
        assert_eq!(S.there(), 1);
    }
}
