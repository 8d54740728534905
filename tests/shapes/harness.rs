// `#[test]` and `#[tokio::test]` in both orders. See `common.rs`.

#[profile]
#[test]
fn test_below() {}

#[test]
#[profile]
fn test_above() -> Result<(), std::num::ParseIntError> {
    "1".parse::<u8>()?;
    Ok(())
}

#[profile]
#[test]
#[should_panic(expected = "as it should")]
fn test_that_panics() {
    panic!("as it should");
}

#[profile]
#[tokio::test]
async fn tokio_test_below() {
    tokio::task::yield_now().await;
}

#[tokio::test]
#[profile]
async fn tokio_test_above() -> Result<(), std::num::ParseIntError> {
    tokio::task::yield_now().await;
    "1".parse::<u8>()?;
    Ok(())
}
