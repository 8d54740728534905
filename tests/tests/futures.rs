//! Async functions: calls that are polled on several threads, cancelled, never started, or that
//! panic.
//!
//! Each test has its own functions, so the tests may share the process.

use std::future::{Future, pending, poll_fn, ready};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use profile_core::{AsyncTimes, Function, WarningRecord, capture, profile};
use tokio::runtime::{Builder, Runtime};

/// Statistics of a function of this file.
fn row(path: &str) -> Function {
    capture().function(path).cloned().unwrap_or_else(|| panic!("{path} was not called"))
}

/// What only async functions have.
fn times(path: &str) -> AsyncTimes {
    row(path).polled.expect("an async function")
}

/// Who called a function, one entry for each path.
fn callers(path: &str) -> Vec<Option<String>> {
    let tree = capture().call_tree;
    let nodes = tree.iter().filter(|node| node.path.ends_with(path));
    nodes.map(|node| node.parent.map(|parent| tree[parent].path.clone())).collect()
}

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime")
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Waits once, and is woken at once.
async fn give_way() {
    let mut waited = false;
    poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

mod lives {
    use super::*;

    #[profile]
    async fn call(ends: bool) {
        give_way().await;
        if !ends {
            pending::<()>().await;
        }
    }

    #[test]
    fn every_call_is_finished_cancelled_or_open_and_one_never_polled_is_none() {
        for _ in 0..25 {
            drop(call(true));
        }
        for _ in 0..25 {
            let mut finished = pin!(call(true));
            assert!(poll_once(finished.as_mut()).is_pending());
            assert!(poll_once(finished).is_ready());
        }
        for _ in 0..25 {
            let mut cancelled = Box::pin(call(false));
            assert!(poll_once(cancelled.as_mut()).is_pending());
        }
        let mut open: Vec<_> = (0..25).map(|_| Box::pin(call(false))).collect();
        for future in &mut open {
            assert!(poll_once(future.as_mut()).is_pending());
        }
        let (row, times) = (row("lives::call"), times("lives::call"));
        assert_eq!((row.calls, times.finished, times.cancelled, row.open), (75, 25, 25, 25));
        assert_eq!(times.polls, 25 * 2 + 25 + 25);
        assert_eq!(row.panicked, 0);
        drop(open);
        let (row, times) = (super::row("lives::call"), super::times("lives::call"));
        assert_eq!((row.calls, times.finished, times.cancelled, row.open), (75, 25, 50, 0));
    }

    #[profile]
    async fn leaks() {
        pending::<()>().await;
    }

    #[test]
    fn a_future_that_is_leaked_stays_open() {
        let mut future = Box::pin(leaks());
        assert!(poll_once(future.as_mut()).is_pending());
        std::mem::forget(future);
        assert_eq!((row("lives::leaks").calls, row("lives::leaks").open), (1, 1));
    }

    #[profile]
    async fn moves() {
        give_way().await;
        give_way().await;
    }

    #[test]
    fn a_call_polled_in_several_threads_is_one_call() {
        let mut future = Box::pin(moves());
        for _ in 0..3 {
            let poll = move || {
                let _ = poll_once(future.as_mut());
                future
            };
            future = std::thread::spawn(poll).join().expect("a thread ends");
        }
        let (row, times) = (row("lives::moves"), times("lives::moves"));
        assert_eq!((row.calls, row.open, times.finished, times.polls), (1, 0, 1, 3));
    }

    #[profile]
    async fn again() {}

    #[test]
    fn a_future_polled_after_its_end_panics_as_it_does_without_us() {
        let mut future = Box::pin(again());
        assert!(poll_once(future.as_mut()).is_ready());
        assert!(catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()))).is_err());
        let row = row("lives::again");
        assert_eq!((row.calls, row.open, row.panicked), (1, 0, 0));
    }
}

mod strangers {
    use super::*;

