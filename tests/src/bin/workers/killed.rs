//! Processes that are killed while they work.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use profile_core::workers::{self, Pool, TaskError};

const KILLS: usize = 12;
const PERIOD: Duration = Duration::from_millis(100);

/// Notes in a file that it was called, then works for some 100 µs.
fn noted((number, file): (usize, String)) -> usize {
    let mut file = File::options().append(true).open(file).expect("the file of notes");
    // One system call: a kill does not tear it.
    file.write_all(format!("{number}\n").as_bytes()).expect("noted");
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(100) {
        std::hint::spin_loop();
    }
    number
}

/// Prints what the test checks.
pub fn killed() {
    let notes = std::env::args().nth(2).expect("the path of a file");
    File::create(&notes).expect("the file of notes");
    for chunk in [1, 50, 1_000] {
        let pool = Pool::new(2).expect("a pool");
        let (kills, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let first = chunk * 1_000_000;
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut next = 0;
                while !is_over.load(Relaxed) && kills.load(Relaxed) < KILLS {
                    thread::sleep(PERIOD);
                    let pids = pool.pids();
                    let Some(&pid) = pids.get(next % pids.len().max(1)) else { continue };
                    next += 1;
                    tests::kill(pid, libc::SIGKILL);
                    kills.fetch_add(1, Relaxed);
                }
            });
            let inputs = (first..).map(|number| (number, notes.clone()));
            let inputs = inputs.take_while(|_| kills.load(Relaxed) < KILLS);
            let results = pool.imap(workers::task!(noted), inputs).chunk_size(chunk);
            for (place, outcome) in results.enumerate() {
                match outcome {
                    Ok(number) if number == first + place => println!("returned {number}"),
                    Err(TaskError::Crashed(ended)) if ended.exit_code() == -libc::SIGKILL => {
                        println!("crashed {}", first + place);
                    }
                    wrong => println!("wrong {} {wrong:?}", first + place),
                }
            }
            is_over.store(true, Relaxed);
        });
        println!("kills {chunk} {}", kills.load(Relaxed));
    }
}

fn own_pid((): ()) -> u32 {
    std::process::id()
}

pub fn killed_while_idle() {
    let pool = Pool::new(1).expect("a pool");
    for _ in 0..20 {
        let pid = pool.apply(workers::task!(own_pid), ()).expect("a number");
        tests::kill(pid, libc::SIGKILL);
        // It is dead, or about to be: the next call is begun by another process.
        while std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z"))
        {
            thread::yield_now();
        }
        let next = pool.apply(workers::task!(own_pid), ()).expect("a number");
        assert_ne!(next, pid);
    }
}
