// `#[tokio::main]` in both orders. See `common.rs`.

mod above {
    #[profile]
    #[tokio::main(flavor = "current_thread")]
    pub async fn main() -> Result<(), std::io::Error> {
        tokio::task::yield_now().await;
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
#[profile]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::thread::spawn(above::main).join().unwrap()?;
    tokio::task::yield_now().await;
    Ok(())
}
