use profile_core::profile;

// The compiler's own messages point at the user's code, and come once.
#[profile]
fn wrong_type() -> u8 {
    "text"
}

#[profile]
async fn wrong_type_async() -> u8 {
    "text"
}

#[profile]
fn nothing_returned(n: u8) -> u8 {
    n;
}

#[profile]
async fn unknown_name() {
    missing().await;
}

fn main() {}
