//! The twin of `endings` that knows nothing of any instrument: what a status has to be compared
//! with.

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
