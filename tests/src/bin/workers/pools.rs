//! What a pool returns, and how it and its processes end.

use std::cell::Cell;
use std::io::Read;
use std::time::Duration;

use profile_core::profile;
use profile_core::workers::{self, Pool, Progress, StartError, TaskError, current_process};

fn square(number: u64) -> u64 {
    number * number
}

fn squares(range: std::ops::Range<u64>) -> Vec<u64> {
    range.map(square).collect()
}

pub fn results() {
    let pool = Pool::new(3).expect("a pool");
    let task = workers::task!(square);
    assert_eq!(pool.apply(task, 12), Ok(144));
    assert_eq!(pool.map(task, 0..10_000), Ok(squares(0..10_000)));
    assert_eq!(pool.map(task, []), Ok(vec![]));
    for chunk in [1, 7, 5_000] {
        let ordered = pool.imap(task, 0..1_000).chunk_size(chunk);
        assert_eq!(ordered.all(), Ok(squares(0..1_000)));
        let mut any = pool.imap_unordered(task, 0..1_000).chunk_size(chunk).all().expect("all");
        any.sort_unstable();
        assert_eq!(any, squares(0..1_000));
    }
    let handles: Vec<_> = (0..100).map(|number| pool.apply_async(task, number)).collect();
    let all: Vec<u64> = handles.into_iter().map(|handle| handle.get().expect("a square")).collect();
    assert_eq!(all, squares(0..100));

    let seen = Cell::new(Progress::default());
    let counted = pool.imap(task, 0..100).chunk_size(30).on_progress(|it| {
        assert!(it.done > seen.get().done && it.total == Some(100));
        seen.set(it);
    });
    assert_eq!(counted.count(), 100);
    assert_eq!(seen.get().done, 100);
    // The others are abandoned.
    assert_eq!(pool.imap(task, 5..).next(), Some(Ok(25)));
    pool.join();
}

fn fails(how: String) -> Option<Option<u32>> {
    match &*how {
        "none" => Some(None),
        "panic" => panic!("asked to"),
        "exit" => std::process::exit(7),
        "abort" => std::process::abort(),
        _ => Some(Some(1)),
    }
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum Untagged {
    A(u32),
}

fn untagged(number: u32) -> Untagged {
    Untagged::A(number)
}

pub fn errors() {
    let pool = Pool::new(2).expect("a pool");
    let task = workers::task!(fails);
    let how = ["none", "panic", "", "exit", "abort", ""].map(String::from);
    let outcomes: Vec<_> = pool.imap(task, how).chunk_size(6).collect();
    let [none, panic, one, exit, abort, last] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!([none, one, last], [&Ok(Some(None)), &Ok(Some(Some(1))), &Ok(Some(Some(1)))]);
    assert_eq!(panic, &Err(TaskError::Panicked("asked to".to_owned())));
    let codes = [exit, abort].map(|outcome| match outcome {
        Err(TaskError::Crashed(ended)) => ended.exit_code(),
        other => panic!("{other:?}"),
    });
    assert_eq!(codes, [7, -6]);
    // Python runs all of them, too, and then raises the first error.
    let first = pool.map(task, ["", "panic", "exit"].map(String::from));
    assert_eq!(first, Err(TaskError::Panicked("asked to".to_owned())));
    let refused = pool.apply(workers::task!(untagged), 1).expect_err("an error");
    assert!(matches!(&refused, TaskError::Encoding(text) if text.contains("Untagged")));
}

fn reversed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.reverse();
    bytes
}

/// More than every buffer, in both directions at once.
pub fn large() {
    let pool = Pool::new(2).expect("a pool");
    let texts = (0..40_u8).map(|number| vec![number; usize::from(number) << 17]);
    let all = pool.imap(workers::task!(reversed), texts.clone()).all().expect("all");
    assert!(all.into_iter().eq(texts));
}

