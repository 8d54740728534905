//! Warnings of a whole process: what every thread sees, what the report shows, and children that
//! are forked while threads warn. One test at a time, since they share the process.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use profile_core::warnings::{
    Action, CatchWarnings, RuntimeWarning, UserWarning, Warning, catch_process_warnings,
    catch_warnings, raised, set_show_warning, simple_filter,
};
use profile_core::{capture, profile};

profile_core::category! {
    /// The disk is slow today.
    pub static SlowDiskWarning: UserWarning;
    /// Ignored by a filter.
    pub static DullWarning: UserWarning;
}

/// Without an annotated function there is no report.
#[profile]
fn annotated() {}

/// Filters of the process, for one test.
fn alone() -> (std::sync::MutexGuard<'static, ()>, CatchWarnings) {
    static ONE: Mutex<()> = Mutex::new(());
    let one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    (one, catch_process_warnings().record())
}

fn texts(caught: &CatchWarnings) -> Vec<String> {
    caught.recorded().into_iter().map(|it| it.message).collect()
}

#[test]
fn every_thread_sees_the_filters_of_the_process_but_those_with_their_own() {
    let (_one, caught) = alone();
    simple_filter(Action::Always, &UserWarning, 0, false);
    std::thread::scope(|scope| {
        scope
            .spawn(|| profile_core::warn!("from a thread"))
            .join()
            .expect("it ends")
            .expect("shown");
        let own = || {
            let own = catch_warnings().record();
            simple_filter(Action::Error, &UserWarning, 0, false);
            profile_core::warn!("an error").expect_err("its own filter says so");
            let _ = profile_core::warn!(RuntimeWarning, "of its own");
            texts(&own)
        };
        assert_eq!(scope.spawn(own).join().expect("it ends"), ["of its own"]);
    });
    let inner = catch_process_warnings().record();
    simple_filter(Action::Ignore, &UserWarning, 0, false);
    profile_core::warn!("ignored").expect("no error");
    assert_eq!(texts(&inner), [""; 0]);
    drop(inner);
    profile_core::warn!("after it").expect("no error");
    assert_eq!(texts(&caught), ["from a thread", "after it"]);
}

#[test]
fn the_report_has_each_text_with_its_count_and_first_location_and_how_many_were_hidden() {
    let (_one, caught) = alone();
    simple_filter(Action::Ignore, &DullWarning, 0, false);
    let line = line!() + 2;
    for round in 0..5 {
        profile_core::warn!(SlowDiskWarning, "the disk is slow").expect("no error");
        profile_core::warn!(DullWarning, "round {round}").expect("no error");
    }
    assert_eq!(texts(&caught), ["the disk is slow"]);
    annotated();
    let snapshot = capture();
    let of = |category: &str| snapshot.warnings.iter().find(|it| it.category == category);
    let slow = of("SlowDiskWarning").expect("it was raised");
    assert_eq!((&*slow.message, slow.count, slow.hidden), ("the disk is slow", 5, 0));
    assert_eq!((&*slow.file, slow.line), (file!(), line));
    let dull = of("DullWarning").expect("it was raised");
    assert_eq!((&*dull.message, dull.count, dull.hidden), ("", 5, 5));
}

#[test]
fn a_hundred_of_many_texts_are_listed_and_all_are_counted() {
    profile_core::category! { static ManyWarning: UserWarning; }
    let (_one, _caught) = alone();
    for round in 0..1_000 {
        profile_core::warn!(ManyWarning, "text {round}").expect("no error");
    }
    let all: Vec<_> = raised()
        .into_iter()
        .filter(|it| std::ptr::eq(it.category, &raw const ManyWarning))
        .collect();
    assert!(all.len() <= 101, "{}", all.len());
    assert_eq!(all.iter().map(|it| it.count).sum::<u64>(), 1_000);
    assert!(all.iter().any(|it| it.message.is_none() && it.hidden == 0 && it.count >= 900));
}

/// Warns when it is dropped, as a function that shows warnings may.
struct WarnsAtItsEnd(&'static str);

impl Drop for WarnsAtItsEnd {
    fn drop(&mut self) {
        profile_core::warn!("{} has gone", self.0).expect("no error");
    }
}

/// Shows nothing, and holds a value until it is replaced.
fn keeping(name: &'static str) -> impl Fn(&Warning) + Send + Sync {
    let kept = WarnsAtItsEnd(name);
    move |_| {
        let _kept = &kept;
    }
}

/// If it were dropped under the lock of the filters, it would wait forever.
#[test]
fn what_showed_warnings_may_warn_when_it_goes() {
    let (_one, caught) = alone();
    simple_filter(Action::Always, &UserWarning, 0, false);
    set_show_warning(Some(keeping("the first")));
    set_show_warning(Some(keeping("the second")));
    set_show_warning(None::<fn(&Warning)>);
    let inner = catch_process_warnings();
    set_show_warning(Some(keeping("that of a guard")));
    drop(inner);
    let recording = catch_process_warnings();
    set_show_warning(Some(keeping("that before a record")));
    drop(recording.record());
    let own = catch_warnings().record();
    set_show_warning(Some(keeping("that of a thread")));
    set_show_warning(None::<fn(&Warning)>);
    assert_eq!(texts(&own), ["that of a thread has gone"]);
    drop(own);
    // The first was shown by the second.
    let gone = ["the second has gone", "that of a guard has gone"];
    assert_eq!(texts(&caught), gone);
}

#[test]
fn a_child_forked_while_threads_warn_can_warn() {
    let (_one, caught) = alone();
    simple_filter(Action::Default, &UserWarning, 0, false);
    set_show_warning(Some(|_: &_| {}));
    fork_while_threads_warn();
    // The same for recorded warnings, which have their own lock.
    set_show_warning(None::<fn(&Warning)>);
    simple_filter(Action::Always, &UserWarning, 0, false);
    fork_while_threads_warn();
    assert!(!texts(&caught).is_empty());
}

/// A child that waits for a lock that none of its threads holds is ended by its alarm.
fn fork_while_threads_warn() {
    const CHILDREN: usize = 300;
    const SECONDS: u32 = 20;
    let (ends, warned) = (AtomicBool::new(false), AtomicUsize::new(0));
    let statuses: Vec<i32> = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !ends.load(Relaxed) {
                    let number = warned.fetch_add(1, Relaxed) % 50;
                    profile_core::warn!("warning {number}").expect("no error");
                }
            });
        }
        let children = (0..CHILDREN).map(|_| {
            // SAFETY: the child calls what may be called in it, and ends.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: as above.
                unsafe { libc::alarm(SECONDS) };
                let warned = profile_core::warn!("from the child").is_ok();
                // SAFETY: as above.
                unsafe { libc::_exit(i32::from(!warned)) };
            }
            let mut status = 0;
            // SAFETY: a child of this process, and memory for its status.
            unsafe { libc::waitpid(child, &mut status, 0) };
            status
        });
        let statuses = children.collect();
        ends.store(true, Relaxed);
        statuses
    });
    assert!(warned.load(Relaxed) > CHILDREN);
    assert_eq!(statuses, vec![0; CHILDREN]);
}
