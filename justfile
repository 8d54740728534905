# Commands for contributors. `just` alone lists them.

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
    cargo clippy -p profile-core --no-default-features --features stats,warnings,workers -- -D warnings
    RUSTFLAGS="--cfg profile_fallback" cargo check -q -p profile-core --features workers --target-dir target/fallback
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The comparison with other instruments, as ratios.
bench:
    cargo run --release -p benches

# Licenses and sources of all dependencies.
deny:
    cargo deny check licenses bans sources

# The main example, on the sources that cargo has downloaded, or on these folders.
survey *FOLDERS:
    cargo run --release -p examples --bin survey -- {{ FOLDERS }}
