//! The time of source lines, with a mock clock: every moment is on one line, with the time in its
//! comment.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use profile_core::__private::{set_mock_ticks, use_mock_clock};
use profile_core::warnings::RaisedWarning;
use profile_core::{Settings, Snapshot, capture, profile};

/// The clock is one for all threads.
static NOW: AtomicU64 = AtomicU64::new(1_000);
static ALONE: Mutex<()> = Mutex::new(());

/// Advances the clock by this many nanoseconds, and returns their number.
fn pass(ns: u64) -> u64 {
    set_mock_ticks(NOW.fetch_add(ns, Relaxed) + ns);
    ns
}

/// While this exists, no other test advances the clock.
fn with_mock_clock() -> MutexGuard<'static, ()> {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    Settings::new().overhead("exact").expect("allowed").apply();
    use_mock_clock();
    pass(0);
    alone
}

/// An iterator whose steps each take this many nanoseconds.
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

/// Advances the clock by this many nanoseconds when it is dropped.
struct Slow(u64);

impl Slow {
    fn ns(&self) -> u64 {
        self.0
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        pass(self.0);
    }
}

#[expect(clippy::needless_late_init, reason = "a let of each kind")]
#[rustfmt::skip]
#[allow(clippy::single_match, clippy::single_match_else, reason = "the arm is what is looked at")]
#[profile(lines)]
fn drops(given: Option<Slow>) -> u64 {
    let outer = Slow(1000); //= 0
    for turn in 0..3 { //= 0
        let inner = Slow(10 + turn); //= 0
        pass(inner.0); //= 33
    } //= 33
    if let Some(given) = given { //= 0
        pass(given.0); //= 5
    } else if pass(2) > 0 { //= 5
        pass(1); //= 0
    }
    let value = { //= 0
        let part = Slow(100); //= 0
        pass(part.0) //= 100
    }; //= 100
    match value { //= 0
        100 => { //
            let arm = Slow(3); //= 0
            pass(arm.0); //= 3
        } //= 3
        _ => {} //
    }
    let late; //= 0
    late = Slow(7); //= 0
    pass(late.0 + outer.0) //= 1007
} //= 1007

/// It waits forever: the last wait is on the line that waits, and so is what is dropped there.
#[rustfmt::skip]
#[profile(lines)]
async fn cancelled() {
    let own = Slow(20); //= 0
    Pause(false).await; //= 0 500
    std::future::pending::<()>().await; //= 20 500
    pass(own.0); //= 0
}

#[rustfmt::skip]
#[profile(lines)]
async fn still_open() {
    Pause(false).await; //= 0 500
    std::future::pending::<()>().await; //= 0 1000
}

/// It waits once, and no longer waits after it has unwound.
#[rustfmt::skip]
#[profile(lines)]
async fn unwinds() {
    Pause(false).await; //= 0 500
    if pass(3) > 0 { std::panic::resume_unwind(Box::new(())) } //= 3
}

#[rustfmt::skip]
#[profile(lines)]
async fn drops_later(given: Slow) -> u64 {
    let own = Slow(20); //= 0
    Pause(false).await; //= 0 500
    pass(own.0 + given.ns()) //= 70
} //= 70

/// Its values are inspected, which does not change their lines.
#[rustfmt::skip]
#[profile(lines, returns)]
fn returned(number: Option<u64>) -> Option<u64> {
    let number = number?; //= 0
    if pass(number) > 5 { //= 16
        pass(3); //= 3
        Some(pass(4)) //= 4
    } else {
        return Some(pass(100)); //= 100
    }
}

#[rustfmt::skip]
#[profile(lines, returns)]
async fn returned_later(number: Option<u64>) -> Option<u64> {
    let number = number?; //= 0
    Some(pass(number)) //= 16
}

struct Refused;

impl From<RaisedWarning> for Refused {
    fn from(_: RaisedWarning) -> Refused {
        Refused
    }
}

#[rustfmt::skip]
#[profile(lines, returns, warn_above = "1 s", raise)]
fn raised(number: u64) -> Result<u64, Refused> {
    pass(1); //= 2
    match number { //= 0
        4 => Ok(pass(number)), //= 4
        _ => Ok(pass(number + 1)), //= 13
    }
}

struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Time and waiting time of each line are those in its comment, and add up to the function's.
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
    let _alone = with_mock_clock();
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

/// Polls a future that is still pending, then advances the clock by 500 ns.
fn poll_and_wait<F: Future>(future: &mut std::pin::Pin<Box<F>>) {
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    pass(500);
}

#[test]
fn what_a_block_drops_is_on_its_closing_brace() {
    let _alone = with_mock_clock();
    drops(Some(Slow(5)));
    let mut later = Box::pin(drops_later(Slow(50)));
    poll_and_wait(&mut later);
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(later.as_mut().poll(&mut context), Poll::Ready(70));
    let snapshot = capture();
    check(&snapshot, "drops");
    check(&snapshot, "drops_later");
}

#[test]
fn the_last_wait_is_on_the_line_that_waits() {
    let _alone = with_mock_clock();
    let (mut cancelled, mut open) = (Box::pin(cancelled()), Box::pin(still_open()));
    for _ in 0..2 {
        poll_and_wait(&mut cancelled);
    }
    drop(cancelled);
    let mut unwound = Box::pin(unwinds());
    poll_and_wait(&mut unwound);
    let mut context = Context::from_waker(Waker::noop());
    let poll = || unwound.as_mut().poll(&mut context);
    assert!(catch_unwind(AssertUnwindSafe(poll)).is_err());
    pass(500);
    drop(unwound);
    pass(500);
    for _ in 0..2 {
        poll_and_wait(&mut open);
    }
    pass(500);
    let snapshot = capture();
    check(&snapshot, "cancelled");
    check(&snapshot, "unwinds");
    check(&snapshot, "still_open");
    // Pending futures continue to wait.
    pass(500);
    let waiting = |snapshot: &Snapshot| {
        let own = snapshot.lines.iter().filter(|line| line.path.ends_with("::still_open"));
        own.filter_map(|line| line.waiting_ns).sum::<u64>()
    };
    assert_eq!(waiting(&capture()) - waiting(&snapshot), 500);
}

#[test]
fn a_value_that_is_looked_at_is_on_its_own_line() {
    let _alone = with_mock_clock();
    for number in [12, 4] {
        let mut later = Box::pin(returned_later(Some(number)));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(later.as_mut().poll(&mut context), Poll::Ready(Some(number)));
        assert!(returned(Some(number)).is_some() && raised(number).is_ok());
    }
    let snapshot = capture();
    for name in ["returned", "returned_later", "raised"] {
        check(&snapshot, name);
    }
}
