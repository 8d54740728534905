//! The time of source lines, with a clock set by hand: every moment is on one line, as the end of that line says.

use std::cell::Cell;
use std::future::Future;
use std::task::{Context, Poll, Waker};

use profile_core::__private::{set_mock_ticks, use_mock_clock};
use profile_core::{Settings, Snapshot, capture, profile};

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(1_000) };
}

/// Lets so many nanoseconds pass, and gives their number.
fn pass(ns: u64) -> u64 {
    NOW.set(NOW.get() + ns);
    set_mock_ticks(NOW.get());
    ns
}

/// Says that there is more, each so many nanoseconds.
struct Steps(u64);

impl Iterator for Steps {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        pass(1);
        self.0 = self.0.checked_sub(1)?;
        Some(self.0)
    }
}

#[rustfmt::skip]
#[profile(lines)]
fn flow(flag: bool) -> u64 {
    let a = pass(10); //= 10
    for step in Steps(3) { //= 4
        pass(100 + step); //= 303
    }
    let b = pass(1000) + match flag { //= 1009
        true => { //
            pass(3); //= 3
            pass(4) //= 4
        }
        false => pass(50), //= 0
    } + pass(9);
    let mut left = 2; //= 0
    while pass(5) > 0 && left > 0 { //= 15
        left -= 1; //= 0
        pass(20); //= 40
    }
    if pass(7) == 0 { //= 7
        pass(60); //= 0
    } else if pass(8) == 8 { //= 8
        pass(2); //= 2
    }
    let run = || { //= 0
        pass(5);
        pass(6)
    };
    let c = run(); //= 11
    a + b + c //= 0
}

#[rustfmt::skip]
#[profile(lines)]
fn recurses(depth: u64) -> u64 {
    pass(1); //= 3
    if depth == 0 { return pass(10); } //= 10
    let inner = pass(100) + recurses(depth - 1) + pass(200); //= 600
    inner + pass(1000) //= 2000
}

/// Waits twice: the time between its polls passes elsewhere.
#[rustfmt::skip]
#[profile(lines)]
async fn waits() -> u64 {
    pass(10); //= 10
    Pause(false).await; //= 0 500
    pass(20); //= 20
    let (a, b) = (pass(1), Pause(false).await); //= 1 500
    let () = b; //= 0
    a + pass(30) //= 30
}

struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Time and waiting time of each line are as its end says, and come to the function's.
fn check(snapshot: &Snapshot, name: &str) {
    let path = format!("lines_oracle::{name}");
    let mut wrong = Vec::new();
    let mut sum = 0;
    for line in snapshot.lines.iter().filter(|line| line.path == path) {
        sum += line.inclusive_ns.unwrap_or(0);
        let Some((_, figures)) = line.source.split_once("//=") else { continue };
        let mut figures = figures.split_whitespace().map(|it| it.parse::<u64>().expect("a figure"));
        let expected = [figures.next().unwrap_or(0), figures.next().unwrap_or(0)];
        let found = [line.inclusive_ns.unwrap_or(0), line.waiting_ns.unwrap_or(0)];
        if found != expected {
            wrong.push(format!("{found:?} at {}: {}", line.line, line.source));
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    assert_eq!(sum, snapshot.function(&path).expect("it was called").inclusive_ns, "{name}");
}

#[test]
fn every_moment_is_on_the_line_that_took_it() {
    Settings::new().overhead("exact").expect("allowed").apply();
    use_mock_clock();
    pass(0);
    flow(true);
    recurses(2);
    let mut waiting = Box::pin(waits());
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..2 {
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Pending);
        pass(500);
    }
    assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(31));
    let snapshot = capture();
    for name in ["flow", "recurses", "waits"] {
        check(&snapshot, name);
    }
}
