//! Profiles async functions: a key-value service and its clients on the loopback interface.
//!
//! ```text
//! cargo run --release -p examples --bin service
//! ```
//!
//! It ends by itself after about a second. In the report at exit, the first table shows the time
//! inside polls, the second the outcome of the calls:
//!
//! - `Store::archive` waits for a disk that never answers, and `answer` drops it on timeout: all
//!   its calls are cancelled, and all its time is waiting.
//! - `serve` is a single call, cancelled by `select!` when the clients have disconnected.
//! - `Store::set` waits for a slow disk: long wall time, hardly any busy time.
//! - `digest` computes without waiting: its time blocks a worker.
//! - `Store::get` looks up a key under a lock: its slowest calls waited for `digest` to release it.
//! - A call of `converse` lasts as long as its client, over many polls, on whichever worker is
//!   free. Calls whose client is still connected when `serve` is dropped are cancelled with it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use profile_core::{ProfilingAllocator, profile};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

const CLIENTS: usize = 16;
/// Requests of one client, in groups of [`GROUP`].
const GROUPS: usize = 40;
const GROUP: usize = 4;
/// How long a request may take before the reply is `late`.
const PATIENCE: Duration = Duration::from_millis(20);
/// The most that one client may send in total: an endless line must not fill the memory.
const LONGEST_BYTES: u64 = 64 << 10;

#[profile]
#[tokio::main(worker_threads = 2)]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let heard = tokio::select! {
        stopped = serve(listener) => stopped.map(|()| Heard::default()),
        heard = clients(address) => heard,
    }?;
    println!(
        "{CLIENTS} clients, {} requests: {} answered, {} late, {} not understood",
        CLIENTS * GROUPS * GROUP,
        heard.answered,
        heard.late,
        heard.not_understood,
    );
    Ok(())
}

/// Accepts connections until it is dropped, and the conversations with it.
#[profile]
async fn serve(listener: TcpListener) -> io::Result<()> {
    let store = Arc::new(Store::default());
    let mut conversations = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        conversations.spawn(converse(stream, store.clone()));
        while conversations.try_join_next().is_some() {}
    }
}

/// Answers one client, line by line. An error of one client does not affect the others.
#[profile]
async fn converse(stream: TcpStream, store: Arc<Store>) -> io::Result<()> {
    let (requests, mut replies) = stream.into_split();
    let mut requests = BufReader::new(requests.take(LONGEST_BYTES)).lines();
    while let Some(request) = requests.next_line().await? {
        let reply = answer(&request, &store).await;
        replies.write_all(format!("{reply}\n").as_bytes()).await?;
    }
    Ok(())
}

/// Replies to one request, with a timeout.
#[profile]
async fn answer(request: &str, store: &Store) -> String {
    let reply = timeout(PATIENCE, perform(request, store)).await;
    reply.unwrap_or_else(|_| "late".to_owned())
}

#[profile]
async fn perform(request: &str, store: &Store) -> String {
    let words: Vec<&str> = request.split_whitespace().collect();
    match words[..] {
        ["get", key] => store.get(key).unwrap_or_default(),
        ["set", key, value] => store.set(key, value).await,
        ["digest"] => store.digest().to_string(),
        ["archive"] => store.archive().await,
        _ => "not understood".to_owned(),
    }
}

/// Keys and values, in memory and on a simulated disk.
#[derive(Default)]
struct Store {
    values: Mutex<BTreeMap<String, String>>,
}

#[profile]
impl Store {
    fn get(&self, key: &str) -> Option<String> {
        self.values().get(key).cloned()
    }

    async fn set(&self, key: &str, value: &str) -> String {
        sleep(Duration::from_millis(2)).await;
        self.values().insert(key.to_owned(), value.to_owned()).unwrap_or_default()
    }

    /// Computes for a while without an `.await`, which a service should avoid.
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for _ in 0..100 {
            self.values().hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Waits for a disk that never answers.
    async fn archive(&self) -> String {
        std::future::pending().await
    }

    #[profile(skip)]
    fn values(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Replies that the clients received.
#[derive(Default)]
struct Heard {
    answered: usize,
    late: usize,
    not_understood: usize,
}

impl Heard {
    fn add(&mut self, other: &Heard) {
        self.answered += other.answered;
        self.late += other.late;
        self.not_understood += other.not_understood;
    }
}

/// All clients at once.
async fn clients(address: SocketAddr) -> io::Result<Heard> {
    let mut clients: JoinSet<_> = (0..CLIENTS).map(|number| client(address, number)).collect();
    let mut heard = Heard::default();
    while let Some(client) = clients.join_next().await {
        heard.add(&client??);
    }
    Ok(heard)
}

#[profile]
async fn client(address: SocketAddr, number: usize) -> io::Result<Heard> {
    let mut connection = Connection::open(address).await?;
    let mut heard = Heard::default();
    for group in 0..GROUPS {
        for request in requests(number, group) {
            match &*connection.ask(&request).await? {
                "late" => heard.late += 1,
                "not understood" => heard.not_understood += 1,
                _ => heard.answered += 1,
            }
        }
    }
    Ok(heard)
}

fn requests(number: usize, group: usize) -> [String; GROUP] {
    let last = if group == 0 { "please" } else { "archive" };
    [
        format!("set key-{number}-{group} {group}"),
        format!("get key-{number}-{group}"),
        "digest".to_owned(),
        last.to_owned(),
    ]
}

/// The client side of a connection.
struct Connection {
    replies: Lines<BufReader<OwnedReadHalf>>,
    requests: OwnedWriteHalf,
}

#[profile]
impl Connection {
    async fn open(address: SocketAddr) -> io::Result<Connection> {
        let (replies, requests) = TcpStream::connect(address).await?.into_split();
        Ok(Connection { replies: BufReader::new(replies).lines(), requests })
    }

    async fn ask(&mut self, request: &str) -> io::Result<String> {
        self.requests.write_all(format!("{request}\n").as_bytes()).await?;
        self.replies.next_line().await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
