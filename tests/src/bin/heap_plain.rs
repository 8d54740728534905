//! The programs of `heap` without the allocator that counts.

#[path = "heap/scenes.rs"]
mod scenes;

fn main() {
    scenes::main();
}