pub fn few_in_flight() {
    let pool = Pool::new(2).expect("a pool");
    let taken = Cell::new(0);
    let mut results = pool.imap(workers::task!(square), (0..).inspect(|it| taken.set(*it)));
    for _ in 0..1_000 {
        results.next();
    }
    assert!(taken.get() < 1_100, "{}", taken.get());
}

fn until_killed((): ()) -> bool {
    loop {
        std::thread::park();
    }
}

pub fn closing() {
    let pool = Pool::new(2).expect("a pool");
    let pids = pool.pids();
    let results: Vec<_> =
        (0..50).map(|number| pool.apply_async(workers::task!(square), number)).collect();
    pool.close();
    let late = pool.apply(workers::task!(square), 1);
    assert_eq!(late, Err(TaskError::Closed));
    pool.join();
    assert!(results.iter().all(workers::AsyncResult::ready));
    for pid in pids {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}

pub fn terminating() {
    let pool = Pool::new(2).expect("a pool");
    let mut results: Vec<_> =
        (0..5).map(|_| pool.apply_async(workers::task!(until_killed), ())).collect();
    let first = results.remove(0).get_timeout(Duration::from_millis(1)).expect_err("no result");
    results.push(first);
    pool.terminate();
    for result in results {
        assert_eq!(result.get(), Err(TaskError::Terminated));
    }
    assert_eq!(pool.apply(workers::task!(square), 1), Err(TaskError::Terminated));
    pool.join();
    // Dropping does the same.
    let pool = Pool::new(1).expect("a pool");
    let result = pool.apply_async(workers::task!(until_killed), ());
    drop(pool);
    assert_eq!(result.get(), Err(TaskError::Terminated));
}

fn about_child((): ()) -> (String, u32, bool, String, bool) {
    let process = current_process();
    let mut stdin = String::new();
    std::io::stdin().read_to_string(&mut stdin).expect("standard input");
    let nested = Pool::new(1).expect("a pool in a worker");
    let square = nested.apply(workers::task!(square), 3);
    (process.name, process.pid, process.is_daemon, stdin, square == Ok(9))
}

pub fn child() {
    assert_eq!(current_process().name, "MainProcess");
    let pool = Pool::new(1).expect("a pool");
    let [pid] = pool.pids()[..] else { panic!("one process") };
    let about = pool.apply(workers::task!(about_child), ());
    assert_eq!(about, Ok(("PoolWorker-1".to_owned(), pid, true, String::new(), true)));
}

#[profile]
fn measured(number: u64) -> u64 {
    number + 1
}

pub fn recorded() {
    let pool = Pool::new(2).expect("a pool");
    assert_eq!(pool.imap(workers::task!(measured), 0..100).count(), 100);
    pool.join();
}

fn depth(left: u32) -> u64 {
    let filler = std::hint::black_box([u64::from(left); 128]);
    if left == 0 { 0 } else { depth(left - 1) + filler[7] / filler[8] }
}

/// Needs some 100 MiB.
pub fn stack() {
    let pool = Pool::builder().processes(1).stack_bytes(1 << 30).start().expect("a pool");
    assert_eq!(pool.apply(workers::task!(depth), 50_000), Ok(50_000));
}

pub fn orphans() {
    let pool = Pool::new(2).expect("a pool");
    let _results = [(), ()].map(|()| pool.apply_async(workers::task!(until_killed), ()));
    println!("{:?}", pool.pids());
    std::thread::park();
}

pub fn without_init() {
    match Pool::new(2) {
        // In the program itself.
        Err(StartError::EndedBeforeInit(ended)) => println!("child: {}", ended.exit_code()),
        // In its children.
        Err(StartError::InitNotCalled) => std::process::exit(3),
        other => panic!("{other:?}"),
    }
}

pub fn hangs_before_init() {
    let builder = Pool::builder().processes(1).start_timeout(Duration::from_millis(200));
    match builder.start() {
        Err(error @ StartError::NoInit(_)) => println!("{error}"),
        Err(StartError::InitNotCalled) => std::thread::park(),
        other => panic!("{other:?}"),
    }
}