    #[profile]
    async fn instrumented(yields: u32) {
        for _ in 0..yields {
            own();
            give_way().await;
        }
    }

    #[profile]
    fn own() {
        black_box(0);
    }

    /// Called from tasks that are not instrumented.
    #[profile]
    fn stranger() {
        black_box(0);
    }

    #[test]
    fn no_task_ever_stands_on_top_of_another_ones_call() {
        let runtime = two_workers();
        let mut tasks = Vec::new();
        for _ in 0..500 {
            tasks.push(runtime.spawn(instrumented(20)));
            tasks.push(runtime.spawn(async {
                for _ in 0..20 {
                    stranger();
                    give_way().await;
                }
            }));
        }
        for task in tasks {
            runtime.block_on(task).expect("a task ends");
        }
        let instrumented = row("strangers::instrumented").path;
        assert_eq!(callers("strangers::stranger"), [None]);
        assert_eq!(callers("strangers::own"), [Some(instrumented)]);
        assert_eq!(callers("strangers::instrumented"), [None]);
        assert_eq!(row("strangers::stranger").calls, 10_000);
        assert_eq!(row("strangers::own").calls, 10_000);
        let times = times("strangers::instrumented");
        assert_eq!((times.polls, times.finished), (500 * 21, 500));
    }
}

mod traits {
    use super::*;

    #[async_trait::async_trait]
    trait Store {
        async fn load(&self, wait: Duration) -> u32;
    }

    struct Disk;

    #[async_trait::async_trait]
    impl Store for Disk {
        #[profile]
        async fn load(&self, wait: Duration) -> u32 {
            tokio::time::sleep(wait).await;
            7
        }
    }

    #[test]
    fn a_method_under_async_trait_is_measured_from_its_first_poll_to_its_end() {
        let wait = Duration::from_millis(20);
        let store: Box<dyn Store> = Box::new(Disk);
        assert_eq!(two_workers().block_on(store.load(wait)), 7);
        let row = row("load");
        assert_eq!(row.kind, "async");
        let times = row.polled.expect("an async function");
        assert!(times.wall_ns >= 20_000_000, "{times:?}");
        assert_eq!((row.calls, times.finished), (1, 1));
        assert!(times.busy_ns <= times.wall_ns);
        assert_eq!(times.waiting_ns, times.wall_ns - times.busy_ns);
    }
}

mod cancelled {
    use super::*;

    struct Cleans;

    impl Drop for Cleans {
        fn drop(&mut self) {
            clean();
        }
    }

    #[profile]
    fn clean() {
        black_box(0);
    }

    #[profile]
    async fn holds() {
        let _cleans = Cleans;
        pending::<()>().await;
    }

    #[test]
    fn what_a_cancelled_future_does_while_it_is_dropped_is_its_own() {
        for _ in 0..10 {
            let mut future = Box::pin(holds());
            assert!(poll_once(future.as_mut()).is_pending());
        }
        assert_eq!(row("cancelled::clean").calls, 10);
        assert_eq!(callers("cancelled::clean"), [Some(row("cancelled::holds").path)]);
        assert_eq!(times("cancelled::holds").cancelled, 10);
    }

    #[profile]
    async fn quick() -> u32 {
        give_way().await;
        1
    }

    #[profile]
    async fn slow() -> u32 {
        pending().await
    }

    #[profile]
    async fn races() -> u32 {
        tokio::select! {
            number = quick() => number,
            number = slow() => number,
        }
    }

    #[test]
    fn of_two_futures_in_a_select_one_finishes_and_the_other_is_cancelled() {
        for _ in 0..20 {
            assert_eq!(two_workers().block_on(races()), 1);
        }
        let (quick, slow) = (times("cancelled::quick"), times("cancelled::slow"));
        assert_eq!((quick.finished, quick.cancelled), (20, 0));
        assert_eq!((slow.finished, slow.cancelled), (0, 20));
        let races = Some(row("cancelled::races").path);
        assert_eq!(callers("cancelled::quick"), std::slice::from_ref(&races));
        assert_eq!(callers("cancelled::slow"), [races]);
    }

