//! A program with 10,000 functions that does nothing. The driver times it with the attributes at
//! work and with the feature off.

macro_rules! ten {
    ($again:ident $($rest:ident)*) => {
        ten!($($rest)*); ten!($($rest)*); ten!($($rest)*); ten!($($rest)*); ten!($($rest)*);
        ten!($($rest)*); ten!($($rest)*); ten!($($rest)*); ten!($($rest)*); ten!($($rest)*);
    };
    // A `const` without a name, so that the functions may share theirs.
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
