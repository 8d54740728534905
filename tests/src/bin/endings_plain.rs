//! The uninstrumented counterpart of `endings`, whose statuses are the expected ones.

macro_rules! measured {
    ($function:item) => {
        $function
    };
}

#[path = "endings/scenes.rs"]
mod scenes;

fn main() {
    scenes::main();
}
