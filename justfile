# What a contributor runs. `just` alone lists it.

default:
    @just --list

# Every test.
test:
    cargo test --workspace

# What CI checks besides the tests.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy -p profile-core --all-targets -- -D warnings
    cargo clippy -p profile-core --no-default-features -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The table of ratios against other instruments.
bench:
    cargo run --release -p benches

# Licences and sources of all dependencies.
deny:
    cargo deny check licenses bans sources

# The main job, on the sources cargo has on this machine.
survey *FOLDERS:
    cargo run --release -p examples --bin survey -- {{ FOLDERS }}
