//! Programs with many threads, deep stacks and many call paths, selected by the first argument.
//! Figures are printed as lines `name number`.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use profile_core::profile;
use tests::resident_bytes;

#[profile]
fn work() {
    black_box(0);
}

#[profile]
fn early() {
    black_box(0);
}

fn main() {
    let scene = std::env::args().nth(1).expect("the name of a scene");
    match &*scene {
        "before_main" => work(),
        "detached" => detached(),
        "short" => short(),
        "destructors" => destructors(),
        "deep" => deep(),
        "paths" => paths(),
        "small_stack" => small_stack(),
        _ => panic!("no scene is called {scene}"),
    }
}

/// Called by the C library before `main`, and before the start of the session.
#[used]
// SAFETY: pointers to functions that the C library calls before `main`; this one has the right
// type.
#[unsafe(link_section = ".init_array.00101")]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    (0..3).for_each(|_| early());
}

/// Sixty-four threads that continue to record while the program ends.
fn detached() {
    const THREADS: usize = 64;
    static DONE: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];
    for done in &DONE {
        thread::spawn(move || {
            loop {
                for _ in 0..100 {
                    work();
                    done.fetch_add(1, Relaxed);
                }
                // Otherwise `main` would hardly make progress beside so many.
                thread::sleep(Duration::from_micros(200));
            }
        });
    }
    while DONE.iter().any(|done| done.load(Relaxed) == 0) {
        thread::yield_now();
    }
    println!("announced {}", DONE.iter().map(|done| done.load(Relaxed)).sum::<u64>());
}

/// A hundred thousand threads, two at a time, and the memory that they leave behind.
fn short() {
    let threads = |count: u64| {
        for _ in 0..count / 2 {
            thread::scope(|scope| {
                scope.spawn(work);
                scope.spawn(work);
            });
        }
    };
    threads(1000);
    let before = resident_bytes();
    threads(99_000);
    println!("growth {}", resident_bytes() - before);
}

/// Calls its function when its thread ends.
struct CallsOnDrop {
    calls: Cell<u64>,
}

impl Drop for CallsOnDrop {
    fn drop(&mut self) {
        (0..self.calls.get()).for_each(|_| work());
    }
}

thread_local! {
    static MADE_BEFORE: CallsOnDrop = const { CallsOnDrop { calls: Cell::new(0) } };
    static MADE_AFTER: CallsOnDrop = const { CallsOnDrop { calls: Cell::new(0) } };
    static TEXTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Twenty threads, each with one call while it runs and three while it ends; one more that calls
/// only while it ends.
fn destructors() {
    for _ in 0..20 {
        let thread = thread::spawn(|| {
            MADE_BEFORE.with(|it| it.calls.set(1));
            work();
            MADE_AFTER.with(|it| it.calls.set(2));
            TEXTS.with_borrow_mut(|texts| texts.push("text".repeat(100)));
        });
        thread.join().expect("a thread ends");
    }
    let thread = thread::spawn(|| MADE_BEFORE.with(|it| it.calls.set(1)));
    thread.join().expect("a thread ends");
}

#[profile]
fn descend(depth: u64) -> u64 {
    if depth == 0 { 0 } else { black_box(descend(depth - 1)) + 1 }
}

/// A hundred thousand calls deep.
fn deep() {
    let thread = thread::Builder::new().stack_size(256 << 20).spawn(|| descend(99_999));
    let depth = thread.expect("a thread with a large stack").join().expect("it ends");
    assert_eq!(depth, 99_999);
}

/// A million paths: every way to pass through five of twenty functions without meeting one twice.
fn paths() {
    const FUNCTIONS: [fn(&[usize]); 20] = chain::ALL;
    let mut leaves = 0_u64;
    let mut code = Vec::new();
    visit(&mut code, FUNCTIONS.len(), &mut |code| {
        leaves += 1;
        FUNCTIONS[code[0]](&code[1..]);
        leaves < 1_000_000
    });
    println!("leaves {leaves}");
}

/// Enumerates every code of five different numbers, until told to stop.
fn visit(code: &mut Vec<usize>, numbers: usize, call: &mut impl FnMut(&[usize]) -> bool) -> bool {
    const LENGTH: usize = 5;
    if code.len() == LENGTH {
        return call(code);
    }
    (0..numbers).all(|number| {
        if code.contains(&number) {
            return true;
        }
        code.push(number);
        let goes_on = visit(code, numbers, call);
        code.pop();
        goes_on
    })
}

/// Functions that call each other by a code.
mod chain {
    macro_rules! chain {
        ($($name:ident)*) => {
            pub const ALL: [fn(&[usize]); 20] = [$($name),*];
            $(
                #[profile_core::profile]
                fn $name(code: &[usize]) {
                    if let Some((next, rest)) = code.split_first() {
                        ALL[*next](rest);
                    }
                }
            )*
        };
    }

    chain! { a b c d e f g h i j k l m n o p q r s t }
}

/// On the smallest possible stack, with a report created there too.
fn small_stack() {
    let thread = thread::Builder::new().stack_size(16 << 10).spawn(work);
    thread.expect("a thread with a small stack").join().expect("it ends");
}
