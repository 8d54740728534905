//! A program with 10,000 functions that does nothing. The driver times it with the feature on and
//! off.

macro_rules! ten {
    ($again:ident $($rest:ident)*) => {
        ten!($($rest)*); ten!($($rest)*); ten!($($rest)*); ten!($($rest)*); ten!($($rest)*);
        ten!($($rest)*); ten!($($rest)*); ten!($($rest)*); ten!($($rest)*); ten!($($rest)*);
    };
    // An unnamed `const`, so that the functions may have the same name.
    () => {
        const _: () = {
            #[allow(dead_code)]
            #[profile_core::profile]
            fn uncalled(argument: u64) -> u64 {
                argument + 1
            }
        };
    };
}

ten!(thousands hundreds tens ones);

fn main() {}
