//! Programs that end in every possible way, instrumented. `endings_plain` is the same without the
//! attribute.

macro_rules! measured {
    ($function:item) => {
        #[profile_core::profile]
        $function
    };
}

mod scenes;

fn main() {
    scenes::main();
}
