//! A thousand functions, and sixty-four threads alive at once that each call all of them twenty
//! times; prints the memory used.

use std::sync::Barrier;
use std::thread;

use tests::resident_bytes;

const THREADS: usize = 64;
const CALLS: u64 = 20;

macro_rules! one {
    () => {
        #[profile_core::profile]
        fn work(calls: &mut u64) {
            *calls += 1;
        }

        pub fn call_all(calls: &mut u64) {
            work(calls);
        }
    };
}

macro_rules! ten {
    ($each:ident: $($module:ident)*) => {
        $(
            pub mod $module {
                $each! {}
            }
        )*

        pub fn call_all(calls: &mut u64) {
            $($module::call_all(calls);)*
        }
    };
}

macro_rules! of_one {
    () => {
        ten! { one: a b c d e f g h i j }
    };
}

macro_rules! of_ten {
    () => {
        ten! { of_one: a b c d e f g h i j }
    };
}

mod thousand {
    ten! { of_ten: a b c d e f g h i j }
}

fn main() {
    static READY: Barrier = Barrier::new(THREADS + 1);
    static START: Barrier = Barrier::new(THREADS + 1);
    static DONE: Barrier = Barrier::new(THREADS + 1);
    let run = || {
        READY.wait();
        START.wait();
        let mut calls = 0;
        (0..CALLS).for_each(|_| thousand::call_all(&mut calls));
        DONE.wait();
        DONE.wait();
        calls
    };
    let threads: Vec<_> = (0..THREADS).map(|_| thread::spawn(run)).collect();
    READY.wait();
    let before = resident_bytes();
    START.wait();
    DONE.wait();
    println!("growth {}", resident_bytes() - before);
    println!("resident {}", resident_bytes());
    DONE.wait();
    let called: u64 = threads.into_iter().map(|thread| thread.join().expect("a thread ends")).sum();
    let snapshot = profile_core::capture();
    println!("called {called}");
    println!("functions {}", snapshot.functions.len());
    println!("recorded {}", snapshot.functions.iter().map(|function| function.calls).sum::<u64>());
    println!("lost {}", snapshot.overhead.lost_calls);
}
