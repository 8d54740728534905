//! Single processes, and what they share.

use std::time::Duration;

use profile_core::workers::{
    self, Array, MessageError, Pipe, Pool, Process, Queue, TaskError, Value, current_process, pipe,
};

fn ends(how: String) {
    match &*how {
        "return" => {}
        "exit" => std::process::exit(3),
        "panic" => panic!("asked to"),
        _ => loop {
            std::thread::park();
        },
    }
}

fn started(how: &str) -> Process {
    Process::start(workers::task!(ends), how.to_owned()).expect("a process")
}

/// Exit codes are those of Python.
pub fn exit_codes() {
    for (how, code) in [("return", 0), ("exit", 3), ("panic", 1)] {
        let mut process = started(how);
        process.join();
        assert_eq!((process.exit_code(), process.is_alive()), (Some(code), false), "{how}");
    }
    let mut process = started("wait");
    assert!(!process.join_timeout(Duration::from_millis(1)) && process.is_alive());
    assert_eq!(process.exit_code(), None);
    process.terminate();
    process.join();
    assert_eq!(process.exit_code(), Some(-15));
    let mut process = started("wait");
    process.kill();
    assert!(process.join_timeout(Duration::from_secs(100)));
    assert_eq!(process.exit_code(), Some(-9));
    // A daemon is killed when it is dropped; the others would be waited for.
    let daemon = Process::builder().daemon(true);
    drop(daemon.start(workers::task!(ends), "wait".to_owned()).expect("a process"));
}

fn tells((queue, end): (Queue<(String, u32, bool)>, Pipe<u64>)) {
    let process = current_process();
    queue.put(&(process.name, process.pid, process.is_daemon)).expect("told");
    while let Ok(number) = end.receive() {
        end.send(&(number * 2)).expect("answered");
    }
}

pub fn messages() {
    let queue = Queue::new().expect("a queue");
    let (ours, theirs) = pipe().expect("a pipe");
    let input = (queue.clone(), theirs);
    let named = Process::builder().name("N");
    let mut process = named.start(workers::task!(tells), input).expect("a process");
    let told = queue.get().expect("a message");
    assert_eq!(told, ("N".to_owned(), process.pid(), false));
    for number in [1, 1 << 40] {
        ours.send(&number).expect("sent");
        assert_eq!(ours.receive().expect("an answer"), number * 2);
    }
    drop(ours);
    process.join();
    assert_eq!(process.exit_code(), Some(0));
    assert_eq!(queue.get_timeout(Duration::from_millis(1)).expect("read"), None);
    assert!(matches!(Queue::<Queue<()>>::new().expect("a queue").put(&Queue::new().expect("one")),
        Err(MessageError::Encoding(text)) if text.contains("inputs of tasks")));
}

fn passes((from, to, many): (Queue<Vec<u32>>, Queue<Vec<u32>>, usize)) {
    for _ in 0..many {
        let message = from.get().expect("a message");
        to.put(&message).expect("passed on");
    }
}

/// Small messages and some that exceed every buffer, through two processes: none is lost, doubled
/// or torn.
pub fn many_messages() {
    const MANY: u32 = 2_000;
    let (to, from) = (Queue::new().expect("a queue"), Queue::new().expect("a queue"));
    let half = MANY as usize / 2;
    let start = |()| {
        let input = (to.clone(), from.clone(), half);
        Process::start(workers::task!(passes), input).expect("a process")
    };
    let _processes = [(), ()].map(start);
    let message = |number: u32| vec![number; if number.is_multiple_of(100) { 100_000 } else { 3 }];
    std::thread::scope(|scope| {
        scope.spawn(|| (0..MANY).for_each(|number| to.put(&message(number)).expect("added")));
        let mut seen: Vec<_> = (0..MANY).map(|_| from.get().expect("a message")).collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq((0..MANY).map(message)));
    });
}

fn counts((value, array, queue, place): (Value<u64>, Array<f64>, Queue<usize>, usize)) {
    for _ in 0..1_000 {
        value.update(|number| number + 1);
        array.update(place % array.len(), |number| number + 0.5);
    }
    queue.put(&place).expect("told");
}

/// Shared things are inputs of the tasks of a pool that was there before them.
pub fn shared_numbers() {
    let pool = Pool::new(3).expect("a pool");
    let value = Value::new(5_u64).expect("a value");
    let array = Array::new(4, -1.0).expect("an array");
    let queue = Queue::new().expect("a queue");
    let inputs = (0..40).map(|place| (value.clone(), array.clone(), queue.clone(), place));
    let done = pool.imap(workers::task!(counts), inputs).chunk_size(7).all();
    assert_eq!(done.map(|all| all.len()), Ok(40));
    assert_eq!(value.get(), 40_005);
    assert_eq!(array.to_vec(), [4_999.0; 4]);
    let mut told: Vec<usize> = std::iter::from_fn(|| queue.try_get().expect("read")).collect();
    told.sort_unstable();
    assert!(told.into_iter().eq(0..40));
    let returned = pool.apply(workers::task!(returns_a_queue), ());
    assert!(matches!(&returned, Err(TaskError::Encoding(_))), "{returned:?}");
}

fn returns_a_queue((): ()) -> Queue<u8> {
    Queue::new().expect("a queue")
}