    #[profile]
    async fn part(yields: u32) {
        for _ in 0..yields {
            give_way().await;
        }
    }

    #[profile]
    async fn joins() {
        tokio::join!(part(1), part(2), part(3));
    }

    #[test]
    fn futures_that_are_joined_are_calls_of_the_one_that_joins_them() {
        two_workers().block_on(joins());
        let times = times("cancelled::part");
        assert_eq!((times.finished, times.polls), (3, 2 + 3 + 4));
        assert_eq!(callers("cancelled::part"), [Some(row("cancelled::joins").path)]);
        assert_eq!(row("cancelled::part").open, 0);
    }
}

mod shape {
    use super::*;

    fn is_send<T: Send>(value: T) -> T {
        value
    }

    async fn plain(bytes: [u8; 1024]) -> u8 {
        give_way().await;
        bytes[0]
    }

    #[profile]
    async fn measured(bytes: [u8; 1024]) -> u8 {
        give_way().await;
        bytes[0]
    }

    async fn plain_tower() -> u8 {
        let outer = async {
            let inner = async { plain([0; 1024]).await };
            inner.await
        };
        outer.await
    }

    #[profile]
    async fn level_1() -> u8 {
        measured([0; 1024]).await
    }

    #[profile]
    async fn level_2() -> u8 {
        level_1().await
    }

    #[profile]
    async fn level_3() -> u8 {
        level_2().await
    }

    #[test]
    fn a_future_stays_send_and_grows_by_at_most_24_bytes_a_level() {
        let size = |future: &dyn std::any::Any| size_of_val(future);
        let (plain, measured) = (is_send(plain([0; 1024])), is_send(measured([0; 1024])));
        let sizes = [size(&plain), size(&measured)];
        println!("one level: {} and {} bytes", sizes[0], sizes[1]);
        assert!(sizes[1] <= sizes[0] + 24, "{sizes:?}");
        let (plain, measured) = (plain_tower(), is_send(level_3()));
        let tower = [size(&plain), size(&measured)];
        println!("four levels: {} and {} bytes", tower[0], tower[1]);
        assert!(tower[1] <= tower[0] + 4 * 24, "{tower:?}");
    }
}

mod nesting {
    use super::*;

    #[profile]
    async fn inner() {
        give_way().await;
        leaf();
    }

    #[profile]
    fn leaf() {
        black_box(0);
    }

    #[profile]
    async fn outer() {
        give_way().await;
        let block = || Builder::new_current_thread().build().expect("a runtime").block_on(inner());
        tokio::task::block_in_place(block);
        give_way().await;
    }

    #[profile]
    fn marker() {}

    #[test]
    fn a_runtime_inside_a_runtime_nests_and_leaves_the_thread_where_it_was() {
        let runtime = two_workers();
        let tasks: Vec<_> = (0..100).map(|_| runtime.spawn(outer())).collect();
        for task in tasks {
            runtime.block_on(task).expect("a task ends");
            marker();
        }
        assert_eq!(times("nesting::outer").finished, 100);
        assert_eq!(callers("nesting::inner"), [Some(row("nesting::outer").path)]);
        assert_eq!(callers("nesting::leaf"), [Some(row("nesting::inner").path)]);
        assert_eq!(callers("nesting::marker"), [None]);
        assert_eq!(row("nesting::leaf").calls, 100);
    }

    /// Recursion of an async function, through a box.
    #[profile]
    fn descend(depth: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
        Box::pin(async move {
            give_way().await;
            if depth == 0 { 0 } else { descend(depth - 1).await + 1 }
        })
    }

    #[test]
    fn an_async_function_that_recurses_through_a_box_is_counted_once_in_its_inclusive_time() {
        let runtime = two_workers();
        assert_eq!(runtime.block_on(descend(50)), 50);
        assert_eq!(row("nesting::descend").calls, 51);
        assert!(row("nesting::descend").inclusive_ns <= capture().process.duration_ns);
    }
}

mod panics {
    use super::*;

    #[profile]
    async fn fails() {
        give_way().await;
        std::panic::resume_unwind(Box::new(()));
    }

    #[profile]
    async fn waits_for_it() {
        fails().await;
    }

    #[profile]
    fn marker() {}

    #[test]
    fn a_panic_in_a_poll_ends_the_call_and_is_counted() {
        let runtime = two_workers();
        for _ in 0..30 {
            let outcome = runtime.block_on(async { tokio::spawn(waits_for_it()).await });
            assert!(outcome.is_err_and(|error| error.is_panic()));
            marker();
        }
        for path in ["panics::fails", "panics::waits_for_it"] {
            let row = row(path);
            assert_eq!((row.calls, row.panicked, row.open), (30, 30, 0), "{path}");
            assert_eq!(row.polled.map(|times| (times.finished, times.cancelled)), Some((30, 0)));
        }
        assert_eq!(callers("panics::marker"), [None]);
    }
}

mod time {
    use super::*;

    #[profile]
    async fn sleeps() {
        tokio::time::sleep(Duration::from_millis(30)).await;
    }

    #[profile]
    async fn calls_sleeper() {
        sleeps().await;
    }

    #[test]
    fn waiting_is_not_charged_as_time_in_the_function() {
        two_workers().block_on(calls_sleeper());
        let row = row("time::sleeps");
        let times = times("time::sleeps");
        assert!(times.wall_ns >= 30_000_000, "{times:?}");
        assert!(times.busy_ns < times.wall_ns);
        // Inclusive time is that of the polls.
        assert!(row.inclusive_ns <= times.busy_ns, "{row:?}");
    }

    static POLLED: AtomicU64 = AtomicU64::new(0);

    #[profile]
    async fn immediate() -> u64 {
        POLLED.fetch_add(1, Relaxed);
        ready(5).await
    }

    #[test]
    fn a_future_that_never_waits_takes_one_poll() {
        two_workers().block_on(async {
            for _ in 0..1000 {
                assert_eq!(immediate().await, 5);
            }
        });
        let (row, times) = (row("time::immediate"), times("time::immediate"));
        assert_eq!((row.calls, times.polls, times.finished), (1000, 1000, 1000));
        assert_eq!(POLLED.load(Relaxed), 1000);
    }
}

/// A guard held across an `.await` is a user error: it must not affect the rows of other functions.
mod guards {
    use super::*;

    #[profile]
    async fn holds() {
        let _span = profile_core::span!("held");
        give_way().await;
        after();
    }

    #[profile]
    fn after() {
        black_box(0);
    }

    #[profile]
    fn beside() {
        black_box(0);
    }

    #[test]
    fn a_span_held_across_an_await_ends_with_the_poll_and_is_reported() {
        let mut first = Box::pin(holds());
        let mut second = Box::pin(holds());
        assert!(poll_once(first.as_mut()).is_pending());
        beside();
        assert!(poll_once(second.as_mut()).is_pending());
        beside();
        assert!(poll_once(first.as_mut()).is_ready());
        assert!(poll_once(second.as_mut()).is_ready());
        beside();
        let [holds, after, beside] =
            ["holds", "after", "beside"].map(|name| row(&format!("futures::guards::{name}")));
        assert_eq!([holds.calls, after.calls, beside.calls], [2, 2, 3]);
        assert_eq!([holds.open, after.open, beside.open], [0, 0, 0]);
        assert_eq!(row("futures::guards::holds::held").open, 0);
        assert_eq!(callers("futures::guards::beside"), [None]);
        let warnings = capture().warnings;
        let named =
            |it: &&WarningRecord| it.message.contains("`futures::guards::holds::held` was held");
        assert_eq!(warnings.iter().filter(named).count(), 1, "{warnings:?}");
    }

    #[profile]
    async fn waits() {
        give_way().await;
    }

    /// Without the attribute nothing ends its span with the poll.
    async fn bare() {
        let _span = profile_core::span!("bare span");
        waits().await;
    }

    #[test]
    fn a_span_of_a_plain_async_function_that_other_tasks_run_in_is_reported() {
        let mut first = Box::pin(bare());
        let mut second = Box::pin(bare());
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        assert!(poll_once(first.as_mut()).is_ready());
        assert!(poll_once(second.as_mut()).is_ready());
        let counts = |path| (row(path).calls, row(path).open);
        assert_eq!(counts("bare::bare span"), (2, 0));
        assert_eq!(counts("futures::guards::waits"), (2, 0));
        let warnings = capture().warnings;
        let named = |it: &&WarningRecord| it.message.contains("::bare span` was open while");
        assert_eq!(warnings.iter().filter(named).count(), 1, "{warnings:?}");
    }
}

mod below_an_attribute {
    use std::future::Future;
    use std::pin::Pin;

    use profile_core::profile;
    use tracing::Span;
    use tracing::instrument;

    type Boxed<'a> = Pin<Box<dyn Future<Output = Option<&'static str>> + Send + 'a>>;

    /// The name of the span in which this runs.
    async fn current() -> Option<&'static str> {
        tokio::task::yield_now().await;
        Span::current().metadata().map(tracing::Metadata::name)
    }

    #[profile]
    #[instrument]
    fn boxed() -> Boxed<'static> {
        Box::pin(async { current().await })
    }

    #[profile]
    #[instrument]
    fn after_a_statement(number: u32) -> impl Future<Output = Option<&'static str>> {
        let number = number + 1;
        async move { if number > 0 { current().await } else { None } }
    }

    #[async_trait::async_trait]
    trait Named {
        async fn first(&self) -> Option<&'static str>;
        async fn second(&self) -> Option<&'static str>;
    }

    struct OnMethods;

    #[async_trait::async_trait]
    impl Named for OnMethods {
        #[profile]
        #[instrument(skip(self))]
        async fn first(&self) -> Option<&'static str> {
            current().await
        }

        #[instrument(skip(self))]
        #[profile]
        async fn second(&self) -> Option<&'static str> {
            current().await
        }
    }

    struct OnTheImpl;

    #[async_trait::async_trait]
    #[profile]
    impl Named for OnTheImpl {
        #[instrument(skip(self))]
        async fn first(&self) -> Option<&'static str> {
            current().await
        }

        #[instrument(skip(self))]
        async fn second(&self) -> Option<&'static str> {
            current().await
        }
    }

    #[test]
    fn the_code_in_a_future_runs_in_the_span_of_the_attribute_below_ours() {
        let subscriber = tracing_subscriber::fmt().with_writer(std::io::sink).finish();
        let names = tracing::subscriber::with_default(subscriber, || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.expect("a runtime").block_on(async {
                let methods = [OnMethods.first().await, OnMethods.second().await];
                let whole = [OnTheImpl.first().await, OnTheImpl.second().await];
                ([boxed().await, after_a_statement(1).await], methods, whole)
            })
        });
        let both = [Some("first"), Some("second")];
        assert_eq!(names, ([Some("boxed"), Some("after_a_statement")], both, both));
        let snapshot = profile_core::capture();
        for name in ["boxed", "after_a_statement", "OnMethods as", "OnTheImpl as"] {
            let mut rows = snapshot.functions.iter().filter(|row| row.path.contains(name));
            let polls = rows.next().and_then(|row| row.polled.as_ref()).map(|times| times.polls);
            assert_eq!(polls, Some(2), "{name}");
        }
    }
}
